package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/workflows"
)

// describeParts lists what a message has beside its text.
func describeParts(f *console.Facts, m privatereply.Message) {
	label := "Buttons"
	for _, b := range m.Buttons {
		if b.URL != "" {
			f.AddUnwrapped(label, fmt.Sprintf("[%s] opens %s", b.Title, b.URL))
		} else {
			f.Add(label, "[%s] sends “%s”", b.Title, b.Then)
		}
		label = ""
	}
	label = "Answers"
	for _, q := range m.QuickReplies {
		if q.Then == "" {
			f.Add(label, "(%s) somebody reads it", q.Title)
		} else {
			f.Add(label, "(%s) sends “%s”", q.Title, q.Then)
		}
		label = ""
	}
}

// describePublicReply lists what is said under the comment, and what came of it.
func describePublicReply(f *console.Facts, s workflows.PrivateReplyStatus, now time.Time) {
	p := s.PublicReply
	if p == nil {
		if s.PublicText != "" {
			f.Add("Public", "“%s”", s.PublicText)
			if !s.State.Final() {
				f.Add("", "posted under the comment once the private reply is sent")
			}
		}
		return
	}
	f.Add("Public", "“%s”", p.Text)
	stands := *p
	stands.RetryAt = time.Time{}
	f.Add("", "%s", withTime(stands.Sentence(), p.At, p.RetryAt, now))
	describeMetaError(f, p.Code, p.Subcode, p.TraceID)
	if p.CommentID != "" {
		f.Add("", "its id is %s", p.CommentID)
	}
}

// describeHide lists whether the comment is hidden, as far as the reply has to do with it.
func describeHide(f *console.Facts, s workflows.PrivateReplyStatus, now time.Time) {
	h := s.Hide
	if h == nil {
		if s.Decision.Hide && !s.State.Final() {
			f.Add("Hiding", "the comment is hidden once the reply has ended or is delivered")
		}
		return
	}
	f.Add("Hiding", "%s", hideWords(*h, now))
	describeMetaError(f, h.Code, h.Subcode, h.TraceID)
}

// hideWords say how it stands with hiding a comment, and since when.
func hideWords(h workflows.HideStatus, now time.Time) string {
	at, retryAt := h.At, h.RetryAt
	h.RetryAt = time.Time{} // the sentence has its times in UTC
	return withTime(h.Sentence(), at, retryAt, now)
}

// withTime puts before a sentence when something ended, or behind it when it is tried again.
func withTime(sentence string, at, retryAt, now time.Time) string {
	switch {
	case !at.IsZero():
		return console.FormatTime(at, now) + ": " + sentence
	case !retryAt.IsZero():
		return sentence + " Next try: " + console.FormatTime(retryAt, now)
	}
	return sentence
}

func describeMetaError(f *console.Facts, code, subcode int, trace string) {
	if code != 0 {
		f.Add("", "Meta's error: code %d, subcode %d, trace %s", code, subcode, trace)
	}
}

// describeTaps lists what the person tapped, and what that sent.
func describeTaps(f *console.Facts, s workflows.PrivateReplyStatus, now time.Time) {
	for _, tap := range s.Taps {
		f.Add("Tapped", "%s", describeTap(tap, now))
		f.Add("", "%s", tap.Reason.Sentence())
	}
}

// describeTap says in words what was tapped, and what that sent.
func describeTap(t workflows.TapStatus, now time.Time) string {
	parts := []string{cmp.Or(t.Title, "something that this product did not send"), "first " + console.FormatTime(t.At, now)}
	if t.Times > 1 {
		parts = append(parts, fmt.Sprintf("%d times", t.Times))
	}
	switch t.State {
	case privatereply.OutcomeSent:
		parts = append(parts, "answered with message "+t.MessageID)
	case privatereply.OutcomeRefused, privatereply.OutcomeNotSent:
		parts = append(parts, "not answered")
	case privatereply.OutcomeUnknown:
		parts = append(parts, "nobody knows whether its answer arrived")
	case "":
		if t.UnderWay() {
			parts = append(parts, "its answer is on its way")
		}
	}
	return strings.Join(parts, ", ")
}

// tappableWords are what goes with a text in a list.
func tappableWords(m workflows.MessageMemo) string {
	var all []string
	for title := range strings.Lines(m.Buttons) {
		all = append(all, "["+strings.TrimSpace(title)+"]")
	}
	for title := range strings.Lines(m.QuickReplies) {
		all = append(all, "("+strings.TrimSpace(title)+")")
	}
	if m.Public {
		all = append(all, "+ in public")
	}
	if m.Hide {
		all = append(all, "+ hide")
	}
	return strings.Join(all, " ")
}
