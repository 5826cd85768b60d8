// Package renewals synchronises the Schedules that renew tokens with the connected accounts.
package renewals

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/schedules"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// maxInterval is the time between two runs of an account: Meta takes webhooks away from
	// accounts whose tokens live for ever, too.
	maxInterval = 24 * time.Hour
	// minInterval keeps a token that lives for seconds from filling the server.
	minInterval = 5 * time.Second
	// runsPerLife is how often a token is looked at in its life: it is due at a third.
	runsPerLife = 6
	// catchUpWindow bounds how late a run may begin after an outage of the server.
	catchUpWindow = time.Hour
	// checkInterval is the time between two comparisons of the accounts with the Schedules.
	checkInterval = 10 * time.Second
)

// Accounts are those of the accounts folder.
type Accounts interface {
	All() []privatereply.Account
	Token(p privatereply.Platform, id string) (config.TokenFacts, error)
}

// Schedules synchronises one Schedule for each connected account.
type Schedules struct {
	Client    client.Client
	Accounts  Accounts
	TaskQueue string // where TokenRenewal runs
	KeyID     string // of the key that encrypts payloads; empty: none does
	Logger    *zap.Logger
}

// Run synchronises the Schedules now, and again when accounts or the lives of their tokens
// have changed or the last synchronisation failed, until ctx is done.
func (s Schedules) Run(ctx context.Context) { s.set().Run(ctx, checkInterval) }

// Sync makes the Schedule of each connected account: see schedules.Set.
func (s Schedules) Sync(ctx context.Context) error { return s.set().Sync(ctx) }

func (s Schedules) set() schedules.Set {
	return schedules.Set{
		Client: s.Client, TaskQueue: s.TaskQueue, Logger: s.Logger, Prefix: "token:", Purpose: "token renewals",
		CatchUp: catchUpWindow, KeyID: s.KeyID, Entries: s.entries,
	}
}

// entries are the Schedules of the connected accounts. Tokens that people wrote into the
// accounts file are theirs.
func (s Schedules) entries() []schedules.Entry {
	var all []schedules.Entry
	for _, account := range s.Accounts.All() {
		facts, _ := s.Accounts.Token(account.Platform, account.ID) // the workflow says what is wrong with it
		if !facts.Connected {
			continue
		}
		id, err := privatereply.TokenRenewalID(account.Platform, account.ID)
		if err != nil {
			s.Logger.Error("The token of an account cannot be renewed", zap.Error(err)) // the accounts folder refuses such ids
			continue
		}
		all = append(all, schedules.Entry{
			ID: id, Every: interval(facts.Life), Workflow: workflows.TokenRenewalType,
			Input:   workflows.TokenRenewalInput{Platform: account.Platform, Account: account.ID},
			Summary: fmt.Sprintf("Token of %s account %s", account.Platform, account.ID),
		})
	}
	return all
}

// interval is the time between two runs for a token of that life; 0: it has no end.
func interval(life time.Duration) time.Duration {
	if life == 0 {
		return maxInterval
	}
	return min(maxInterval, max(minInterval, (life/runsPerLife).Truncate(time.Second)))
}
