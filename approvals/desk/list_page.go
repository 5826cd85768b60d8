package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// searchRows limits the replies that one request searches; searchTimeout its time.
	searchRows    = 5000
	searchTimeout = 3 * time.Second
	// searchPage is the number of replies that are read at once.
	searchPage = 1000
)

// listFilter is what the list of all replies is narrowed to. Empty fields mean all.
type listFilter struct {
	State   privatereply.State
	Account string
	Rule    string
	Media   string
	Search  string
	Effect  string // what has happened beside the reply
}

func parseListFilter(q url.Values) listFilter {
	f := listFilter{Account: q.Get("account"), Rule: q.Get("rule"), Media: q.Get("media"), Search: boundSearch(strings.TrimSpace(q.Get("q")))}
	if e := q.Get("effect"); effectLabels[e] != "" {
		f.Effect = e
	}
	if s := privatereply.State(q.Get("state")); slices.Contains(privatereply.States, s) {
		f.State = s
	}
	return f
}

func (f listFilter) encode() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"state": string(f.State), "account": f.Account, "rule": f.Rule, "media": f.Media, "q": f.Search, "effect": f.Effect,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// stored is the part of the filter that Temporal answers. It cannot search words.
func (f listFilter) stored() replies.Filter {
	s := replies.Filter{Account: f.Account, Rule: f.Rule, Media: f.Media}
	if f.Effect != "" {
		s.Effects = []string{f.Effect}
	}
	if f.State != "" {
		s.States = []privatereply.State{f.State}
	}
	return s
}

type listView struct {
	pageFrame
	listFilter
	States   []privatereply.State
	Happened []string // values of Effect
	Accounts []choice
	Rules    []string
	Chips    []chip
	Cards    []card
	Searched *searchReport // nil: nothing was searched for
	Later    bool          // it is not the first page
	NextURL  string
	Error    string
	Held     map[string]*health.Held // what stands still, by the reply's id
}

// FileURL is the address of the list as a file.
func (v listView) FileURL() string {
	return strings.TrimSuffix("/replies.csv?"+v.encode().Encode(), "?")
}

// chip is a condition that is in force, with the address of the list without it.
type chip struct{ Name, Value, RemoveURL string }

// searchReport says how far a search came.
type searchReport struct {
	Rows   int       // that were read
	Oldest time.Time // of these
	All    bool      // there are no older ones
}

// listPage shows replies in any state, the newest first.
func (d *Desk) listPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := listView{pageFrame: d.newFrame(r, "list", "All replies"), listFilter: parseListFilter(q), States: privatereply.States, Happened: workflows.Effects, Rules: d.ruleNames(r)}
	for _, a := range d.onlySeen(r, d.Accounts.All()) {
		page.Accounts = append(page.Accounts, choice{a.ID, a.Name})
	}
	page.Chips = page.chips()
	after, err := replies.ParseCursor(q.Get("after"))
	if err != nil {
		after = replies.Cursor{}
	}
	page.Later = !after.IsZero()

	var rows []replies.Row
	var next replies.Cursor
	if page.Search == "" {
		rows, next, err = d.Replies.Newest(r.Context(), page.stored(), after, pageCards)
	} else {
		rows, next, page.Searched, err = d.searchReplies(r.Context(), page.listFilter, after)
	}
	if err != nil {
		page.Error = d.errorMessage(err)
	}
	words := searchWords(page.Search)
	for _, row := range rows {
		c := d.newCard(r, row)
		c.Words = words
		page.Cards = append(page.Cards, c)
	}
	if !next.IsZero() && err == nil {
		values := page.encode()
		values.Set("after", next.String())
		page.NextURL = "/replies?" + values.Encode()
	}
	page.Held = d.held(r.Context(), rows)
	d.render(w, http.StatusOK, "list", layout, page)
}

