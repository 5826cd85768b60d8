package workflows

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// PrivateReplyStatus answers the status query of PrivateReply, and is its result. Empty
// fields are left out; fields may be added, never changed.
type PrivateReplyStatus struct {
	State        privatereply.State    `json:"state"`
	Reason       privatereply.Reason   `json:"reason,omitempty"`
	Deadline     time.Time             `json:"deadline,omitzero"`
	DeadlineFrom privatereply.Clock    `json:"deadline_from,omitempty"`
	Comment      privatereply.Comment  `json:"comment"`
	Decision     privatereply.Decision `json:"decision"`
	Text         string                `json:"text,omitempty"` // what is or was to be sent
	// Buttons, QuickReplies and PublicText are what goes with Text, as Decision, a proposal or
	// the approver has them.
	Buttons        []privatereply.Button     `json:"buttons,omitempty"`
	QuickReplies   []privatereply.QuickReply `json:"quick_replies,omitempty"`
	PublicText     string                    `json:"public_text,omitempty"`
	Approver       string                    `json:"approver,omitempty"`
	DecidedAt      time.Time                 `json:"decided_at,omitzero"`
	RejectReason   string                    `json:"reject_reason,omitempty"`
	HoldUntil      time.Time                 `json:"hold_until,omitzero"`
	Send           *SendStatus               `json:"send,omitempty"`
	Window         *WindowStatus             `json:"window,omitempty"`
	PublicReply    *PublicReplyStatus        `json:"public_reply,omitempty"`
	Hide           *HideStatus               `json:"hide,omitempty"`
	Taps           []TapStatus               `json:"taps,omitempty"`        // in the order of the first taps
	ProposedBy     string                    `json:"proposed_by,omitempty"` // empty: the text is a rule's
	ProposedAt     time.Time                 `json:"proposed_at,omitzero"`
	ProposalNote   string                    `json:"proposal_note,omitempty"`
	Assignee       string                    `json:"assignee,omitempty"`
	Notes          []TeamNote                `json:"notes,omitempty"`
	Reopened       *Reopened                 `json:"reopened,omitempty"`
	RefusedSignals []RefusedSignal           `json:"refused_signals,omitempty"` // the last 10
}

// Message is what is or was to be sent.
func (s PrivateReplyStatus) Message() privatereply.Message {
	return privatereply.Message{Text: s.Text, Buttons: s.Buttons, QuickReplies: s.QuickReplies}
}

// SendStatus is the state of the attempts to send. A send that the account's rate limit
// held back is no attempt; then Reason and RetryAt are set.
type SendStatus struct {
	Outcome     privatereply.Outcome `json:"outcome,omitempty"`
	Reason      privatereply.Reason  `json:"reason,omitempty"`
	Attempts    int                  `json:"attempts"`
	MessageID   string               `json:"message_id,omitempty"`
	RecipientID string               `json:"recipient_id,omitempty"`
	Code        int                  `json:"code,omitempty"`
	Subcode     int                  `json:"subcode,omitempty"`
	TraceID     string               `json:"trace_id,omitempty"`
	SentAt      time.Time            `json:"sent_at,omitzero"`
	RetryAt     time.Time            `json:"retry_at,omitzero"`
}

// WindowStatus is the window that the person's answer opened.
type WindowStatus struct {
	RespondedAt time.Time `json:"responded_at"` // the first answer
	ClosesAt    time.Time `json:"closes_at"`    // 24 hours after the newest
}

// RefusedSignal is a signal that could not be followed.
type RefusedSignal struct {
	Name string    `json:"name"`
	Why  string    `json:"why"`
	At   time.Time `json:"at"`
}

// readPublished takes over what the start has set, so that nothing is set twice.
func (r *reply) readPublished() {
	set := workflow.GetTypedSearchAttributes(r.ctx)
	if state, ok := set.GetKeyword(ReplyState); ok {
		r.published.state = privatereply.State(state)
	}
	if at, ok := set.GetTime(ReplyDeadline); ok {
		r.published.deadline = at
	}
	r.published.rule, _ = set.GetKeyword(RuleName)
	r.published.memo = r.memo()
}

