package placing

import (
	"context"
	"fmt"
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
	"github.com/privatereply/privatereply/workflows"
)

// Every event is placed even when only one may be at a time and many workflows have
// several: who waits for a turn must not hold up who has one.
func TestPlaceOneAtATime(t *testing.T) {
	const people, each, calls = 20, 20, 8
	var arrivals []workflows.Arrival
	for n := range people * each {
		arrivals = append(arrivals, workflows.Arrival{Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001",
			PersonID: fmt.Sprint("600000000000", n%people), MessageID: fmt.Sprint(n), At: time.Now(),
		}}})
	}
	synctest.Test(t, func(t *testing.T) {
		temporal := mocks.NewClient(t)
		temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Run(func(mock.Arguments) { time.Sleep(time.Millisecond) }).Return(nil, nil)
		one := make(chan struct{}, 1)
		place := New(temporal, "queue", time.Now).InTurn(func(context.Context) (func(), error) {
			one <- struct{}{}
			return func() { <-one }, nil
		})
		placed := map[int]int{}
		last := map[string]int{}
		err := place.Place(t.Context(), arrivals, calls, func(n int, _ Effect) {
			placed[n]++
			person := arrivals[n].Message.PersonID
			if was, ok := last[person]; ok && was > n {
				t.Errorf("message %d of person %s was placed after message %d", n, person, was)
			}
			last[person] = n
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range arrivals {
			if placed[n] != 1 {
				t.Errorf("event %d was placed %d times", n, placed[n])
			}
		}
	})
}

// placeAll places arrivals and gives what became of each.
func placeAll(t *testing.T, c client.Client, arrivals ...workflows.Arrival) []Effect {
	t.Helper()
	effects := make([]Effect, len(arrivals))
	err := New(c, "queue", func() time.Time { return now }).Place(t.Context(), arrivals, 8, func(n int, e Effect) { effects[n] = e })
	if err != nil {
		t.Fatal(err)
	}
	return effects
}

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// edited is the edit of a comment, with what the rules say of its new words.
func edited(d privatereply.Decision) workflows.Arrival {
	return workflows.Arrival{Decision: &d, Event: privatereply.Event{Edited: &privatereply.Comment{
		Platform: privatereply.Facebook, Account: "100000000000001", CommentID: "2_3", MediaID: "1_2", Source: privatereply.SourcePost,
		Text: "How much is the red one?", ReceivedAt: now, EditedAt: now.Add(-time.Second),
	}}}
}

// An edit tells the comment's reply the new words and what the rules say of them. Where
// it overtakes its comment the reply begins with the new words, and a person decides:
// nobody knows how old the comment is.
func TestPlaceEdited(t *testing.T) {
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
		want      Effect
	}{
		{"auto", auto, asked, privatereply.AwaitingApproval, nil, Effect{Signalled, ""}},
		{"ask", ask, ask, privatereply.AwaitingApproval, nil, Effect{Signalled, ""}},
		{"ignore", ignore, ignore, privatereply.Ignored, nil, Effect{Signalled, ""}},
		{"the reply has ended", auto, asked, privatereply.AwaitingApproval,
			serviceerror.NewWorkflowExecutionAlreadyStarted("it has ended", "", ""), Effect{Ignored, ReplyEnded}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const id = "reply:facebook:100000000000001:3"
			c := mocks.NewClient(t)
			arrival := edited(tt.decided)
			c.On("SignalWithStartWorkflow", mock.Anything, id, workflows.CommentEditedSignal, mock.Anything, mock.Anything, workflows.PrivateReplyType, mock.Anything).
				Run(func(args mock.Arguments) {
					signal := workflows.CommentEdited{Text: arrival.Edited.Text, At: arrival.Edited.EditedAt, Decision: &tt.decided, Attachment: arrival.Edited.Attachment}
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
					if in.Comment.Text != arrival.Edited.Text || in.InitialState == nil || in.InitialState.State != tt.state {
						t.Errorf("it begins with %+v", in)
					}
				}).Return(nil, tt.startedAs)
			if got := placeAll(t, c, arrival); got[0] != tt.want {
				t.Errorf("effect = %v, want %v", got[0], tt.want)
			}
		})
	}
}

// The edit of a comment comes after the comment and before its removal, as they arrived.
func TestEditedKeepsItsPlace(t *testing.T) {
	d := privatereply.Decision{Action: privatereply.ActionAsk}
	comment := edited(d)
	comment.Comment, comment.Edited = comment.Edited, nil
	removal := workflows.Arrival{Event: privatereply.Event{Removal: &privatereply.Removal{Platform: privatereply.Facebook, Account: "100000000000001", CommentID: "9_3"}}}
	var calls []string
	c := mocks.NewClient(t)
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.PrivateReplyType, mock.Anything).
		Run(func(mock.Arguments) { calls = append(calls, "start") }).Return(nil, nil)
	c.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
		Run(func(args mock.Arguments) { calls = append(calls, args.String(2)) }).Return(nil, nil)
	placeAll(t, c, comment, edited(d), removal, edited(d))
	want := []string{"start", workflows.CommentEditedSignal, workflows.CommentRemovedSignal, workflows.CommentEditedSignal}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// A message without a sender gets a workflow that asks Meta, once; one whose id no
// workflow can have is ignored, and its neighbours are placed.
func TestPlaceMessageWithoutSender(t *testing.T) {
	message := func(mid string) workflows.Arrival {
		return workflows.Arrival{HumanAgent: true, RepliedOnly: true, Event: privatereply.Event{Message: &privatereply.PersonMessage{
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
	got := placeAll(t, c, fresh, message("known"), message("a b"), message(""))
	want := []Effect{{Signalled, ""}, {Duplicate, ""}, {Ignored, NoUsableID}, {Ignored, NoUsableID}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}
