// Package erasure finds and removes what Temporal holds of a person: the replies to
// their comments, their conversations, and the batches in which their events came.
//
// What Meta holds, backups and archives of Temporal's database, and logs (which have
// ids and no texts) are out of its reach.
package erasure

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// Config is what an Eraser works with.
type Config struct {
	Temporal  client.Client
	Namespace string                  // of Temporal
	Data      converter.DataConverter // of Temporal
	Queue     string                  // whose workers end replies that are open
	Operator  string                  // who asked for it, for the record while there is one
	UpdateID  string                  // of what this call asks of replies
	// Progress is told how many runs were read of about how many; nil: nobody.
	Progress func(read, of int)
}

// Eraser erases persons.
type Eraser struct {
	Config
	replies    *replies.Client
	now        func() time.Time
	endTimeout time.Duration // how long something that is open may take to end
}

// New makes an eraser.
func New(cfg Config) *Eraser {
	if cfg.Progress == nil {
		cfg.Progress = func(int, int) {}
	}
	return &Eraser{Config: cfg, replies: replies.New(cfg.Temporal, cfg.Namespace, cfg.Queue, cfg.Data), now: time.Now, endTimeout: endTimeout}
}

// AccountKey is the account that a person wrote to: Meta's ids of persons differ between
// accounts.
type AccountKey struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
}

// Person is whom to erase. Without an owner it is the id with every account.
type Person struct {
	AccountKey
	ID string
}

func (p Person) matches(to AccountKey) bool {
	return p.AccountKey == AccountKey{} || p.AccountKey == to
}

// maxPasses is how often everything is looked through. The last pass finds nothing,
// unless something could not be removed or new comments keep coming in.
const maxPasses = 4

// Erase removes everything that is held of a person, and looks again until a pass
// finds nothing more.
func (e *Eraser) Erase(ctx context.Context, p Person) (Report, error) {
	report := Report{Person: p.ID}
	for pass := 1; ; pass++ {
		found, err := e.Find(ctx, p)
		if err != nil {
			return report, err
		}
		report.Unreadable, report.Remaining = found.Unreadable, nil
		if pass > maxPasses {
			for _, h := range found.Runs {
				h.KeptReason = "it came in while the others were removed; run the command again"
				report.Remaining = append(report.Remaining, h)
			}
			return report, nil
		}
		removed, kept, err := e.remove(ctx, found.Runs)
		report.Removed = append(report.Removed, removed...)
		report.Remaining = kept
		if err != nil || len(removed) == 0 {
			return report, err
		}
	}
}

// remove ends runs in their order, then deletes them, and sees that they are gone. The
// server deletes nothing that ended after a deletion which it has not carried out yet,
// so that the two are not mixed. After an error it touches nothing more, and still says
// what became of each.
func (e *Eraser) remove(ctx context.Context, held []Run) (removed, kept []Run, err error) {
	held = slices.Clone(held)
	for _, step := range []func(context.Context, *Run) (string, error){e.endRun, e.deleteRun} {
		for i := range held {
			h := &held[i]
			if h.KeptReason == "" && err == nil {
				h.KeptReason, err = step(ctx, h)
			}
			if h.KeptReason == "" && err != nil {
				h.KeptReason = "an error came first; run the command again"
			}
		}
	}
	var told []Run
	for _, h := range held {
		if h.KeptReason != "" {
			kept = append(kept, h)
		} else {
			told = append(told, h)
		}
	}
	there := told
	_, lookErr := poll(ctx, deletionTimeout, func() (bool, error) {
		var err error
		there = slices.DeleteFunc(slices.Clone(there), func(h Run) bool {
			ok, problem := e.isDeleted(ctx, h)
			err = errors.Join(err, problem)
			return ok
		})
		return len(there) == 0, err
	})
	removed = slices.DeleteFunc(told, func(h Run) bool {
		return slices.ContainsFunc(there, func(o Run) bool { return o.RunID == h.RunID })
	})
	for _, h := range there {
		h.KeptReason = "the server was told to delete it, and has not done so yet; run the command again"
		kept = append(kept, h)
	}
	return removed, kept, errors.Join(err, lookErr)
}

// Kind is what kind of workflow holds something of a person.
type Kind string

// The kinds, in the order in which they are removed: a batch may start replies, and
// a reply may start a conversation.
const (
	Intake       Kind = "intake"
	Reply        Kind = "reply"
	Conversation Kind = "conversation"
)

var removalOrder = map[Kind]int{Intake: 0, Reply: 1, Conversation: 2}

// Runs is one run of a workflow that holds something of a person.
type Run struct {
	Kind       Kind   `json:"kind"`
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Open       bool   `json:"open"` // it had not ended when it was found
	AccountKey
	// OtherPersons is how many other persons' events the batch holds.
	OtherPersons int `json:"others,omitempty"`
	// Tombstoned: a run without anything of the person keeps the comment from being
	// answered when Meta or a sweep brings it again.
	Tombstoned bool   `json:"locked,omitempty"`
	KeptReason string `json:"why,omitempty"` // it is kept

	comment privatereply.Comment
}

func (h Run) compare(o Run) int {
	return cmp.Or(cmp.Compare(removalOrder[h.Kind], removalOrder[o.Kind]), strings.Compare(h.WorkflowID, o.WorkflowID), strings.Compare(h.RunID, o.RunID))
}

// Unreadable is a run of which nobody can say whom it is about.
type Unreadable struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Why        string `json:"why"`
}

// Report tells what became of everything that was held.
type Report struct {
	Person     string       `json:"person"`
	Found      []Run        `json:"found,omitempty"` // and left there: nobody asked for more
	Removed    []Run        `json:"removed"`
	Remaining  []Run        `json:"kept,omitempty"`
	Unreadable []Unreadable `json:"unreadable,omitempty"`
}

// Done reports whether nothing is held any more.
func (r Report) Done() bool { return len(r.Remaining) == 0 && len(r.Unreadable) == 0 }
