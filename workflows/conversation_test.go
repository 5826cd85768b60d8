package workflows

import (
	gocmp "cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	replyA = "reply:instagram:17841400000000001:1"
	replyB = "reply:instagram:17841400000000001:2"
)

// conversationTest plays one Conversation in the time-skipping environment.
type conversationTest struct {
	*testsuite.TestWorkflowEnvironment
	t    *testing.T
	in   ConversationInput
	mu   sync.Mutex                 // the environment signals several at once
	told map[string][]time.Duration // since start, by reply
	gone map[string]bool            // replies that have ended
	// The newest answer that a reply was told of, and the replies that were terminated and
	// report no end.
	follows   map[string]time.Time
	neverEnds map[string]bool
	// What replies heard of taps, and of what came of them.
	tapped, ended []string
	sends         []privatereply.SendResult
	sent          []SendFollowUpInput
	found         string
	// retryIn is when Meta takes again what it did not take.
	retryIn time.Duration
	looks   []FindMessageInput
	// What Meta's inbox has of the person, or why it cannot be read.
	wrote   []PersonMessage
	readErr error

	answers map[string]any
	refused map[string]error
}

func newConversationTest(t *testing.T, in ConversationInput) *conversationTest {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	in.Platform, in.Account, in.Person = privatereply.Instagram, "17841400000000001", "6000000000000001"
	c := &conversationTest{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, in: in,
		told: map[string][]time.Duration{}, gone: map[string]bool{}, follows: map[string]time.Time{}, neverEnds: map[string]bool{},
		sends:   []privatereply.SendResult{{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}},
		answers: map[string]any{}, refused: map[string]error{},
	}
	c.SetStartTime(start)
	c.SetTestTimeout(time.Minute)
	c.RegisterWorkflowWithOptions(Conversation, workflow.RegisterOptions{Name: ConversationType})
	c.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, PersonRespondedSignal, mock.Anything).Return(
		func(_, reply, _, _ string, arg any) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.gone[reply] {
				return &temporal.UnknownExternalWorkflowExecutionError{}
			}
			m := arg.(PersonResponded)
			c.told[reply] = append(c.told[reply], m.At.Sub(start))
			if m.Payload != "" {
				c.tapped = append(c.tapped, reply+" "+m.Payload)
			}
			c.follow(reply, m)
			return nil
		}).Maybe()
	c.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, TapAnsweredSignal, mock.Anything).Return(
		func(_, reply, _, _ string, arg any) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.gone[reply] {
				return &temporal.UnknownExternalWorkflowExecutionError{}
			}
			m := arg.(TapAnswered)
			c.ended = append(c.ended, fmt.Sprintf("%s %s %s %s %s after %v", reply, m.Payload, m.State, m.MessageID, m.Reason, m.At.Sub(start)))
			return nil
		}).Maybe()
	c.RegisterActivityWithOptions(func(_ context.Context, in SendFollowUpInput) (privatereply.SendResult, error) {
		c.sent = append(c.sent, in)
		r := c.sends[min(len(c.sent), len(c.sends))-1]
		switch {
		case r.Reason == privatereply.NoWorker:
			return r, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
		case r.Outcome == privatereply.OutcomeNotSent:
			r.RetryAt = c.Now().Add(gocmp.Or(c.retryIn, 15*time.Second))
		}
		return r, nil
	}, activity.RegisterOptions{Name: SendFollowUpActivity})
	c.RegisterActivityWithOptions(func(_ context.Context, in FindMessageInput) (FindMessageResult, error) {
		c.looks = append(c.looks, in)
		return FindMessageResult{MessageID: c.found}, nil
	}, activity.RegisterOptions{Name: FindMessageActivity})
	c.RegisterActivityWithOptions(func(_ context.Context, in ReadMessagesInput) (ReadMessagesResult, error) {
		var read ReadMessagesResult
		for _, m := range c.wrote {
			if !m.At.Before(in.Since) {
				read.Messages = append(read.Messages, m)
			}
		}
		return read, c.readErr
	}, activity.RegisterOptions{Name: ReadMessagesActivity})
	return c
}

