package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// maxBulk limits the replies that are approved together: somebody must have read each.
	maxBulk = 200
	// bulkParallel is the number of them that are decided at once.
	bulkParallel = 8
)

type bulkView struct {
	pageFrame
	Items           []bulkItem
	Count           int  // that can be decided
	ApprovableCount int  // that have a text
	Done            bool // the items have results
	IdempotencyKey  string
}

// bulkItem is one reply of a selection, with the whole text that would be sent.
type bulkItem struct {
	card
	Shown  shownMessage // where there is more than a text
	sha256 string       // of all that is shown
	Error  string       // why it cannot be decided
	Result *decisionResult
}

// bulkPage shows each text of a selection before anything is approved.
func (d *Desk) bulkPage(w http.ResponseWriter, r *http.Request) {
	ids, ok := d.readSelection(w, r)
	if !ok {
		return
	}
	page := bulkView{pageFrame: d.newFrame(r, "bulk", "Decide together"), Items: d.bulkItems(r, ids), IdempotencyKey: idempotencyKey("")}
	for _, item := range page.Items {
		if item.Error != "" {
			continue
		}
		page.Count++
		if item.Text != "" {
			page.ApprovableCount++
		}
	}
	d.render(w, http.StatusOK, "bulk", layout, page)
}

// bulkForm decides a selection for browsers without script.
func (d *Desk) bulkForm(verb string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { d.decideSelection(w, r, verb) }
}

func (d *Desk) decideSelection(w http.ResponseWriter, r *http.Request, verb string) {
	ids, ok := d.readSelection(w, r)
	if !ok {
		return
	}
	page := bulkView{pageFrame: d.newFrame(r, "bulk", "Decided together"), Done: true}
	rows := map[string]replies.Row{}
	for _, id := range ids {
		if row, err := d.findRow(r, id); err == nil {
			rows[id] = row
		}
	}
	for _, v := range d.decideAll(r.Context(), ids, func(id string) decisionRequest {
		return decisionRequest{ID: id, Verb: verb, IdempotencyKey: r.PostForm.Get("click"), Reason: r.PostForm.Get("reason"), Hide: r.PostForm.Get("hide") == "true",
			CommentSHA256: r.PostForm.Get("comment_sha256:" + id), TextSHA256: r.PostForm.Get("text_sha256:" + id)}
	}) {
		item := bulkItem{card: d.newCard(r, rows[v.ID]), Result: &v}
		item.ID = v.ID
		page.Items = append(page.Items, item)
	}
	d.render(w, http.StatusOK, "bulk", layout, page)
}

// readSelection reads the ids of a form: those that were ticked, or with "matching" the first
// ones that match a filter.
func (d *Desk) readSelection(w http.ResponseWriter, r *http.Request) (ids []string, ok bool) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return nil, false
	}
	ids = r.PostForm["reply"]
	if r.PostForm.Has("matching") {
		ids = d.matching(r, r.PostForm.Get("matching"))
	}
	switch {
	case len(ids) == 0:
		d.errorPage(w, r, http.StatusBadRequest, "Nothing is selected. Go back and select replies.")
	case len(ids) > maxBulk:
		d.errorPage(w, r, http.StatusBadRequest, "Too many are selected: at most 200 can be decided together.")
	default:
		return ids, true
	}
	return nil, false
}

// matching lists the first replies that match the filter of a query and wait for a decision.
func (d *Desk) matching(r *http.Request, query string) (ids []string) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	filter := filterFor(q, signin.UserFrom(r.Context()))
	if filter.State == privatereply.DeliveryUnknown {
		return nil
	}
	rows := d.view(r.Context()).Select(filter)
	for _, row := range rows[:min(len(rows), maxBulk)] {
		ids = append(ids, row.ID)
	}
	return ids
}

// bulkItems reads the full texts of a selection: the list may have cut them.
func (d *Desk) bulkItems(r *http.Request, ids []string) []bulkItem {
	items := make([]bulkItem, len(ids))
	var group errgroup.Group
	group.SetLimit(bulkParallel)
	for i, id := range ids {
		group.Go(func() error {
			items[i] = d.bulkItem(r, id)
			return nil
		})
	}
	_ = group.Wait() // each item has its own error
	return items
}

func (d *Desk) bulkItem(r *http.Request, id string) bulkItem {
	row, err := d.findRow(r, id)
	item := bulkItem{card: d.newCard(r, row)}
	item.ID = id
	item.sha256 = item.card.TextSHA256()
	if err == nil && (replies.IsCut(row.Text) || replies.IsCut(row.Comment) || item.Beside()) {
		s, statusErr := d.Replies.Status(r.Context(), id)
		item.Text, item.State, err = s.Text, s.State, statusErr
		if err == nil {
			item.Shown, item.sha256 = d.shown(s), replies.ProposalSHA256(s)
			item.Comment, item.EditedAt = s.Comment.Text, s.Comment.EditedAt
			item.Attachment, item.CommentSHA256 = s.Comment.Attachment, privatereply.TextSHA256(s.Comment.Text)
		}
	}
	var refusal *replies.Error
	switch {
	case errors.As(err, &refusal):
		item.Error = sentence(refusal.Message)
	case err != nil:
		item.Error = staleMessage
	case item.State != privatereply.AwaitingApproval && item.State != privatereply.Holding:
		item.Error = "It does not wait any more: " + lowerFirst(item.State.Label()) + "."
	}
	return item
}

// TextSHA256 is the hash of what an approval of the item sends.
func (i bulkItem) TextSHA256() string { return i.sha256 }

// decideAll decides several replies. A refusal of one does not affect the others, but once no
// worker answers the remaining ones are not tried.
func (d *Desk) decideAll(ctx context.Context, ids []string, request func(id string) decisionRequest) []decisionResult {
	results := make([]decisionResult, len(ids))
	var group errgroup.Group
	group.SetLimit(bulkParallel)
	var noAnswer atomic.Pointer[decisionResult]
	for i, id := range ids {
		group.Go(func() error {
			if v := noAnswer.Load(); v != nil {
				results[i] = decisionResult{ID: id, Code: v.Code, Message: "Not tried: nobody answers. Nothing was decided.", status: v.status}
				return nil
			}
			results[i] = d.decide(ctx, request(id))
			if s := results[i].status; s == http.StatusServiceUnavailable || s == http.StatusBadGateway {
				noAnswer.Store(&results[i])
			}
			return nil
		})
	}
	_ = group.Wait() // each result has its own error
	return results
}
