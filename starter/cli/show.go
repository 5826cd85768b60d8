package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

func newShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show everything about one reply",
		Long: `Show the whole story of a reply: the comment, who decided what, what Meta said, until
when anything can be sent, and what can be done next. Of a reply that may have been
delivered the conversation is read from Meta, in its own words, if the accounts file can
be read here; nothing of it is kept. --thread=false does without. --json prints the status
as the workflow gives it, and the conversation as "thread".`,
		Example: `  starter show 18000000000000001
  starter show reply:instagram:17841400000000001:18000000000000001 --json`,
		Args:    Args(1, 1, "an ID"),
		GroupID: groupInspect,
	}
	asJSON := JSONFlag(cmd)
	withThread := cmd.Flags().Bool("thread", true, "read the conversation from Meta")
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		id, err := s.replyID(ctx, args[0])
		if err != nil {
			return err
		}
		status, err := s.replies.Status(ctx, id)
		if err != nil {
			return explainError(err, id)
		}
		shown := shownReply{PrivateReplyStatus: status}
		if *withThread {
			shown.Thread, shown.ThreadError = s.readThread(ctx, status)
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), shown)
		}
		story := describeReply(id, status, time.Now())
		describeThread(story, shown.Thread, shown.ThreadError, time.Now())
		story.AddUnwrapped("Web UI", s.webUI(id))
		fmt.Fprintln(cmd.OutOrStdout(), id)
		return story.Write(cmd.OutOrStdout())
	})
	return cmd
}

// describeReply lists what a reply's status says, with times relative to now.
func describeReply(id string, s workflows.PrivateReplyStatus, now time.Time) *console.Facts {
	f := &console.Facts{}
	f.Add("State", "%s: %s", s.State, s.State.Sentence())
	if s.Reason != "" {
		f.Add("Reason", "%s (%s)", s.Reason.Sentence(), s.Reason)
	}
	describeComment(f, s.Comment, now)
	describeDecision(f, s, now)
	if !s.Deadline.IsZero() {
		f.Add("Deadline", "%s, counted from %s", console.FormatTime(s.Deadline, now), s.DeadlineFrom.Label())
	}
	describeSend(f, s.Send, now)
	if s.Send != nil && !s.Send.RetryAt.IsZero() && !s.Send.RetryAt.Before(s.Deadline) {
		f.Add("", "it will not make its deadline, unless replies that are before it are stopped")
	}
	describePublicReply(f, s, now)
	describeHide(f, s, now)
	if w := s.Window; w != nil {
		f.Add("Answer", "first %s", console.FormatTime(w.RespondedAt, now))
		f.Add("Window", "closes %s", console.FormatTime(w.ClosesAt, now))
	}
	describeTaps(f, s, now)
	for _, r := range s.RefusedSignals {
		f.Add("Refused", "signal %s, %s: %s", r.Name, console.FormatTime(r.At, now), r.Why)
	}
	for _, next := range nextSteps(id, s) {
		f.AddUnwrapped("Next", next)
	}
	return f
}

func describeComment(f *console.Facts, c privatereply.Comment, now time.Time) {
	text := c.Text
	if text == "" {
		text = attachmentText(c.Attachment.Kind)
	}
	f.Add("Comment", "“%s”", text)
	if !c.EditedAt.IsZero() {
		f.Add("", "edited %s", console.FormatTime(c.EditedAt, now))
	}
	if c.Attachment != (privatereply.Attachment{}) {
		f.AddUnwrapped("", strings.TrimSpace("with a "+c.Attachment.Kind.Label()+" "+c.Attachment.URL))
	}
	who := c.Username
	if who == "" {
		who = "somebody"
	}
	where := c.Source
	if where == "" {
		where = privatereply.SourceOther
	}
	f.Add("", "by %s%s, on %s %s%s of account %s", who, inBrackets("id", c.PersonID), c.Platform, where, inBrackets("id", c.MediaID), c.Account)
	if c.AdID != "" {
		f.Add("", "ad %s %s", c.AdID, c.AdTitle)
	}
	if !c.CreatedAt.IsZero() {
		f.Add("", "written %s", console.FormatTime(c.CreatedAt, now))
	}
	f.Add("", "received %s, via %s", console.FormatTime(c.ReceivedAt, now), c.Via)
}

func inBrackets(label, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s)", label, value)
}

func describeDecision(f *console.Facts, s workflows.PrivateReplyStatus, now time.Time) {
	d := s.Decision
	f.Add("Decision", "%s, by %s", describeAction(d), describeSource(d))
	if d.Text != "" && d.Text != s.Text {
		f.Add("Proposed", "“%s”", d.Text)
	}
	if s.Text != "" {
		f.Add("Reply", "“%s”", s.Text)
	}
	describeParts(f, s.Message())
	describeTeam(f, s, now)
	if !s.HoldUntil.IsZero() && s.State == privatereply.Holding {
		f.Add("Held", "until %s", console.FormatTime(s.HoldUntil, now))
	}
	if s.Approver != "" {
		f.Add("Approver", "%s, %s", s.Approver, console.FormatTime(s.DecidedAt, now))
		f.Add("", "%s", s.RejectReason)
	}
}

