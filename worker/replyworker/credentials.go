package replyworker

import (
	"fmt"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

// credentialSource lets the activities read the accounts file.
type credentialSource struct{ accounts *config.Accounts }

// Credentials finds the account and reads its secrets, which may have changed.
func (c credentialSource) Credentials(p privatereply.Platform, id string) (graph.Credentials, error) {
	account, ok := c.accounts.Get(p, id)
	if !ok {
		return graph.Credentials{}, fmt.Errorf("%w: %s %s is not in the accounts file", activities.ErrUnknownAccount, p, id)
	}
	secrets, err := c.accounts.Secrets(p, id)
	return graph.Credentials{Account: account, Token: secrets.Token, AppSecret: secrets.AppSecret}, err
}
