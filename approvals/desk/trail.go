package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

// trail is the way of a user through a list of replies: where the list is, and which replies
// come before and after this one.
type trail struct {
	Back     string // the list, with its filter
	Label    string // names the list
	Tab      string // of the list
	Explicit bool   // the user came from there: after a decision the next reply follows
	Previous string // addresses of replies; empty: there is none
	Next     string
	At, Of   int // this reply in its list, from 1; 0: it is not in it any more
}

// lists are the pages that lead to replies, with their names and their tabs.
var lists = map[string]struct{ label, tab string }{
	"/": {"Queue", "queue"}, "/unknown": {"Unknown", "unknown"}, "/replies": {"All", "list"}, "/answered": {"Answered", "answered"}, "/funnel": {"Funnel", "funnel"},
}

// trail finds the way of a request to the page of a reply.
func (d *Desk) trail(r *http.Request, row replies.Row) trail {
	back, explicit := cameFrom(r)
	t := trail{Back: back.String(), Label: lists[back.Path].label, Tab: lists[back.Path].tab, Explicit: explicit}
	if t.Label == "" {
		t.Label = "Back"
	}
	var rows []replies.Row
	switch v := d.view(r.Context()); back.Path {
	case "/":
		rows = v.Select(parseFilter(back.Query()))
	case "/unknown":
		rows = v.Select(queue.Filter{State: privatereply.DeliveryUnknown})
	default:
		return t
	}
	i := slices.IndexFunc(rows, func(other replies.Row) bool { return other.ID == row.ID })
	found := i >= 0
	if !found { // it has just been decided: what followed it stands where it was
		i, _ = slices.BinarySearchFunc(rows, row, queue.Compare)
	}
	if i > 0 {
		t.Previous = t.to(rows[i-1].ID)
	}
	if found {
		t.At, t.Of = i+1, len(rows)
		i++
	}
	if i < len(rows) {
		t.Next = t.to(rows[i].ID)
	}
	return t
}

// to is the address of a reply of the list.
func (t trail) to(id string) string {
	if !t.Explicit {
		return replyURL(id)
	}
	return replyURL(id) + "?" + url.Values{"back": {t.Back}}.Encode()
}

// AfterDecision is where a user goes on after a decision about the reply with the id.
func (t trail) AfterDecision(id string) string {
	if !t.Explicit || t.Next == "" {
		return t.to(id)
	}
	return t.Next + "&" + url.Values{"decided": {id}}.Encode()
}

// cameFrom is the list from which the page of a reply was opened: as its own links say, else
// as the browser says. Explicit is false if neither does: then it is the queue.
func cameFrom(r *http.Request) (back *url.URL, explicit bool) {
	if back := ownPage(r.FormValue("back")); back != nil {
		return back, true
	}
	referer, err := url.Parse(r.Referer())
	if err == nil && referer.Host == r.Host {
		referer.Scheme, referer.Host, referer.User, referer.Fragment = "", "", nil, ""
		if back := ownPage(referer.String()); back != nil {
			return back, true
		}
	}
	return &url.URL{Path: "/"}, false
}

// ownPage reads an address of a page of the desk that leads to replies; nil if it is none.
func ownPage(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.Contains(address, `\`) {
		return nil
	}
	if _, ok := lists[u.Path]; !ok && !strings.HasPrefix(u.Path, "/person") {
		return nil
	}
	u.Fragment = ""
	return u
}
