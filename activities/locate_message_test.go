package activities

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// heard notes what Conversations are told, and by which call.
func (b *bench) hear() *[]string {
	var told []string
	b.temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, workflows.PersonMessageSignal, mock.Anything, mock.Anything, workflows.ConversationType, mock.Anything).
		Run(func(args mock.Arguments) {
			m, in := args.Get(3).(workflows.PersonMessage), args.Get(6).(workflows.ConversationInput)
			told = append(told, fmt.Sprint(args.String(1), " ", m.MessageID, " ", m.At.Format(time.TimeOnly), " ", in.HumanAgent, " ", in.RepliedOnly))
			if options := args.Get(4).(client.StartWorkflowOptions); options.TaskQueue != queue {
				told = append(told, "on "+options.TaskQueue)
			}
		}).Return(nil, nil).Maybe()
	b.temporal.On("SignalWorkflow", mock.Anything, mock.Anything, "", workflows.PersonMessageSignal, mock.Anything).
		Return(serviceerror.NewNotFound("none")).Maybe()
	return &told
}

// A message whose webhook named no sender reaches the Conversation of whoever Meta says
// wrote it, at the time of the message; what the account wrote reaches nobody.
func TestLocateMessage(t *testing.T) {
	message := func(from, to, at string) string {
		return fmt.Sprintf(`{"id":"mid","created_time":"2026-03-0%s","from":{"id":"%s","username":"mia"},"to":{"data":[{"id":"%s"}]}}`, at, from, to)
	}
	const now, old = "2T11:59:00+0000", "1T11:00:00+0000"
	told := func(account privatereply.Account, at string, humanAgent, repliedOnly bool) []string {
		return []string{fmt.Sprint("conversation:instagram:", account.ID, ":", person, " mid ", at, " ", humanAgent, " ", repliedOnly)}
	}
	tests := []struct {
		name    string
		account privatereply.Account
		body    string
		change  func(*workflows.LocateMessageInput)
		want    workflows.LocateMessageResult
		told    []string
	}{
		{"a person", instagram, message(person, instagram.ID, now), nil, workflows.LocateMessageResult{Outcome: workflows.LocateNotified}, told(instagram, "11:59:00", false, false)},
		{"with the account's settings", instagram, message(person, instagram.ID, now), func(in *workflows.LocateMessageInput) { in.HumanAgent, in.RepliedOnly = true, true },
			workflows.LocateMessageResult{Outcome: workflows.LocateNotified}, told(instagram, "11:59:00", true, true)},
		{"to an id of the account that no webhook shows", instagramLogin, message(person, "99", now), nil, workflows.LocateMessageResult{Outcome: workflows.LocateNotified}, told(instagramLogin, "11:59:00", false, false)},
		{"without a time", instagram, `{"id":"mid","from":{"id":"` + person + `"}}`, nil, workflows.LocateMessageResult{Outcome: workflows.LocateNotified}, told(instagram, "11:58:00", false, false)},
		{"from the account", instagram, message(instagram.ID, person, now), nil, workflows.LocateMessageResult{Outcome: workflows.LocateOwnMessage}, nil},
		{"from the account's Page", instagram, message(instagram.PageID, person, now), nil, workflows.LocateMessageResult{Outcome: workflows.LocateOwnMessage}, nil},
		{"from nobody", instagram, `{"id":"mid"}`, nil, workflows.LocateMessageResult{Outcome: workflows.LocateNoSender}, nil},
		{"from an id that no workflow can have", instagram, message("a b", instagram.ID, now), nil, workflows.LocateMessageResult{Outcome: workflows.LocateNoSender}, nil},
		{"too old, and no conversation", instagram, message(person, instagram.ID, old), nil, workflows.LocateMessageResult{Outcome: workflows.LocateTooOld}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, tt.body))
			got := b.hear()
			in := locate(tt.account)
			if tt.change != nil {
				tt.change(&in)
			}
			result, err := run[workflows.LocateMessageResult](t, b, workflows.LocateMessageActivity, in)
			if err != nil || result != tt.want {
				t.Errorf("%+v, %v; want %+v", result, err, tt.want)
			}
			if diff := cmp.Diff(tt.told, *got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if paths := b.paths(); len(paths) != 1 || paths[0] != "mid" {
				t.Errorf("asked for %v", paths)
			}
		})
	}
}

func locate(account privatereply.Account) workflows.LocateMessageInput {
	return workflows.LocateMessageInput{Message: privatereply.PersonMessage{
		Platform: account.Platform, Account: account.ID, MessageID: "mid", At: noon.Add(-2 * time.Minute), ReceivedAt: noon,
	}}
}

// A refusal that can pass is tried again, with the time that it needs; one for good ends
// the search with its code.
func TestLocateMessageIsRefused(t *testing.T) {
	gone := instagram
	gone.ID = "17841400000000404"
	meta := func(code int) string { return fmt.Sprintf(`{"error":{"code":%d}}`, code) }
	tests := []struct {
		name    string
		account privatereply.Account
		status  int
		body    string
		again   privatereply.Reason // is tried again, because of this
		want    workflows.LocateMessageResult
	}{
		{"throttled", instagram, 400, meta(4), privatereply.Throttled, workflows.LocateMessageResult{}},
		{"token", instagram, 400, meta(190), privatereply.TokenRejected, workflows.LocateMessageResult{}},
		{"outage", instagram, 500, meta(2), privatereply.Outage, workflows.LocateMessageResult{}},
		{"no answer", instagram, 502, "bad gateway", privatereply.NoAnswer, workflows.LocateMessageResult{}},
		{"unknown account", gone, 200, "{}", privatereply.AccountUnknown, workflows.LocateMessageResult{}},
		{"no token", tokenless, 200, "{}", privatereply.TokenRejected, workflows.LocateMessageResult{}},
		{"a code that nobody knows", instagram, 400, meta(2534001), privatereply.Refused, workflows.LocateMessageResult{}},
		{"no such message", instagram, 400, meta(9000001), "", workflows.LocateMessageResult{Outcome: workflows.LocateRefused, Code: 9000001}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(w http.ResponseWriter, r *http.Request) { says(tt.status, tt.body)(w, r) })
			got, err := run[workflows.LocateMessageResult](t, b, workflows.LocateMessageActivity, locate(tt.account))
			if tt.again == "" {
				tt.want.Reason = got.Reason
				if err != nil || got != tt.want || got.Reason == "" {
					t.Errorf("%+v, %v; want %+v with a reason", got, err, tt.want)
				}
				return
			}
			checkTriedAgain(t, err, tt.again)
		})
	}
}

func checkTriedAgain(t *testing.T, err error, reason privatereply.Reason) {
	t.Helper()
	var failed *temporal.ApplicationError
	if !errors.As(err, &failed) || failed.NonRetryable() || failed.Type() != string(reason) {
		t.Errorf("error = %v, want one of the type %s that is tried again", err, reason)
	}
}

// After a throttle nothing more of the account is read for a while.
func TestLocateMessagePausesReads(t *testing.T) {
	b := newBench(t, says(400, `{"error":{"code":613}}`))
	for _, want := range []privatereply.Reason{privatereply.Throttled, privatereply.Paced} {
		_, err := run[workflows.LocateMessageResult](t, b, workflows.LocateMessageActivity, locate(instagram))
		checkTriedAgain(t, err, want)
	}
	if n := len(b.paths()); n != 1 {
		t.Errorf("Meta was asked %d times", n)
	}
}
