package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

const (
	askingReply = "reply:facebook:100000000000001:300000000000001"
	otherReply  = "reply:facebook:100000000000001:300000000000002"
)

// talk stands in for the person's Conversation.
type talk struct {
	status workflows.ConversationStatus
	rivals []workflows.ReplyJoined // who join in the moment in which the reply that asks wants to
}

// talking lets the client reach a Conversation.
func (b *bench) talking(c *talk) {
	b.temporal.On("QueryWorkflow", mock.Anything, mock.Anything, "", "status").
		Return(func(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
			return answered{c.status}, nil
		}).Maybe()
	b.temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, "reply-joined", mock.Anything, mock.Anything, "Conversation", mock.Anything).
		Run(func(args mock.Arguments) {
			joined := args.Get(3).(workflows.ReplyJoined)
			again := func(r workflows.ReplyJoined) bool { return r.Reply == joined.Reply }
			c.status.Replies = append(c.status.Replies, c.rivals...)
			c.rivals = nil
			c.status.Replies = append(slices.DeleteFunc(c.status.Replies, again), joined)
		}).Return(nil, nil).Maybe()
}

// answered is what a query answered.
type answered struct{ status workflows.ConversationStatus }

func (answered) HasValue() bool { return true }

func (a answered) Get(out any) error {
	b, err := json.Marshal(a.status)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// inbox is an answer with one conversation as Meta tells it.
func inbox(participants []string, messages ...string) string {
	return `{"data":[` + thread(participants, messages...) + `]}`
}

func thread(participants []string, messages ...string) string {
	var people []string
	for _, id := range participants {
		people = append(people, fmt.Sprintf(`{"id":%q}`, id))
	}
	return fmt.Sprintf(`{"id":"t_1","participants":{"data":[%s]},"messages":{"data":[%s]}}`,
		strings.Join(people, ","), strings.Join(messages, ","))
}

func message(id, from, text string, after time.Duration) string {
	return fmt.Sprintf(`{"id":%q,"from":{"id":%q},"message":%q,"created_time":%q}`,
		id, from, text, noon.Add(after).Format("2006-01-02T15:04:05-0700"))
}

func find(account privatereply.Account) workflows.FindMessageInput {
	return workflows.FindMessageInput{
		Platform: account.Platform, Account: account.ID, Person: person, Text: testText,
		Since: noon.Add(-privatereply.ClockSkew), Reply: askingReply,
	}
}

// A delivery is believed only on the account's own message with the same text, of
// the right time, that no other reply or follow-up accounts for.
func TestFindMessage(t *testing.T) {
	both := []string{person, page.ID}
	tests := []struct {
		name    string
		account privatereply.Account
		inbox   string
		status  workflows.ConversationStatus // of the person's Conversation
		rivals  []workflows.ReplyJoined
		known   []string
		want    string
	}{
		{name: "found", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)), want: "m_1"},
		{name: "no conversation", account: page, inbox: `{"data":[]}`},
		{name: "another text", account: page, inbox: inbox(both, message("m_1", page.ID, "Hi", time.Second))},
		{name: "the person sent the same text", account: page, inbox: inbox(both, message("m_1", person, testText, time.Second))},
		{name: "a stranger sent it", account: page, inbox: inbox(both, message("m_1", "6000000000000009", testText, time.Second))},
		{name: "at since", account: page, inbox: inbox(both, message("m_1", page.ID, testText, -privatereply.ClockSkew)), want: "m_1"},
		{name: "before since", account: page, inbox: inbox(both, message("m_1", page.ID, testText, -privatereply.ClockSkew-time.Second))},
		{name: "known to whoever asks", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)), known: []string{"m_1"}},
		{name: "another reply's", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, MessageID: "m_1"}}}},
		{name: "perhaps that of a reply that Meta confirmed without naming it", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, SentAt: noon}}}},
		{name: "older than the reply that Meta confirmed without naming it", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, SentAt: noon.Add(time.Minute)}}}, want: "m_1"},
		{name: "not that of a nameless reply with another text", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, SentAt: noon, TextSHA256: privatereply.TextSHA256("other")}}}, want: "m_1"},
		{name: "a follow-up", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{FollowUps: []workflows.FollowUpRecord{{FollowUpResult: workflows.FollowUpResult{MessageID: "m_1"}}}}},
		{name: "its text belongs to a tap", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Taps: []workflows.TapStatus{{Payload: "waits"}, {MessageID: "m_1"}}}},
		{name: "its own, joined before", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: askingReply, MessageID: "m_1"}}}, want: "m_1"},
		{name: "the other of two with the same text", account: page,
			inbox:  inbox(both, message("m_2", page.ID, testText, 2*time.Second), message("m_1", page.ID, testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, MessageID: "m_1"}, {Reply: "reply:facebook:1:2", MessageID: "m_3"}}}, want: "m_2"},
		{name: "taken by another that looks at the same time", account: page, inbox: inbox(both, message("m_1", page.ID, testText, time.Second)),
			rivals: []workflows.ReplyJoined{{Reply: otherReply, MessageID: "m_1"}}},
		{name: "the second of two that look at the same time", account: page,
			inbox:  inbox(both, message("m_2", page.ID, testText, 2*time.Second), message("m_1", page.ID, testText, time.Second)),
			rivals: []workflows.ReplyJoined{{Reply: otherReply, MessageID: "m_1"}}, want: "m_2"},
		{name: "Instagram, as the account", account: instagram, inbox: inbox([]string{person}, message("m_1", instagram.ID, testText, 0)), want: "m_1"},
		{name: "Instagram, as the Page", account: instagram, inbox: inbox([]string{person}, message("m_1", instagram.PageID, testText, 0)), want: "m_1"},
		{name: "Instagram Login, under an id that no webhook shows", account: instagramLogin,
			inbox: inbox([]string{"9000000000000001", person}, message("m_1", "9000000000000001", testText, 0)), want: "m_1"},
		{name: "nobody says who takes part", account: page, inbox: inbox(nil, message("m_1", page.ID, testText, 0)), want: "m_1"},
		{name: "another person's conversation", account: page,
			inbox: inbox([]string{"6000000000000777", page.ID}, message("m_1", page.ID, testText, 0))},
		{name: "another person under an id like ours", account: instagramLogin,
			inbox: inbox([]string{"9000000000000001", "6000000000000777"}, message("m_1", "6000000000000777", testText, 0))},
		{name: "more than was asked for", account: page,
			inbox: `{"data":[` + thread(both) + `,` + thread(both, message("m_1", page.ID, testText, 0)) + `]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, tt.inbox))
			b.talking(&talk{status: tt.status, rivals: tt.rivals})
			in := find(tt.account)
			in.Known = tt.known
			got, err := run[workflows.FindMessageResult](t, b, "FindMessage", in)
			if err != nil || got.MessageID != tt.want {
				t.Errorf("found %q, %v; want %q", got.MessageID, err, tt.want)
			}
			if query, err := url.ParseQuery(b.requests[0].query); err != nil || query.Get("user_id") != person || !strings.HasSuffix(b.requests[0].path, "/conversations") {
				t.Errorf("asked for %+v", b.requests[0])
			}
		})
	}
}

// Without a running conversation no other message is known, and the look goes on.
func TestFindMessageWithoutConversation(t *testing.T) {
	b := newBench(t, says(200, inbox([]string{person}, message("m_1", page.ID, testText, 0))))
	b.temporal.On("QueryWorkflow", mock.Anything, mock.Anything, "", "status").Return(nil, serviceerror.NewNotFound("none")).Once()
	c := &talk{}
	b.talking(c)
	got, err := run[workflows.FindMessageResult](t, b, "FindMessage", find(page))
	if err != nil || got.MessageID != "m_1" {
		t.Errorf("found %q, %v", got.MessageID, err)
	}
	want := []workflows.ReplyJoined{{Reply: askingReply, SentAt: noon, MessageID: "m_1", TextSHA256: privatereply.TextSHA256(testText)}}
	if diff := cmp.Diff(want, c.status.Replies); diff != "" {
		t.Errorf("the conversation has noted (-want +got):\n%s", diff)
	}
}

// When a send never told how it ended, it may have been made long after it was asked
// for. Then Meta's time counts, with room for two clocks.
func TestFindMessageTellsWhen(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{0: 0, 4 * time.Second: 0, 3 * time.Hour: 3*time.Hour - privatereply.ClockSkew} {
		b := newBench(t, says(200, inbox([]string{person}, message("m_1", page.ID, testText, after))))
		b.talking(&talk{})
		got, err := run[workflows.FindMessageResult](t, b, "FindMessage", find(page))
		if err != nil || !got.SentAt.Equal(noon.Add(want)) {
			t.Errorf("a message of %v after the request was asked for counts as sent at %v (%v), want %v after", after, got.SentAt, err, want)
		}
	}
}

// A conversation that asks for a follow-up of its own cannot be asked at the same
// time: it brings along what it knows.
func TestFindMessageForConversation(t *testing.T) {
	b := newBench(t, says(200, inbox([]string{person}, message("m_2", page.ID, testText, time.Second), message("m_1", page.ID, testText, 0))))
	in := find(page)
	in.Reply, in.Known = "", []string{"m_1"}
	got, err := run[workflows.FindMessageResult](t, b, "FindMessage", in)
	if err != nil || got.MessageID != "m_2" {
		t.Errorf("found %q, %v", got.MessageID, err)
	}
}

// What could not be read is an error, which is tried again, and never "not found".
func TestFindMessageFails(t *testing.T) {
	works := func(b *bench) {
		b.temporal.On("QueryWorkflow", mock.Anything, mock.Anything, "", "status").Return(answered{}, nil).Maybe()
	}
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		prepare  func(*bench)
		change   func(*workflows.FindMessageInput)
		mentions string
	}{
		{"Meta refuses", says(400, `{"error":{"code":10}}`), works, nil, "lacks a permission"},
		{"Meta answers nothing readable", says(200, `{}`), works, nil, "form of a list"},
		{"the conversation does not answer", says(200, inbox(nil)), func(b *bench) {
			b.temporal.On("QueryWorkflow", mock.Anything, mock.Anything, "", "status").Return(nil, errors.New("nobody polls"))
		}, nil, "ask conversation:facebook:100000000000001:6000000000000001: nobody polls"},
		{"unusable person", says(200, inbox(nil)), nil, func(in *workflows.FindMessageInput) { in.Person = "a b" }, "unusable id: person"},
		{"unknown account", says(200, inbox(nil)), nil, func(in *workflows.FindMessageInput) { in.Account = "404" }, "unknown account"},
		{"unreadable token", says(200, inbox(nil)), nil, func(in *workflows.FindMessageInput) { in.Account = tokenless.ID }, "token_env"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.answer)
			if tt.prepare != nil {
				tt.prepare(b)
			}
			in := find(page)
			if tt.change != nil {
				tt.change(&in)
			}
			got, err := run[workflows.FindMessageResult](t, b, "FindMessage", in)
			if err == nil || !strings.Contains(err.Error(), tt.mentions) || got.MessageID != "" {
				t.Errorf("found %q, %v; want an error about %q", got.MessageID, err, tt.mentions)
			}
		})
	}
}

// Absence counts only in a conversation that was read back to the attempt, and what else
// the account wrote tells who used the one reply.
func TestFindMessageAbsent(t *testing.T) {
	both := []string{person, page.ID}
	ours := func(text string, at time.Duration) string { return message("m_1", page.ID, text, at) }
	tests := []struct {
		name   string
		inbox  string
		status workflows.ConversationStatus
		want   workflows.FindMessageResult
	}{
		{name: "no conversation is shown", inbox: `{"data":[]}`, want: workflows.FindMessageResult{Readable: true, Empty: true}},
		{name: "the whole conversation", inbox: inbox(both, message("m_1", person, "Hello", 0)), want: workflows.FindMessageResult{Readable: true}},
		{name: "a message without time and sender", inbox: inbox(both, `{"id":"m_1"}`)},
		{name: "somebody else answered", inbox: inbox(both, ours("I answer you myself", time.Minute)), want: workflows.FindMessageResult{Readable: true, Others: true}},
		{name: "somebody wrote before the comment", inbox: inbox(both, ours("Good morning", -time.Hour)), want: workflows.FindMessageResult{Readable: true}},
		{name: "another reply wrote", inbox: inbox(both, ours("Other", time.Minute)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, MessageID: "m_1"}}}, want: workflows.FindMessageResult{Readable: true}},
		{name: "a conversation with somebody else", inbox: inbox([]string{"6000000000000777", page.ID}, ours(testText, time.Second))},
		{name: "not of a nameless reply with another text", inbox: inbox(both, message("m_1", person, "Hello", 0)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, SentAt: noon, TextSHA256: privatereply.TextSHA256("other")}}},
			want:   workflows.FindMessageResult{Readable: true}},
		{name: "perhaps of a nameless reply", inbox: inbox(both, ours(testText, time.Second)),
			status: workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, SentAt: noon}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, tt.inbox))
			b.talking(&talk{status: tt.status})
			in := find(page)
			in.CommentAt = noon
			got, err := run[workflows.FindMessageResult](t, b, "FindMessage", in)
			if err != nil || got != tt.want {
				t.Errorf("found %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

// Where Meta's clock is not ours, what is absent by the clock may be there.
func TestFindMessageByAnotherClock(t *testing.T) {
	for ahead, readable := range map[time.Duration]bool{0: true, 4 * time.Second: true, -time.Minute: false, time.Minute: false} {
		b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", noon.Add(ahead).Format(http.TimeFormat))
			says(200, inbox([]string{person}, message("m_1", person, "Hello", 0)))(w, r)
		})
		b.talking(&talk{})
		got, err := run[workflows.FindMessageResult](t, b, "FindMessage", find(page))
		if err != nil || got.Readable != readable {
			t.Errorf("Meta's clock %v ahead: %+v, %v", ahead, got, err)
		}
	}
}

// A worker whose clock is off finds what is there, at once.
func TestFindMessageWithAClockBehind(t *testing.T) {
	b := newBench(t, says(200, inbox([]string{person}, message("m_1", page.ID, testText, 0))))
	b.talking(&talk{})
	b.now = time.Now().Add(-time.Minute)
	got, err := run[workflows.FindMessageResult](t, b, "FindMessage", find(page))
	if err != nil || got.MessageID != "m_1" {
		t.Errorf("found %+v, %v", got, err)
	}
}

// What the person wrote is told oldest first, and nothing of the account's.
func TestReadMessages(t *testing.T) {
	b := newBench(t, says(200, inbox([]string{person, page.ID},
		message("m_4", person, "two, please", 3*time.Minute), message("m_3", page.ID, "Hello", 2*time.Minute),
		message("m_2", person, "Thanks", time.Minute), message("m_1", person, "Long ago", -time.Hour))))
	got, err := run[workflows.ReadMessagesResult](t, b, "ReadMessages", workflows.ReadMessagesInput{
		Platform: page.Platform, Account: page.ID, Person: person, Since: noon,
	})
	want := []workflows.PersonMessage{{At: noon.Add(time.Minute), MessageID: "m_2"}, {At: noon.Add(3 * time.Minute), MessageID: "m_4"}}
	if diff := cmp.Diff(want, got.Messages); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// heard notes what Conversations are told, and by which call.
func (b *bench) hear() *[]string {
	var told []string
	b.temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, workflows.PersonMessageSignal, mock.Anything, mock.Anything, workflows.ConversationType, mock.Anything).
		Run(func(args mock.Arguments) {
			m, in := args.Get(3).(workflows.PersonMessage), args.Get(6).(workflows.ConversationInput)
			told = append(told, fmt.Sprint(args.String(1), " ", m.MessageID+m.Payload, " ", m.At.Format(time.TimeOnly), " ", in.HumanAgent, " ", in.RepliedOnly))
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
		{"with what they tapped", instagram, message(person, instagram.ID, now), func(in *workflows.LocateMessageInput) { in.Message.Payload = "/q0" },
			workflows.LocateMessageResult{Outcome: workflows.LocateNotified}, []string{"conversation:instagram:" + instagram.ID + ":" + person + " mid/q0 11:59:00 false false"}},
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

// Only can_reply_privately: false is a no. Everything else leaves the reply to its
// deadline and to Meta's answer to the send.
func TestLookUpComment(t *testing.T) {
	created := noon.Add(-time.Hour)
	facts := func(notRepliable bool) workflows.LookUpCommentResult {
		return workflows.LookUpCommentResult{CreatedAt: created, Deadline: created.Add(7*24*time.Hour - 2*time.Minute), NotRepliable: notRepliable}
	}
	tests := []struct {
		name    string
		account privatereply.Account
		body    string
		want    workflows.LookUpCommentResult
	}{
		{"may be answered", page, `{"created_time":"2026-03-02T11:00:00+0000","can_reply_privately":true}`, facts(false)},
		{"may not", page, `{"created_time":"2026-03-02T11:00:00+0000","can_reply_privately":false}`, facts(true)},
		{"not said", page, `{"created_time":"2026-03-02T11:00:00+0000"}`, facts(false)},
		{"null", page, `{"can_reply_privately":null}`, workflows.LookUpCommentResult{}},
		{"nothing at all", page, `{}`, workflows.LookUpCommentResult{}},
		{"unreadable time", page, `{"created_time":"yesterday","can_reply_privately":false}`, workflows.LookUpCommentResult{NotRepliable: true}},
		{"Instagram", instagram, `{"timestamp":"2026-03-02T11:00:00+0000"}`, facts(false)},
		{"Instagram Login", instagramLogin, `{"timestamp":"2026-03-02T12:00:00+0100"}`, facts(false)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, tt.body))
			got, err := run[workflows.LookUpCommentResult](t, b, "LookUpComment", workflows.LookUpCommentInput{Comment: postComment(tt.account)})
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if paths := b.paths(); len(paths) != 1 || paths[0] != "200000000000001_300000000000001" {
				t.Errorf("asked for %v", paths)
			}
		})
	}
}

// A visitor post is looked up as it was received.
func TestLookUpVisitorPost(t *testing.T) {
	b := newBench(t, says(200, `{}`))
	c := postComment(page)
	c.CommentID, c.PostID = "", "100000000000001_200000000000001"
	_, err := run[workflows.LookUpCommentResult](t, b, "LookUpComment", workflows.LookUpCommentInput{Comment: c})
	if paths := b.paths(); err != nil || len(paths) != 1 || paths[0] != c.PostID {
		t.Errorf("asked for %v, %v", paths, err)
	}
}

// A refusal of the look-up is not a no of Meta's to the reply.
func TestLookUpCommentFails(t *testing.T) {
	missing, unreadable := page, tokenless
	missing.ID = "404"
	tests := []struct {
		name     string
		account  privatereply.Account
		status   int
		body     string
		mentions string
	}{
		{"gone, or no permission", page, 400, `{"error":{"code":100,"error_subcode":33}}`, "100/33"},
		{"token", page, 400, `{"error":{"code":190}}`, "access token"},
		{"outage", page, 500, ``, "not a JSON object"},
		{"a text for a bool", page, 200, `{"can_reply_privately":"false"}`, "expected form"},
		{"unknown account", missing, 200, `{}`, "unknown account"},
		{"unreadable token", unreadable, 200, `{}`, "token_env"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(tt.status, tt.body))
			got, err := run[workflows.LookUpCommentResult](t, b, "LookUpComment", workflows.LookUpCommentInput{Comment: postComment(tt.account)})
			if err == nil || !strings.Contains(err.Error(), tt.mentions) || got.NotRepliable {
				t.Errorf("got %+v, %v; want an error about %q", got, err, tt.mentions)
			}
		})
	}
}

// A message with buttons is found by the text that Facebook shows in its template. Where
// Meta shows none, as on Instagram, nobody knows whose it is, and it is not missing.
func TestFindTemplate(t *testing.T) {
	message := func(id, attached string) string {
		return fmt.Sprintf(`{"id":%q,"from":{"id":%q},"message":"","created_time":%q,"attachments":{"data":[%s]}}`,
			id, page.ID, noon.Format("2006-01-02T15:04:05-0700"), attached)
	}
	shown := func(title string) string { return fmt.Sprintf(`{"generic_template":{"title":%q,"cta":[]}}`, title) }
	both := []string{person, page.ID}
	others := workflows.ConversationStatus{Replies: []workflows.ReplyJoined{{Reply: otherReply, MessageID: "m_1"}}}
	taps := []privatereply.Tap{{Payload: "privatereply:1:b0", Title: "Yes", Then: "The list"}}
	for _, tt := range []struct {
		name    string
		account privatereply.Account
		inbox   string
		status  workflows.ConversationStatus
		text    bool // it is a plain text that is searched for
		want    workflows.FindMessageResult
	}{
		{name: "its text is shown", account: page, inbox: inbox(both, message("m_1", shown(testText))),
			want: workflows.FindMessageResult{MessageID: "m_1", SentAt: noon, Readable: true}},
		{name: "another template", account: page, inbox: inbox(both, message("m_1", shown("Other"))), want: workflows.FindMessageResult{Readable: true, Others: true}},
		{name: "the beginning is shown", account: page, inbox: inbox(both, message("m_1", shown(testText[:12]+"...")))},
		{name: "nothing is shown", account: page, inbox: inbox(both, message("m_1", `{}`))},
		{name: "nothing is shown on Instagram", account: instagram, inbox: inbox(both, message("m_1", `{}`))},
		{name: "another reply's", account: instagram, inbox: inbox(both, message("m_1", `{}`)), status: others, want: workflows.FindMessageResult{Readable: true}},
		{name: "a plain text is searched for", account: page, inbox: inbox(both, message("m_1", `{}`)), text: true,
			want: workflows.FindMessageResult{Readable: true, Others: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, c := newBench(t, says(200, tt.inbox)), &talk{status: tt.status}
			b.talking(c)
			in := find(tt.account)
			in.Template, in.Taps, in.CommentAt = !tt.text, taps, noon.Add(-time.Minute)
			got, err := run[workflows.FindMessageResult](t, b, "FindMessage", in)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if tt.want.MessageID == "" {
				return
			}
			if diff := cmp.Diff(taps, c.status.Replies[0].Taps); diff != "" {
				t.Errorf("the conversation knows these taps of it: %s", diff)
			}
		})
	}
}
