package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// MaxNotes is how many notes a reply takes.
	MaxNotes = 50
	// MaxNoteChars is the length of the longest note, also of one that comes with a proposal.
	MaxNoteChars = 500
)

// Propose proposes the text that an approver sees. It never sends: a reply that a rule
// holds waits for a decision from then on. The newest proposal counts.
//
// Buttons, QuickReplies and PublicText stay as they are where they are nil, and are none
// where they are empty.
type Propose struct {
	By           string                    `json:"by"`
	Text         string                    `json:"text"`
	Buttons      []privatereply.Button     `json:"buttons,omitzero"`
	QuickReplies []privatereply.QuickReply `json:"quick_replies,omitzero"`
	PublicText   *string                   `json:"public_text,omitempty"`
	Note         string                    `json:"note,omitempty"` // to the approver
}

// Note is a remark of the team, for its own eyes.
type Note struct {
	By   string `json:"by"`
	Text string `json:"text"`
}

// Assign says who takes care of a reply. An empty To gives it back to everybody.
type Assign struct {
	By string `json:"by"`
	To string `json:"to"`
}

// TeamWork is what people have done with a reply beside deciding it.
type TeamWork struct {
	ProposedBy   string     `json:"proposed_by,omitempty"` // empty: the text is a rule's
	ProposedAt   time.Time  `json:"proposed_at,omitzero"`
	ProposalNote string     `json:"proposal_note,omitempty"`
	Assignee     string     `json:"assignee,omitempty"`
	Notes        []TeamNote `json:"notes,omitempty"`
}

// TeamNote is a note as the reply keeps it.
type TeamNote struct {
	By   string    `json:"by"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// handleTeamMessages registers the Updates of people who work together.
func (r *reply) handleTeamMessages() error {
	return errors.Join(
		handleUpdate(&r.inbox, ProposeMessage, "Propose a text for an approver to decide; it is not sent", proposing{r}, func(_ workflow.Context, m Propose) (*DecisionResult, error) {
			r.propose(m)
			return r.decisionResult(true), nil
		}),
		handleUpdate(&r.inbox, NoteMessage, "Note something for the team; the person never sees it", noting{r}, func(_ workflow.Context, m Note) (*DecisionResult, error) {
			r.note(m)
			return r.decisionResult(true), nil
		}),
		handleUpdate(&r.inbox, AssignMessage, "Say who takes care of the reply; empty gives it back", assigning{r}, func(_ workflow.Context, m Assign) (*DecisionResult, error) {
			r.assign(m)
			return r.decisionResult(true), nil
		}),
	)
}

// proposing, noting and assigning are the requests of people who work together.
type (
	proposing struct{ *reply }
	noting    struct{ *reply }
	assigning struct{ *reply }
)

func (r proposing) validate(m Propose) error {
	if err := checkName("by", m.By); err != nil {
		return err
	}
	if m.Text == "" {
		return fmt.Errorf("text: is missing; give the text that you propose, such as %s", example(&m))
	}
	if n := utf8.RuneCountInString(m.Note); n > MaxNoteChars {
		return fmt.Errorf("note: has %d characters; at most %d", n, MaxNoteChars)
	}
	return r.checkProposal(m.Text, m.Buttons, m.QuickReplies, m.PublicText)
}

func (r proposing) checkState(Propose) error {
	switch {
	case r.stopRequest != nil, r.state != privatereply.Holding && r.state != privatereply.AwaitingApproval:
		return r.alreadyDecided()
	case r.expired():
		return r.pastDeadline()
	}
	return nil
}

func (r proposing) do(m Propose) { r.propose(m) }

// propose puts m before the approvers. What a rule holds does not go out by itself any more:
// somebody thinks that it should say something else.
func (r *reply) propose(m Propose) {
	r.message, r.publicText = r.proposal(m.Text, m.Buttons, m.QuickReplies, m.PublicText)
	r.team.ProposedBy, r.team.ProposedAt = strings.TrimSpace(m.By), r.now()
	r.team.ProposalNote = strings.TrimSpace(m.Note)
	if r.state == privatereply.Holding {
		r.holdUntil = time.Time{}
		r.transition(privatereply.AwaitingApproval, "")
		return
	}
	r.publish()
}

func (r noting) validate(m Note) error {
	if err := checkName("by", m.By); err != nil {
		return err
	}
	n := utf8.RuneCountInString(m.Text)
	switch {
	case strings.TrimSpace(m.Text) == "":
		return fmt.Errorf("text: is missing; write the note, such as %s", example(&m))
	case n > MaxNoteChars:
		return fmt.Errorf("text: the note has %d characters; at most %d", n, MaxNoteChars)
	}
	return nil
}

// checkState takes notes in every state: a conversation that follows needs them too.
func (r noting) checkState(Note) error {
	if len(r.team.Notes) >= MaxNotes {
		return fmt.Errorf("this reply has %d notes; it takes no more", MaxNotes)
	}
	return nil
}

func (r *reply) note(m Note) {
	r.team.Notes = append(r.team.Notes, TeamNote{By: strings.TrimSpace(m.By), Text: strings.TrimSpace(m.Text), At: r.now()})
	r.describe()
}

func (r assigning) validate(m Assign) error {
	if err := checkName("by", m.By); err != nil || strings.TrimSpace(m.To) == "" {
		return err
	}
	return checkName("to", m.To)
}

func (r assigning) checkState(Assign) error {
	if r.state.Final() {
		return fmt.Errorf("this reply has ended: %s. %s", r.state.Clause(), r.reason.Sentence())
	}
	return nil
}

func (r *reply) assign(m Assign) {
	r.team.Assignee = strings.TrimSpace(m.To)
	r.publish()
}

// describeTeam shows in the Web UI who works on the reply.
func (r *reply) describeTeam(line func(format string, args ...any)) {
	if t := r.team; t.ProposedBy != "" {
		line("**Proposed by** %s at %s", quote(t.ProposedBy), formatTime(t.ProposedAt))
		if t.ProposalNote != "" {
			line("**With the note** %s", quote(t.ProposalNote))
		}
	}
	if r.team.Assignee != "" {
		line("**Assigned to** %s", quote(r.team.Assignee))
	}
	if n := len(r.team.Notes); n > 0 {
		last := r.team.Notes[n-1]
		line("**Notes:** %d, the last one by %s: %s", n, quote(last.By), quote(last.Text))
	}
	if b := r.in.Reopened; b != nil {
		line("**Reopened by** %s at %s, after %s had rejected it", quote(b.By), formatTime(b.At), quote(b.RejectedBy))
	}
}
