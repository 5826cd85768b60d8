package routing

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/workflows"
)

// With any concurrency each event is routed once, no more of them at once, and the messages
// of one person in their order.
func TestRouteConcurrency(t *testing.T) {
	for _, concurrency := range []int{1, 8} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) { testRouteConcurrency(t, concurrency) })
	}
}

func testRouteConcurrency(t *testing.T, concurrency int) {
	const people, each = 20, 20
	var events []workflows.InboundEvent
	for n := range people * each {
		events = append(events, workflows.InboundEvent{Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001",
			PersonID: fmt.Sprint("600000000000", n%people), MessageID: fmt.Sprint(n), At: time.Now(),
		}}})
	}
	synctest.Test(t, func(t *testing.T) {
		var underWay atomic.Int32
		temporal := mocks.NewClient(t)
		temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Run(func(mock.Arguments) {
				if n := underWay.Add(1); int(n) > concurrency {
					t.Errorf("%d events are routed at once", n)
				}
				time.Sleep(time.Millisecond)
				underWay.Add(-1)
			}).Return(nil, nil)
		routed := map[int]int{}
		last := map[string]int{}
		err := New(temporal, "queue", personkey.Keys{}, time.Now).Route(t.Context(), events, concurrency, func(n int, _ Result) {
			routed[n]++
			person := events[n].Message.PersonID
			if was, ok := last[person]; ok && was > n {
				t.Errorf("message %d of person %s was routed after message %d", n, person, was)
			}
			last[person] = n
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range events {
			if routed[n] != 1 {
				t.Errorf("event %d was routed %d times", n, routed[n])
			}
		}
	})
}

// routeAll routes events and returns their results.
func routeAll(t *testing.T, c client.Client, events ...workflows.InboundEvent) []Result {
	t.Helper()
	results := make([]Result, len(events))
	err := New(c, "queue", personkey.Keys{}, func() time.Time { return now }).Route(t.Context(), events, 8, func(n int, e Result) { results[n] = e })
	if err != nil {
		t.Fatal(err)
	}
	return results
}

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// edited is the edit of a comment, with what the rules say of its new words.
func edited(d privatereply.Decision) workflows.InboundEvent {
	return workflows.InboundEvent{Decision: &d, Event: privatereply.Event{Edited: &privatereply.Comment{
		Platform: privatereply.Facebook, Account: "100000000000001", CommentID: "2_3", MediaID: "1_2", Source: privatereply.SourcePost,
		Text: "How much is the red one?", ReceivedAt: now, EditedAt: now.Add(-time.Second),
	}}}
}

// An edit tells the comment's reply the new words and what the rules say of them. Where
// it overtakes its comment the reply begins with the new words, and a person decides:
// nobody knows how old the comment is.
func TestRouteEdited(t *testing.T) {
	auto := privatereply.Decision{Action: privatereply.ActionAuto, Rule: "price", Text: "Hi!", Hold: privatereply.Duration(time.Minute), Reason: privatereply.DecidedByRule}
	asked := auto
	asked.Action, asked.Reason, asked.Hold = privatereply.ActionAsk, privatereply.FoundByEdit, 0
	ask := privatereply.Decision{Action: privatereply.ActionAsk, Rule: "complaints", Reason: privatereply.DecidedByRule}
	ignore := privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "emoji", Reason: privatereply.DecidedByRule}
	tests := []struct {
		name      string
		decided   privatereply.Decision
		begins    privatereply.Decision // if no reply is there
		state     privatereply.State
		startedAs error
		want      Result
	}{
		{"auto", auto, asked, privatereply.AwaitingApproval, nil, Result{Signalled, ""}},
		{"ask", ask, ask, privatereply.AwaitingApproval, nil, Result{Signalled, ""}},
		{"ignore", ignore, ignore, privatereply.Ignored, nil, Result{Signalled, ""}},
		{"the reply has ended", auto, asked, privatereply.AwaitingApproval,
			serviceerror.NewWorkflowExecutionAlreadyStarted("it has ended", "", ""), Result{Ignored, ReplyEnded}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const id = "reply:facebook:100000000000001:3"
			c := mocks.NewClient(t)
			event := edited(tt.decided)
			c.On("SignalWithStartWorkflow", mock.Anything, id, workflows.CommentEditedSignal, mock.Anything, mock.Anything, workflows.PrivateReplyType, mock.Anything).
				Run(func(args mock.Arguments) {
					signal := workflows.CommentEdited{Text: event.Edited.Text, At: event.Edited.EditedAt, Decision: &tt.decided, Attachment: event.Edited.Attachment}
					if diff := cmp.Diff(signal, args.Get(3)); diff != "" {
						t.Errorf("signal (-want +got):\n%s", diff)
					}
					options, in := args.Get(4).(client.StartWorkflowOptions), args.Get(6).(workflows.PrivateReplyInput)
					if options.ID != id || options.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE ||
						options.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING || options.TaskQueue != "queue" {
						t.Errorf("options = %+v", options)
					}
					if diff := cmp.Diff(tt.begins, in.Decision); diff != "" {
						t.Errorf("decision (-want +got):\n%s", diff)
					}
					if in.Comment.Text != event.Edited.Text || in.InitialState == nil || in.InitialState.State != tt.state {
						t.Errorf("it begins with %+v", in)
					}
				}).Return(nil, tt.startedAs)
			if got := routeAll(t, c, event); got[0] != tt.want {
				t.Errorf("result = %v, want %v", got[0], tt.want)
			}
		})
	}
}

