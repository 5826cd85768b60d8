package workflows

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	listButton  = "privatereply:1:b0"
	priceButton = "privatereply:1:b1"
	yesReply    = "privatereply:2:q0"
)

// campaign is the message of replyA, survey that of replyB.
var (
	campaign = []privatereply.Tap{{Payload: listButton, Title: "The list", Then: "Here it is"}, {Payload: priceButton, Title: "Price", Then: "12 euros"}}
	survey   = []privatereply.Tap{{Payload: yesReply, Title: "Yes"}}
)

func (c *conversationTest) tapAt(d time.Duration, mid string, at time.Duration, payload string) {
	c.RegisterDelayedCallback(func() {
		c.SignalWorkflow(PersonMessageSignal, PersonMessage{At: start.Add(at), MessageID: mid, Payload: payload})
	}, d)
}

func (c *conversationTest) joinWithAt(d time.Duration, reply string, sentAt time.Duration, taps []privatereply.Tap) {
	c.RegisterDelayedCallback(func() {
		c.SignalWorkflow(ReplyJoinedSignal, ReplyJoined{Reply: reply, SentAt: start.Add(sentAt), MessageID: "m_" + reply[len(reply)-1:], Taps: taps})
	}, d)
	c.RegisterDelayedCallback(func() {
		if c.follows[reply].IsZero() && !c.neverEnds[reply] {
			c.SignalWorkflow(ReplyEndedSignal, ReplyEnded{Reply: reply})
		}
	}, max(d, sentAt+privatereply.ResponseWait))
}

