package activities

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

var joined = workflows.ReplyJoined{Reply: askingReply, SentAt: noon, MessageID: "m_1"}

func join(account privatereply.Account, people ...string) workflows.JoinConversationInput {
	return workflows.JoinConversationInput{Platform: account.Platform, Account: account.ID, People: people, Joined: joined}
}

// started is one signal-with-start as the client was asked for it.
type started struct {
	ID      string
	Signal  string
	Joined  workflows.ReplyJoined
	Options client.StartWorkflowOptions
	Type    string
	Input   workflows.ConversationInput
}

// collect lets the client note what it is asked to start.
func (b *bench) collect(fail error) *[]started {
	var all []started
	b.temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
		Run(func(args mock.Arguments) {
			all = append(all, started{
				ID: args.String(1), Signal: args.String(2), Joined: args.Get(3).(workflows.ReplyJoined),
				Options: args.Get(4).(client.StartWorkflowOptions), Type: args.String(5), Input: args.Get(6).(workflows.ConversationInput),
			})
		}).Return(nil, fail)
	return &all
}

// A delivered reply joins the conversations of everybody it may have gone to, with
// what keeps one person in one workflow, whatever became of the account.
func TestJoinConversation(t *testing.T) {
	gone := page
	gone.ID = "100000000000404"
	conversation := func(account privatereply.Account, person string, humanAgent, repliedOnly bool) started {
		id := "conversation:" + string(account.Platform) + ":" + account.ID + ":" + person
		return started{
			ID: id, Signal: "reply-joined", Joined: joined, Type: "Conversation",
			Options: client.StartWorkflowOptions{
				ID: id, TaskQueue: queue,
				WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
				WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
				WorkflowRunTimeout:       45 * 24 * time.Hour,
				StaticSummary:            "Conversation of a person with " + string(account.Platform) + " account " + account.ID,
			},
			Input: workflows.ConversationInput{
				Platform: account.Platform, Account: account.ID, Person: person, HumanAgent: humanAgent, RepliedOnly: repliedOnly,
				Limits: privatereply.LimitsOf(account.Platform),
			},
		}
	}
	tests := []struct {
		name string
		in   workflows.JoinConversationInput
		want []started
		logs int // people without a conversation
	}{
		{"one person", join(page, person), []started{conversation(page, person, false, false)}, 0},
		{"two ids of the person", join(instagram, "7000000000000001", person),
			[]started{conversation(instagram, "7000000000000001", true, true), conversation(instagram, person, true, true)}, 0},
		{"an unusable id is skipped", join(page, "a b", person), []started{conversation(page, person, false, false)}, 1},
		{"an empty id is skipped", join(page, "", person), []started{conversation(page, person, false, false)}, 1},
		{"the account is gone", join(gone, person), []started{conversation(gone, person, false, false)}, 0},
		{"the token is unreadable", join(tokenless, person), []started{conversation(tokenless, person, true, true)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(500, ""))
			got := b.collect(nil)
			if _, err := run[any](t, b, "JoinConversation", tt.in); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, *got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
				t.Error(diff)
			}
			if paths := b.paths(); len(paths) != 0 {
				t.Errorf("Meta was asked for %v", paths)
			}
			if n := b.logs.FilterMessage("no conversation for this person").Len(); n != tt.logs {
				t.Errorf("%d warnings, want %d", n, tt.logs)
			}
		})
	}
}

// Nobody to join is not an error.
func TestJoinConversationOfNobody(t *testing.T) {
	if _, err := run[any](t, newBench(t, says(500, "")), "JoinConversation", join(page)); err != nil {
		t.Error(err)
	}
}

// A conversation that was not reached is an error, so that the join is tried again.
func TestJoinConversationFails(t *testing.T) {
	b := newBench(t, says(500, ""))
	got := b.collect(errors.New("the server is away"))
	_, err := run[any](t, b, "JoinConversation", join(page, person, "7000000000000001"))
	if err == nil || !strings.Contains(err.Error(), "signal reply-joined to conversation:facebook:100000000000001:"+person+": the server is away") {
		t.Errorf("got %v", err)
	}
	if len(*got) != 1 {
		t.Errorf("went on to %d conversations after the first failed", len(*got))
	}
}

// A send that was delivered joins the conversations of the person by itself. Where that fails
// the delivery stands, and its outcome says that somebody has to join them.
func TestSendJoinsConversation(t *testing.T) {
	comment := postComment(page)
	comment.PersonID = person
	for _, fail := range []error{nil, errors.New("the server is away")} {
		b := newBench(t, says(200, delivered))
		got := b.collect(fail)
		result, err := run[privatereply.SendResult](t, b, workflows.SendPrivateReplyActivity, privateReply(comment, 1))
		if err != nil || result.Outcome != privatereply.OutcomeSent || result.MessageID != "m_1" {
			t.Fatalf("%+v, %v", result, err)
		}
		if result.Joined != (fail == nil) {
			t.Errorf("joined is %v after %v", result.Joined, fail)
		}
		people := []string{"7000000000000001", person}
		if fail != nil {
			people = people[:1] // it does not go on after a failure
		}
		for i, id := range people {
			if i >= len(*got) || !strings.HasSuffix((*got)[i].ID, ":"+id) || (*got)[i].Joined.MessageID != "m_1" || (*got)[i].Joined.TextSHA256 != privatereply.TextSHA256(testText) {
				t.Errorf("joined %+v, want the conversation of %s", *got, id)
			}
		}
		if len(*got) != len(people) {
			t.Errorf("joined %d conversations, want %d", len(*got), len(people))
		}
	}
}

// A send that was not delivered joins nobody.
func TestRefusedSendJoinsNobody(t *testing.T) {
	b := newBench(t, says(400, `{"error":{"code":10900}}`))
	if _, err := run[privatereply.SendResult](t, b, workflows.SendPrivateReplyActivity, privateReply(postComment(page), 1)); err != nil {
		t.Fatal(err)
	}
	b.temporal.AssertNumberOfCalls(t, "SignalWithStartWorkflow", 0)
}
