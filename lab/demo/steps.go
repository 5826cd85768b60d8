package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// The story. Its rules are those of `starter dev`.
var steps = []step{
	{
		"Lena asks for the price; the rule “price” answers.",
		"Meta delivers one private reply, and the workflow is sent.",
		automatic,
	},
	{
		"Jonas asks something that no rule knows; a person approves an answer of her own.",
		"Nothing is sent before the approval; then Meta delivers her text.",
		approved,
	},
	{
		"Somebody advertises; a person rejects the reply.",
		"Nothing is ever sent, and the workflow says who decided so.",
		rejected,
	},
	{
		"Meta delivers the webhook about one comment ten times.",
		"The bridge answers 200 each time, and the comment gets one private reply.",
		repeated,
	},
	{
		"Jonas answers the private reply.",
		"The 24-hour window opens, and closes 24 hours after his message.",
		answered,
	},
	{
		"A person writes to Jonas again, inside the window.",
		"Meta delivers the follow-up.",
		followedUp,
	},
	{
		"Meta delivers a private reply and then drops the connection instead of answering.",
		"Within 20 seconds the product finds out that it was delivered, and sends no second one.",
		dropped,
	},
}

const (
	approvedText = "Hi Jonas, yes: oak and walnut."
	followUpText = "The walnut one ships on Monday."
)

func automatic(ctx context.Context, s *story) (seen, error) {
	id, workflow, err := s.comment("lena", "How much is the small one?")
	got := seen{workflow: workflow}
	if err != nil {
		return got, err
	}
	status, err := s.reaches(ctx, workflow, privatereply.Sent)
	if err != nil {
		return got, err
	}
	text, err := s.delivered(id, 1)
	if err == nil && (text != status.Text || status.Decision.Rule != "price") {
		err = fmt.Errorf("rule %q sent “%s”, but “%s” was delivered", status.Decision.Rule, status.Text, text)
	}
	got.what = fmt.Sprintf("delivered: “%s”; the workflow is %s", text, status.State)
	return got, err
}

func approved(ctx context.Context, s *story) (seen, error) {
	s.responder = meta.Person{Account: s.account.ID, Username: "jonas"}
	id, workflow, err := s.comment(s.responder.Username, "Does it come in other woods?")
	got := seen{workflow: workflow}
	if err != nil {
		return got, err
	}
	s.approved = id
	if _, err = s.reaches(ctx, workflow, privatereply.AwaitingApproval); err != nil {
		return got, err
	}
	if _, err = s.delivered(id, 0); err != nil {
		return got, err
	}
	var answer workflows.DecisionResult
	if err = s.update(ctx, workflow, workflows.ApproveMessage, workflows.Approve{Approver: "ana", Text: approvedText}, &answer); err != nil {
		return got, err
	}
	status, err := s.reaches(ctx, workflow, privatereply.Sent)
	if err != nil {
		return got, err
	}
	text, err := s.delivered(id, 1)
	if err == nil && (text != approvedText || status.Approver != "ana") {
		err = fmt.Errorf("“%s” was delivered, approved by %q", text, status.Approver)
	}
	got.what = fmt.Sprintf("it waited for %s; delivered: “%s”", status.Approver, text)
	return got, err
}

func rejected(ctx context.Context, s *story) (seen, error) {
	id, workflow, err := s.comment("crypto-deals", "Visit my page for easy money")
	got := seen{workflow: workflow}
	if err != nil {
		return got, err
	}
	if _, err = s.reaches(ctx, workflow, privatereply.AwaitingApproval); err != nil {
		return got, err
	}
	var answer workflows.DecisionResult
	if err = s.update(ctx, workflow, workflows.RejectMessage, workflows.Reject{Approver: "ana", Reason: "spam"}, &answer); err != nil {
		return got, err
	}
	var status workflows.PrivateReplyStatus
	if err = s.stack.Client.GetWorkflow(ctx, workflow, "").Get(ctx, &status); err != nil {
		return got, err
	}
	if status.State != privatereply.Rejected || status.Approver != "ana" {
		return got, fmt.Errorf("the workflow ended as %s, decided by %q", status.State, status.Approver)
	}
	if _, err = s.delivered(id, 0); err != nil {
		return got, err
	}
	if n := s.stack.Sandbox.ReplyAttempts(id); n != 0 {
		return got, fmt.Errorf("%d attempts to send reached Meta, want none", n)
	}
	got.what = fmt.Sprintf("nothing delivered, no attempt made; %s by %s: “%s”", status.State, status.Approver, status.RejectReason)
	return got, nil
}