// What a tap sends is sent once, while the window is open, and the reply whose message it was
// in hears of the tap and of what came of it.
func TestTap(t *testing.T) {
	const minute = time.Minute
	sent := privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}
	throttled := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, Code: 613, Wrote: true}
	lost := privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true}
	list := TapStatus{Payload: listButton, Title: "The list", At: start.Add(minute), Times: 1, State: privatereply.OutcomeSent, MessageID: "m_9", EndedAt: start.Add(minute)}
	changed := func(s TapStatus, change func(*TapStatus)) TapStatus { change(&s); return s }
	tests := []struct {
		name   string
		tell   func(*conversationTest)
		sends  []privatereply.SendResult
		texts  []string // that were sent
		taps   []TapStatus
		tapped []string // what replies hear of taps
		ended  []string // and of what came of them
	}{
		{"a button", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
		}, nil, []string{"Here it is"}, []TapStatus{list},
			[]string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m0s"}},
		{"two buttons of one message", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
			c.tapAt(2*minute, "a", 2*minute, priceButton)
		}, nil, []string{"Here it is", "12 euros"}, []TapStatus{list, changed(list, func(s *TapStatus) {
			s.Payload, s.Title, s.At, s.EndedAt = priceButton, "Price", start.Add(2*minute), start.Add(2*minute)
		})}, []string{replyA + " " + listButton, replyA + " " + priceButton},
			[]string{replyA + " " + listButton + " sent m_9  after 1m0s", replyA + " " + priceButton + " sent m_9  after 2m0s"}},
		{"one button twice, and Meta says so twice", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
			c.tapAt(2*minute, "a", 2*minute, listButton)
			c.tapAt(3*minute, "a", 2*minute, listButton)
		}, nil, []string{"Here it is"}, []TapStatus{changed(list, func(s *TapStatus) { s.Times = 2 })},
			[]string{replyA + " " + listButton, replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m0s"}},
		{"a repeat without an id", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "", minute, listButton)
			c.tapAt(2*minute, "", minute, listButton)
		}, nil, []string{"Here it is"}, []TapStatus{list},
			[]string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m0s"}},
		{"its message was read in the conversation before", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.messageAt(minute-time.Second, "a", minute)
			c.tapAt(minute, "a", minute+300*time.Millisecond, listButton)
			c.messageAt(2*minute, "a", minute)
		}, nil, []string{"Here it is"}, []TapStatus{changed(list, func(s *TapStatus) { s.At = s.At.Add(300 * time.Millisecond) })},
			[]string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m0s"}},
		{"a quick reply that sends nothing", func(c *conversationTest) {
			c.joinWithAt(0, replyB, 0, survey)
			c.tapAt(minute, "a", minute, yesReply)
		}, nil, nil, []TapStatus{{Payload: yesReply, Title: "Yes", At: start.Add(minute), Times: 1, Reason: privatereply.NothingFollows}},
			[]string{replyB + " " + yesReply}, nil},
		{"another reply hears of a message, not of the tap", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.joinWithAt(0, replyB, 0, survey)
			c.tapAt(minute, "a", minute, listButton)
		}, nil, []string{"Here it is"}, []TapStatus{list},
			[]string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m0s"}},
		{"nobody here wrote that payload", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, "GET_STARTED")
		}, nil, nil, []TapStatus{{Payload: "GET_STARTED", At: start.Add(minute), Times: 1, Reason: privatereply.UnknownButton}}, nil, nil},
		{"of an old follow-up", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, "privatereply:f-00000000-1:b0")
		}, nil, nil, []TapStatus{{Payload: "privatereply:f-00000000-1:b0", At: start.Add(minute), Times: 1, Reason: privatereply.UnknownButton}}, nil, nil},
		{"before the reply joins", func(c *conversationTest) {
			c.tapAt(0, "a", 0, listButton)
			c.tapAt(time.Second, "b", time.Second, listButton)
			c.joinWithAt(minute, replyA, -time.Second, campaign)
			c.joinWithAt(2*minute, replyA, -time.Second, campaign)
		}, nil, []string{"Here it is"}, []TapStatus{changed(list, func(s *TapStatus) { s.At, s.Times = start, 2 })},
			[]string{replyA + " " + listButton, replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m0s"}},
		{"before a reply that never joins", func(c *conversationTest) { c.tapAt(0, "a", 0, listButton) },
			nil, nil, []TapStatus{{Payload: listButton, At: start, Times: 1, Reason: privatereply.UnknownButton}},
			[]string{replyA + " " + listButton}, nil},
		{"reported after the window has closed", func(c *conversationTest) {
			c.joinWithAt(0, replyA, -25*time.Hour, campaign)
			c.tapAt(minute, "a", -24*time.Hour, listButton)
		}, nil, nil, []TapStatus{changed(list, func(s *TapStatus) {
			s.At, s.State, s.Reason, s.MessageID = start.Add(-24*time.Hour), privatereply.OutcomeRefused, privatereply.OutsideWindow, ""
		})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " refused  outside_window after 1m0s"}},
		{"joined after the window has closed", func(c *conversationTest) {
			c.tapAt(0, "a", 0, listButton)
			c.joinWithAt(minute, replyB, minute, survey) // waits for an answer
			c.joinWithAt(25*time.Hour, replyA, -time.Second, campaign)
		}, nil, nil, []TapStatus{changed(list, func(s *TapStatus) {
			s.At, s.State, s.Reason, s.MessageID, s.EndedAt = start, privatereply.OutcomeRefused, privatereply.OutsideWindow, "", start.Add(25*time.Hour)
		})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " refused  outside_window after 25h0m0s"}},
		{"the reply has ended", func(c *conversationTest) {
			c.gone[replyA] = true
			c.joinWithAt(0, replyA, 0, campaign)
			c.messageAt(time.Second, "a", time.Second)
			c.tapAt(minute, "b", minute, listButton)
		}, nil, []string{"Here it is"}, []TapStatus{list}, nil, nil},
		{"throttled for a while", func(c *conversationTest) {
			c.retryIn = time.Hour
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
		}, []privatereply.SendResult{throttled, throttled, sent}, []string{"Here it is", "Here it is", "Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) { s.EndedAt = start.Add(2*time.Hour + minute) })},
			[]string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 2h1m0s"}},
		{"throttled until the window closes", func(c *conversationTest) {
			c.retryIn = 20 * time.Hour
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(0, "a", 0, listButton)
		}, []privatereply.SendResult{throttled}, []string{"Here it is", "Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) {
				s.At, s.State, s.Reason, s.MessageID, s.EndedAt = start, privatereply.OutcomeRefused, privatereply.OutsideWindow, "", start.Add(24*time.Hour-2*minute)
			})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " refused  outside_window after 23h58m0s"}},
		{"no worker for a while", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
		}, []privatereply.SendResult{{Reason: privatereply.NoWorker}, sent}, []string{"Here it is", "Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) { s.EndedAt = start.Add(minute + time.Second) })},
			[]string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_9  after 1m1s"}},
		{"a passing fault that does not pass", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(0, "a", 0, listButton)
		}, []privatereply.SendResult{{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 2}},
			[]string{"Here it is", "Here it is", "Here it is", "Here it is", "Here it is", "Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) {
				s.At, s.State, s.Reason, s.MessageID, s.EndedAt = start, privatereply.OutcomeRefused, privatereply.Outage, "", start.Add(76*time.Second)
			})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " refused  outage after 1m16s"}},
		{"refused by Meta", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
		}, []privatereply.SendResult{{Outcome: privatereply.OutcomeRefused, Reason: privatereply.PersonUnavailable}}, []string{"Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) {
				s.State, s.Reason, s.MessageID = privatereply.OutcomeRefused, privatereply.PersonUnavailable, ""
			})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " refused  person_unavailable after 1m0s"}},
		{"unknown, found", func(c *conversationTest) {
			c.found = "m_7"
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
		}, []privatereply.SendResult{lost}, []string{"Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) {
				s.Reason, s.MessageID, s.EndedAt = privatereply.FoundInConversation, "m_7", start.Add(minute+15*time.Second)
			})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " sent m_7 found_in_conversation after 1m15s"}},
		{"unknown is never repeated", func(c *conversationTest) {
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
			c.tapAt(time.Hour, "b", time.Hour, listButton)
		}, []privatereply.SendResult{lost}, []string{"Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) {
				s.Times, s.State, s.Reason, s.MessageID, s.EndedAt = 2, privatereply.OutcomeUnknown, privatereply.NoAnswer, "", start.Add(minute+15*time.Second)
			})}, []string{replyA + " " + listButton, replyA + " " + listButton}, []string{replyA + " " + listButton + " unknown  no_answer after 1m15s"}},
		{"what is found belongs to another", func(c *conversationTest) {
			c.found = "m_1" // the reply's own
			c.joinWithAt(0, replyA, 0, campaign)
			c.tapAt(minute, "a", minute, listButton)
		}, []privatereply.SendResult{lost}, []string{"Here it is"},
			[]TapStatus{changed(list, func(s *TapStatus) {
				s.State, s.Reason, s.MessageID, s.EndedAt = privatereply.OutcomeUnknown, privatereply.NoAnswer, "", start.Add(minute+15*time.Second)
			})}, []string{replyA + " " + listButton}, []string{replyA + " " + listButton + " unknown  no_answer after 1m15s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversationTest(t, ConversationInput{})
			if tt.sends != nil {
				c.sends = tt.sends
			}
			tt.tell(c)
			status := c.play()
			var texts []string
			for _, in := range c.sent {
				texts = append(texts, in.Message.Text)
				if !in.Tap || in.HumanAgent || !in.Message.Plain() {
					t.Errorf("sent %+v", in)
				}
			}
			if diff := cmp.Diff(tt.texts, texts); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.taps, status.Taps); diff != "" {
				t.Errorf("taps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.tapped, c.tapped); diff != "" {
				t.Errorf("replies heard of taps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.ended, c.ended); diff != "" {
				t.Errorf("replies heard of the answers (-want +got):\n%s", diff)
			}
			for _, reply := range status.Replies {
				if len(reply.Taps) != 0 {
					t.Errorf("%s keeps its taps twice", reply.Reply)
				}
			}
		})
	}
}

