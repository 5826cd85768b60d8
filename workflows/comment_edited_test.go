package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// A rule's reply never answers words that are gone: it is decided anew. A person who
// decides sees the new words, with what the rules propose for them.
func TestCommentEdited(t *testing.T) {
	const words = "It arrived broken"
	asks, ignores := ask(), privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam"}
	other := auto()
	other.Rule, other.Text = "broken", "Sorry! Here is how to return it."
	held := other
	held.Hold = privatereply.Duration(30 * time.Minute)
	tooLong := held
	tooLong.Hold = privatereply.Duration(2 * week)
	edited := func(at time.Duration, d *privatereply.Decision) func(*replyTest) {
		return func(s *replyTest) {
			s.signalAt(at, CommentEditedSignal, CommentEdited{Text: words, At: start.Add(at), Decision: d})
		}
	}
	asleep := []func(SendPrivateReplyInput) privatereply.SendResult{notSent(privatereply.Throttled, true, 3*time.Hour), delivered}
	inDoubt := []func(SendPrivateReplyInput) privatereply.SendResult{doubtful(notSent(privatereply.Outage, true, 3*time.Hour)), delivered}
	approve := func(at time.Duration) func(*replyTest) {
		return func(s *replyTest) { s.updateAt(at, "u", ApproveMessage, Approve{Approver: "ana"}) }
	}
	approveNew := func(at time.Duration) func(*replyTest) {
		return func(s *replyTest) {
			s.updateAt(at, "u", ApproveMessage, Approve{Approver: "ana", CommentSHA256: privatereply.TextSHA256(words)})
		}
	}
	both := func(all ...func(*replyTest)) func(*replyTest) {
		return func(s *replyTest) {
			for _, f := range all {
				f(s)
			}
		}
	}
	tests := []struct {
		name   string
		first  privatereply.Decision
		sends  []func(SendPrivateReplyInput) privatereply.SendResult
		tell   func(*replyTest)
		state  privatereply.State
		reason privatereply.Reason
		texts  []string // of the attempts
	}{
		{"held, answered otherwise", autoAfter(time.Hour), nil, edited(time.Minute, &held), privatereply.NoResponse, "", []string{other.Text}},
		{"held, answered at once", autoAfter(time.Hour), nil, edited(time.Minute, &other), privatereply.NoResponse, "", []string{other.Text}},
		{"held, a person must decide", autoAfter(time.Hour), nil, edited(time.Minute, &asks), privatereply.Expired, privatereply.NobodyDecided, nil},
		{"held, nobody asked the rules", autoAfter(time.Hour), nil, edited(time.Minute, nil), privatereply.Expired, privatereply.NobodyDecided, nil},
		{"held, left alone", autoAfter(time.Hour), nil, edited(time.Minute, &ignores), privatereply.Ignored, privatereply.IgnoredByRule, nil},
		{"held for longer than there is", autoAfter(time.Hour), nil, edited(time.Minute, &tooLong), privatereply.Expired, privatereply.HoldPastDeadline, nil},
		{"held, then approved as proposed for the new words", autoAfter(time.Hour), nil,
			both(edited(time.Minute, &asks), approveNew(2*time.Minute)), privatereply.NoResponse, "", []string{asks.Text}},
		{"held, then approved by who may mean the old words", autoAfter(time.Hour), nil,
			both(edited(time.Minute, &asks), approve(2*time.Minute)), privatereply.Expired, privatereply.NobodyDecided, nil},
		{"waits for a person, who sees another proposal", ask(), nil,
			both(edited(time.Minute, &other), approveNew(2*time.Minute)), privatereply.NoResponse, "", []string{other.Text}},
		{"waits for a person, whatever the rules say", ask(), nil, edited(time.Minute, &ignores), privatereply.Expired, privatereply.NobodyDecided, nil},
		{"on its way, asleep, answered otherwise", auto(), asleep, edited(time.Minute, &other), privatereply.NoResponse, "", []string{auto().Text, other.Text}},
		{"on its way, asleep, left alone", auto(), asleep, edited(time.Minute, &ignores), privatereply.Ignored, privatereply.IgnoredByRule, []string{auto().Text}},
		{"on its way, asleep, a person must decide", auto(), asleep, edited(time.Minute, nil), privatereply.Expired, privatereply.NobodyDecided, []string{auto().Text}},
		{"on its way, and may have arrived", auto(), inDoubt, edited(time.Minute, &ignores), privatereply.NoResponse, "", []string{auto().Text, auto().Text}},
		{"approved", ask(), asleep, both(approve(time.Minute), edited(2*time.Minute, &ignores)), privatereply.NoResponse, "", []string{ask().Text, ask().Text}},
		{"sent", auto(), nil, edited(time.Minute, &ignores), privatereply.NoResponse, "", []string{auto().Text}},
		{"rejected before", auto(), asleep, both(func(s *replyTest) { s.signalAt(time.Minute, RejectMessage, Reject{Approver: "ana"}) }, edited(2*time.Minute, &other)),
			privatereply.Rejected, privatereply.RejectedByApprover, []string{auto().Text}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), tt.first)
			if tt.sends != nil {
				s.sends = tt.sends
			}
			tt.tell(s)
			status := s.play()
			if status.State != tt.state || status.Reason != tt.reason {
				t.Errorf("ended as %s %s, want %s %s", status.State, status.Reason, tt.state, tt.reason)
			}
			var texts []string
			for _, sent := range s.sent {
				texts = append(texts, sent.Message.Text)
			}
			if strings.Join(texts, "|") != strings.Join(tt.texts, "|") {
				t.Errorf("sent %q, want %q", texts, tt.texts)
			}
			if status.State != privatereply.Rejected && (status.Comment.Text != words || status.Comment.EditedAt.IsZero()) {
				t.Errorf("the status has the comment %+v", status.Comment)
			}
		})
	}
}