func repeated(ctx context.Context, s *story) (seen, error) {
	const times = 10
	if err := s.stack.Sandbox.SetWebhookSettings(meta.WebhookSettings{Duplicates: times - 1}); err != nil {
		return seen{}, err
	}
	id, workflow, err := s.comment("mia", "What is the price?")
	got := seen{workflow: workflow}
	if err = errors.Join(err, s.stack.Sandbox.DrainWebhooks(ctx), s.stack.Sandbox.SetWebhookSettings(meta.WebhookSettings{})); err != nil {
		return got, err
	}
	deliveries := 0
	for _, w := range s.stack.Sandbox.Webhooks() {
		if len(w.About) == 1 && w.About[0] == id && w.State == meta.WebhookDelivered {
			deliveries += w.Attempts
		}
	}
	if deliveries != times {
		return got, fmt.Errorf("the bridge took the webhook %d times, want %d", deliveries, times)
	}
	if _, err = s.reaches(ctx, workflow, privatereply.Sent); err != nil {
		return got, err
	}
	if _, err = s.delivered(id, 1); err != nil {
		return got, err
	}
	if n := s.stack.Sandbox.ReplyAttempts(id); n != 1 {
		return got, fmt.Errorf("%d attempts to send reached Meta, want 1", n)
	}
	got.what = fmt.Sprintf("%d deliveries answered 200; one attempt to send, one private reply delivered", deliveries)
	return got, nil
}

func answered(ctx context.Context, s *story) (seen, error) {
	workflow, err := s.reply(s.approved)
	got := seen{workflow: workflow}
	if err != nil {
		return got, err
	}
	// Meta's times are whole milliseconds.
	s.answeredAt = time.Now().UTC().Truncate(time.Millisecond)
	_, err = s.stack.Sandbox.WriteMessage(meta.NewMessage{
		Account: s.account.ID, Username: s.responder.Username, Text: "Great, walnut then!", At: s.answeredAt,
	})
	if err != nil {
		return got, err
	}
	status, err := s.reaches(ctx, workflow, privatereply.Responded)
	if err != nil {
		return got, err
	}
	if want := s.answeredAt.Add(privatereply.StandardWindow); !status.Window.ClosesAt.Equal(want) {
		return got, fmt.Errorf("the window closes at %v, want %v", status.Window.ClosesAt, want)
	}
	got.what = fmt.Sprintf("%s; the window closes %s", status.State, console.FormatTime(status.Window.ClosesAt, time.Now()))
	return got, nil
}

func followedUp(ctx context.Context, s *story) (seen, error) {
	person, err := s.stack.Sandbox.PersonID(s.responder)
	if err != nil {
		return seen{}, err
	}
	workflow, err := privatereply.ConversationID(s.account.Platform, s.account.ID, person)
	got := seen{workflow: workflow}
	if err != nil {
		return got, err
	}
	var answer workflows.FollowUpResult
	if err = s.update(ctx, workflow, workflows.FollowUpUpdate, workflows.FollowUp{Agent: "ana", Text: followUpText}, &answer); err != nil {
		return got, err
	}
	if answer.State != privatereply.OutcomeSent {
		return got, fmt.Errorf("the follow-up was %s: %s", answer.State, answer.Reason.Sentence())
	}
	var texts []string
	for _, m := range s.stack.Sandbox.Inbox(s.responder) {
		if m.Kind == meta.KindFollowUp {
			texts = append(texts, m.Text)
		}
	}
	if len(texts) != 1 || texts[0] != followUpText {
		return got, fmt.Errorf("the person received the follow-ups %q", texts)
	}
	got.what = fmt.Sprintf("delivered: “%s”; Meta's message id is %s", texts[0], answer.MessageID)
	return got, nil
}

func dropped(ctx context.Context, s *story) (seen, error) {
	if _, err := s.stack.Sandbox.AddFault(meta.Fault{Name: "accept-then-drop", Calls: string(meta.OpPrivateReply), Times: 1}); err != nil {
		return seen{}, err
	}
	id, workflow, err := s.comment("noah", "How much is the large one?")
	got := seen{workflow: workflow}
	if err != nil {
		return got, err
	}
	status, err := s.reaches(ctx, workflow, privatereply.Sent)
	if err != nil {
		return got, err
	}
	if len(s.stack.Sandbox.ActiveFaults()) > 0 {
		return got, errors.New("the connection was never dropped")
	}
	if _, err = s.delivered(id, 1); err != nil {
		return got, err
	}
	got.what = fmt.Sprintf("one private reply delivered; the workflow is %s: %s", status.State, status.Reason.Sentence())
	return got, nil
}
