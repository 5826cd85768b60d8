package replies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Event is one moment in the story of a reply, in words. The desk and the command line add
// only the layout.
type Event struct {
	At     time.Time
	Kind   EventKind
	Title  string // what happened, and who did it
	Text   string // what somebody wrote
	Detail string // sentences
}

// EventKind says how an event is marked.
type EventKind string

// The kinds of events.
const (
	EventNote   EventKind = "note"
	EventPerson EventKind = "person" // somebody decided or found out
	EventSend   EventKind = "send"
	EventGood   EventKind = "good"
	EventBad    EventKind = "bad"
)

// Story lists what happened to a reply, in the order of time. The status is nil where no
// worker answered.
func Story(s *workflows.PrivateReplyStatus, h History) []Event {
	var all []Event
	add := func(at time.Time, kind EventKind, title, text, detail string) {
		if !at.IsZero() {
			all = append(all, Event{at, kind, title, text, detail})
		}
	}
	if s != nil {
		c := s.Comment
		add(c.CreatedAt, EventNote, "The comment was written", "", "")
		add(c.ReceivedAt, EventNote, "The comment arrived here", "", "by "+string(c.Via))
		add(c.ReceivedAt, EventNote, decisionText(s.Decision), "", "")
		if b := s.Reopened; b != nil {
			for _, n := range s.Notes {
				if n.At.Before(b.At) { // those of this run are among its messages
					add(n.At, EventNote, n.By+" noted", n.Text, "")
				}
			}
			add(b.RejectedAt, EventPerson, b.RejectedBy+" rejected it", b.RejectReason, "")
			add(b.At, EventPerson, b.By+" took the rejection back", b.Reason, "")
		}
	}
	beside := s != nil && (!s.Decision.Message().Plain() || s.Decision.PublicText != "")
	for _, m := range h.Messages {
		if !beside {
			m = m.withoutNone()
		}
		beside = beside || len(m.Buttons) > 0 || len(m.QuickReplies) > 0 || m.PublicText != nil
		e := messageWords(m)
		if m.Payload != "" && s != nil {
			e.Title = tapWords(m, *s)
		}
		e.At = m.At
		all = append(all, e)
	}
	for _, a := range h.Attempts {
		e := attemptWords(a)
		if s != nil && delivered(s.State) && provesDelivery(a.Result) {
			e.Kind, e.Title = EventGood, fmt.Sprintf("Attempt %d: Meta had delivered it before", a.Number)
			e.Detail = "Meta takes one private reply for a comment, and refused this repeat: an earlier attempt had arrived." + metaDetail(a.Result)
		}
		all = append(all, e)
	}
	for _, l := range h.Searches {
		all = append(all, searchWords(l))
	}
	if s != nil {
		if p := s.PublicReply; p != nil {
			add(p.At, effectKind(p.State), p.Sentence(), p.Text, metaError(p.Code, p.Subcode, p.TraceID))
		}
		if h := s.Hide; h != nil {
			add(h.At, effectKind(h.State), h.Sentence(), "", metaError(h.Code, h.Subcode, h.TraceID))
		}
		for _, no := range s.RefusedSignals {
			add(no.At, EventBad, "A message was refused: "+no.Name, "", no.Why)
		}
		if s.State == privatereply.Expired && !s.Deadline.IsZero() && s.Reason != privatereply.PastDeadline {
			add(s.Deadline, EventBad, "The deadline passed", "", s.Reason.Sentence())
		}
		if s.Window != nil && s.State == privatereply.WindowClosed {
			add(s.Window.ClosesAt, EventNote, "The conversation's window closed", "", "")
		}
	}
	slices.SortStableFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	return all
}

// effectKind marks what happened beside a reply.
func effectKind(s workflows.EffectState) EventKind {
	switch s {
	case workflows.EffectDone:
		return EventGood
	case workflows.EffectSkipped:
		return EventNote
	}
	return EventBad
}