// follow plays a reply that was told of an answer: it follows the window, and reports its end.
func (c *conversationTest) follow(reply string, m PersonResponded) {
	newest := m.At
	if c.follows[reply].After(newest) {
		newest = c.follows[reply]
	}
	c.follows[reply] = newest
	c.RegisterDelayedCallback(func() {
		if c.follows[reply].Equal(newest) && !c.neverEnds[reply] {
			c.SignalWorkflow(ReplyEndedSignal, ReplyEnded{Reply: reply})
		}
	}, max(0, newest.Add(privatereply.StandardWindow).Sub(c.Now())))
}

func (c *conversationTest) messageAt(d time.Duration, mid string, at time.Duration) {
	c.RegisterDelayedCallback(func() {
		c.SignalWorkflow(PersonMessageSignal, PersonMessage{At: start.Add(at), MessageID: mid})
	}, d)
}

func (c *conversationTest) joinAt(d time.Duration, reply string, sentAt time.Duration) {
	c.joinWithAt(d, reply, sentAt, nil)
}

func (c *conversationTest) replyAt(d time.Duration, id string, payload any) {
	c.RegisterDelayedCallback(func() {
		c.UpdateWorkflow(FollowUpUpdate, id, &testsuite.TestUpdateCallback{
			OnAccept:   func() {},
			OnReject:   func(err error) { c.refused[id] = err },
			OnComplete: func(answer any, err error) { c.answers[id], c.refused[id] = answer, err },
		}, payload)
	}, d)
}

func (c *conversationTest) play() *ConversationStatus {
	c.t.Helper()
	c.ExecuteWorkflow(ConversationType, c.in)
	if err := c.GetWorkflowError(); err != nil {
		c.t.Fatalf("the conversation failed: %v", err)
	}
	var status ConversationStatus
	if err := c.GetWorkflowResult(&status); err != nil {
		c.t.Fatal(err)
	}
	return &status
}

