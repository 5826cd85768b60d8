package desk

import (
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// entry is one moment in the story of a reply.
type entry struct {
	At     time.Time
	Kind   string // for the mark beside it: note, person, send, good or bad
	Title  string
	Text   string // what somebody wrote
	Detail string
}

// storyEntries puts a reply's story together, in the order of time.
func storyEntries(s *workflows.PrivateReplyStatus, story replies.Story) []entry {
	var all []entry
	add := func(at time.Time, kind, title, text, detail string) {
		if !at.IsZero() {
			all = append(all, entry{at, kind, title, text, detail})
		}
	}
	if s != nil {
		c := s.Comment
		add(c.CreatedAt, "note", "The comment was written", "", "")
		add(c.ReceivedAt, "note", "The comment arrived here", "", "by "+string(c.Via))
		add(c.ReceivedAt, "note", decisionText(s.Decision), "", "")
	}
	for _, m := range story.Said {
		e := messageEntry(m)
		e.At = m.At
		all = append(all, e)
	}
	for _, a := range story.Attempts {
		all = append(all, attemptEntry(a))
	}
	for _, l := range story.Searches {
		all = append(all, searchEntry(l))
	}
	if s != nil {
		for _, no := range s.RefusedSignals {
			add(no.At, "bad", "A message was refused: "+no.Name, "", no.Why)
		}
		if s.State == privatereply.Expired && !s.Deadline.IsZero() && s.Reason != privatereply.PastDeadline {
			add(s.Deadline, "bad", "The deadline passed", "", s.Reason.Sentence())
		}
		if s.Window != nil && s.State == privatereply.WindowClosed {
			add(s.Window.ClosesAt, "note", "The conversation's window closed", "", "")
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return a.At.Compare(b.At) })
	return all
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
	if d.Reason == privatereply.FoundBySweep {
		return "By " + by + " a person is asked: a sweep found the comment late"
	}
	return "By " + by + " a person is asked"
}

func messageEntry(m replies.MessageEvent) entry {
	by := m.By
	if by == "" {
		by = "Somebody"
	}
	switch m.Name {
	case workflows.ApproveMessage:
		return entry{Kind: "person", Title: by + " approved it", Text: m.Text}
	case workflows.RejectMessage:
		return entry{Kind: "person", Title: by + " rejected it", Text: m.Reason}
	case workflows.ResolveMessage:
		if m.Delivered != nil && *m.Delivered {
			return entry{Kind: "person", Title: by + " found that it was delivered"}
		}
		return entry{Kind: "person", Title: by + " found that it was not delivered"}
	case workflows.CommentRemovedSignal:
		return entry{Kind: "note", Title: "The person removed the comment"}
	case workflows.CommentEditedSignal:
		return entry{Kind: "note", Title: "The person edited the comment", Text: m.Text}
	case workflows.BroadcastEndedSignal:
		return entry{Kind: "note", Title: "The broadcast ended"}
	case workflows.PersonRespondedSignal:
		return entry{Kind: "good", Title: "The person answered"}
	}
	return entry{Kind: "note", Title: "A message came: " + m.Name}
}

func attemptEntry(a replies.Attempt) entry {
	e := entry{At: a.At, Kind: "send", Title: fmt.Sprintf("Attempt %d", a.Number)}
	switch r := a.Result; {
	case r == nil && a.EndedAt.IsZero():
		e.Title += ": under way"
	case r == nil:
		e.Kind, e.Detail = "bad", sentence(a.Problem)
	case r.Outcome == privatereply.OutcomeSent:
		e.Kind, e.Title, e.Detail = "good", e.Title+": Meta delivered it", metaDetail(r)
	case r.Outcome == privatereply.OutcomeNotSent:
		e.Title, e.Detail = e.Title+": not sent, to be tried again", r.Reason.Sentence()+metaDetail(r)
	case r.Outcome == privatereply.OutcomeRefused:
		e.Kind, e.Title, e.Detail = "bad", e.Title+": Meta refused it", r.Reason.Sentence()+metaDetail(r)
	default:
		e.Kind, e.Title, e.Detail = "bad", e.Title+": nobody knows whether it arrived", r.Reason.Sentence()+metaDetail(r)
	}
	return e
}

// metaDetail is what Meta said, for somebody who asks Meta.
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

func searchEntry(l replies.Search) entry {
	e := entry{At: l.At, Kind: "note", Title: "Looked for it in the conversation"}
	switch {
	case l.MessageID != "":
		e.Kind, e.Title, e.Detail = "good", e.Title+": it is there", "Message "+l.MessageID+"."
	case l.Problem != "":
		e.Detail = sentence(l.Problem)
	case l.Done:
		e.Title += ": it is not there"
	default:
		e.Title += ": under way"
	}
	return e
}