// An edit counts once, and an older one that comes late does not count.
func TestEditsInAnyOrder(t *testing.T) {
	other := auto()
	other.Text = "For the newest words"
	s := newReplyTest(t, comment(), autoAfter(time.Hour))
	edit := func(at time.Duration, text string, editedAt time.Duration) {
		d := other
		s.signalAt(at, CommentEditedSignal, CommentEdited{Text: text, At: start.Add(editedAt), Decision: &d})
	}
	edit(5*time.Minute, "newest", 4*time.Minute)
	edit(6*time.Minute, "older", 3*time.Minute)
	edit(7*time.Minute, "newest", 4*time.Minute)
	edit(7*time.Minute+time.Second, comment().Text, 2*time.Minute)
	s.signalAt(8*time.Minute, CommentEditedSignal, map[string]any{"text": "no time"})
	s.signalAt(9*time.Minute, CommentEditedSignal, CommentEdited{Text: "a wrong decision", At: start.Add(9 * time.Minute), Decision: &privatereply.Decision{Action: "send"}})
	status := s.play()
	if status.Comment.Text != "newest" || !status.Comment.EditedAt.Equal(start.Add(4*time.Minute)) || status.Text != other.Text {
		t.Errorf("ended with %+v and the reply %q", status.Comment, status.Text)
	}
	if len(status.RefusedSignals) != 2 {
		t.Errorf("refused: %+v", status.RefusedSignals)
	}
}

// Whoever decides on the old words is told, with the new ones, and nothing is sent.
func TestApproveOfOldWords(t *testing.T) {
	old := privatereply.TextSHA256(comment().Text)
	s := newReplyTest(t, comment(), ask())
	asks := ask()
	s.updateAt(time.Second, "wrong", ApproveMessage, Approve{Approver: "ana", CommentSHA256: privatereply.TextSHA256("other")})
	s.signalAt(time.Minute, CommentEditedSignal, CommentEdited{Text: "It arrived broken", At: start.Add(time.Minute), Decision: &asks})
	s.updateAt(2*time.Minute, "old", ApproveMessage, Approve{Approver: "ana", CommentSHA256: old})
	s.signalAt(3*time.Minute, ApproveMessage, Approve{Approver: "ana", CommentSHA256: old})
	s.updateAt(4*time.Minute, "new", ApproveMessage, Approve{Approver: "ana", CommentSHA256: privatereply.TextSHA256("It arrived broken")})
	status := s.play()
	for id, want := range map[string]string{
		"wrong": "comment_sha256: is not that of this comment",
		"old":   "the comment was edited at 12:01:00 UTC on 2 Mar 2026 and now says `It arrived broken`; read it, then decide again, with a text or with comment_sha256",
	} {
		if err := s.rejections[id]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: told %v, want %q", id, err, want)
		}
	}
	if len(status.RefusedSignals) != 1 || !strings.Contains(status.RefusedSignals[0].Why, "was edited") {
		t.Errorf("refused: %+v", status.RefusedSignals)
	}
	if err := s.rejections["new"]; err != nil || len(s.sent) != 1 || !status.DecidedAt.Equal(start.Add(4*time.Minute)) {
		t.Errorf("decided at %v with %d sends: %v", status.DecidedAt, len(s.sent), err)
	}
}

// The newest edit may take the words back before an older one is told of.
func TestEditTakenBack(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	asks := ask()
	s.signalAt(time.Minute, CommentEditedSignal, CommentEdited{Text: comment().Text, At: start.Add(50 * time.Second), Decision: &asks})
	s.signalAt(2*time.Minute, CommentEditedSignal, CommentEdited{Text: "words that are gone", At: start.Add(40 * time.Second), Decision: &asks})
	if status := s.play(); status.Comment.Text != comment().Text || !status.Comment.EditedAt.IsZero() {
		t.Errorf("ended with %+v", status.Comment)
	}
}

// An edit can change the picture alone.
func TestPictureEdited(t *testing.T) {
	s := newReplyTest(t, comment(), autoAfter(time.Hour))
	asks := ask()
	photo := privatereply.Attachment{Kind: privatereply.Photo, URL: "https://example.com/broken.jpg"}
	s.signalAt(time.Minute, CommentEditedSignal, CommentEdited{Text: comment().Text, At: start.Add(time.Minute), Decision: &asks, Attachment: photo})
	if status := s.play(); status.Comment.Attachment != photo || status.State != privatereply.Expired || len(s.sent) != 0 {
		t.Errorf("ended as %s with %+v", status.State, status.Comment)
	}
}

// Edits do not hurry a send that may have arrived.
func TestEditsDoNotHurryDoubt(t *testing.T) {
	s := newReplyTest(t, comment(), auto())
	var at []time.Time
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{func(in SendPrivateReplyInput) privatereply.SendResult {
		at = append(at, s.now())
		if len(at) == 1 {
			return privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: s.now()}
		}
		return delivered(in)
	}}
	other := auto()
	s.signalAt(2*time.Second, CommentEditedSignal, CommentEdited{Text: "other words", At: start.Add(2 * time.Second), Decision: &other})
	s.play()
	if len(at) != 2 || at[1].Sub(at[0]) < attemptTimeout {
		t.Errorf("sent at %v", at)
	}
}
