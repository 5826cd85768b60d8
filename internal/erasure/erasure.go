// Package erasure finds and removes what Temporal holds of a person: the replies to
// their comments, their conversations, the batches in which their events came, and what
// hides their comments or keeps a rule from answering them again. The workflow Erasure does so in steps that another worker can go on with.
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
	"github.com/privatereply/privatereply/workflows"
)

// Config is what an Eraser needs.
type Config struct {
	Temporal  client.Client
	Namespace string                  // of Temporal
	Data      converter.DataConverter // of Temporal
	Queue     string                  // the task queue of the workers that end open replies
	Keys      Keys                    // that stand for persons
	Operator  string                  // the approver of the rejections
	UpdateID  string                  // Update id of the rejections: a repeat changes nothing
	// Progress is called with the number of runs that were read, and of all; nil: not
	// called.
	Progress func(read, of int)
}

// Eraser finds and removes what Temporal holds of a person.
type Eraser struct {
	Config
	replies    *replies.Client
	now        func() time.Time
	endTimeout time.Duration // for an open run to end
	// changed is called when a removal has changed one of its runs.
	changed func([]Run)
}

// New makes an eraser.
func New(cfg Config) *Eraser {
	if cfg.Progress == nil {
		cfg.Progress = func(int, int) {}
	}
	return &Eraser{
		Config: cfg, replies: replies.New(cfg.Temporal, cfg.Namespace, cfg.Queue, cfg.Data), now: time.Now, endTimeout: endTimeout,
		changed: func([]Run) {},
	}
}

// AccountKey names the account that a person wrote to: Meta gives a person another id for
// each account.
type AccountKey = workflows.AccountKey

// Person is the person to erase. Without an account it is the id with every account.
type Person struct {
	AccountKey
	ID string
}

func (p Person) matches(to AccountKey) bool {
	return p.AccountKey == AccountKey{} || p.AccountKey == to
}

// remove ends runs in their order, then deletes them and waits until they are gone. All
// ends come before all deletions: the server does not delete a run that ended after a
// deletion it has not carried out yet. After an error it changes nothing more, and still
// reports on each run.
func (e *Eraser) remove(ctx context.Context, held []Run) (removed, kept []Run, err error) {
	held = slices.Clone(held)
	for _, step := range []func(context.Context, *Run) (string, error){e.endRun, e.deleteRun} {
		for i := range held {
			h := &held[i]
			if h.KeptReason == "" && err == nil {
				h.KeptReason, err = step(ctx, h)
				e.changed(held)
			}
			if h.KeptReason == "" && err != nil {
				h.KeptReason = "an error came first; run the command again"
			}
		}
	}
	var deletable []Run
	for _, h := range held {
		if h.KeptReason != "" {
			kept = append(kept, h)
		} else {
			deletable = append(deletable, h)
		}
	}
	remaining := deletable
	_, pollErr := poll(ctx, deletionTimeout, func() (bool, error) {
		var err error
		remaining = slices.DeleteFunc(slices.Clone(remaining), func(h Run) bool {
			ok, problem := e.isDeleted(ctx, h)
			err = errors.Join(err, problem)
			return ok
		})
		return len(remaining) == 0, err
	})
	removed = slices.DeleteFunc(deletable, func(h Run) bool {
		return slices.ContainsFunc(remaining, func(o Run) bool { return o.RunID == h.RunID })
	})
	for _, h := range remaining {
		h.KeptReason = "the server was told to delete it, and has not done so yet; run the command again"
		kept = append(kept, h)
	}
	return removed, kept, errors.Join(err, pollErr)
}

// Kind is the kind of a workflow that holds something of a person.
type Kind string

// The kinds, in the order of their removal: a batch may start replies, so may a reopening,
// and a reply may start a conversation and a Once.
const (
	Intake       Kind = "intake"
	Reopening    Kind = "reopening"
	Reply        Kind = "reply"
	Conversation Kind = "conversation"
	Visibility   Kind = "visibility" // hides a comment by hand
	Once         Kind = "once"       // stands for a rule's one answer to the person
)

var removalOrder = map[Kind]int{Intake: 0, Reopening: 1, Reply: 2, Conversation: 3, Visibility: 4, Once: 5}

// Run is one run of a workflow that holds something of a person.
type Run struct {
	Kind       Kind   `json:"kind"`
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Open       bool   `json:"open"` // it had not ended when it was found
	AccountKey
	// OtherPersons is the number of other persons whose events the batch holds.
	OtherPersons int `json:"others,omitempty"`
	// Tombstoned reports that an empty run took the reply's id, so that the comment is not
	// answered when Meta or a sweep brings it again.
	Tombstoned bool   `json:"locked,omitempty"`
	KeptReason string `json:"why,omitempty"` // why it was not removed

	comment privatereply.Comment
	ended   bool // by endRun
}

// held is h as the history of an erasure may have it.
func (h Run) held() workflows.HeldRun {
	return workflows.HeldRun{
		Kind: string(h.Kind), RunID: h.RunID, AccountKey: h.AccountKey, Open: h.Open, OtherPersons: h.OtherPersons,
		Ended: h.ended, Tombstoned: h.Tombstoned, KeptReason: h.KeptReason,
	}
}

// RunOf is a run of an erasure's history, with its workflow id where that is known.
func RunOf(h workflows.HeldRun, workflowID string) Run {
	return Run{
		Kind: Kind(h.Kind), WorkflowID: workflowID, RunID: h.RunID, AccountKey: h.AccountKey, Open: h.Open,
		OtherPersons: h.OtherPersons, Tombstoned: h.Tombstoned, KeptReason: h.KeptReason, ended: h.Ended,
	}
}

func heldRuns(runs []Run) []workflows.HeldRun {
	var held []workflows.HeldRun
	for _, h := range runs {
		held = append(held, h.held())
	}
	return held
}

// compare puts the open run of a workflow id first: what takes the id of an ended one would
// end it in the middle of a send.
func (h Run) compare(o Run) int {
	open := func(r Run) int {
		if r.Open {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(removalOrder[h.Kind], removalOrder[o.Kind]), strings.Compare(h.WorkflowID, o.WorkflowID),
		cmp.Compare(open(h), open(o)), strings.Compare(h.RunID, o.RunID))
}

// Unreadable is a run that could not be decoded, so that nobody knows whom it is about.
type Unreadable struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Why        string `json:"why"`
}

// Report lists every run that held something, and whether it was removed.
type Report struct {
	Person     string       `json:"person"`
	Found      []Run        `json:"found,omitempty"` // for a search that removes nothing
	Removed    []Run        `json:"removed"`
	Remaining  []Run        `json:"kept,omitempty"`
	Unreadable []Unreadable `json:"unreadable,omitempty"`
	Code       string       `json:"confirmation_code,omitempty"` // of the erasure that removed
	NextAt     time.Time    `json:"next_at,omitzero"`            // when it tries again what is kept
}

// Done reports whether nothing of the person is left.
func (r Report) Done() bool { return len(r.Remaining) == 0 && len(r.Unreadable) == 0 }