// A tap counts as a message once, also if its message was read in the conversation before.
func TestTapIsOneMessage(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.joinWithAt(0, replyA, 0, campaign)
	c.messageAt(time.Minute, "a", time.Minute)
	c.tapAt(2*time.Minute, "a", time.Minute, listButton)
	c.tapAt(time.Hour, "a", time.Hour, listButton)
	status := c.play()
	if status.MessagesSeen != 2 || !status.LastMessageAt.Equal(start.Add(time.Hour)) {
		t.Errorf("%d messages, the last at %v", status.MessagesSeen, status.LastMessageAt)
	}
}

// A payload that Meta cannot have sent is refused, with the reason.
func TestTapOfAnImpossiblePayload(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.joinWithAt(0, replyA, 0, campaign)
	c.tapAt(0, "a", 0, strings.Repeat("x", privatereply.MaxPayloadChars+1))
	status := c.play()
	if len(status.RefusedSignals) != 1 || !strings.Contains(status.RefusedSignals[0].Why, "payload: has 1001 characters") || status.MessagesSeen != 0 {
		t.Errorf("%+v", status)
	}
}

// The text of a tap that waits holds up no agent, and no news for the replies.
func TestTapWaitsAlone(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	sent := privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}
	c.sends = []privatereply.SendResult{{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled}, sent}
	c.retryIn = 2 * time.Hour
	c.joinWithAt(0, replyA, 0, campaign)
	c.tapAt(0, "a", 0, listButton)
	var waiting ConversationStatus
	c.RegisterDelayedCallback(func() { waiting = c.query() }, time.Minute)
	c.replyAt(time.Hour, "u", FollowUp{Agent: "ana", Text: "Hi!"})
	c.messageAt(90*time.Minute, "b", 90*time.Minute)
	var answered, heard int
	c.RegisterDelayedCallback(func() { answered, heard = len(c.sent), len(c.told[replyA]) }, 100*time.Minute)
	status := c.play()
	if tap := waiting.Taps[0]; tap.State != "" || tap.Reason != privatereply.Throttled || !strings.Contains(tap.describe(), "its text waits") {
		t.Errorf("while it waits: %+v, %s", tap, tap.describe())
	}
	if answer, ok := c.answers["u"].(*FollowUpResult); !ok || answer.State != privatereply.OutcomeSent || answered != 2 || heard != 2 {
		t.Errorf("the agent: %+v (%v) after %d sends; the reply heard %d times", c.answers["u"], c.refused["u"], answered, heard)
	}
	if len(c.sent) != 3 || !c.sent[2].Tap || status.Taps[0].State != privatereply.OutcomeSent {
		t.Errorf("%d sends, %+v", len(c.sent), status.Taps)
	}
}

