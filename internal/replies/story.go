package replies

import (
	"fmt"
	"slices"
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
	for _, m := range h.Messages {
		e := messageWords(m)
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
		return Event{Kind: EventPerson, Title: by + " approved it", Text: m.Text}
	case workflows.RejectMessage:
		return Event{Kind: EventPerson, Title: by + " rejected it", Text: m.Reason}
	case workflows.ResolveMessage:
		if m.Delivered != nil && *m.Delivered {
			return Event{Kind: EventPerson, Title: by + " found that it was delivered"}
		}
		return Event{Kind: EventPerson, Title: by + " found that it was not delivered"}
	case workflows.ProposeMessage:
		return Event{Kind: EventPerson, Title: by + " proposed a text", Text: m.Text, Detail: m.Note}
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
	detail := ""
	if r.Code != 0 {
		detail += fmt.Sprintf(" Meta's error %d", r.Code)
		if r.Subcode != 0 {
			detail += fmt.Sprintf("/%d", r.Subcode)
		}
		detail += "."
	}
	if r.TraceID != "" {
		detail += " Trace " + r.TraceID + "."
	}
	if r.MessageID != "" {
		detail += " Message " + r.MessageID + "."
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