// The window opens and closes by the person's newest message, whatever order,
// repeats and clocks the events come with; each joined reply hears what answers it.
func TestWindow(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name   string
		in     ConversationInput
		tell   func(*conversationTest)
		closes time.Duration // of the window, 0 if it never opened
		ends   time.Duration // of the conversation
		seen   int
		told   map[string][]time.Duration
	}{
		{"one message", ConversationInput{}, func(c *conversationTest) { c.messageAt(0, "a", -time.Second) },
			day - time.Second, day - time.Second, 1, nil},
		{"a second one extends it", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "a", 0)
			c.messageAt(time.Hour, "b", time.Hour)
		}, day + time.Hour, day + time.Hour, 2, nil},
		{"an older one that comes late does not shorten it", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "b", 0)
			c.messageAt(2*time.Hour, "a", -time.Hour)
		}, day, day, 2, nil},
		{"a repeat counts once", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "a", 0)
			c.messageAt(time.Hour, "a", 0)
		}, day, day, 1, nil},
		{"a message without an id counts", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "", 0)
			c.messageAt(time.Minute, "", 0)
		}, day, day, 2, nil},
		{"a message from the future counts as received", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "a", 5*time.Hour)
		}, day, day, 1, nil},
		{"a clock that is two minutes fast is believed", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "a", 2*time.Minute)
		}, day + 2*time.Minute, day + 2*time.Minute, 1, nil},
		{"human agents keep it for seven days", ConversationInput{HumanAgent: true}, func(c *conversationTest) { c.messageAt(0, "a", 0) },
			day, 7 * day, 1, nil},
		{"nobody we never replied to", ConversationInput{RepliedOnly: true}, func(c *conversationTest) { c.messageAt(0, "a", 0) },
			day, time.Hour, 1, nil},
		{"unless a reply joins", ConversationInput{RepliedOnly: true}, func(c *conversationTest) {
			c.messageAt(0, "a", 0)
			c.joinAt(time.Minute, replyA, -time.Minute)
		}, day, day, 1, map[string][]time.Duration{replyA: {0}}},
		{"a reply that has ended was a reply", ConversationInput{RepliedOnly: true, HumanAgent: true}, func(c *conversationTest) {
			c.gone[replyA] = true
			c.joinAt(0, replyA, 0)
			c.messageAt(3*day, "a", 3*day)
			c.messageAt(4*day, "b", 4*day)
		}, 5 * day, 11 * day, 2, nil},
		{"a joined reply waits for its answer", ConversationInput{}, func(c *conversationTest) { c.joinAt(0, replyA, 0) },
			0, 7 * day, 0, nil},
		{"an answer is told", ConversationInput{}, func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
		}, day + time.Hour, day + time.Hour, 1, map[string][]time.Duration{replyA: {time.Hour}}},
		{"each answer is told", ConversationInput{}, func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
			c.messageAt(2*time.Hour, "b", 2*time.Hour)
		}, day + 2*time.Hour, day + 2*time.Hour, 2, map[string][]time.Duration{replyA: {time.Hour, 2 * time.Hour}}},
		{"an answer that came before the join is told", ConversationInput{}, func(c *conversationTest) {
			c.messageAt(0, "a", time.Second)
			c.joinAt(time.Minute, replyA, 0)
		}, day + time.Second, day + time.Second, 1, map[string][]time.Duration{replyA: {time.Second}}},
		{"a message before the reply is no answer", ConversationInput{}, func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Minute, "a", -5*time.Second)
		}, day - 5*time.Second, 7 * day, 1, nil},
		{"two clocks may differ a little", ConversationInput{}, func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Minute, "a", -4*time.Second)
		}, day - 4*time.Second, day - 4*time.Second, 1, map[string][]time.Duration{replyA: {-4 * time.Second}}},
		{"each reply hears what answers it", ConversationInput{}, func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
			c.joinAt(2*time.Hour, replyB, 2*time.Hour)
			c.messageAt(3*time.Hour, "b", 3*time.Hour)
		}, day + 3*time.Hour, day + 3*time.Hour, 2,
			map[string][]time.Duration{replyA: {time.Hour, 3 * time.Hour}, replyB: {3 * time.Hour}}},
		{"a reply that joins twice hears once", ConversationInput{}, func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.joinAt(time.Minute, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
		}, day + time.Hour, day + time.Hour, 1, map[string][]time.Duration{replyA: {time.Hour}}},
		{"a reply that has ended leaves", ConversationInput{}, func(c *conversationTest) {
			c.gone[replyA] = true
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
		}, day + time.Hour, day + time.Hour, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversationTest(t, tt.in)
			tt.tell(c)
			status := c.play()
			var closes time.Duration
			if !status.WindowClosesAt.IsZero() {
				closes = status.WindowClosesAt.Sub(start)
			}
			if closes != tt.closes || status.MessagesSeen != tt.seen {
				t.Errorf("closes after %v with %d messages, want %v with %d", closes, status.MessagesSeen, tt.closes, tt.seen)
			}
			if got := c.Now().Sub(start); got != tt.ends {
				t.Errorf("ended after %v, want %v", got, tt.ends)
			}
			if tt.told == nil {
				tt.told = map[string][]time.Duration{}
			}
			if diff := cmp.Diff(tt.told, c.told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// A long chat goes on in a new run, and nothing of it is lost.
func TestConversationContinuesAsNew(t *testing.T) {
	c := newConversationTest(t, ConversationInput{HumanAgent: true, RepliedOnly: true})
	c.joinAt(0, replyA, 0)
	c.messageAt(time.Minute, "a", time.Minute)
	c.replyAt(2*time.Minute, "u", FollowUp{Agent: "ana", Text: "Hi!"})
	c.RegisterDelayedCallback(func() { // these come with the task that must go on in a new run
		c.SignalWorkflowSkippingWorkflowTask(PersonMessageSignal, PersonMessage{At: start.Add(time.Hour), MessageID: "b"})
		c.SignalWorkflowSkippingWorkflowTask(PersonMessageSignal, map[string]any{"att": 1})
	}, time.Hour-time.Millisecond)
	c.RegisterDelayedCallback(func() { c.SetContinueAsNewSuggested(true) }, time.Hour)
	c.ExecuteWorkflow(ConversationType, c.in)

	var next *workflow.ContinueAsNewError
	if err := c.GetWorkflowError(); !errors.As(err, &next) {
		t.Fatalf("ended with %v, want a new run", err)
	}
	var in ConversationInput
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]time.Duration{replyA: {time.Minute, time.Hour}}, c.told); diff != "" {
		t.Errorf("told before (-want +got):\n%s", diff)
	}

	d := newConversationTest(t, ConversationInput{})
	d.in = in
	d.SetStartTime(start.Add(time.Hour))
	d.messageAt(time.Second, "a", time.Minute) // a repeat of what the run before saw
	d.gone[replyA] = true
	d.messageAt(time.Minute, "c", time.Hour+time.Minute)
	d.replyAt(time.Hour, "u", FollowUp{Agent: "ana", Text: "Hi!"}) // a caller that did not get the answer
	status := d.play()
	if answer, ok := d.answers["u"].(*FollowUpResult); len(d.sent) != 0 || !ok || answer.MessageID != "m_9" {
		t.Errorf("the repeated follow-up: %d sent, answer %+v (%v)", len(d.sent), d.answers["u"], d.refused["u"])
	}
	if status.MessagesSeen != 3 || !status.LastMessageAt.Equal(start.Add(time.Hour+time.Minute)) {
		t.Errorf("%d messages, the last at %v", status.MessagesSeen, status.LastMessageAt)
	}
	if len(in.ContinuedFrom.Replies) != 1 || !in.ContinuedFrom.Replies[0].Answered || len(status.Replies) != 0 || len(status.FollowUps) != 1 || len(status.RefusedSignals) != 1 {
		t.Errorf("carried over: %+v", status)
	}
	if got := d.Now().Sub(start); got != 7*24*time.Hour+time.Hour+time.Minute {
		t.Errorf("ended after %v", got)
	}
}

