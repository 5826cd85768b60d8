package desk

import (
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// maxUnknownShown limits the deliveries on the page: the status and history of each are
	// read, a few at a time.
	maxUnknownShown = 25
	unknownParallel = 6
)

type unknownView struct {
	pageFrame
	Cases []unknownCase
	More  int
	// Public are the newest replies of which nobody knows whether the public one was posted.
	Public      []card
	PublicError string
}

// unknownCase is a delivery that is neither confirmed nor excluded, with the evidence.
type unknownCase struct {
	card
	Status *workflows.PrivateReplyStatus
	Story  []replies.Event
	Error  string
}

// unknownPage shows the deliveries that people must resolve.
func (d *Desk) unknownPage(w http.ResponseWriter, r *http.Request) {
	rows := d.view(r.Context()).Select(queue.Filter{State: privatereply.DeliveryUnknown})
	page := unknownView{pageFrame: d.newFrame(r, "unknown", "Unknown deliveries"), More: max(0, len(rows)-maxUnknownShown)}
	rows = rows[:min(len(rows), maxUnknownShown)]
	page.Cases = make([]unknownCase, len(rows))
	var group errgroup.Group
	group.SetLimit(unknownParallel)
	for i, row := range rows {
		group.Go(func() error {
			c := unknownCase{card: d.newCard(r, row)}
			if s, err := d.Replies.Status(r.Context(), row.ID); err != nil {
				c.Error = d.errorMessage(err)
			} else {
				c.Status = &s
			}
			history, err := d.Replies.History(r.Context(), row.ID)
			if err != nil && c.Error == "" {
				c.Error = d.errorMessage(err)
			}
			for _, e := range replies.Story(nil, history) {
				if e.Kind != replies.EventPerson {
					c.Story = append(c.Story, e)
				}
			}
			page.Cases[i] = c
			return nil
		})
	}
	_ = group.Wait() // each case has its own error
	public, _, err := d.Replies.Newest(r.Context(), replies.Filter{Effects: []string{workflows.EffectPublicUnknown}}, replies.Cursor{}, maxUnknownShown)
	if err != nil {
		page.PublicError = d.errorMessage(err)
	}
	for _, row := range public {
		page.Public = append(page.Public, d.newCard(r, row))
	}
	d.render(w, http.StatusOK, "unknown", layout, page)
}

// InboxURL is the page with the account's conversations.
func (c unknownCase) InboxURL() string { return c.Platform.Facts().InboxURL }
