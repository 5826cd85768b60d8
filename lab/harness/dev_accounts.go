package harness

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/meta"
)

// endingTokenLife is the life of the token of the account of `starter dev` that shows how
// tokens are renewed.
const endingTokenLife = 10 * time.Minute

// unconnected are the accounts of `starter dev` that wait to be connected: a Page with the
// Instagram account that is linked to it, and an Instagram account by itself.
var unconnected = []meta.Account{
	{Platform: privatereply.Facebook, ID: "100000000000005", Name: "Fern Gate Page", Unconnected: true},
	{Platform: privatereply.Instagram, ID: "17841400000000005", Name: "ferngate", Login: privatereply.LoginFacebook, PageID: "100000000000005", Unconnected: true},
	{Platform: privatereply.Instagram, ID: "17841400000000006", Name: "lamp.post", Login: privatereply.LoginInstagram, Unconnected: true},
}

// ending is the connected account of `starter dev` whose token ends in minutes, unless it is
// renewed.
var ending = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000004", Name: "tin.kettle", Login: privatereply.LoginInstagram}

// app is the app at Meta of `starter dev`.
func (f folder) app() (meta.App, error) {
	a := meta.App{FacebookID: "240000000000001", InstagramID: "240000000000009"}
	var err error
	if a.FacebookSecret, err = f.secret(appSecret); err != nil {
		return a, err
	}
	a.InstagramSecret, err = f.secret(instagramSecret)
	return a, err
}

// metaAccounts are the accounts of the folder as Meta knows them, with the secrets that Meta
// shares with the product, and those that wait to be connected. A new sandbox knows no token
// of an earlier one, so the ending account gets a new one each time.
func (f folder) metaAccounts(ctx context.Context, app meta.App, keys []codec.Key) ([]meta.Account, error) {
	accounts, err := config.OpenFolder(f.path(config.DevAccountsFolder), loginsOf(app, ""), keys)
	if err != nil {
		return nil, err
	}
	if err := renewEnding(ctx, accounts); err != nil {
		return nil, err
	}
	if accounts, err = config.OpenFolder(f.path(config.DevAccountsFolder), loginsOf(app, ""), keys); err != nil {
		return nil, err
	}
	var all []meta.Account
	known := map[string]bool{}
	for _, a := range accounts.All() {
		secrets, err := accounts.Secrets(a.Platform, a.ID)
		if err != nil {
			return nil, fmt.Errorf("%w; `starter dev` writes %s anew when it is missing", err, f.path(config.DevAccountsFile))
		}
		known[a.ID] = true
		all = append(all, meta.Account{
			Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, PageID: a.PageID,
			Token: secrets.Token, AppSecret: secrets.AppSecret, HumanAgent: a.HumanAgent,
		})
		if a.ID == ending.ID {
			all[len(all)-1].TokenLife = endingTokenLife
		}
	}
	for _, a := range unconnected {
		if !known[a.ID] {
			all = append(all, a)
		}
	}
	for i := range all {
		if all[i].AppSecret != "" {
			continue
		}
		if all[i].AppSecret = app.FacebookSecret; all[i].Login == privatereply.LoginInstagram {
			all[i].AppSecret = app.InstagramSecret
		}
	}
	return all, nil
}

// renewEnding writes the ending account with a new token.
func renewEnding(ctx context.Context, accounts *config.Accounts) error {
	lock, err := accounts.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	now := time.Now()
	if err := lock.WriteToken(ending.Platform, ending.ID, config.NewToken("IGAA"+rand.Text(), now, endingTokenLife)); err != nil {
		return err
	}
	return lock.WriteAccount(ending, meta.AppScopedID(ending.ID), now)
}