// A conversation that does not end goes on in a new run after a month, so that the
// old branches of a changed workflow need not be kept for ever.
func TestLastingConversation(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	for n := range 40 {
		at := time.Duration(n) * 20 * time.Hour
		c.messageAt(at, "", at)
	}
	c.ExecuteWorkflow(ConversationType, c.in)
	var next *workflow.ContinueAsNewError
	if err := c.GetWorkflowError(); !errors.As(err, &next) {
		t.Fatalf("ended with %v, want a new run", err)
	}
	if lasted := c.Now().Sub(start); lasted <= 30*24*time.Hour || lasted > 31*24*time.Hour {
		t.Errorf("the run lasted %v", lasted)
	}
}

// One person with 60 joined replies writes 101 messages in a moment. The newest is enough
// for each reply.
func TestAnswersDoNotMultiply(t *testing.T) {
	const replies, messages = 60, 100
	c := newConversationTest(t, ConversationInput{})
	for i := range replies {
		c.joinAt(0, "reply:instagram:17841400000000001:"+strconv.Itoa(i), 0)
	}
	c.RegisterDelayedCallback(func() {
		for i := range messages {
			c.SignalWorkflowSkippingWorkflowTask(PersonMessageSignal, PersonMessage{At: start.Add(time.Minute + time.Duration(i)*time.Millisecond), MessageID: "p" + strconv.Itoa(i)})
		}
		c.SignalWorkflow(PersonMessageSignal, PersonMessage{At: start.Add(2 * time.Minute), MessageID: "last"})
	}, 3*time.Minute)
	c.ExecuteWorkflow(Conversation, c.in)
	n := 0
	for reply, told := range c.told {
		n += len(told)
		if newest := told[len(told)-1]; newest != 2*time.Minute {
			t.Errorf("%s was last told of the message after %v", reply, newest)
		}
	}
	if n < replies || n > 3*replies {
		t.Errorf("%d signals for %d replies", n, replies)
	}
}

