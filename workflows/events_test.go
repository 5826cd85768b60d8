package workflows

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
)

// receiver takes the events of a reply; deliver is asked at each try.
type receiver struct {
	tries   []string // the types, also of tries that failed
	got     []Event
	within  []time.Duration                              // for how long each try's event is tried
	deliver func(try int, e Event) (EventOutcome, error) // nil: all are taken
}

// reportTo makes the reply report with scope to a receiver.
func (s *replyTest) reportTo(scope EventScope, r *receiver) *receiver {
	s.in.InitialState.Events = scope
	s.RegisterActivityWithOptions(func(ctx context.Context, e Event) (DeliverEventResult, error) {
		r.tries = append(r.tries, string(e.Type))
		r.within = append(r.within, activity.GetInfo(ctx).ScheduleToCloseTimeout)
		outcome, err := EventDelivered, error(nil)
		if r.deliver != nil {
			outcome, err = r.deliver(len(r.tries), e)
		}
		if err == nil {
			r.got = append(r.got, e)
		}
		return DeliverEventResult{Outcome: outcome}, err
	}, activity.RegisterOptions{Name: DeliverEventActivity})
	return r
}

func (r *receiver) types() []string {
	var all []string
	for _, e := range r.got {
		all = append(all, string(e.Type))
	}
	return all
}

// Each way of a reply is reported in its order, with ids that are all different.
func TestEvents(t *testing.T) {
	approved := func(s *replyTest) {
		s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana"})
		s.signalAt(2*time.Hour, PersonRespondedSignal, EventTime{start.Add(2 * time.Hour)})
	}
	tests := []struct {
		name     string
		decision privatereply.Decision
		tell     func(*replyTest)
		want     []string
	}{
		{"approved and answered", ask(), approved, []string{"reply.waiting", "reply.sent", "person.answered", "reply.window_closed"}},
		{"held and sent, no answer", autoAfter(time.Minute), nil, []string{"reply.held", "reply.sent", "reply.no_response"}},
		{"rejected", ask(), func(s *replyTest) {
			s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana", Reason: "spam"})
		}, []string{"reply.waiting", "reply.rejected"}},
		{"removed", ask(), func(s *replyTest) { s.signalAt(time.Hour, CommentRemovedSignal, nil) }, []string{"reply.waiting", "reply.withdrawn"}},
		{"nobody decides", ask(), nil, []string{"reply.waiting", "reply.expired"}},
		{"refused by Meta", auto(), func(s *replyTest) {
			s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{refused(privatereply.NotRepliable)}
		}, []string{"reply.undeliverable"}},
		{"ignored", privatereply.Decision{Action: privatereply.ActionIgnore}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), tt.decision)
			r := s.reportTo(EventsOfFacts, &receiver{})
			if tt.tell != nil {
				tt.tell(s)
			}
			end := s.play()
			if diff := cmp.Diff(tt.want, r.types()); diff != "" {
				t.Error(diff)
			}
			ids := map[string]bool{}
			for n, e := range r.got {
				ids[e.ID] = true
				if e.Data.Number != n+1 || e.Data.Reply != e.Subject || e.Data.Texts != nil || e.Data.CommentID != comment().CommentID {
					t.Errorf("%+v", e)
				}
			}
			if len(ids) != len(r.got) {
				t.Errorf("%d events have %d ids", len(r.got), len(ids))
			}
			if n := len(r.got); n > 0 && (r.got[n-1].Data.State != end.State || r.got[n-1].Data.Reason != end.Reason) {
				t.Errorf("the last event %+v of a reply that is %s (%s)", r.got[n-1].Data, end.State, end.Reason)
			}
		})
	}
}

// A receiver that is away is tried again with the same event, and no later one overtakes
// it. The reply does not wait: it is sent and completes at its time.
func TestEventsOfAReceiverThatIsAway(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	var ids []string
	r := s.reportTo(EventsWithTexts, &receiver{deliver: func(try int, e Event) (EventOutcome, error) {
		ids = append(ids, e.ID)
		if try <= 5 {
			return "", errors.New("no connection")
		}
		return EventDelivered, nil
	}})
	s.updateAt(time.Second, "u", ApproveMessage, Approve{Approver: "ana", Text: "Hello"})
	s.statusAt(3*time.Second, func(is PrivateReplyStatus) {
		if is.State != privatereply.Sent || len(r.got) > 0 {
			t.Errorf("it is %s with %d events", is.State, len(r.got))
		}
	})
	s.play()
	if want := []string{"reply.waiting", "reply.sent", "reply.no_response"}; !slices.Equal(r.types(), want) || len(slices.Compact(ids)) != 3 {
		t.Errorf("events %v with ids %v", r.types(), ids)
	}
	if first, second := r.got[0].Data, r.got[1].Data; first.Texts == nil || first.Texts.Text == "Hello" || second.Texts.Text != "Hello" || second.Approver != "ana" {
		t.Errorf("%+v, then %+v", first, second)
	}
}

// An event that nobody takes is given up three days after it happened, and the reply
// completes. (The environment of this test gives up after ten tries.) So it does when the
// receiver wants no more.
func TestEventsThatNobodyTakes(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	r := s.reportTo(EventsOfFacts, &receiver{deliver: func(int, Event) (EventOutcome, error) { return "", errors.New("no connection") }})
	s.updateAt(time.Minute, "u", RejectMessage, Reject{Approver: "ana"})
	s.play()
	for _, kind := range []string{"reply.waiting", "reply.rejected"} {
		if n := s.counted.by["events_reported "+kind+" undelivered"]; n != 1 || !slices.Contains(r.tries, kind) {
			t.Errorf("%s: %d given up, tries %v", kind, n, r.tries)
		}
	}
	if first, second := r.within[0], r.within[len(r.within)-1]; first != 3*24*time.Hour || second >= first || second < first-2*time.Hour {
		t.Errorf("the first is tried for %v, the second, which waited behind it, for %v", first, second)
	}

	s = newReplyTest(t, comment(), ask())
	r = s.reportTo(EventsOfFacts, &receiver{deliver: func(int, Event) (EventOutcome, error) { return EventsUnwanted, nil }})
	s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
	s.play()
	if want := []string{"reply.waiting"}; !slices.Equal(r.tries, want) || s.now().Sub(start) > 2*time.Hour {
		t.Errorf("after 410 it reports %v, and takes %v", r.tries, s.now().Sub(start))
	}
}
