// Package backtest decides the comments that Temporal holds once more, with another rules
// file. Nothing is sent, and no reply changes.
package backtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// pageRows and reads bound what is asked of the server at once.
	pageRows = 500
	reads    = 8
)

// Source has the replies that Temporal holds; *replies.Client in production.
type Source interface {
	Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error)
	Input(ctx context.Context, id string) (workflows.PrivateReplyInput, error)
}

// Accounts is the accounts file.
type Accounts interface {
	Get(p privatereply.Platform, id string) (privatereply.Account, bool)
}

// Difference is one comment on which the decision that was made and the rules disagree.
type Difference struct {
	ID      string                `json:"id"`
	Comment string                `json:"comment,omitempty"`
	Was     privatereply.Decision `json:"was"`
	Would   privatereply.Decision `json:"would"`
}

// Report is what a rules file would have done with the comments that are kept.
type Report struct {
	Comments int          `json:"comments"` // how many were decided again
	Changed  []Difference `json:"changed"`
	// OutOfTime says that the time was over before all were decided; More that there are
	// more than the limit.
	OutOfTime bool `json:"out_of_time,omitempty"`
	More      bool `json:"more,omitempty"`
}

// Run decides with set the comments of at most limit replies that filter selects, those of
// running ones first. A deadline of ctx ends it with a report of those that were decided by
// then.
func Run(ctx context.Context, source Source, set *rules.Set, accounts Accounts, filter replies.Filter, limit int) (Report, error) {
	report := Report{Changed: []Difference{}}
	var token []byte
	for left := limit; left > 0; {
		rows, next, err := source.Page(ctx, filter, min(pageRows, left), token)
		if err == nil {
			rows = rows[:min(left, len(rows))]
			left -= len(rows)
			err = report.decide(ctx, source, set, accounts, rows)
		}
		if err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				report.OutOfTime = true
				return report, nil
			}
			return report, err
		}
		if token = next; len(token) == 0 || len(rows) == 0 {
			return report, nil
		}
	}
	report.More = true
	return report, nil
}

// decide decides the comments of a page of replies, in their order. Those that could be read
// count, also when it fails.
func (r *Report) decide(ctx context.Context, source Source, set *rules.Set, accounts Accounts, rows []replies.Row) error {
	inputs := make([]*workflows.PrivateReplyInput, len(rows))
	var mu sync.Mutex
	reading, within := errgroup.WithContext(ctx)
	reading.SetLimit(reads)
	for i, row := range rows {
		reading.Go(func() error {
			in, err := source.Input(within, row.ID)
			var refusal *replies.Error
			switch {
			case errors.As(err, &refusal) && refusal.Code == replies.NotFound: // its retention ended meanwhile
				return nil
			case err != nil:
				return err
			}
			mu.Lock()
			inputs[i] = &in
			mu.Unlock()
			return nil
		})
	}
	err := reading.Wait()
	for i, in := range inputs {
		if in == nil {
			continue
		}
		r.Comments++
		if would := again(set, accounts, *in); !sameAction(in.Decision, would) {
			r.Changed = append(r.Changed, Difference{ID: rows[i].ID, Comment: in.Comment.Text, Was: in.Decision, Would: would})
		}
	}
	return err
}

// again decides a comment as it was when it arrived.
func again(set *rules.Set, accounts Accounts, in workflows.PrivateReplyInput) privatereply.Decision {
	account, _ := accounts.Get(in.Comment.Platform, in.Comment.Account)
	now := in.Comment.ReceivedAt
	if now.IsZero() {
		now = time.Now()
	}
	return set.Decide(rules.Input{
		Comment: in.Comment, AccountName: account.Name, Now: now,
		FoundBySweep: in.Comment.Via == privatereply.ViaSweep, TimeZone: account.TimeZone,
	})
}

// sameAction reports whether two decisions do the same, whichever rule says it.
func sameAction(a, b privatereply.Decision) bool {
	return a.Action == b.Action && a.Text == b.Text && a.Hold == b.Hold
}