// What no webhook told of is read before a follow-up is refused.
func TestFollowUpReadsTheConversation(t *testing.T) {
	const day = 24 * time.Hour
	c := newConversationTest(t, ConversationInput{})
	c.joinAt(0, replyA, 0)
	c.wrote = []PersonMessage{{At: start.Add(2 * time.Hour), MessageID: "missed"}}
	c.replyAt(3*time.Hour, "missed", FollowUp{Agent: "ana", Text: "Yes, of course"})
	c.replyAt(day+2*time.Hour-time.Minute, "closed", FollowUp{Agent: "ana", Text: "Still there?"})
	status := c.play()
	if answer, ok := c.answers["missed"].(*FollowUpResult); !ok || answer.State != privatereply.OutcomeSent {
		t.Errorf("the follow-up in the missed window: %+v, %v", c.answers["missed"], c.refused["missed"])
	}
	if err := c.refused["closed"]; err == nil || !strings.Contains(err.Error(), "the window is closed") {
		t.Errorf("the follow-up after the window: %v", err)
	}
	if diff := cmp.Diff(map[string][]time.Duration{replyA: {2 * time.Hour}}, c.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if status.MessagesSeen != 1 {
		t.Errorf("%d messages seen", status.MessagesSeen)
	}
}

// A conversation that cannot be read is said to be so, beside the refusal.
func TestFollowUpThatCannotRead(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.joinAt(0, replyA, 0)
	c.readErr = temporal.NewNonRetryableApplicationError("no permission", "not_permitted", nil)
	c.replyAt(time.Hour, "u", FollowUp{Agent: "ana", Text: "Hi!"})
	c.play()
	if err := c.refused["u"]; err == nil || !strings.Contains(err.Error(), "has not written yet") || !strings.Contains(err.Error(), "could not be read") {
		t.Errorf("refused with %v", err)
	}
}

// A follow-up goes only while it may, one at a time, and never twice.
func TestFollowUp(t *testing.T) {
	hi := FollowUp{Agent: "ana", Text: "Hi!"}
	human := FollowUp{Agent: "ana", Text: "Hi!", HumanAgent: true}
	offline := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.NotConnected}
	lost := privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}
	tests := []struct {
		name    string
		agents  bool
		at      time.Duration
		message any
		sends   []privatereply.SendResult
		found   string
		want    FollowUpResult
		refusal string
		sent    int
		tagged  bool
	}{
		{"in the window", false, time.Hour, hi, nil, "", FollowUpResult{State: privatereply.OutcomeSent, MessageID: "m_9"}, "", 1, false},
		{"a human agent in its last minutes", true, 24*time.Hour - time.Minute, human, nil, "", FollowUpResult{}, "a human agent may write from then on until 12:00:00 UTC on 9 Mar 2026", 0, false},
		{"a human agent when it has closed", true, 24 * time.Hour, human, nil, "", FollowUpResult{State: privatereply.OutcomeSent, MessageID: "m_9"}, "", 1, true},
		{"in its last minutes", false, 24*time.Hour - time.Minute, hi, nil, "", FollowUpResult{}, "the window is closed: the person's newest message was at 12:00:00 UTC on 2 Mar 2026", 0, false},
		{"a human agent in the window needs no tag", true, time.Hour, human, nil, "", FollowUpResult{State: privatereply.OutcomeSent, MessageID: "m_9"}, "", 1, false},
		{"a human agent after it", true, 48 * time.Hour, human, nil, "", FollowUpResult{State: privatereply.OutcomeSent, MessageID: "m_9"}, "", 1, true},
		{"after it, not as a human agent", true, 48 * time.Hour, hi, nil, "", FollowUpResult{}, "a human agent may still write until", 0, false},
		{"no human agents here", false, time.Hour, human, nil, "", FollowUpResult{}, "human_agent: this account does not have", 0, false},
		{"nobody says so", false, time.Hour, FollowUp{Text: "Hi!"}, nil, "", FollowUpResult{}, "agent: is missing", 0, false},
		{"no text", false, time.Hour, FollowUp{Agent: "ana"}, nil, "", FollowUpResult{}, "text: text cannot be sent: it is empty", 0, false},
		{"a long text", false, time.Hour, FollowUp{Agent: "ana", Text: strings.Repeat("x", 1001)}, nil, "", FollowUpResult{}, "it has 1001 bytes", 0, false},
		{"an unknown field", false, time.Hour, map[string]any{"agent": "ana", "txt": "Hi"}, nil, "", FollowUpResult{}, `unknown field "txt"`, 0, false},
		{"refused by Meta", false, time.Hour, hi, []privatereply.SendResult{{Outcome: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}}, "",
			FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}, "", 1, false},
		{"offline for a moment", false, time.Hour, hi, []privatereply.SendResult{offline, {Outcome: privatereply.OutcomeSent, MessageID: "m_9"}}, "",
			FollowUpResult{State: privatereply.OutcomeSent, MessageID: "m_9"}, "", 2, false},
		{"offline for long", false, time.Hour, hi, []privatereply.SendResult{offline}, "",
			FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.NotConnected}, "", 5, false},
		{"unknown, found", false, time.Hour, hi, []privatereply.SendResult{lost}, "m_7",
			FollowUpResult{State: privatereply.OutcomeSent, MessageID: "m_7", Reason: privatereply.FoundInConversation}, "", 1, false},
		{"unknown is never repeated", false, time.Hour, hi, []privatereply.SendResult{lost}, "",
			FollowUpResult{State: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}, "", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversationTest(t, ConversationInput{HumanAgent: tt.agents})
			c.joinAt(0, replyA, 0) // keeps the conversation after the window
			c.messageAt(0, "a", 0)
			c.found = tt.found
			if tt.sends != nil {
				c.sends = tt.sends
			}
			c.replyAt(tt.at, "u", tt.message)
			c.play()
			if len(c.sent) != tt.sent {
				t.Errorf("%d sends, want %d", len(c.sent), tt.sent)
			}
			if tt.sent > 0 && c.sent[0].HumanAgent != tt.tagged {
				t.Errorf("tagged: %v, want %v", c.sent[0].HumanAgent, tt.tagged)
			}
			if tt.refusal != "" {
				if err := c.refused["u"]; err == nil || !strings.Contains(err.Error(), tt.refusal) {
					t.Errorf("refused with %v, want %q", err, tt.refusal)
				}
				return
			}
			if got, ok := c.answers["u"].(*FollowUpResult); !ok || *got != tt.want {
				t.Errorf("answer %+v (%v), want %+v", c.answers["u"], c.refused["u"], tt.want)
			}
		})
	}
}

