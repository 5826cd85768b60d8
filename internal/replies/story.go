package replies

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Story is what a reply's history tells beyond its status.
type Story struct {
	Attempts []Attempt
	Searches []Search
	Said     []MessageEvent
}

// Attempt is one try to send. Result is nil while it runs, and when it never told
// how it ended: then Problem says why.
type Attempt struct {
	Number  int
	At      time.Time
	EndedAt time.Time
	Result  *privatereply.SendResult
	Problem string
}

// Search is one look into the person's conversation for an unconfirmed reply.
type Search struct {
	At        time.Time
	Done      bool
	MessageID string // empty: it was not found
	Problem   string
}

// MessageEvent is what a person or a program told the reply, and that it took. A refused
// Update leaves no trace.
type MessageEvent struct {
	Name      string // the message
	At        time.Time
	Signal    bool
	By        string
	Text      string
	Reason    string
	Delivered *bool
}

// Story reads the history of a reply. It needs no worker.
func (c *Client) Story(ctx context.Context, id string) (Story, error) {
	var s Story
	r, err := c.history(ctx, id)
	if err != nil {
		return s, err
	}
	for _, a := range r.activities {
		switch a.name {
		case workflows.SendPrivateReplyActivity:
			s.Attempts = append(s.Attempts, c.attempt(a))
		case workflows.FindMessageActivity:
			look := Search{At: a.scheduled, Done: !a.ended.IsZero(), Problem: a.problem}
			var found workflows.FindMessageResult
			if decodeFirst(c, a.result, &found) == nil {
				look.MessageID = found.MessageID
			}
			s.Searches = append(s.Searches, look)
		}
	}
	for _, d := range r.messages {
		if !d.refused() {
			s.Said = append(s.Said, c.said(d))
		}
	}
	return s, nil
}

func (c *Client) attempt(a *activityEvent) Attempt {
	at := Attempt{At: a.scheduled, EndedAt: a.ended, Problem: a.problem}
	var asked workflows.SendPrivateReplyInput
	if decodeFirst(c, a.input, &asked) == nil {
		at.Number = asked.Attempt
	}
	var result privatereply.SendResult
	if decodeFirst(c, a.result, &result) == nil {
		at.Result = &result
	}
	return at
}

// said reads a message loosely: what an outside tool wrote stays as it is, and what
// does not decode is shown by its name alone.
func (c *Client) said(d *messageEvent) MessageEvent {
	var m struct {
		Approver  string    `json:"approver"`
		Text      string    `json:"text"`
		Reason    string    `json:"reason"`
		Delivered *bool     `json:"delivered"`
		At        time.Time `json:"at"`
	}
	s := MessageEvent{Name: d.Name, At: d.At, Signal: d.Signal}
	if d.message(c, &m) == nil {
		s.By, s.Text, s.Reason, s.Delivered = m.Approver, m.Text, m.Reason, m.Delivered
	}
	return s
}
