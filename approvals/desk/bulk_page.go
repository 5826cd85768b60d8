package desk

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
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
	ApprovableCount int
	Done            bool // the items have results
	IdempotencyKey  string
}

// bulkItem is one reply of a selection, with the whole text that would be sent.
type bulkItem struct {
	card
	Error  string // why it cannot be approved
	Result *decisionResult
}

// bulkPage shows each text of a selection before anything is approved.
func (d *Desk) bulkPage(w http.ResponseWriter, r *http.Request) {
	ids, ok := d.readSelection(w, r)
	if !ok {
		return
	}
	page := bulkView{pageFrame: d.newFrame(r, "bulk", "Approve together"), Items: d.bulkItems(r, ids), IdempotencyKey: idempotencyKey("")}
	for _, item := range page.Items {
		if item.Error == "" {
			page.ApprovableCount++
		}
	}
	d.render(w, http.StatusOK, "bulk", layout, page)
}

// bulkForm approves a selection for browsers without script.
func (d *Desk) bulkForm(w http.ResponseWriter, r *http.Request) {
	ids, ok := d.readSelection(w, r)
	if !ok {
		return
	}
	page := bulkView{pageFrame: d.newFrame(r, "bulk", "Approved together"), Done: true}
	rows := map[string]replies.Row{}
	for _, id := range ids {
		if row, err := d.findRow(r, id); err == nil {
			rows[id] = row
		}
	}
	read := map[string]string{}
	for _, id := range ids {
		read[id] = r.PostForm.Get("comment_sha256:" + id)
	}
	for _, v := range d.approveAll(r.Context(), ids, read, r.PostForm.Get("click")) {
		item := bulkItem{card: card{Row: rows[v.ID], Now: page.Now}, Result: &v}
		item.ID = v.ID
		page.Items = append(page.Items, item)
	}
	d.render(w, http.StatusOK, "bulk", layout, page)
}

// readSelection reads the ids of a form.
func (d *Desk) readSelection(w http.ResponseWriter, r *http.Request) (ids []string, ok bool) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return nil, false
	}
	switch ids = r.PostForm["reply"]; {
	case len(ids) == 0:
		d.errorPage(w, r, http.StatusBadRequest, "Nothing is selected. Go back and select the replies to approve.")
	case len(ids) > maxBulk:
		d.errorPage(w, r, http.StatusBadRequest, "Too many are selected: at most 200 can be approved together.")
	default:
		return ids, true
	}
	return nil, false
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
	item := bulkItem{card: card{Row: row, CanDecide: true, Now: d.now()}}
	item.ID = id
	if err == nil && (replies.IsCut(row.Text) || replies.IsCut(row.Comment)) {
		s, statusErr := d.Replies.Status(r.Context(), id)
		item.Text, item.State, err = s.Text, s.State, statusErr
		if err == nil {
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
	case item.Text == "":
		item.Error = "No text is proposed. Open it and write one."
	}
	return item
}

// approveAll approves the proposed texts; read has the hashes of the comments that were
// shown. A refusal of one does not affect the others, but once no worker answers the
// remaining ones are not tried.
func (d *Desk) approveAll(ctx context.Context, ids []string, read map[string]string, click string) []decisionResult {
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
			results[i] = d.decide(ctx, decisionRequest{ID: id, Verb: verbApprove, IdempotencyKey: click, CommentSHA256: read[id]})
			if s := results[i].status; s == http.StatusServiceUnavailable || s == http.StatusBadGateway {
				noAnswer.Store(&results[i])
			}
			return nil
		})
	}
	_ = group.Wait() // each result has its own error
	return results
}