// The edit of a comment comes after the comment and before its removal, as they arrived.
func TestEditedKeepsItsOrder(t *testing.T) {
	d := privatereply.Decision{Action: privatereply.ActionAsk}
	comment := edited(d)
	comment.Comment, comment.Edited = comment.Edited, nil
	removal := workflows.InboundEvent{Event: privatereply.Event{Removal: &privatereply.Removal{Platform: privatereply.Facebook, Account: "100000000000001", CommentID: "9_3"}}}
	var calls []string
	c := mocks.NewClient(t)
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.PrivateReplyType, mock.Anything).
		Run(func(mock.Arguments) { calls = append(calls, "start") }).Return(nil, nil)
	c.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
		Run(func(args mock.Arguments) { calls = append(calls, args.String(2)) }).Return(nil, nil)
	routeAll(t, c, comment, edited(d), removal, edited(d))
	want := []string{"start", workflows.CommentEditedSignal, workflows.CommentRemovedSignal, workflows.CommentEditedSignal}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// The payload of a tap reaches the person's conversation, also of one too old to open a
// window, and goes with a message whose sender Meta is asked for.
func TestRouteTap(t *testing.T) {
	const payload = "privatereply:18000000000000001:b0"
	tap := func(person, mid string, at time.Time) workflows.InboundEvent {
		return workflows.InboundEvent{Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001", PersonID: person, MessageID: mid, Payload: payload, At: at,
		}}}
	}
	const id = "conversation:instagram:17841400000000001:6000000000000001"
	old := now.Add(-25 * time.Hour)
	nobody := tap("", "m2", now)
	c := mocks.NewClient(t)
	c.On("SignalWithStartWorkflow", mock.Anything, id, workflows.PersonMessageSignal,
		workflows.PersonMessage{At: now, MessageID: "m1", Payload: payload}, mock.Anything, workflows.ConversationType, mock.Anything).Return(nil, nil)
	c.On("SignalWorkflow", mock.Anything, id, "", workflows.PersonMessageSignal,
		workflows.PersonMessage{At: old, MessageID: "m3", Payload: payload}).Return(nil)
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.LocateMessageType,
		workflows.LocateMessageInput{Message: *nobody.Message}).Return(nil, nil)
	got := routeAll(t, c, tap("6000000000000001", "m1", now), nobody, tap("6000000000000001", "m3", old))
	if diff := cmp.Diff([]Result{{Signalled, ""}, {Signalled, ""}, {Signalled, ""}}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// A message without a sender gets a workflow that asks Meta, once; one whose id no
// workflow can have is ignored, and its neighbours are routed.
func TestRouteMessageWithoutSender(t *testing.T) {
	message := func(mid string) workflows.InboundEvent {
		return workflows.InboundEvent{HumanAgent: true, RepliedOnly: true, Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001", MessageID: mid, At: now, ReceivedAt: now,
		}}}
	}
	const id = "message:instagram:17841400000000001:"
	c := mocks.NewClient(t)
	with := func(want string) any {
		return mock.MatchedBy(func(o client.StartWorkflowOptions) bool {
			return o.ID == want && o.TaskQueue == "queue" && o.WorkflowIDReusePolicy == enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE &&
				o.WorkflowExecutionErrorWhenAlreadyStarted
		})
	}
	fresh := message("fresh")
	c.On("ExecuteWorkflow", mock.Anything, with(id+"fresh"), workflows.LocateMessageType,
		workflows.LocateMessageInput{Message: *fresh.Message, HumanAgent: true, RepliedOnly: true}).Return(nil, nil)
	c.On("ExecuteWorkflow", mock.Anything, with(id+"known"), workflows.LocateMessageType, mock.Anything).
		Return(nil, serviceerror.NewWorkflowExecutionAlreadyStarted("it has ended", "", ""))
	got := routeAll(t, c, fresh, message("known"), message("a b"), message(""))
	want := []Result{{Signalled, ""}, {Duplicate, ""}, {Ignored, NoUsableID}, {Ignored, NoUsableID}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
