package e2e

import (
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// What a comment costs at Temporal Cloud until its reply waits for the person, over all its
// workflows. It is part of the product: a path that grows shows here.
func TestActions(t *testing.T) {
	t.Parallel()
	p := start(t)
	t.Cleanup(p.startWorker())
	for account, who := range map[string]string{instagram: "ivy", page: "pam"} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			t.Run("answered by a rule", func(t *testing.T) {
				reply, _ := p.comment(meta.NewComment{Account: account, Username: who + "-auto", Text: "price?"})
				sent := p.untilState(t, reply, privatereply.Sent)
				conversation := p.conversationOf(t, account, sent)
				// Start, send, upsert, timer of the wait; join.
				p.wantActions(t, 5, reply, conversation)
				if _, err := p.Sandbox.WriteMessage(meta.NewMessage{Account: account, Username: who + "-auto", Text: "Thanks!"}); err != nil {
					t.Fatal(err)
				}
				p.untilState(t, reply, privatereply.Responded)
				// The message, that it is an answer, upsert, timer of the window.
				p.wantActions(t, 9, reply, conversation)
			})
			t.Run("approved by a person", func(t *testing.T) {
				reply, _ := p.comment(meta.NewComment{Account: account, Username: who + "-asked", Text: "Is it any good?"})
				p.untilState(t, reply, privatereply.AwaitingApproval)
				if _, err := p.update(t, reply, "approve", map[string]any{"approver": "ana", "text": "Yes!"}); err != nil {
					t.Fatal(err)
				}
				sent := p.untilState(t, reply, privatereply.Sent)
				// Start, timer of the deadline, look-up, approval, send, upsert, timer of the wait;
				// join.
				p.wantActions(t, 8, reply, p.conversationOf(t, account, sent))
			})
			t.Run("ignored", func(t *testing.T) {
				reply, _ := p.comment(meta.NewComment{Account: account, Username: who + "-spam", Text: "10k followers"})
				p.untilState(t, reply, privatereply.Ignored)
				p.wantActions(t, 1, reply)
			})
		})
	}
}

// actions are the events that Temporal Cloud counts: https://docs.temporal.io/evaluate/cloud/actions.
// A signal counts once, here where it arrives.
var actions = map[enumspb.EventType]bool{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:                           true,
	enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:                              true,
	enumspb.EVENT_TYPE_TIMER_STARTED:                                        true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:                          true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:                   true,
	enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:                    true,
	enumspb.EVENT_TYPE_MARKER_RECORDED:                                      true,
	enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:             true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:                  true,
	enumspb.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: true,
}

// wantActions fails unless the histories of workflows have so many actions together.
func (p *product) wantActions(t *testing.T, want int, ids ...string) {
	t.Helper()
	n := 0
	var seen []string
	for _, id := range ids {
		events := p.Client.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				t.Fatal(err)
			}
			// A signal with start is one action.
			withStart := e.GetEventId() == 2 && e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
			if actions[e.GetEventType()] && !withStart {
				n++
				seen = append(seen, e.GetEventType().String())
			}
		}
	}
	if n != want {
		t.Errorf("%d actions, want %d: %q", n, want, seen)
	}
}

// conversationOf is the workflow of the conversation that a reply has opened.
func (p *product) conversationOf(t *testing.T, account string, sent workflows.PrivateReplyStatus) string {
	t.Helper()
	id, err := privatereply.ConversationID(sent.Comment.Platform, account, sent.Send.RecipientID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