// searchReplies looks for words in the newest replies behind a place: in the names, texts
// and ids that lists hold, in memory, because Temporal cannot search texts and must not be
// able to read encrypted ones. It ends with a page of hits, with searchRows, or when its
// time is over; the next place is where to go on.
func (d *Desk) searchReplies(ctx context.Context, f listFilter, after replies.Cursor) (hits []replies.Row, next replies.Cursor, report *searchReport, err error) {
	report = &searchReport{}
	if after.IsZero() {
		hits = d.findByID(ctx, f)
	}
	byID := len(hits)
	match := queue.Filter{Search: f.Search}
	limited, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	for next = after; report.Rows < searchRows; {
		rows, behind, err := d.Replies.Newest(limited, f.stored(), next, searchPage)
		if err != nil && (ctx.Err() != nil || !errors.Is(limited.Err(), context.DeadlineExceeded) || report.Rows+len(rows) == 0) {
			return hits, next, report, err
		}
		for _, row := range rows {
			report.Rows++
			report.Oldest = row.StartedAt
			if !match.Matches(row) || slices.ContainsFunc(hits[:byID], func(h replies.Row) bool { return h.ID == row.ID }) {
				continue
			}
			if hits = append(hits, row); len(hits) >= pageCards {
				return hits, replies.CursorAfter(row), report, nil
			}
		}
		next = behind
		if err != nil {
			return hits, next, report, nil
		}
		if report.All = next.IsZero(); report.All {
			break
		}
	}
	return hits, next, report, nil
}

// idPattern is how the id of a comment, or of a reply, can look.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_:.-]*[0-9]{4}[A-Za-z0-9_:.-]*$`)

// findByID finds the reply whose id was searched for, however old it is. An error is one of
// the search, too, which tells it.
func (d *Desk) findByID(ctx context.Context, f listFilter) []replies.Row {
	if !idPattern.MatchString(f.Search) {
		return nil
	}
	stored := f.stored()
	if _, ok := privatereply.ParseID(f.Search); ok {
		stored.IDs = []string{f.Search}
	}
	for _, a := range d.Accounts.All() {
		for _, c := range []privatereply.Comment{{CommentID: f.Search}, {PostID: f.Search}} {
			c.Platform, c.Account = a.Platform, a.ID
			if id, err := privatereply.ReplyID(c); err == nil {
				stored.IDs = append(stored.IDs, id)
			}
		}
	}
	if len(stored.IDs) == 0 {
		return nil
	}
	const most = 100 // ids in one query
	stored.IDs = stored.IDs[:min(len(stored.IDs), most)]
	rows, _, err := d.Replies.Page(ctx, stored, pageCards, nil)
	if err != nil {
		return nil
	}
	return rows
}

// chips are the conditions that are in force.
func (v listView) chips() []chip {
	var all []chip
	add := func(name, param, value, shown string) {
		if value == "" {
			return
		}
		values := v.encode()
		values.Del(param)
		all = append(all, chip{name, shown, strings.TrimSuffix("/replies?"+values.Encode(), "?")})
	}
	add("Search", "q", v.Search, v.Search)
	add("State", "state", string(v.State), v.State.Label())
	account := v.Account // an account that the user does not see has no name
	for _, a := range v.Accounts {
		if a.ID == v.Account {
			account = a.Name
		}
	}
	add("Account", "account", v.Account, account)
	add("Rule", "rule", v.Rule, v.Rule)
	add("Happened", "effect", v.Effect, effectLabels[v.Effect])
	add("Post", "media", v.Media, v.Media)
	return all
}

// Verdict is what the approver did.
func (c card) Verdict() string {
	switch {
	case c.State == privatereply.Rejected:
		return "rejected"
	case c.Edited:
		return "edited and approved"
	case c.State == privatereply.Undeliverable:
		return "decided"
	}
	return "approved"
}

// TextLabel says what the reply's text is: it was sent, is proposed, or was never sent.
func (c card) TextLabel() string {
	switch c.State {
	case privatereply.Sent, privatereply.Responded, privatereply.WindowClosed, privatereply.NoResponse:
		return "Sent"
	case privatereply.AwaitingApproval, privatereply.Holding:
		return "Proposed"
	case privatereply.Sending:
		return "On its way"
	case privatereply.DeliveryUnknown:
		return "Perhaps sent"
	}
	return "Not sent"
}