// describeTeam lists who works on the reply, and the notes.
func describeTeam(f *console.Facts, s workflows.PrivateReplyStatus, now time.Time) {
	if s.ProposedBy != "" {
		f.Add("Proposal", "by %s, %s", s.ProposedBy, console.FormatTime(s.ProposedAt, now))
		if s.ProposalNote != "" {
			f.Add("", "“%s”", s.ProposalNote)
		}
	}
	if s.Assignee != "" {
		f.Add("Assigned", "to %s", s.Assignee)
	}
	for _, n := range s.Notes {
		f.Add("Note", "by %s, %s: “%s”", n.By, console.FormatTime(n.At, now), n.Text)
	}
	if b := s.Reopened; b != nil {
		f.Add("Reopened", "by %s, %s; %s had rejected it", b.By, console.FormatTime(b.At, now), b.RejectedBy)
		f.Add("", "%s", b.Reason)
	}
}

func describeSend(f *console.Facts, s *workflows.SendStatus, now time.Time) {
	if s == nil {
		return
	}
	outcome := string(s.Outcome)
	if outcome == "" {
		outcome = "under way"
	}
	switch s.Attempts {
	case 0:
		f.Add("Send", "not tried yet")
	case 1:
		f.Add("Send", "1 attempt, the last one: %s", outcome)
	default:
		f.Add("Send", "%d attempts, the last one: %s", s.Attempts, outcome)
	}
	f.Add("", "%s", s.Reason.Sentence())
	if s.Code != 0 {
		f.Add("", "Meta's error: code %d, subcode %d, trace %s", s.Code, s.Subcode, s.TraceID)
	}
	if !s.SentAt.IsZero() {
		f.Add("", "written %s", console.FormatTime(s.SentAt, now))
	}
	if !s.RetryAt.IsZero() {
		f.Add("", "next try %s", console.FormatTime(s.RetryAt, now))
	}
	if s.MessageID != "" {
		f.Add("Message", "%s to %s", s.MessageID, s.RecipientID)
	}
}

// nextSteps are the commands that fit the state.
func nextSteps(id string, s workflows.PrivateReplyStatus) []string {
	switch s.State {
	case privatereply.AwaitingApproval:
		approve := "starter approve " + id
		if s.Text == "" {
			approve += ` --text "…"`
		}
		return []string{approve, "starter reject " + id + ` --reason "…"`}
	case privatereply.Holding:
		return []string{"starter reject " + id + ` --reason "…"`, "starter approve " + id + "   (sends it at once)"}
	case privatereply.Sending:
		return []string{"starter reject " + id + ` --reason "…"`}
	case privatereply.DeliveryUnknown:
		return []string{"look into the account's inbox, then: starter resolve " + id + " --delivered=true|false"}
	case privatereply.Responded:
		if conversation, ok := replies.ConversationID(s); ok {
			return []string{"starter reply " + conversation + ` --text "…"`}
		}
	}
	return nil
}

// describeAction says in words what a decision does with a comment.
func describeAction(d privatereply.Decision) string {
	what := map[privatereply.Action]string{
		privatereply.ActionAuto:   "answered automatically",
		privatereply.ActionAsk:    "a person decides",
		privatereply.ActionIgnore: "left alone",
	}[d.Action]
	if d.Hold > 0 {
		what += " after a hold of " + console.FormatDuration(time.Duration(d.Hold))
	}
	switch d.Once {
	case privatereply.OncePerson:
		what += ", once per person"
	case privatereply.OncePersonAndPost:
		what += ", once per person and post"
	}
	if d.Hide {
		what += ", and the comment hidden"
	}
	return what
}

// describeSource says in words where a decision comes from.
func describeSource(d privatereply.Decision) string {
	failed, isFailure := strings.CutPrefix(d.Reason, privatereply.RuleErrorPrefix)
	switch {
	case isFailure && failed == rules.TooSlow:
		return "the bridge, which had no time for the rules"
	case isFailure:
		return "rule " + failed + ", whose condition failed"
	case d.Rule != "" && d.Reason == privatereply.FoundBySweep:
		return "rule " + d.Rule + ", but a sweep found the comment late"
	case d.Rule != "" && d.Reason == privatereply.OnceUnknown:
		return "rule " + d.Rule + ", which answers a person once, but Meta did not name the person"
	case d.Rule != "" && d.Reason == privatereply.AutomaticPaused:
		return "rule " + d.Rule + ", but automatic replies of the rule or the account are paused"
	case d.Rule != "" && d.Reason == string(privatereply.IgnoredOnce):
		return "rule " + d.Rule + ", because it has answered this person already"
	case d.Rule != "":
		return "rule " + d.Rule
	case d.Reason == privatereply.DecidedByDefault:
		return "the default, because no rule matched"
	case d.Reason == privatereply.DecidedByHand:
		return "hand"
	}
	return d.Reason
}
