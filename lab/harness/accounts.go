package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/meta"
)

// Account is an account of a Product, as Meta knows it.
type Account struct {
	meta.Account
	// Settings are more of its entry in the accounts file, such as
	// "posts_per_hour: 360000, human_agent: true". Sweeps go by hand unless they say more.
	Settings string
	// Connected: it is connected in the accounts folder, not written in the file, and its
	// token lives for TokenLife.
	Connected bool
}

// Unlimited are Settings of an account whose sends go at once: pacing has tests of its own.
const Unlimited = "posts_per_hour: 1000000000, live_per_second: 1000000"

// writeAccounts writes the accounts file into dir, with each account's secrets in files. With
// connected accounts dir is the accounts folder.
func writeAccounts(dir string, accounts []Account) (path string, err error) {
	secret := func(name, value string) string {
		file := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(file, []byte(value), 0o600)
		}
		return fmt.Sprintf("%q", filepath.ToSlash(file))
	}
	var b strings.Builder
	b.WriteString("accounts:\n")
	var connected []meta.Account
	for _, a := range accounts {
		if a.Connected {
			connected = append(connected, a.Account)
			continue
		}
		fields := []string{"platform: " + string(a.Platform), fmt.Sprintf("id: %q", a.ID)}
		if a.Name != "" {
			fields = append(fields, fmt.Sprintf("name: %q", a.Name))
		}
		if a.Platform == privatereply.Instagram {
			fields = append(fields, "login: "+string(a.Login))
		}
		if a.PageID != "" {
			fields = append(fields, fmt.Sprintf("page_id: %q", a.PageID))
		}
		fields = append(fields, "token_file: "+secret("token-"+a.ID, a.Token))
		if a.AppSecret != "" {
			fields = append(fields, "app_secret_file: "+secret("app-secret-"+a.ID, a.AppSecret))
		}
		if a.HumanAgent {
			fields = append(fields, "human_agent: true")
		}
		if !strings.Contains(a.Settings, "sweep_every") {
			fields = append(fields, `sweep_every: "0"`)
		}
		if a.Settings != "" {
			fields = append(fields, a.Settings)
		}
		fmt.Fprintf(&b, "  - {%s}\n", strings.Join(fields, ", "))
	}
	path = filepath.Join(dir, "accounts.yaml")
	if err == nil {
		err = os.WriteFile(path, []byte(b.String()), 0o600)
	}
	if err == nil && len(connected) > 0 {
		return dir, connectAccounts(dir, connected)
	}
	return path, err
}

// connectAccounts writes accounts into the folder as a login does.
func connectAccounts(folder string, all []meta.Account) error {
	accounts, err := config.OpenFolder(folder, config.Connect{}, nil)
	if err != nil {
		return err
	}
	w, err := accounts.Lock(context.Background())
	if err != nil {
		return err
	}
	defer w.Unlock()
	now := time.Now()
	for _, a := range all {
		account := privatereply.Account{Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, PageID: a.PageID}
		if err := errors.Join(w.WriteToken(a.Platform, a.ID, config.NewToken(a.Token, now, a.TokenLife)), w.WriteAccount(account, connectedBy, now)); err != nil {
			return err
		}
	}
	return nil
}

// connectedBy is the app-scoped id of the person who connected the accounts.
const connectedBy = "26000000000000001"

// openAccounts opens an accounts file, or a folder as a program with these settings does.
func openAccounts(path string, logins config.Connect, keys []codec.Key) (*config.Accounts, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return config.OpenFolder(path, logins, keys)
	}
	return config.OpenAccounts(path)
}

// loginsOf are the settings of the logins to app, at a simulated Meta.
func loginsOf(app meta.App, sandboxURL string) config.Connect {
	return config.Connect{
		FacebookAppID: config.AppID(app.FacebookID), FacebookAppSecret: config.Secret(app.FacebookSecret),
		InstagramAppID: config.AppID(app.InstagramID), InstagramSecret: config.Secret(app.InstagramSecret),
		FacebookLoginURL: config.MetaURL(sandboxURL + "/login/facebook"), InstagramLoginURL: config.MetaURL(sandboxURL + "/login/instagram"),
		InstagramTokenURL: config.MetaURL(sandboxURL + "/login/instagram"),
	}
}

// loginSettings are loginsOf without their prefix, for programs that are processes.
func loginSettings(app meta.App, sandboxURL string) map[string]string {
	c := loginsOf(app, sandboxURL)
	all := map[string]string{}
	if app.FacebookID != "" {
		all["FACEBOOK_APP_ID"], all["FACEBOOK_APP_SECRET"], all["FACEBOOK_LOGIN_URL"] = app.FacebookID, app.FacebookSecret, string(c.FacebookLoginURL)
	}
	if app.InstagramID != "" {
		all["INSTAGRAM_APP_ID"], all["INSTAGRAM_APP_SECRET"] = app.InstagramID, app.InstagramSecret
		all["INSTAGRAM_LOGIN_URL"], all["INSTAGRAM_TOKEN_URL"] = string(c.InstagramLoginURL), string(c.InstagramTokenURL)
	}
	return all
}

// atMeta are the accounts as Meta knows them.
func atMeta(accounts []Account) []meta.Account {
	var all []meta.Account
	for _, a := range accounts {
		all = append(all, a.Account)
	}
	return all
}

// appSecrets are all that may sign webhooks of the accounts, each once.
func appSecrets(accounts []meta.Account) []string {
	var all []string
	for _, a := range accounts {
		for _, secret := range []string{a.AppSecret, a.InstagramAppSecret} {
			if secret != "" && !slices.Contains(all, secret) {
				all = append(all, secret)
			}
		}
	}
	return all
}

// writeUsers writes the desk's users file into dir, and returns the approvers' tokens by
// their names.
func writeUsers(dir string, approvers []string) (path string, tokens map[string]string, err error) {
	tokens = map[string]string{}
	var users strings.Builder
	for _, name := range approvers {
		token, lines, err := signin.NewUser(name, signin.Approver)
		if err != nil {
			return "", nil, err
		}
		tokens[name] = token
		users.WriteString(lines)
	}
	path = filepath.Join(dir, "users.yaml")
	return path, tokens, os.WriteFile(path, []byte(users.String()), 0o600)
}
