package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/workflows"
)

// minTokenAge is how old a token of Meta's 60 days must be before it is renewed; one of a
// shorter life the same part of it.
const minTokenAge, wholeLife = 24 * time.Hour, 60 * 24 * time.Hour

// Renewer has the activities of TokenRenewal. Tokens stay in it: their inputs and results
// hold times.
type Renewer struct {
	graph    *graph.Client
	accounts *config.Accounts
	apps     config.Connect
	now      func() time.Time
}

var _ workflows.TokenActivities = (*Renewer)(nil)

// NewRenewer makes a Renewer of the accounts folder. Apps are those that the accounts were
// connected with.
func NewRenewer(g *graph.Client, accounts *config.Accounts, apps config.Connect) *Renewer {
	return &Renewer{graph: g, accounts: accounts, apps: apps, now: time.Now}
}

// Register registers the activities.
func (r *Renewer) Register(w worker.ActivityRegistry) {
	register(w, workflows.ReadTokenActivity, r.ReadToken)
	register(w, workflows.RenewTokenActivity, r.RenewToken)
	register(w, workflows.CheckConnectionActivity, r.CheckConnection)
}

// connected finds a connected account.
func (r *Renewer) connected(in workflows.TokenRenewalInput) (privatereply.Account, error) {
	account, ok := r.accounts.Get(in.Platform, in.Account)
	facts, _ := r.accounts.Token(in.Platform, in.Account)
	if !ok || !facts.Connected {
		return account, temporal.NewNonRetryableApplicationError("the account is not connected (any more)", string(privatereply.AccountUnknown), nil)
	}
	return account, nil
}

// ReadToken reads the times of the account's token.
func (r *Renewer) ReadToken(_ context.Context, in workflows.TokenRenewalInput) (workflows.TokenTimes, error) {
	if _, err := r.connected(in); err != nil {
		return workflows.TokenTimes{}, err
	}
	facts, err := r.accounts.Token(in.Platform, in.Account)
	if err != nil {
		return workflows.TokenTimes{}, temporal.NewNonRetryableApplicationError(err.Error(), string(privatereply.TokenRejected), nil)
	}
	return workflows.TokenTimes{IssuedAt: facts.IssuedAt, ExpiresAt: facts.ExpiresAt}, nil
}

// RenewToken renews the account's token. The folder is locked meanwhile, so that of two
// workers one renews and the other finds it done. The old token stays in its file until Meta
// has answered with the new one whose it is; a worker that dies before leaves the old one,
// which Meta lets live on.
func (r *Renewer) RenewToken(ctx context.Context, in workflows.RenewTokenInput) (workflows.RenewTokenResult, error) {
	account, err := r.connected(in.TokenRenewalInput)
	if err != nil {
		return workflows.RenewTokenResult{}, err
	}
	w, err := r.accounts.Lock(ctx)
	if err != nil {
		return renewalFailed("", err.Error())
	}
	defer w.Unlock()
	old, err := w.ReadToken(account.Platform, account.ID)
	switch {
	case err != nil:
		return renewalFailed(privatereply.TokenRejected, err.Error())
	case !old.IssuedAt.Equal(in.IssuedAt): // by another worker, or by a login
		return renewed(old), nil
	case account.Login != privatereply.LoginInstagram:
		return renewalFailed(privatereply.TokenRejected, "Meta renews no token of this login, and this one ends: connect the account again")
	}
	given, err := r.graph.RenewToken(ctx, string(old.Value))
	if err != nil {
		return r.renewalRefused(ctx, account, old, err)
	}
	token := config.NewToken(given.Token, r.now(), given.Life)
	owner, err := r.graph.InstagramProfile(ctx, r.credentials(account, token))
	switch {
	case mayPass(err):
		return workflows.RenewTokenResult{}, renewalError(err)
	case err != nil:
		return renewalFailed(reasonOf(err), "Meta renewed the token, and does not accept the new one; the old one stays: "+err.Error())
	case owner.ID != account.ID && owner.UserID != account.ID:
		return renewalFailed(privatereply.TokenRejected, "the renewed token is another account's; the old one stays: connect the account again")
	}
	if err := w.WriteToken(account.Platform, account.ID, token); err != nil {
		return renewalFailed("", err.Error())
	}
	return renewed(token), nil
}

func renewed(t config.Token) workflows.RenewTokenResult {
	return workflows.RenewTokenResult{
		Outcome: workflows.TokenRenewed, Token: workflows.TokenTimes{IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt},
	}
}

func renewalFailed(reason privatereply.Reason, detail string) (workflows.RenewTokenResult, error) {
	return workflows.RenewTokenResult{Outcome: workflows.TokenFailed, Reason: reason, Detail: detail}, nil
}