// A look for a follow-up passes over what is known to be something else.
func TestFollowUpLook(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.joinAt(0, replyA, 0)
	c.messageAt(0, "a", 0)
	c.sends = []privatereply.SendResult{{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}, {Outcome: privatereply.OutcomeUnknown}}
	c.replyAt(time.Minute, "first", FollowUp{Agent: "ana", Text: "Hi!"})
	c.replyAt(2*time.Minute, "second", FollowUp{Agent: "ana", Text: "Hi!"})
	c.play()
	if len(c.looks) != 1 {
		t.Fatalf("%d looks, want 1", len(c.looks))
	}
	want := FindMessageInput{
		Platform: privatereply.Instagram, Account: "17841400000000001", Person: "6000000000000001", Text: "Hi!",
		Since: start.Add(2*time.Minute - privatereply.ClockSkew), Known: []string{"m_1", "m_9"},
	}
	if diff := cmp.Diff(want, c.looks[0]); diff != "" {
		t.Errorf("looked for (-want +got):\n%s", diff)
	}
}

// A follow-up that comes in one task with the message that opens the window goes.
func TestFollowUpRightAfterTheMessage(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.RegisterDelayedCallback(func() {
		c.SignalWorkflowSkippingWorkflowTask(PersonMessageSignal, PersonMessage{At: start, MessageID: "a"})
	}, 0)
	c.replyAt(0, "u", FollowUp{Agent: "ana", Text: "Hi!"})
	c.play()
	if got, ok := c.answers["u"].(*FollowUpResult); !ok || got.State != privatereply.OutcomeSent {
		t.Errorf("answer %+v, refused with %v", c.answers["u"], c.refused["u"])
	}
}

