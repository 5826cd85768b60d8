// Package demo plays one story through the whole product, and checks at each step
// that it happened: by what the sandbox in Meta's place counted, and by what the
// workflow says about itself.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

// Suite is the registry's entry of the story.
var Suite = scenario.Suite{Name: "demo", About: "one story through the whole product", Scenarios: []scenario.Scenario{
	{Name: "story", About: "nine steps, each checked", OwnServer: true},
}, Run: func(ctx context.Context, lab *scenario.Lab, _ []scenario.Scenario) error {
	ok, err := Run(ctx, lab.Out, false)
	if err == nil && !ok {
		err = errors.New("the story went wrong")
	}
	return err
}}

// stepTimeout bounds one step, on a busy machine too.
const stepTimeout = 30 * time.Second

// step is one part of the story.
type step struct {
	title    string
	expected string
	run      func(context.Context, *story) (observation, error)
}

// observation is what a step has verified.
type observation struct {
	summary  string // in words
	workflow string // whose page in the Web UI shows it
}

// Run plays the story and reports whether every step was seen to happen. With keep
// it leaves the product running until ctx is done.
func Run(ctx context.Context, out io.Writer, keep bool) (ok bool, err error) {
	folder, err := os.MkdirTemp("", "private-replies-demo-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	cli, err := devserver.Find(ctx, out)
	if err != nil {
		return false, err
	}
	ports, err := harness.FreePorts()
	if err != nil {
		return false, err
	}
	stack, err := harness.StartDev(ctx, harness.DevOptions{Folder: folder, Ports: ports, CLIPath: cli, Ephemeral: true, Progress: out})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()

	began := time.Now()
	ok = playSteps(ctx, out, stack, steps)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !ok {
		fmt.Fprintf(out, "\nThe story went wrong; see the steps marked ✗.\n")
	} else {
		fmt.Fprintf(out, "\n%d of %d steps seen to happen, in %.1f s.\n", len(steps), len(steps), time.Since(began).Seconds())
	}
	if !keep {
		return ok, nil
	}
	fmt.Fprintf(out, "\nStill running, until Ctrl-C:\n  %s/namespaces/%s/workflows   Temporal's Web UI\n  %s/   the sandbox: be a person who comments\n\n",
		stack.Server.UIURL, stack.Server.Namespace, stack.SandboxURL)
	return ok, stack.Wait(ctx)
}

func playSteps(ctx context.Context, out io.Writer, stack *harness.Dev, steps []step) bool {
	s := &story{dev: stack, account: stack.Accounts.All()[0]}
	all := true
	for i, step := range steps {
		fmt.Fprintf(out, "\n%d. %s\n", i+1, step.title)
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		got, err := step.run(ctx, s)
		cancel()
		mark := "✓"
		if err != nil {
			mark, got.summary, all = "✗", err.Error(), false
		}
		f := &console.Facts{}
		f.Add("expected", "%s", step.expected)
		f.Add("seen", "%s %s", got.summary, mark)
		if got.workflow != "" {
			f.AddUnwrapped("Web UI", fmt.Sprintf("%s/namespaces/%s/workflows/%s", stack.Server.UIURL, stack.Server.Namespace, url.PathEscape(got.workflow)))
		}
		if err := f.Write(out); err != nil {
			return false
		}
	}
	return all
}

// steps are the story, in order. Its rules are those of `starter dev`.
var steps = []step{
	{
		"Lena asks for the price; the rule “price” answers.",
		"Meta delivers one private reply, and the workflow is sent.",
		answeredByRule,
	},
	{
		"Jonas asks something that no rule knows; a person approves an answer of her own.",
		"Nothing is sent before the approval; then Meta delivers her text.",
		approvedByPerson,
	},
	{
		"Somebody advertises; a person rejects the reply.",
		"Nothing is ever sent, and the workflow says who decided so.",
		rejectedByPerson,
	},
	{
		"Meta delivers the webhook about one comment ten times.",
		"The bridge answers 200 each time, and the comment gets one private reply.",
		deliveredTenTimes,
	},
	{
		"Jonas answers the private reply.",
		"The 24-hour window opens, and closes 24 hours after his message.",
		personWritesBack,
	},
	{
		"A person writes to Jonas again, inside the window.",
		"Meta delivers the follow-up.",
		followUpSent,
	},
	{
		"Meta delivers a private reply and then drops the connection instead of answering.",
		"Within 20 seconds the product finds out that it was delivered, and sends no second one.",
		connectionDropped,
	},
	{
		"Mia asks for the list; the rule “list” answers with a button, and under her comment.",
		"Meta delivers one private reply with the button, and one public reply.",
		campaignAnswered,
	},
	{
		"Mia taps the button, twice.",
		"The list comes by itself, once, inside the window that her tap opens.",
		buttonTapped,
	},
}

const (
	approvedText = "Hi Jonas, yes: oak and walnut."
	followUpText = "The walnut one ships on Monday."
)

func answeredByRule(ctx context.Context, s *story) (observation, error) {
	id, workflow, err := s.writeComment("lena", "How much is the small one?")
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	status, err := s.awaitState(ctx, workflow, privatereply.Sent)
	if err != nil {
		return got, err
	}
	text, err := s.checkDelivered(id, 1)
	if err == nil && (text != status.Text || status.Decision.Rule != "price") {
		err = fmt.Errorf("rule %q sent “%s”, but “%s” was delivered", status.Decision.Rule, status.Text, text)
	}
	got.summary = fmt.Sprintf("delivered: “%s”; the workflow is %s", text, status.State)
	return got, err
}

func approvedByPerson(ctx context.Context, s *story) (observation, error) {
	s.responder = meta.Person{Account: s.account.ID, Username: "jonas"}
	id, workflow, err := s.writeComment(s.responder.Username, "Does it come in other woods?")
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	s.approvedComment = id
	if _, err = s.awaitState(ctx, workflow, privatereply.AwaitingApproval); err != nil {
		return got, err
	}
	if _, err = s.checkDelivered(id, 0); err != nil {
		return got, err
	}
	var answer workflows.DecisionResult
	if err = s.update(ctx, workflow, workflows.ApproveMessage, workflows.Approve{Approver: "ana", Text: approvedText}, &answer); err != nil {
		return got, err
	}
	status, err := s.awaitState(ctx, workflow, privatereply.Sent)
	if err != nil {
		return got, err
	}
	text, err := s.checkDelivered(id, 1)
	if err == nil && (text != approvedText || status.Approver != "ana") {
		err = fmt.Errorf("“%s” was delivered, approved by %q", text, status.Approver)
	}
	got.summary = fmt.Sprintf("it waited for %s; delivered: “%s”", status.Approver, text)
	return got, err
}

func rejectedByPerson(ctx context.Context, s *story) (observation, error) {
	id, workflow, err := s.writeComment("crypto-deals", "Visit my page for easy money")
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	if _, err = s.awaitState(ctx, workflow, privatereply.AwaitingApproval); err != nil {
		return got, err
	}
	var answer workflows.DecisionResult
	if err = s.update(ctx, workflow, workflows.RejectMessage, workflows.Reject{Approver: "ana", Reason: "spam"}, &answer); err != nil {
		return got, err
	}
	var status workflows.PrivateReplyStatus
	if err = s.dev.Client.GetWorkflow(ctx, workflow, "").Get(ctx, &status); err != nil {
		return got, err
	}
	if status.State != privatereply.Rejected || status.Approver != "ana" {
		return got, fmt.Errorf("the workflow ended as %s, decided by %q", status.State, status.Approver)
	}
	if _, err = s.checkDelivered(id, 0); err != nil {
		return got, err
	}
	if n := s.dev.Sandbox.ReplyAttempts(id); n != 0 {
		return got, fmt.Errorf("%d attempts to send reached Meta, want none", n)
	}
	got.summary = fmt.Sprintf("nothing delivered, no attempt made; %s by %s: “%s”", status.State, status.Approver, status.RejectReason)
	return got, nil
}

func deliveredTenTimes(ctx context.Context, s *story) (observation, error) {
	const times = 10
	if err := s.dev.Sandbox.SetWebhookSettings(meta.WebhookSettings{Duplicates: times - 1}); err != nil {
		return observation{}, err
	}
	id, workflow, err := s.writeComment("mia", "What is the price?")
	got := observation{workflow: workflow}
	if err = errors.Join(err, s.dev.Sandbox.DrainWebhooks(ctx), s.dev.Sandbox.SetWebhookSettings(meta.WebhookSettings{})); err != nil {
		return got, err
	}
	deliveries := 0
	for _, w := range s.dev.Sandbox.Webhooks() {
		if len(w.About) == 1 && w.About[0] == id && w.State == meta.WebhookDelivered {
			deliveries += w.Attempts
		}
	}
	if deliveries != times {
		return got, fmt.Errorf("the bridge took the webhook %d times, want %d", deliveries, times)
	}
	if _, err = s.awaitState(ctx, workflow, privatereply.Sent); err != nil {
		return got, err
	}
	if _, err = s.checkDelivered(id, 1); err != nil {
		return got, err
	}
	if n := s.dev.Sandbox.ReplyAttempts(id); n != 1 {
		return got, fmt.Errorf("%d attempts to send reached Meta, want 1", n)
	}
	got.summary = fmt.Sprintf("%d deliveries answered 200; one attempt to send, one private reply delivered", deliveries)
	return got, nil
}

func personWritesBack(ctx context.Context, s *story) (observation, error) {
	workflow, err := s.replyID(s.approvedComment)
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	// Meta's times are whole milliseconds.
	s.answeredAt = time.Now().UTC().Truncate(time.Millisecond)
	_, err = s.dev.Sandbox.WriteMessage(meta.NewMessage{
		Account: s.account.ID, Username: s.responder.Username, Text: "Great, walnut then!", At: s.answeredAt,
	})
	if err != nil {
		return got, err
	}
	status, err := s.awaitState(ctx, workflow, privatereply.Responded)
	if err != nil {
		return got, err
	}
	if want := s.answeredAt.Add(privatereply.StandardWindow); !status.Window.ClosesAt.Equal(want) {
		return got, fmt.Errorf("the window closes at %v, want %v", status.Window.ClosesAt, want)
	}
	got.summary = fmt.Sprintf("%s; the window closes %s", status.State, console.FormatTime(status.Window.ClosesAt, time.Now()))
	return got, nil
}

func followUpSent(ctx context.Context, s *story) (observation, error) {
	person, err := s.dev.Sandbox.PersonID(s.responder)
	if err != nil {
		return observation{}, err
	}
	workflow, err := privatereply.ConversationID(s.account.Platform, s.account.ID, person)
	got := observation{workflow: workflow}
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
	for _, m := range s.dev.Sandbox.Inbox(s.responder) {
		if m.Kind == meta.KindFollowUp {
			texts = append(texts, m.Text)
		}
	}
	if len(texts) != 1 || texts[0] != followUpText {
		return got, fmt.Errorf("the person received the follow-ups %q", texts)
	}
	got.summary = fmt.Sprintf("delivered: “%s”; Meta's message id is %s", texts[0], answer.MessageID)
	return got, nil
}

func connectionDropped(ctx context.Context, s *story) (observation, error) {
	if _, err := s.dev.Sandbox.AddFault(meta.Fault{Name: "accept-then-drop", Calls: string(meta.OpPrivateReply), Times: 1}); err != nil {
		return observation{}, err
	}
	id, workflow, err := s.writeComment("noah", "How much is the large one?")
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	status, err := s.awaitState(ctx, workflow, privatereply.Sent)
	if err != nil {
		return got, err
	}
	if len(s.dev.Sandbox.ActiveFaults()) > 0 {
		return got, errors.New("the connection was never dropped")
	}
	if _, err = s.checkDelivered(id, 1); err != nil {
		return got, err
	}
	got.summary = fmt.Sprintf("one private reply delivered; the workflow is %s: %s", status.State, status.Reason.Sentence())
	return got, nil
}

// campaignRule is the rule of `starter dev` that answers with a button and in public.
const campaignRule = "list"

func campaignAnswered(ctx context.Context, s *story) (observation, error) {
	s.tapper = meta.Person{Account: s.account.ID, Username: "mia-" + campaignRule}
	id, workflow, err := s.writeComment(s.tapper.Username, "May I have the list?")
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	s.campaignComment = id
	status, err := s.await(ctx, workflow, "sent, with its public reply", func(status workflows.PrivateReplyStatus) bool {
		return status.State == privatereply.Sent && status.PublicReply != nil && status.PublicReply.State == workflows.EffectDone
	})
	if err != nil {
		return got, err
	}
	if _, err = s.checkDelivered(id, 1); err != nil {
		return got, err
	}
	report, _ := s.dev.Sandbox.CommentReport(id)
	buttons := report.Delivered[0].Buttons
	if len(buttons) == 0 || status.Decision.Rule != campaignRule || len(status.Buttons) != len(buttons) || buttons[0].Title != status.Buttons[0].Title {
		return got, fmt.Errorf("rule %q sent the buttons %v, but %v were delivered", status.Decision.Rule, status.Buttons, buttons)
	}
	s.button, s.buttonText = buttons[0].Title, status.Buttons[0].Then
	public := s.dev.Sandbox.PublicReplies(id)
	if len(public) != 1 || public[0].Text != status.PublicText {
		return got, fmt.Errorf("the public replies under the comment are %v, want one: “%s”", public, status.PublicText)
	}
	got.summary = fmt.Sprintf("delivered: “%s” [%s]; under the comment: “%s”", report.Delivered[0].Text, s.button, public[0].Text)
	return got, nil
}

func buttonTapped(ctx context.Context, s *story) (observation, error) {
	workflow, err := s.replyID(s.campaignComment)
	got := observation{workflow: workflow}
	if err != nil {
		return got, err
	}
	var status workflows.PrivateReplyStatus
	for taps := 1; taps <= 2; taps++ {
		if _, err = s.dev.Sandbox.Tap(meta.NewTap{Account: s.account.ID, Person: s.tapper.Username, Title: s.button}); err != nil {
			return got, err
		}
		status, err = s.await(ctx, workflow, "told of the tap and its answer", func(status workflows.PrivateReplyStatus) bool {
			return len(status.Taps) == 1 && status.Taps[0].State != "" && status.Taps[0].Times == taps
		})
		if err != nil {
			return got, err
		}
	}
	tap := status.Taps[0]
	if status.State != privatereply.Responded || tap.State != privatereply.OutcomeSent {
		return got, fmt.Errorf("the reply is %s, and the tap's text was %s: %s", status.State, tap.State, tap.Reason.Sentence())
	}
	var texts []string
	for _, m := range s.dev.Sandbox.Inbox(s.tapper) {
		if m.Kind == meta.KindFollowUp {
			texts = append(texts, m.Text)
		}
	}
	if len(texts) != 1 || texts[0] != s.buttonText {
		return got, fmt.Errorf("the person received %q, want “%s” once", texts, s.buttonText)
	}
	got.summary = fmt.Sprintf("delivered once: “%s”; the workflow is %s", texts[0], status.State)
	return got, nil
}

// pollInterval is the time between two status queries.
const pollInterval = 50 * time.Millisecond

// story is the state that the steps share.
type story struct {
	dev     *harness.Dev
	account privatereply.Account

	approvedComment string // the comment of the person who goes on to answer
	responder       meta.Person
	answeredAt      time.Time

	campaignComment    string // the comment that was answered with a button
	tapper             meta.Person
	button, buttonText string // the button's title, and what a tap on it sends
}

// writeComment lets a person comment, and returns the comment's id and its reply's
// workflow id.
func (s *story) writeComment(username, text string) (id, workflow string, err error) {
	id, err = s.dev.Sandbox.Comment(meta.NewComment{Account: s.account.ID, Username: username, Text: text})
	if err != nil {
		return "", "", err
	}
	workflow, err = s.replyID(id)
	return id, workflow, err
}

func (s *story) replyID(comment string) (string, error) {
	return privatereply.ReplyID(privatereply.Comment{Platform: s.account.Platform, Account: s.account.ID, CommentID: comment})
}

// awaitState waits until the reply is in a state, and returns its status.
func (s *story) awaitState(ctx context.Context, workflow string, state privatereply.State) (workflows.PrivateReplyStatus, error) {
	return s.await(ctx, workflow, string(state), func(status workflows.PrivateReplyStatus) bool { return status.State == state })
}

// await waits until cond holds of the reply's status, and returns it.
func (s *story) await(ctx context.Context, workflow, what string, cond func(workflows.PrivateReplyStatus) bool) (workflows.PrivateReplyStatus, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var status workflows.PrivateReplyStatus
	for {
		answer, err := s.dev.Client.QueryWorkflow(ctx, workflow, "", workflows.StatusQuery)
		if err == nil {
			status = workflows.PrivateReplyStatus{}
			err = answer.Get(&status)
		}
		if err == nil && cond(status) {
			return status, nil
		}
		select {
		case <-ctx.Done():
			return status, fmt.Errorf("the reply does not become %s; it is %q (%v)", what, status.State, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

// checkDelivered checks how many private replies to the comment its author received, by
// Meta's count, and returns the text of the last one.
func (s *story) checkDelivered(comment string, want int) (text string, err error) {
	report, ok := s.dev.Sandbox.CommentReport(comment)
	if !ok {
		return "", fmt.Errorf("the sandbox knows no comment %s", comment)
	}
	if n := len(report.Delivered); n != want {
		return "", fmt.Errorf("the sandbox delivered %d private replies to the comment, want %d", n, want)
	}
	if want == 0 {
		return "", nil
	}
	return report.Delivered[want-1].Text, nil
}

// update sends an Update as any tool that speaks Temporal can.
func (s *story) update(ctx context.Context, workflow, name string, message, answer any) error {
	handle, err := s.dev.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   workflow,
		UpdateID:     "demo-" + name,
		UpdateName:   name,
		Args:         []any{message},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, answer)
	}
	var refused *temporal.ApplicationError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s was refused: %s", name, refused.Message())
	}
	return err
}