// publish brings search attributes, memo and the Web UI up to date: one upsert a
// visible change.
func (r *reply) publish() {
	defer r.describe()
	defer r.publishMemo()
	state := r.shownState()
	var updates []temporal.SearchAttributeUpdate
	if r.published.state == "" && r.published.deadline.IsZero() {
		all := searchAttributes(r.in, r.state, r.deadline.At)
		updates = append(updates, all.Copy())
	} else {
		if state != r.published.state {
			updates = append(updates, ReplyState.ValueSet(string(state)))
		}
		if !r.deadline.At.Equal(r.published.deadline) {
			updates = append(updates, ReplyDeadline.ValueSet(r.deadline.At))
		}
		if rule := r.in.Decision.Rule; rule != r.published.rule {
			updates = append(updates, RuleName.ValueSet(rule))
		}
	}
	if n := len(r.effects.happened); n != r.published.effects {
		updates = append(updates, ReplyEffects.ValueSet(slices.Clone(r.effects.happened)))
		r.published.effects = n
	}
	r.published.state, r.published.deadline, r.published.rule = state, r.deadline.At, r.in.Decision.Rule
	if len(updates) == 0 {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(r.ctx, updates...); err != nil {
		r.log.Error("cannot set search attributes", "error", err)
	}
}

// shownState is the state that lists search by. A send is over before anybody has searched for
// it: it is shown once it has to wait. Who approved it stands in the memo at once.
func (r *reply) shownState() privatereply.State {
	if r.state == privatereply.Sending && !r.sendWaits && r.published.state != "" {
		return r.published.state
	}
	return r.state
}

// showSending shows a send that waits.
func (r *reply) showSending() {
	r.sendWaits = true
	r.publish()
}

func (r *reply) status() *PrivateReplyStatus {
	s := &PrivateReplyStatus{
		State: r.state, Reason: r.reason,
		Deadline: r.deadline.At, DeadlineFrom: r.deadline.From,
		Comment: r.in.Comment, Decision: r.in.Decision,
		Text: r.message.Text, Buttons: r.message.Buttons, QuickReplies: r.message.QuickReplies, PublicText: r.publicText,
		Approver: r.approver, DecidedAt: r.decidedAt,
		RejectReason: r.rejectReason, HoldUntil: r.holdUntil,
		ProposedBy: r.team.ProposedBy, ProposedAt: r.team.ProposedAt, ProposalNote: r.team.ProposalNote,
		Assignee: r.team.Assignee, Notes: slices.Clone(r.team.Notes), Reopened: r.in.Reopened,
		Taps: slices.Clone(r.effects.taps), RefusedSignals: r.refused,
	}
	if p := r.effects.publicReply; p != nil {
		public := *p
		s.PublicReply = &public
	}
	if h := r.effects.hide; h != nil {
		hide := *h
		s.Hide = &hide
	}
	if r.send != (SendStatus{}) {
		send := r.send
		s.Send = &send
	}
	if r.responses.any() && (r.state == privatereply.Responded || r.state == privatereply.WindowClosed) {
		s.Window = &WindowStatus{RespondedAt: r.responses.first, ClosesAt: r.windowCloses()}
	}
	return s
}

// describe shows the reply so far in the Web UI, which shows only the first lines without scrolling, so what matters now comes
// first.
func (r *reply) describe() {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "- "+format+"\n", args...) }

	fmt.Fprintf(&b, "### %s\n", r.state.Label())
	if r.reason != "" {
		line("%s (`%s`)", r.reason.Sentence(), r.reason)
	}
	switch {
	case r.state == privatereply.Holding:
		line("**Goes out** at %s unless somebody rejects it", formatTime(r.holdUntil))
	case r.state == privatereply.Responded:
		line("**Window open** until %s", formatTime(r.windowCloses()))
	}
	r.describeSend(line)
	if r.state.Waiting() || r.state == privatereply.Expired {
		line("**Deadline:** %s, counted from %s", formatTime(r.deadline.At), r.deadline.From.Label())
	}
	r.describeComment(line)
	r.describeMessage(line)
	r.describeConversation(line)
	r.describeEffects(line)
	r.describeTeam(line)
	if r.approver != "" {
		line("**Decided by** %s at %s", quote(r.approver), formatTime(r.decidedAt))
	}
	if r.in.Decision.Rule != "" {
		line("**Rule:** `%s` said `%s`", r.in.Decision.Rule, r.in.Decision.Action)
	} else {
		line("**Decision:** `%s` (%s)", r.in.Decision.Action, orDefault(r.in.Decision.Reason, "no rule"))
	}
	workflow.SetCurrentDetails(r.ctx, strings.TrimSpace(b.String()))
}

