package replies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

const (
	queue   = "test"
	account = "17841400000000001"
)

// testServer is a Temporal server with replies on it.
type testServer struct {
	*Client
	t        *testing.T
	temporal client.Client
}

func newTestServer(t *testing.T) *testServer {
	t.Helper()
	server, c := devservertest.StartSetUp(t)
	return &testServer{Client: New(c, server.Namespace, queue, converter.GetDefaultDataConverter()), t: t, temporal: c}
}

// startWorker runs workers whose Meta answers a first attempt with send.
func (b *testServer) startWorker(send privatereply.SendResult) {
	b.t.Helper()
	main := worker.New(b.temporal, queue, worker.Options{WorkflowTaskPollerBehavior: devservertest.TwoOfEachKind})
	main.RegisterWorkflowWithOptions(workflows.PrivateReply, workflow.RegisterOptions{Name: workflows.PrivateReplyType})
	main.RegisterWorkflowWithOptions(workflows.Reopen, workflow.RegisterOptions{Name: workflows.ReopenType})
	main.RegisterWorkflowWithOptions(workflows.Conversation, workflow.RegisterOptions{Name: workflows.ConversationType})
	main.RegisterActivityWithOptions(func(context.Context, workflows.FindMessageInput) (workflows.FindMessageResult, error) {
		return workflows.FindMessageResult{}, nil
	}, activity.RegisterOptions{Name: workflows.FindMessageActivity})
	main.RegisterActivityWithOptions(func(context.Context, workflows.LookUpCommentInput) (workflows.LookUpCommentResult, error) {
		return workflows.LookUpCommentResult{}, nil
	}, activity.RegisterOptions{Name: workflows.LookUpCommentActivity})
	main.RegisterActivityWithOptions(func(context.Context, workflows.JoinConversationInput) error { return nil },
		activity.RegisterOptions{Name: workflows.JoinConversationActivity})
	sends := worker.New(b.temporal, workflows.SendQueue(queue), worker.Options{DisableWorkflowWorker: true})
	sends.RegisterActivityWithOptions(func(_ context.Context, in workflows.SendPrivateReplyInput) (privatereply.SendResult, error) {
		result := send
		result.SentAt = time.Now().UTC()
		return result, nil
	}, activity.RegisterOptions{Name: workflows.SendPrivateReplyActivity})
	sends.RegisterActivityWithOptions(func(context.Context, workflows.SendFollowUpInput) (privatereply.SendResult, error) {
		return privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_follow"}, nil
	}, activity.RegisterOptions{Name: workflows.SendFollowUpActivity})
	sends.RegisterActivityWithOptions(func(context.Context, workflows.PostPublicReplyInput) (privatereply.SendResult, error) {
		return privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "c_1", Wrote: true}, nil
	}, activity.RegisterOptions{Name: workflows.PostPublicReplyActivity})
	for _, w := range []worker.Worker{main, sends} {
		if err := w.Start(); err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(w.Stop)
	}
}

// start starts a reply that a person must decide, to the comment with a number.
func (b *testServer) start(n int, change func(*workflows.PrivateReplyInput)) string {
	b.t.Helper()
	in := workflows.PrivateReplyInput{
		Comment: privatereply.Comment{
			Platform: privatereply.Instagram, Account: account, CommentID: fmt.Sprint(18000000000000000 + n), PersonID: "6000000000000001",
			Username: fmt.Sprintf("person%d", n), Text: "How much?", Source: privatereply.SourcePost, MediaID: "17900000000000001",
			ReceivedAt: time.Now().Add(-time.Duration(n) * time.Hour).UTC(), Via: privatereply.ViaWebhook,
		},
		Decision: privatereply.Decision{Action: privatereply.ActionAsk, Text: "12 euros", Rule: "price"},
	}
	if change != nil {
		change(&in)
	}
	opts, in, err := workflows.PrivateReplyOptions(in, queue, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	b.keys.Set(&opts, in.Comment)
	if _, err := b.temporal.ExecuteWorkflow(b.t.Context(), opts, workflows.PrivateReplyType, in); err != nil {
		b.t.Fatal(err)
	}
	return opts.ID
}

// await waits for something that happens by itself.
func (b *testServer) await(what string, done func() bool) {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(90 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			b.t.Fatalf("it never happens: %s", what)
		}
	}
}

