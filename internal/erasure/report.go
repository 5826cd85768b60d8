package erasure

import (
	"cmp"
	"strings"

	"github.com/privatereply/privatereply"
)

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