func (r *reply) describeComment(line func(format string, args ...any)) {
	c := r.in.Comment
	if c.Text != "" {
		line("**Comment:** %s", quote(c.Text))
	}
	if !c.EditedAt.IsZero() {
		line("**Edited** at %s", formatTime(c.EditedAt))
	}
	if c.Attachment.Kind != "" {
		line("**With a %s** %s", c.Attachment.Kind.Label(), quote(orDefault(c.Attachment.URL, "that Meta gave no address of")))
	}
}

// describeMessage shows what is or was to be sent.
func (r *reply) describeMessage(line func(format string, args ...any)) {
	if r.message.Text != "" {
		line("**Reply:** %s", quote(r.message.Text))
	}
	for _, b := range r.message.Buttons {
		if b.URL != "" {
			line("**Button** %s opens %s", quote(b.Title), quote(b.URL))
		} else {
			line("**Button** %s sends %s", quote(b.Title), quote(b.Then))
		}
	}
	for _, q := range r.message.QuickReplies {
		if q.Then != "" {
			line("**Quick reply** %s sends %s", quote(q.Title), quote(q.Then))
		} else {
			line("**Quick reply** %s", quote(q.Title))
		}
	}
	if r.publicText != "" {
		line("**Public reply:** %s", quote(r.publicText))
	}
}

func (r *reply) describeSend(line func(format string, args ...any)) {
	if !r.send.RetryAt.IsZero() {
		line("**Next try:** %s. %s", formatTime(r.send.RetryAt), r.send.Reason.Sentence())
		if r.deadline.Passed(r.send.RetryAt) {
			line("**It will not make its deadline** unless replies that are before it are stopped")
		}
	}
	if r.send.Attempts == 0 {
		return
	}
	line("**Attempts:** %d, the last one: `%s`", r.send.Attempts, orDefault(string(r.send.Outcome), "under way"))
	if r.send.Code != 0 {
		line("**Meta's answer:** code %d, subcode %d, trace `%s`. %s", r.send.Code, r.send.Subcode, r.send.TraceID, r.send.Reason.Sentence())
	}
}

// describeConversation leads to what knows the person's window and answers them.
func (r *reply) describeConversation(line func(format string, args ...any)) {
	if r.send.RecipientID == "" {
		return
	}
	if id, err := privatereply.ConversationID(r.in.Comment.Platform, r.in.Comment.Account, r.send.RecipientID); err == nil {
		line("**Conversation:** %s", linkTo(r.ctx, id))
	}
}

// linkTo is a link to another workflow in the Web UI, relative to its address, which shows
// details as Markdown.
func linkTo(ctx workflow.Context, id string) string {
	return fmt.Sprintf("[%s](/namespaces/%s/workflows/%s)", quote(id), url.PathEscape(workflow.GetInfo(ctx).Namespace), url.PathEscape(id))
}

// quote shows foreign text as code, so that it cannot pose as part of the page.
func quote(text string) string {
	const limit = 1000
	text = strings.NewReplacer("`", "'", "\n", " ", "\r", " ").Replace(text)
	return "`" + privatereply.CutText(text, limit) + "`"
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
