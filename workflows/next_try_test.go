package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"

	"github.com/privatereply/privatereply"
)

type sendAnswers = []func(SendPrivateReplyInput) privatereply.SendResult

// A reply that its account's pace holds back says when it will be tried, in its
// status and for lists, counts no attempt, and goes at its slot.
func TestPaced(t *testing.T) {
	s := tell(t, comment(), auto())
	s.sends = sendAnswers{paced(time.Hour), paced(time.Hour + 5*time.Second), delivered}
	var shown []any
	s.OnUpsertMemo(mock.Anything).Run(func(args mock.Arguments) {
		shown = append(shown, args.Get(0).(map[string]any)[MemoNextTry])
	}).Return(nil)
	s.statusAt(30*time.Minute, func(status PrivateReplyStatus) {
		if status.State != privatereply.Sending || status.Reason != privatereply.Paced || status.Send == nil {
			t.Fatalf("while it waits: %+v", status)
		}
		if got := *status.Send; got.Reason != privatereply.Paced || !got.RetryAt.Equal(start.Add(time.Hour)) || got.Attempts != 0 {
			t.Errorf("while it waits: %+v", got)
		}
	})
	status := s.play()
	if status.State != privatereply.NoResponse || status.Reason != "" || status.Send.Attempts != 1 || !status.Send.RetryAt.IsZero() {
		t.Errorf("ended as %s %s, %+v", status.State, status.Reason, status.Send)
	}
	if len(shown) != 1 || !shown[0].(time.Time).Equal(start.Add(time.Hour)) {
		t.Errorf("lists were told %v, want the first slot and no wait of seconds", shown)
	}
	for i, want := range []SendPrivateReplyInput{{Attempt: 1}, {Attempt: 1, Waited: true}, {Attempt: 1, Waited: true}} {
		got := s.sent[i]
		if got.Attempt != want.Attempt || got.Waited != want.Waited || !got.Since.Equal(start) || got.ByPerson {
			t.Errorf("ask %d: attempt %d, waited %v, since %v, by person %v", i, got.Attempt, got.Waited, got.Since, got.ByPerson)
		}
	}
}

// What was held back has written nothing: Meta's "already replied" is then about
// somebody else's reply.
func TestHeldBackWroteNothing(t *testing.T) {
	for _, reason := range []privatereply.Reason{privatereply.Paced, privatereply.Throttled, privatereply.TokenRejected} {
		s := tell(t, comment(), auto())
		s.sends = sendAnswers{notSent(reason, false, time.Hour), refused(privatereply.AlreadyReplied)}
		status := s.play()
		if status.State != privatereply.Undeliverable || status.Reason != privatereply.AlreadyReplied || status.Send.Attempts != 1 {
			t.Errorf("%s: ended as %s %s after %d attempts", reason, status.State, status.Reason, status.Send.Attempts)
		}
	}
}

// A reply whose slot lies after its deadline says so at once, goes on asking for an
// earlier one, a few times in all, and expires at its deadline.
func TestSlotAfterDeadline(t *testing.T) {
	t.Run("nobody makes room", func(t *testing.T) {
		s := tell(t, comment(), auto())
		s.sends = sendAnswers{paced(week)}
		s.statusAt(time.Hour, func(status PrivateReplyStatus) {
			if status.State != privatereply.Sending || status.Reason != privatereply.Paced || !status.Send.RetryAt.After(status.Deadline) {
				t.Errorf("while it waits: %+v", status)
			}
		})
		status := s.play()
		if status.State != privatereply.Expired || status.Reason != privatereply.DeadlineWhileSending || status.Send.Reason != privatereply.Paced {
			t.Errorf("ended as %s %s, send %s", status.State, status.Reason, status.Send.Reason)
		}
		if n := len(s.sent); n < 10 || n > 20 {
			t.Errorf("asked %d times in a week", n)
		}
		if !s.now().Equal(status.Deadline) {
			t.Errorf("expired at %v, its deadline is %v", s.now(), status.Deadline)
		}
	})
	t.Run("somebody makes room", func(t *testing.T) {
		s := tell(t, comment(), auto())
		s.sends = sendAnswers{paced(week), paced(week), delivered}
		if status := s.play(); status.State != privatereply.NoResponse || len(s.sent) != 3 {
			t.Errorf("ended as %s after %d asks", status.State, len(s.sent))
		}
	})
}

