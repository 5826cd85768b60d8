package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

// queueOrder is the order of the queue's cards, as in addresses. The empty one is that of
// queue.Compare: what must be decided first.
type queueOrder string

const (
	orderOldest queueOrder = "oldest" // by the time of the comment
	orderNewest queueOrder = "newest"
)

func parseOrder(q url.Values) queueOrder {
	switch o := queueOrder(q.Get("sort")); o {
	case orderOldest, orderNewest:
		return o
	}
	return ""
}

// sort puts rows, which are in the order of the queue, into this order.
func (o queueOrder) sort(rows []replies.Row) {
	switch o {
	case orderOldest:
		slices.SortStableFunc(rows, func(a, b replies.Row) int { return writtenAt(a).Compare(writtenAt(b)) })
	case orderNewest:
		slices.SortStableFunc(rows, func(a, b replies.Row) int { return writtenAt(b).Compare(writtenAt(a)) })
	}
}

// values are the parameters of an address of the queue with a filter, in the same order.
func (v queueView) values(f queue.Filter) url.Values {
	values := encodeFilter(f)
	if v.Order != "" {
		values.Set("sort", string(v.Order))
	}
	return values
}

// ClearURL is the address of the queue without a filter, in the same state and order.
func (v queueView) ClearURL() string {
	return strings.TrimSuffix("/?"+v.values(queue.Filter{State: v.Filter.State}).Encode(), "?")
}

// writtenAt is when a comment was written, as well as lists know it: the deadline is counted
// from it, but for a broadcast's.
func writtenAt(r replies.Row) time.Time {
	if r.OnLive() || r.Deadline.IsZero() {
		return r.StartedAt
	}
	at := r.Deadline.Add(privatereply.DeadlineMargin - privatereply.ReplyPeriod)
	if at.After(r.StartedAt) && !r.StartedAt.IsZero() {
		return r.StartedAt
	}
	return at
}

// WrittenAt is when the comment was written.
func (c card) WrittenAt() time.Time { return writtenAt(c.Row) }

// viewCookie keeps how somebody wants the queue: compactView, or with large cards.
const (
	viewCookie  = "queue"
	compactView = "compact"
)

func isCompact(r *http.Request) bool {
	c, err := r.Cookie(viewCookie)
	return err == nil && c.Value == compactView
}

// chooseView keeps the view that a link of the queue asks for, and leads back to the queue.
func (d *Desk) chooseView(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	if !q.Has("view") {
		return false
	}
	c := &http.Cookie{Name: viewCookie, Value: compactView, Path: "/", MaxAge: int(cookieLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if q.Get("view") != compactView {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	q.Del("view")
	http.Redirect(w, r, strings.TrimSuffix("/?"+q.Encode(), "?"), http.StatusSeeOther)
	return true
}

// cookieLife is how long a browser keeps a choice of its user.
const cookieLife = 365 * 24 * time.Hour

// ViewURL is the address that changes between large cards and the compact list.
func (v queueView) ViewURL() string {
	values := v.values(v.Filter)
	values.Set("view", compactView)
	if v.Compact {
		values.Set("view", "cards")
	}
	return "/?" + values.Encode()
}