func (r *Renewer) credentials(account privatereply.Account, token config.Token) graph.Credentials {
	secrets, _ := r.accounts.Secrets(account.Platform, account.ID) // without a secret there is no proof
	return graph.Credentials{Account: account, Token: string(token.Value), AppSecret: secrets.AppSecret}
}

// renewalRefused says what a refused renewal means. Meta does not say whether the token is
// too young: one that works and is younger than Meta demands is.
func (r *Renewer) renewalRefused(ctx context.Context, account privatereply.Account, old config.Token, refused error) (workflows.RenewTokenResult, error) {
	if mayPass(refused) {
		return workflows.RenewTokenResult{}, renewalError(refused)
	}
	_, err := r.graph.InstagramProfile(ctx, r.credentials(account, old))
	switch {
	case mayPass(err):
		return workflows.RenewTokenResult{}, renewalError(err)
	case err != nil && !r.now().Before(old.ExpiresAt):
		return workflows.RenewTokenResult{Outcome: workflows.TokenTooLate}, nil
	case err != nil:
		return renewalFailed(reasonOf(err), fmt.Sprintf("the token does not work any more: connect the account again (%v)", err))
	case r.now().Sub(old.IssuedAt) < min(minTokenAge, old.Life/(wholeLife/minTokenAge)):
		return workflows.RenewTokenResult{Outcome: workflows.TokenTooYoung, Reason: reasonOf(refused)}, nil
	}
	return renewalFailed(reasonOf(refused), fmt.Sprintf("Meta does not renew the token, which ends at %s: connect the account again before (%v)",
		old.ExpiresAt.Format(time.RFC3339), refused))
}

// mayPass reports whether a call that failed with err may succeed soon.
func mayPass(err error) bool {
	var e *graph.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Class {
	case graph.NotWritten, graph.Unknown, graph.Throttled, graph.Temporary:
		return true
	}
	return false
}

func reasonOf(err error) privatereply.Reason {
	var e *graph.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// renewalError has Temporal try again, after the interval of the retry policy.
func renewalError(err error) error { return retryError(err, reasonOf(err), 0) }

// CheckConnection subscribes the account again to webhooks that Meta has taken away, and asks
// which permissions the token still has. Of a login with Instagram Meta tells only at the
// login.
func (r *Renewer) CheckConnection(ctx context.Context, in workflows.TokenRenewalInput) (found workflows.CheckConnectionResult, err error) {
	account, err := r.connected(in)
	if err != nil {
		return found, err
	}
	secrets, err := r.accounts.Secrets(account.Platform, account.ID)
	if err != nil {
		return found, temporal.NewNonRetryableApplicationError(err.Error(), string(privatereply.TokenRejected), nil)
	}
	cred := graph.Credentials{Account: account, Token: secrets.Token, AppSecret: secrets.AppSecret}
	if id, secret := r.apps.App(privatereply.LoginFacebook); account.Login == privatereply.LoginFacebook && id != "" {
		info, err := r.graph.InspectToken(ctx, graph.LoginApp{Login: account.Login, ID: id, Secret: string(secret)}, cred.Token)
		switch {
		case mayPass(err):
			return found, renewalError(err)
		case err != nil:
			found.Detail = fmt.Sprintf("The permissions could not be asked for: %v", err)
		case !info.Valid:
			found.TokenRejected, found.Detail = true, "Meta does not accept the token any more: connect the account again"
			return found, nil
		default:
			found.MissingPermissions = missingPermissions(account, info.Scopes)
		}
	}
	found.Subscribed, err = connect.Subscribe(ctx, r.graph, cred, connect.AppIDs(r.apps, account.Login))
	switch {
	case mayPass(err):
		return found, renewalError(err)
	case err != nil && reasonOf(err) == privatereply.TokenRejected:
		found.TokenRejected, found.Subscribed = true, nil
		found.Detail = fmt.Sprintf("Meta does not accept the token any more: connect the account again (%v)", err)
	case err != nil:
		found.Subscribed = nil
		found.Detail = fmt.Sprintf("Meta has removed webhooks of the account, and they could not be subscribed again: connect the account again (%v)", err)
	}
	return found, nil
}

// missingPermissions are those that the account needs and the token does not have.
func missingPermissions(account privatereply.Account, scopes []string) []string {
	var missing []string
	for _, p := range account.LoginFacts().Permissions {
		if !p.Optional && !slices.Contains(scopes, p.Name) {
			missing = append(missing, p.Name)
		}
	}
	return missing
}