// tapWords says what was tapped, or what came of its text.
func tapWords(m MessageEvent, s workflows.PrivateReplyStatus) string {
	title := "something"
	for _, t := range s.Taps {
		if t.Payload != m.Payload {
			continue
		}
		title = "“" + t.Title + "”"
		if m.Name != workflows.TapAnsweredSignal {
			break
		}
		switch t.State {
		case privatereply.OutcomeSent:
			return "The text of " + title + " was sent"
		case privatereply.OutcomeUnknown:
			return "Nobody knows whether the text of " + title + " arrived"
		}
		return "The text of " + title + " was not sent. " + t.Reason.Sentence()
	}
	if m.Name == workflows.TapAnsweredSignal {
		return "What came of the tap on " + title + " is known"
	}
	return "The person tapped " + title
}

// withoutNone is m without the parts of which it says that there are none: nobody has
// proposed any.
func (m MessageEvent) withoutNone() MessageEvent {
	if len(m.Buttons) == 0 {
		m.Buttons = nil
	}
	if len(m.QuickReplies) == 0 {
		m.QuickReplies = nil
	}
	if m.PublicText != nil && *m.PublicText == "" {
		m.PublicText = nil
	}
	return m
}

// partsDetail says what an approval or a proposal changed beside the text.
func partsDetail(m MessageEvent) string {
	var parts []string
	if m.Buttons != nil {
		titles := make([]string, len(m.Buttons))
		for i, b := range m.Buttons {
			titles[i] = "“" + b.Title + "”"
		}
		parts = append(parts, "Buttons: "+cmp.Or(strings.Join(titles, ", "), "none")+".")
	}
	if m.QuickReplies != nil {
		titles := make([]string, len(m.QuickReplies))
		for i, q := range m.QuickReplies {
			titles[i] = "“" + q.Title + "”"
		}
		parts = append(parts, "Quick replies: "+cmp.Or(strings.Join(titles, ", "), "none")+".")
	}
	switch {
	case m.PublicText == nil:
	case *m.PublicText == "":
		parts = append(parts, "Without a public reply.")
	default:
		parts = append(parts, "Public reply: “"+*m.PublicText+"”")
	}
	return strings.Join(parts, " ")
}

// delivered reports whether a reply in state s has arrived.
func delivered(s privatereply.State) bool {
	return slices.Contains([]privatereply.State{privatereply.Sent, privatereply.Responded, privatereply.WindowClosed, privatereply.NoResponse}, s)
}

// provesDelivery reports whether r is Meta's refusal of a repeat, which it gives because the
// reply has arrived already. For a reply that has not arrived it means that somebody else
// used the one private reply.
func provesDelivery(r *privatereply.SendResult) bool {
	return r != nil && r.Outcome == privatereply.OutcomeRefused &&
		(r.Reason == privatereply.AlreadyReplied || r.Reason == privatereply.NotRepliableOrAlreadyReplied)
}

func decisionText(d privatereply.Decision) string {
	by := "the default"
	switch {
	case d.Rule != "":
		by = "rule “" + d.Rule + "”"
	case d.Reason == privatereply.DecidedByHand:
		by = "a person, by hand,"
	}
	switch d.Action {
	case privatereply.ActionAuto:
		if d.Hold > 0 {
			return fmt.Sprintf("By %s it goes out by itself, after a hold of %v", by, time.Duration(d.Hold))
		}
		return "By " + by + " it goes out by itself"
	case privatereply.ActionIgnore:
		return "By " + by + " it is left alone"
	}
	switch d.Reason {
	case privatereply.FoundBySweep:
		return "By " + by + " a person is asked: a sweep found the comment late"
	case privatereply.OnceUnknown:
		return "By " + by + " a person is asked: the rule answers a person once, and Meta did not name the person"
	case privatereply.AutomaticPaused:
		return "By " + by + " a person is asked: automatic replies of the rule or the account are paused"
	}
	return "By " + by + " a person is asked"
}

