package cli

import (
	"net/http"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

// accountAtMeta is Meta as one account sees it. Commands that use it need no Temporal.
type accountAtMeta struct {
	graph *graph.Client
	cred  graph.Credentials
}

// openMeta reads the settings and the secrets of an account. Nothing is asked of
// Meta yet.
func openMeta(cmd *cobra.Command, account string, transport http.RoundTripper) (accountAtMeta, error) {
	set, err := readSettings(cmd)
	if err != nil {
		return accountAtMeta{}, err
	}
	accounts, err := config.OpenAccounts(set.Accounts)
	if err != nil {
		return accountAtMeta{}, err
	}
	a, err := FindAccount(accounts, account)
	if err != nil {
		return accountAtMeta{}, err
	}
	secrets, err := accounts.Secrets(a.Platform, a.ID)
	if err != nil {
		return accountAtMeta{}, err
	}
	g, err := graph.New(graph.Options{
		FacebookURL: set.FacebookURL, InstagramURL: set.InstagramURL, Version: set.Version, Transport: transport,
	})
	return accountAtMeta{g, graph.Credentials{Account: a, Token: secrets.Token, AppSecret: secrets.AppSecret}}, err
}

// conversationsASecond is Meta's limit on reading conversations.
const conversationsASecond = 2

// unhurried keeps the calls to Meta under a limit: more would be refused, and count.
type unhurried struct{ limit *rate.Limiter }

// RoundTrip waits until the request may go.
func (u unhurried) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := u.limit.Wait(r.Context()); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}
