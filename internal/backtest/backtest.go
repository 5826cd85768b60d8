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
	// Once is how many of them would be left alone because a rule with once had answered the
	// person under another comment.
	Once int `json:"once,omitempty"`
	// OutOfTime says that the time was over before all were decided; More that there are
	// more than the limit.
	OutOfTime bool `json:"out_of_time,omitempty"`
	More      bool `json:"more,omitempty"`
}

// Run decides with set the comments of at most limit replies that filter selects, those of
// running ones first. A deadline of ctx ends it with a report of those that were decided by
// then.
func Run(ctx context.Context, source Source, set *rules.Set, accounts Accounts, filter replies.Filter, limit int) (Report, error) {
	var all []decided
	var report Report
	err := func() error {
		var token []byte
		for left := limit; left > 0; {
			rows, next, err := source.Page(ctx, filter, min(pageRows, left), token)
			if err != nil {
				return err
			}
			rows = rows[:min(left, len(rows))]
			left -= len(rows)
			page, err := decide(ctx, source, set, accounts, rows)
			all = append(all, page...)
			if token = next; err != nil || len(token) == 0 || len(rows) == 0 {
				return err
			}
		}
		report.More = true
		return nil
	}()
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		report.OutOfTime, err = true, nil
	}
	report.Comments = len(all)
	report.Changed, report.Once = compare(all)
	return report, err
}

// decided is a comment with the decision that was made and the one that the rules make.
type decided struct {
	id         string
	comment    privatereply.Comment
	was, would privatereply.Decision
}

// decide decides the comments of a page of replies, in their order. Those that could be read
// count, also when it fails.
func decide(ctx context.Context, source Source, set *rules.Set, accounts Accounts, rows []replies.Row) (page []decided, err error) {
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
	err = reading.Wait()
	for i, in := range inputs {
		if in == nil {
			continue
		}
		page = append(page, decided{rows[i].ID, in.Comment, in.Decision, again(set, accounts, *in)})
	}
	return page, err
}

// compare lists the comments on which the decisions differ, and counts those of the new ones
// that once leaves alone.
func compare(all []decided) (changed []Difference, once int) {
	changed = []Difference{}
	wasLeft := leftByOnce(all, func(d *decided) *privatereply.Decision { return &d.was })
	wouldLeft := leftByOnce(all, func(d *decided) *privatereply.Decision { return &d.would })
	for i, d := range all {
		was, would := d.was, d.would
		if wasLeft[i] {
			was = ignoredOnce(was)
		}
		if wouldLeft[i] {
			would = ignoredOnce(would)
			once++
		}
		if !sameAction(was, would) {
			changed = append(changed, Difference{ID: d.id, Comment: d.comment.Text, Was: was, Would: would})
		}
	}
	return changed, once
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
	return a.Action == b.Action && a.Hold == b.Hold && a.Hide == b.Hide && a.PublicText == b.PublicText &&
		privatereply.ProposalSHA256(a.Message(), "") == privatereply.ProposalSHA256(b.Message(), "")
}