// A worker whose clock is behind gives times that have passed: the tries have pauses, and
// the agent is answered.
func TestFollowUpWithAClockBehind(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.joinAt(0, replyA, 0)
	c.messageAt(0, "a", 0)
	c.OnActivity(SendFollowUpActivity, mock.Anything, mock.Anything).Return(func(context.Context, SendFollowUpInput) (privatereply.SendResult, error) {
		if c.sent = append(c.sent, SendFollowUpInput{}); len(c.sent) > 1000 {
			return privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}, nil
		}
		return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, RetryAt: c.Now().Add(-time.Minute)}, nil
	})
	c.replyAt(time.Hour, "u", FollowUp{Agent: "ana", Text: "Hi!"})
	c.play()
	if answer, ok := c.answers["u"].(*FollowUpResult); !ok || answer.State != privatereply.OutcomeRefused || len(c.sent) > 10 {
		t.Errorf("%d sends, answer %+v", len(c.sent), c.answers["u"])
	}
}

// While a reply waits or follows the window, the conversation has no timer: it ends, or times
// its own end, when the reply reports its end.
func TestConversationWaitsForItsReplies(t *testing.T) {
	tests := []struct {
		name   string
		tell   func(*conversationTest)
		in     ConversationInput
		timers []time.Duration
		ends   time.Duration
	}{
		{"nobody answers", func(c *conversationTest) { c.joinAt(0, replyA, 0) }, ConversationInput{}, nil, privatereply.ResponseWait},
		{"somebody answers", func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
		}, ConversationInput{}, nil, 25 * time.Hour},
		{"a human agent has longer than the reply follows", func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.messageAt(time.Hour, "a", time.Hour)
		}, ConversationInput{HumanAgent: true}, []time.Duration{privatereply.HumanAgentWindow - privatereply.StandardWindow}, time.Hour + privatereply.HumanAgentWindow},
		{"the reply was terminated, and the person writes again", func(c *conversationTest) {
			c.joinAt(0, replyA, 0)
			c.neverEnds[replyA] = true
			c.messageAt(time.Hour, "a", time.Hour)
			c.RegisterDelayedCallback(func() { c.gone[replyA] = true }, 2*time.Hour)
			c.messageAt(30*time.Hour, "b", 30*time.Hour)
		}, ConversationInput{}, []time.Duration{privatereply.StandardWindow}, 54 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversationTest(t, tt.in)
			var timers []time.Duration
			c.SetOnTimerScheduledListener(func(_ string, d time.Duration) { timers = append(timers, d) })
			tt.tell(c)
			c.play()
			if !slices.Equal(timers, tt.timers) {
				t.Errorf("timers of %v, want %v", timers, tt.timers)
			}
			if ended := c.Now().Sub(start); ended != tt.ends {
				t.Errorf("it ended after %v, want %v", ended, tt.ends)
			}
		})
	}
}