func messageWords(m MessageEvent) Event {
	by := m.By
	if by == "" {
		by = "Somebody"
	}
	switch m.Name {
	case workflows.ApproveMessage:
		return Event{Kind: EventPerson, Title: by + " approved it", Text: m.Text, Detail: partsDetail(m)}
	case workflows.RejectMessage:
		if m.Hide {
			return Event{Kind: EventPerson, Title: by + " rejected it and had the comment hidden", Text: m.Reason}
		}
		return Event{Kind: EventPerson, Title: by + " rejected it", Text: m.Reason}
	case workflows.ResolveMessage:
		if m.Delivered != nil && *m.Delivered {
			return Event{Kind: EventPerson, Title: by + " found that it was delivered"}
		}
		return Event{Kind: EventPerson, Title: by + " found that it was not delivered"}
	case workflows.ProposeMessage:
		return Event{Kind: EventPerson, Title: by + " proposed a text", Text: m.Text, Detail: strings.TrimSpace(m.Note + " " + partsDetail(m))}
	case workflows.NoteMessage:
		return Event{Kind: EventNote, Title: by + " noted", Text: m.Text}
	case workflows.AssignMessage:
		switch m.To {
		case "":
			return Event{Kind: EventNote, Title: by + " gave it back to everybody"}
		case m.By:
			return Event{Kind: EventNote, Title: by + " took it"}
		}
		return Event{Kind: EventNote, Title: "Assigned to " + m.To + " by " + by}
	case workflows.CommentRemovedSignal:
		return Event{Kind: EventNote, Title: "The person removed the comment"}
	case workflows.CommentEditedSignal:
		return Event{Kind: EventNote, Title: "The person edited the comment", Text: m.Text}
	case workflows.BroadcastEndedSignal:
		return Event{Kind: EventNote, Title: "The broadcast ended"}
	case workflows.PersonRespondedSignal:
		return Event{Kind: EventGood, Title: "The person answered"}
	case workflows.TapAnsweredSignal:
		return Event{Kind: EventNote, Title: "What came of a tap is known"}
	}
	return Event{Kind: EventNote, Title: "A message came: " + m.Name}
}

func attemptWords(a Attempt) Event {
	e := Event{At: a.At, Kind: EventSend, Title: fmt.Sprintf("Attempt %d", a.Number)}
	switch r := a.Result; {
	case r == nil && a.EndedAt.IsZero():
		e.Title += ": under way"
	case r == nil:
		e.Kind, e.Detail = EventBad, a.Problem
	case r.Outcome == privatereply.OutcomeSent:
		e.Kind, e.Title, e.Detail = EventGood, e.Title+": Meta delivered it", metaDetail(r)
	case r.Outcome == privatereply.OutcomeNotSent:
		e.Title, e.Detail = e.Title+": not sent, to be tried again", r.Reason.Sentence()+metaDetail(r)
	case r.Outcome == privatereply.OutcomeRefused:
		e.Kind, e.Title, e.Detail = EventBad, e.Title+": Meta refused it", r.Reason.Sentence()+metaDetail(r)
	default:
		e.Kind, e.Title, e.Detail = EventBad, e.Title+": nobody knows whether it arrived", r.Reason.Sentence()+metaDetail(r)
	}
	return e
}

// metaDetail has Meta's error and ids, which Meta's support asks for.
func metaDetail(r *privatereply.SendResult) string {
	detail := metaError(r.Code, r.Subcode, r.TraceID)
	if r.MessageID != "" {
		detail += " Message " + r.MessageID + "."
	}
	return detail
}

// metaError is Meta's error in words, empty if it gave none.
func metaError(code, subcode int, trace string) (detail string) {
	if code != 0 {
		detail += fmt.Sprintf(" Meta's error %d", code)
		if subcode != 0 {
			detail += fmt.Sprintf("/%d", subcode)
		}
		detail += "."
	}
	if trace != "" {
		detail += " Trace " + trace + "."
	}
	return detail
}

func searchWords(l Search) Event {
	e := Event{At: l.At, Kind: EventNote, Title: "Looked for it in the conversation"}
	switch {
	case l.MessageID != "":
		e.Kind, e.Title, e.Detail = EventGood, e.Title+": it is there", "Message "+l.MessageID+"."
	case l.Problem != "":
		e.Detail = l.Problem
	case l.Done:
		e.Title += ": it is not there"
	default:
		e.Title += ": under way"
	}
	return e
}
