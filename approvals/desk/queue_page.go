package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

// pageCards is how many cards a page of the queue has.
const pageCards = 50

// counts are what the tabs show.
type counts struct {
	Decide  int  `json:"decide"`
	Held    int  `json:"held"`
	Unknown int  `json:"unknown"`
	TooMany bool `json:"too_many,omitempty"` // there are more than the desk holds
}

func countsOf(v *queue.View) counts {
	return counts{
		Decide:  v.Count(privatereply.AwaitingApproval),
		Held:    v.Count(privatereply.Holding),
		Unknown: v.Count(privatereply.DeliveryUnknown),
		TooMany: v.Total > int64(len(v.Rows)),
	}
}

type queueView struct {
	frame
	Filter  queue.Filter
	Choices queue.Choices
	Cards   []card
	Found   int    // that match
	From    int    // the number of the first card, from 1
	Next    string // the next page; empty: there is none
	Before  string
	Query   string // the filter, for the event stream
}

// queuePage shows what waits, or with part=list only the cards: the script asks for
// them when something has changed.
func (d *Desk) queuePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	filter := filterOf(q)
	v := d.Queue.View(r.Context())
	rows := v.Select(filter)
	start := min(max(0, number(q.Get("from"))-1), len(rows))
	end := min(start+pageCards, len(rows))
	page := queueView{
		frame:  d.frame(r, "queue", "Queue"),
		Filter: filter, Choices: v.Choices(), Found: len(rows), From: start + 1,
		Query: filterQuery(filter).Encode(),
	}
	page.Version = v.Version
	decides := signin.From(r.Context()).CanDecide()
	for _, row := range rows[start:end] {
		page.Cards = append(page.Cards, card{row, decides, page.Now})
	}
	link := func(from int) string {
		values := filterQuery(filter)
		values.Set("from", strconv.Itoa(from))
		return "/?" + values.Encode()
	}
	if end < len(rows) {
		page.Next = link(end + 1)
	}
	if start > 0 {
		page.Before = link(max(1, start+1-pageCards))
	}
	block := whole
	if q.Get("part") == "list" {
		block = "list"
	}
	d.render(w, http.StatusOK, "queue", block, page)
}

// filterOf reads a filter from an address. Without a state it is what waits for a
// decision.
func filterOf(q url.Values) queue.Filter {
	f := queue.Filter{
		State:   privatereply.State(q.Get("state")),
		Account: q.Get("account"),
		Rule:    q.Get("rule"),
		Source:  privatereply.Source(q.Get("source")),
		Search:  q.Get("q"),
	}
	if !slices.Contains(queue.States, f.State) {
		f.State = privatereply.AwaitingApproval
	}
	return f
}

func filterQuery(f queue.Filter) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"account": f.Account, "rule": f.Rule, "source": string(f.Source), "q": f.Search,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.State != privatereply.AwaitingApproval {
		values.Set("state", string(f.State))
	}
	return values
}

// Narrowed reports whether more is filtered than the state.
func (v queueView) Narrowed() bool {
	f := v.Filter
	f.State = ""
	return f != queue.Filter{}
}

// Tab is the address of the queue of another state, with the same filter.
func (v queueView) Tab(s privatereply.State) string {
	f := v.Filter
	f.State = s
	return "/?" + filterQuery(f).Encode()
}

// Last is the number of the last card.
func (v queueView) Last() int { return v.From + len(v.Cards) - 1 }

// Ready is how many of the cards can be approved together.
func (v queueView) Ready() int {
	n := 0
	for _, c := range v.Cards {
		if c.Whole() {
			n++
		}
	}
	return n
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// rowOf finds a reply for a list, in memory if it waits.
func (d *Desk) rowOf(r *http.Request, id string) (replies.Row, error) {
	if row, ok := d.Queue.View(r.Context()).Row(id); ok {
		return row, nil
	}
	return d.Replies.Row(r.Context(), id)
}