func (c *conversationTest) query() (status ConversationStatus) {
	c.t.Helper()
	value, err := c.QueryWorkflow(StatusQuery)
	if err == nil {
		err = value.Get(&status)
	}
	if err != nil {
		c.t.Error(err)
	}
	return status
}

// A new run begins when no text of a tap is on its way, and knows what was tapped, and what
// can still be.
func TestTapContinuesAsNew(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	sent := privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}
	c.sends = []privatereply.SendResult{{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled}, sent}
	c.retryIn = 2 * time.Hour
	c.joinWithAt(0, replyA, 0, campaign)
	c.tapAt(0, "a", 0, listButton)
	c.RegisterDelayedCallback(func() { c.SetContinueAsNewSuggested(true) }, time.Minute)
	c.messageAt(time.Hour, "b", time.Hour)
	c.ExecuteWorkflow(ConversationType, c.in)
	var next *workflow.ContinueAsNewError
	if err := c.GetWorkflowError(); !errors.As(err, &next) {
		t.Fatalf("ended with %v, want a new run", err)
	}
	var in ConversationInput
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
		t.Fatal(err)
	}
	if got := c.Now().Sub(start); got != 2*time.Hour || len(c.sent) != 2 || len(c.told[replyA]) != 2 {
		t.Errorf("a new run after %v, %d sends, told %v", got, len(c.sent), c.told[replyA])
	}

	d := newConversationTest(t, ConversationInput{})
	d.in = in
	d.SetStartTime(start.Add(2 * time.Hour))
	d.tapAt(time.Minute, "a", 0, listButton)           // a repeat of what the run before saw
	d.tapAt(2*time.Minute, "c", time.Hour, listButton) // tapped again
	d.tapAt(3*time.Minute, "d", time.Hour, priceButton)
	status := d.play()
	if len(d.sent) != 1 || d.sent[0].Message.Text != "12 euros" {
		t.Errorf("sent %+v", d.sent)
	}
	if len(status.Taps) != 2 || status.Taps[0].Times != 2 || status.Taps[0].State != privatereply.OutcomeSent || status.Taps[1].State != privatereply.OutcomeSent {
		t.Errorf("taps %+v", status.Taps)
	}
}

// A follow-up may have buttons, and a tap on one is answered as one of a reply's is. It proves
// a delivery that nobody had acknowledged.
func TestTapOnFollowUp(t *testing.T) {
	c := newConversationTest(t, ConversationInput{})
	c.sends = []privatereply.SendResult{{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}, {Outcome: privatereply.OutcomeSent, MessageID: "m_9"}}
	c.joinWithAt(0, replyA, 0, nil)
	c.messageAt(0, "a", 0)
	m := FollowUp{Agent: "ana", Text: "Which one?", Buttons: []privatereply.Button{
		{Title: "Shop", URL: "https://example.com"}, {Title: "Red", Then: "Red it is"},
	}}
	c.replyAt(time.Minute, "u", m)
	plain := m
	plain.Buttons = nil
	c.replyAt(2*time.Minute, "plain", plain)
	c.RegisterDelayedCallback(func() {
		key := c.sent[0].TapKey
		c.SignalWorkflow(PersonMessageSignal, PersonMessage{At: start.Add(time.Hour), MessageID: "b", Payload: m.message().Taps(key)[0].Payload})
	}, time.Hour)
	status := c.play()
	if len(c.sent) != 3 || c.sent[0].TapKey != "f-default--1" || c.sent[1].TapKey != "" || len(c.looks) != 1 || !c.looks[0].Template {
		t.Fatalf("sent %+v, looked for %+v", c.sent, c.looks)
	}
	if diff := cmp.Diff(m.message(), c.sent[0].Message); diff != "" {
		t.Errorf("the message (-want +got):\n%s", diff)
	}
	if last := c.sent[2]; !last.Tap || last.Message.Text != "Red it is" || last.TapKey != "" {
		t.Errorf("the answer to the tap: %+v", last)
	}
	if answer, ok := c.answers["u"].(*FollowUpResult); !ok || answer.State != privatereply.OutcomeUnknown {
		t.Errorf("the agent's answer: %+v (%v)", c.answers["u"], c.refused["u"])
	}
	if first := status.FollowUps[0]; first.State != privatereply.OutcomeSent || first.Reason != privatereply.ConfirmedByTap {
		t.Errorf("the tapped follow-up: %+v", first)
	}
	if len(status.Taps) != 1 || status.Taps[0].Title != "Red" || status.Taps[0].State != privatereply.OutcomeSent {
		t.Errorf("taps %+v", status.Taps)
	}
	if len(c.tapped) != 0 || len(c.told[replyA]) != 2 || len(c.ended) != 0 {
		t.Errorf("the reply heard %v, of taps %v %v", c.told[replyA], c.tapped, c.ended)
	}
}