// Lists are sorted by the deadline although the server cannot sort, also where they
// must be put together from slices, and need no query per row.
func TestEarliest(t *testing.T) {
	b := newTestServer(t)
	const all = 12
	for n := range all {
		b.start(n, func(in *workflows.PrivateReplyInput) {
			in.Comment.Attachment = privatereply.Attachment{Kind: privatereply.Photo, URL: "https://scontent.example.com/p.jpg"}
		})
	}
	waiting := Filter{States: []privatereply.State{privatereply.AwaitingApproval}, Running: true}
	b.await("all are listed", func() bool {
		n, err := b.Count(t.Context(), waiting)
		return err == nil && n == all
	})
	for _, tt := range []struct{ sliceRows, limit, want int }{{1000, 100, all}, {2, 5, 5}, {2, 1, 1}, {3, 100, all}} {
		b.sliceRows = tt.sliceRows
		rows, err := b.Earliest(t.Context(), waiting, tt.limit)
		if err != nil || len(rows) != tt.want {
			t.Fatalf("%+v: %d rows, %v", tt, len(rows), err)
		}
		for i, r := range rows {
			if want := fmt.Sprintf("person%d", all-1-i); r.Person != want {
				t.Errorf("%+v: row %d is %s, want %s", tt, i, r.Person, want)
			}
		}
	}
	// From the newest to the oldest, page by page, whatever has ended.
	var newest []Row
	for after, pages := (Cursor{}), 0; pages == 0 || !after.IsZero(); pages++ {
		page, next, err := b.Newest(t.Context(), Filter{Account: account}, after, 5)
		if err != nil || pages > all {
			t.Fatalf("page %d: %v", pages, err)
		}
		newest, after = append(newest, page...), next
	}
	if len(newest) != all || !slices.IsSortedFunc(newest, compareNewest) {
		t.Errorf("%d newest, sorted: %v", len(newest), slices.IsSortedFunc(newest, compareNewest))
	}
	rows, token, err := b.Page(t.Context(), waiting, 5, nil)
	if err != nil || len(rows) != 5 || len(token) == 0 {
		t.Fatalf("a page has %d rows, %v", len(rows), err)
	}
	got := rows[0]
	if got.CommentSHA256 != privatereply.TextSHA256("How much?") {
		t.Errorf("the comment's hash is %q", got.CommentSHA256)
	}
	want := Row{ID: got.ID, CommentSHA256: got.CommentSHA256, State: privatereply.AwaitingApproval, Deadline: got.Deadline, Platform: privatereply.Instagram, Account: account,
		CommentID: got.CommentID, Person: got.Person, Comment: "How much?", Text: "12 euros", Rule: "price", Media: "17900000000000001",
		Source: privatereply.SourcePost, Attachment: privatereply.Attachment{Kind: privatereply.Photo}, StartedAt: got.StartedAt,
		PersonKey: b.PersonKeys(privatereply.Instagram, account, "6000000000000001")[0]}
	if diff := cmp.Diff(want, got); diff != "" || got.Deadline.IsZero() {
		t.Errorf("a row: %s", diff)
	}
}

