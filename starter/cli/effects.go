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
	f.Add("", "%s", outcomeOf(p.State, "posted", "under way", "not posted", p.At, p.RetryAt, now))
	f.Add("", "%s", p.Reason.Sentence())
	if p.State == workflows.EffectUnknown {
		f.Add("", "look under the comment; nothing is posted again")
	}
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
	f.Add("Hiding", "%s", describeHideStatus(*h, now))
	f.Add("", "%s", h.Reason.Sentence())
	describeMetaError(f, h.Code, h.Subcode, h.TraceID)
}

// describeHideStatus says in words how it stands with hiding a comment.
func describeHideStatus(h workflows.HideStatus, now time.Time) string {
	done, undone := "the comment was hidden", "the comment was not hidden"
	if !h.Hidden {
		done, undone = "the comment was shown again", "the comment was not shown again"
	}
	return outcomeOf(h.State, done, "under way", undone, h.At, h.RetryAt, now) + ", by " + cmp.Or(h.By, "a rule")
}

// outcomeOf says in words how something beside a reply stands.
func outcomeOf(state workflows.EffectState, done, waiting, undone string, at, retryAt, now time.Time) string {
	words := map[workflows.EffectState]string{
		workflows.EffectDone: done, workflows.EffectWaiting: waiting, workflows.EffectRefused: undone,
		workflows.EffectSkipped: undone, workflows.EffectUnknown: "nobody knows whether it was " + done,
	}[state]
	switch {
	case !at.IsZero():
		words += ", " + console.FormatTime(at, now)
	case !retryAt.IsZero():
		words += ", next try " + console.FormatTime(retryAt, now)
	}
	return words
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
		if t.Reason == "" {
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