// A follow-up over Meta's limits is refused in words that name the field, and nothing is sent.
func TestFollowUpOverTheLimits(t *testing.T) {
	four := []privatereply.Button{{Title: "1", Then: "1"}, {Title: "2", Then: "2"}, {Title: "3", Then: "3"}, {Title: "4", Then: "4"}}
	tests := []struct {
		name    string
		message FollowUp
		want    string
	}{
		{"too many buttons", FollowUp{Agent: "ana", Text: "Hi!", Buttons: four}, "buttons: message cannot be sent: there are 4"},
		{"both on Instagram", FollowUp{Agent: "ana", Text: "Hi!", Buttons: four[:1], QuickReplies: []privatereply.QuickReply{{Title: "Yes"}}},
			"quick_replies: message cannot be sent: Instagram shows buttons or quick replies"},
		{"a long title", FollowUp{Agent: "ana", Text: "Hi!", QuickReplies: []privatereply.QuickReply{{Title: strings.Repeat("x", 21)}}}, "quick_replies[0].title:"},
		{"a button to nowhere", FollowUp{Agent: "ana", Text: "Hi!", Buttons: []privatereply.Button{{Title: "Shop", URL: "http://example.com"}}}, "buttons[0].url:"},
		{"a long text with buttons", FollowUp{Agent: "ana", Text: strings.Repeat("x", 641), Buttons: four[:1]}, "text: text cannot be sent: it has 641 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversationTest(t, ConversationInput{})
			c.messageAt(0, "a", 0)
			c.replyAt(time.Minute, "u", tt.message)
			c.play()
			if err := c.refused["u"]; err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(c.sent) != 0 {
				t.Errorf("refused with %v, %d sent; want %q", err, len(c.sent), tt.want)
			}
		})
	}
}

// What a conversation knows of its messages stays small, the newest first.
func TestTappablesAreBounded(t *testing.T) {
	c := &conversation{}
	then := strings.Repeat("x", 2000)
	for i := range 300 {
		c.addTappables(replyA, privatereply.Message{Buttons: []privatereply.Button{{Title: "a", Then: then}}}.Taps(string(rune('0'+i))))
		size := 0
		for _, tappable := range c.Tappables {
			size += tappable.size()
		}
		if size > maxTappableBytes || len(c.Tappables) > maxTappables {
			t.Fatalf("%d of %d bytes", len(c.Tappables), size)
		}
	}
	if n := len(c.Tappables); n < 100 || c.Tappables[n-1].Payload != "privatereply:"+string(rune('0'+299))+":b0" {
		t.Errorf("%d are left, the last is %s", n, c.Tappables[n-1].Payload)
	}
}

// A status shows the last taps, and those whose text is on its way.
func TestTapsAreBounded(t *testing.T) {
	c := &conversation{}
	c.Taps = []TapStatus{{Payload: "waits"}, {Payload: "ended", EndedAt: start}}
	for i := range 2 * maxTaps {
		c.recordTap(string(rune('a'+i)), start)
	}
	if len(c.Taps) != maxTaps || c.tap("waits") == nil || c.tap("ended") != nil || c.tap(string(rune('a'+2*maxTaps-1))) == nil {
		t.Errorf("%d taps: %+v", len(c.Taps), c.Taps)
	}
}