// A list tells of an edit and of a photo from the memo alone, and what it cannot read
// leaves a gap, never a mark that nobody can act on.
func TestRowOfAnEditedComment(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		memo map[string]any
		want Row
	}{
		"edited, with a photo": {
			map[string]any{workflows.MemoComment: "How much, in oak?", workflows.MemoEdited: at, workflows.MemoAttachment: "photo", workflows.MemoCommentSHA256: "ab"},
			Row{Comment: "How much, in oak?", EditedAt: at, Attachment: privatereply.Attachment{Kind: privatereply.Photo}, CommentSHA256: "ab"},
		},
		"neither":           {map[string]any{workflows.MemoComment: "How much?"}, Row{Comment: "How much?"}},
		"of another form":   {map[string]any{workflows.MemoEdited: "yesterday", workflows.MemoAttachment: 7, workflows.MemoCommentSHA256: true}, Row{}},
		"without their key": {map[string]any{workflows.MemoComment: unreadable, workflows.MemoAttachment: unreadable, workflows.MemoCommentSHA256: unreadable, workflows.MemoEdited: unreadable}, Row{Comment: Encrypted}},
	} {
		t.Run(name, func(t *testing.T) {
			data := converter.GetDefaultDataConverter()
			memo := map[string]*commonpb.Payload{}
			for key, v := range tt.memo {
				p, err := data.ToPayload(v)
				if err != nil {
					t.Fatal(err)
				}
				if v == unreadable {
					p.Metadata[converter.MetadataEncoding] = []byte("binary/encrypted")
				}
				memo[key] = p
			}
			got := New(nil, "default", queue, data).row(&workflowpb.WorkflowExecutionInfo{Memo: &commonpb.Memo{Fields: memo}})
			got.StartedAt = time.Time{}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// unreadable stands for what this program has no key for.
const unreadable = "unreadable"

// What people type into a filter is a value, never a part of the query.
func TestFilterValuesAreEscaped(t *testing.T) {
	b := newTestServer(t)
	b.start(1, nil)
	b.await("it is listed", func() bool {
		n, err := b.Count(t.Context(), Filter{Rule: "price"})
		return err == nil && n == 1
	})
	for _, evil := range []string{`" OR RuleName = "price`, `x" OR "" = "`, `\`, `\" OR RuleName = "price`, `'`, "`", "%", "a\nb", "😢"} {
		n, err := b.Count(t.Context(), Filter{Rule: evil})
		if err != nil || n != 0 {
			t.Errorf("%q finds %d, %v", evil, n, err)
		}
	}
}

// A decision is taken once: its repeat has the same answer, and everybody else is
// told who was first, also after the reply has ended.
func TestDecisions(t *testing.T) {
	b := newTestServer(t)
	b.startWorker(privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_1", RecipientID: "6000000000000001", Wrote: true})
	refused := func(err error, kind Code, words string) {
		t.Helper()
		var no *Error
		if !errors.As(err, &no) || no.Code != kind || !strings.Contains(no.Message, words) {
			t.Errorf("got %v, want %s: %s", err, kind, words)
		}
	}
	approved := b.start(1, nil)
	first, err := b.Approve(t.Context(), approved, "click-1", workflows.Approve{Approver: "ben", Text: "11 euros"})
	if err != nil || !first.Accepted || first.State != privatereply.Sending {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := b.Approve(t.Context(), approved, "click-1", workflows.Approve{Approver: "ben", Text: "11 euros"})
	if diff := cmp.Diff(first, again); err != nil || diff != "" {
		t.Errorf("a repeat: %v, %s", err, diff)
	}
	_, err = b.Approve(t.Context(), approved, "click-2", workflows.Approve{Approver: "ana"})
	refused(err, Refused, "already decided: ben approved this reply at")

	rejected := b.start(2, nil)
	if a, err := b.Reject(t.Context(), rejected, "click-3", workflows.Reject{Approver: "ben", Reason: "spam"}); err != nil || a.State != privatereply.Rejected {
		t.Fatalf("%+v, %v", a, err)
	}
	b.await("it has ended", func() bool {
		d, err := b.temporal.DescribeWorkflowExecution(t.Context(), rejected, "")
		return err == nil && d.GetWorkflowExecutionInfo().GetCloseTime() != nil
	})
	// A list says who decided, when, and whether the text was changed.
	for id, edited := range map[string]bool{approved: true, rejected: false} {
		row, err := b.Row(t.Context(), id)
		if err != nil || row.Approver != "ben" || time.Since(row.DecidedAt) > time.Minute || row.Edited != edited || (row.Text == "11 euros") != edited {
			t.Errorf("%+v, %v", row, err)
		}
	}
	_, err = b.Approve(t.Context(), rejected, "click-4", workflows.Approve{Approver: "ana"})
	refused(err, Refused, "already decided: ben rejected this reply at")
	if s, err := b.Status(t.Context(), rejected); err != nil || s.RejectReason != "spam" {
		t.Errorf("%+v, %v", s, err)
	}

	_, err = b.Approve(t.Context(), "reply:instagram:1:2", "click-5", workflows.Approve{Approver: "ana"})
	refused(err, NotFound, "does not exist")
	_, err = b.Approve(t.Context(), "sweep:instagram:1", "click-6", workflows.Approve{Approver: "ana"})
	refused(err, NotFound, "does not exist")
	_, err = b.Status(t.Context(), "conversation:instagram:1:2")
	refused(err, NotFound, "does not exist")
}

// droppingClient is a server that drops every Update, and counts them.
type droppingClient struct {
	client.Client
	updates int
}

func (d *droppingClient) UpdateWorkflow(context.Context, client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	d.updates++
	return nil, serviceerror.NewWorkflowNotReady("unexpected workflow task failure")
}

// An Update is sent once: a reply answers each one before it ends, so that one that the
// server dropped is a fault that is told, and no refusal of the reply.
func TestUpdatesAreSentOnce(t *testing.T) {
	const (
		reply        = "reply:instagram:" + account + ":18000000000000001"
		conversation = "conversation:instagram:" + account + ":6000000000000001"
	)
	for name, decide := range map[string]func(*Client) error{
		"approve": func(c *Client) error {
			_, err := c.Approve(t.Context(), reply, "click", workflows.Approve{Approver: "ana"})
			return err
		},
		"reject": func(c *Client) error {
			_, err := c.Reject(t.Context(), reply, "click", workflows.Reject{Approver: "ana"})
			return err
		},
		"resolve": func(c *Client) error {
			_, err := c.Resolve(t.Context(), reply, "click", workflows.Resolve{Approver: "ana"})
			return err
		},
		"follow-up": func(c *Client) error {
			_, err := c.FollowUp(t.Context(), conversation, "click", workflows.FollowUp{Agent: "ana", Text: "Hi"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &droppingClient{}
			err := decide(New(server, "default", queue, converter.GetDefaultDataConverter()))
			var dropped *serviceerror.WorkflowNotReady
			var refusal *Error
			if server.updates != 1 || !errors.As(err, &dropped) || errors.As(err, &refusal) {
				t.Errorf("%d Updates, error %v", server.updates, err)
			}
		})
	}
}

// A reply's story names each attempt with Meta's answer and everybody who decided;
// what was refused is not in it.
func TestHistory(t *testing.T) {
	b := newTestServer(t)
	b.startWorker(privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.PersonUnavailable, Code: 10, Subcode: 2534022, TraceID: "trace"})
	id := b.start(1, nil)
	if _, err := b.Approve(t.Context(), id, "click-1", workflows.Approve{}); err == nil {
		t.Error("nobody could approve")
	}
	if _, err := b.Approve(t.Context(), id, "click-2", workflows.Approve{Approver: "ana", Text: "13 euros"}); err != nil {
		t.Fatal(err)
	}
	b.await("it is over", func() bool {
		s, err := b.Status(t.Context(), id)
		return err == nil && s.State == privatereply.Undeliverable
	})
	s, err := b.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Messages) != 1 || s.Messages[0].By != "ana" || s.Messages[0].Text != "13 euros" || s.Messages[0].Name != workflows.ApproveMessage {
		t.Errorf("said: %+v", s.Messages)
	}
	if len(s.Attempts) != 1 || s.Attempts[0].Number != 1 || s.Attempts[0].Result == nil || s.Attempts[0].Result.Subcode != 2534022 || s.Attempts[0].EndedAt.IsZero() {
		t.Errorf("attempts: %+v", s.Attempts)
	}
}

// A conversation shows whose turn it was, and how each follow-up ended.
func TestConversation(t *testing.T) {
	b := newTestServer(t)
	b.startWorker(privatereply.SendResult{Outcome: privatereply.OutcomeSent})
	opts, in, err := workflows.ConversationOptions(privatereply.Account{Platform: privatereply.Instagram, ID: account}, "6000000000000001", queue)
	if err != nil {
		t.Fatal(err)
	}
	wrote := time.Now().UTC().Truncate(time.Millisecond)
	if _, err := b.temporal.SignalWithStartWorkflow(t.Context(), opts.ID, workflows.PersonMessageSignal, workflows.PersonMessage{At: wrote, MessageID: "m_1"}, opts, workflows.ConversationType, in); err != nil {
		t.Fatal(err)
	}
	answer, err := b.FollowUp(t.Context(), opts.ID, "click-1", workflows.FollowUp{Agent: "ana", Text: "It ships on Monday."})
	if err != nil || answer.State != privatereply.OutcomeSent {
		t.Fatalf("%+v, %v", answer, err)
	}
	if err := b.temporal.SignalWorkflow(t.Context(), opts.ID, "", workflows.PersonMessageSignal, workflows.PersonMessage{At: wrote, MessageID: "m_2", Payload: "OLD"}); err != nil {
		t.Fatal(err)
	}
	thread, err := b.Conversation(t.Context(), opts.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(thread.Messages) != 3 || thread.Messages[0].Tap != nil || thread.Messages[2].Tap == nil || thread.Messages[2].Tap.Reason != privatereply.UnknownButton {
		t.Fatalf("lines: %+v", thread.Messages)
	}
	if !thread.Messages[0].At.Equal(wrote) || thread.Messages[0].Agent != "" ||
		thread.Messages[1].Agent != "ana" || thread.Messages[1].Text != "It ships on Monday." || thread.Messages[1].Answer == nil || thread.Messages[1].Answer.MessageID != "m_follow" {
		t.Errorf("lines: %+v", thread.Messages)
	}
	if !thread.Status.WindowClosesAt.Equal(wrote.Add(privatereply.StandardWindow)) {
		t.Errorf("the window closes at %v", thread.Status.WindowClosesAt)
	}
}
