package cli

import (
	"net/http"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

// metaAccount is Meta as one account sees it. Commands that use it need no Temporal.
type metaAccount struct {
	graph *graph.Client
	cred  graph.Credentials
}

// openMetaAccount reads the settings and the secrets of an account. Nothing is asked of
// Meta yet.
func openMetaAccount(cmd *cobra.Command, account string, transport http.RoundTripper) (metaAccount, error) {
	set, err := readSettings(cmd)
	if err != nil {
		return metaAccount{}, err
	}
	accounts, err := config.OpenAccounts(set.Accounts)
	if err != nil {
		return metaAccount{}, err
	}
	a, err := FindAccount(accounts, account)
	if err != nil {
		return metaAccount{}, err
	}
	secrets, err := accounts.Secrets(a.Platform, a.ID)
	if err != nil {
		return metaAccount{}, err
	}
	g, err := graph.New(graph.Options{
		FacebookURL: set.FacebookURL, InstagramURL: set.InstagramURL, Version: set.Version, Transport: transport,
	})
	return metaAccount{g, graph.Credentials{Account: a, Token: secrets.Token, AppSecret: secrets.AppSecret}}, err
}

// conversationCallsPerSecond is Meta's limit on reading conversations.
const conversationCallsPerSecond = 2

// rateLimitedTransport keeps the calls to Meta under a limit: more would be refused, and count.
type rateLimitedTransport struct{ limit *rate.Limiter }

// RoundTrip waits until the request may go.
func (u rateLimitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := u.limit.Wait(r.Context()); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}
