package workflows

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"

	"github.com/privatereply/privatereply"
)

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
			c := listen(t, ConversationInput{HumanAgent: tt.agents})
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
	c := listen(t, ConversationInput{})
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
	c := listen(t, ConversationInput{})
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
	c := listen(t, ConversationInput{})
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