// A live reply that waits joins its broadcast, once; one that goes at once, or in a
// moment, does not, nor does one that has no broadcast to join.
func TestJoinBroadcast(t *testing.T) {
	onPage := onLive(onFacebook(comment()))
	noMedia := onLive(comment())
	noMedia.MediaID = ""
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		sends    sendAnswers
		approve  time.Duration
		joins    int
	}{
		{"waits for a person", onLive(comment()), ask(), nil, time.Minute, 1},
		{"held", onLive(comment()), autoAfter(time.Minute), nil, 0, 1},
		{"goes at once", onLive(comment()), auto(), nil, 0, 0},
		{"goes in a moment", onLive(comment()), auto(), sendAnswers{paced(15 * time.Second), delivered}, 0, 0},
		{"sleeps before its send", onLive(comment()), auto(), sendAnswers{paced(time.Minute), delivered}, 0, 1},
		{"waits, is held back twice", onLive(comment()), ask(), sendAnswers{paced(2 * time.Minute), paced(3 * time.Minute), delivered}, time.Minute, 1},
		{"on a Page's live", onPage, ask(), nil, time.Minute, 0},
		{"without a media id", noMedia, ask(), nil, time.Minute, 0},
		{"on a post", comment(), ask(), nil, time.Minute, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, tt.comment, tt.decision)
			if tt.sends != nil {
				s.sends = tt.sends
			}
			if tt.approve > 0 {
				s.updateAt(tt.approve, "u", ApproveMessage, Approve{Approver: "ana"})
			}
			if status := s.play(); status.State != privatereply.NoResponse {
				t.Fatalf("ended as %s %s", status.State, status.Reason)
			}
			if len(s.onAir) != tt.joins {
				t.Fatalf("joined %d times, want %d", len(s.onAir), tt.joins)
			}
			want := JoinBroadcastInput{
				Platform: privatereply.Instagram, Account: "17841400000000001", Media: "17800000000000001",
				Joined: LiveReplyJoined{Reply: "reply:instagram:17841400000000001:18000000000000001", At: start.Add(-time.Minute)},
			}
			if tt.joins > 0 && !cmp.Equal(s.onAir[0], want) {
				t.Errorf("joined %+v, want %+v", s.onAir[0], want)
			}
		})
	}
}

// The Web UI says in words that a reply will not make it.
func TestDetailsOfSlotAfterDeadline(t *testing.T) {
	var said []string
	r := &reply{send: SendStatus{Reason: privatereply.Paced, RetryAt: start.Add(time.Hour)}}
	for _, deadline := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		r.deadline.At = start.Add(deadline)
		said = said[:0]
		r.describeSend(func(format string, _ ...any) { said = append(said, format) })
		warns := slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, "will not make its deadline") })
		if warns != (deadline < time.Hour) {
			t.Errorf("deadline after %v: %q", deadline, said)
		}
	}
}

// The slot comes from the worker's clock, the sleep from the server's. A worker whose
// clock is some seconds behind gives slots that have passed: each such try is followed by
// a longer pause.
func TestClockBehindMakesNoHotLoop(t *testing.T) {
	for _, behind := range []time.Duration{5 * time.Second, 10 * time.Minute} {
		s := tell(t, comment(), auto())
		slot := start.Add(3 * time.Second) // by the worker's clock
		asks := 0
		s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{func(in SendPrivateReplyInput) privatereply.SendResult {
			asks++
			if asks > 3000 || !s.now().Add(-behind).Before(slot) {
				return delivered(in)
			}
			return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced, RetryAt: slot.Add(-behind)}
		}}
		s.play()
		if asks > 100 {
			t.Errorf("%v behind: the activity was scheduled %d times", behind, asks)
		}
	}
}
