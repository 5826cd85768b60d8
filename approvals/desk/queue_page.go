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

// tabCounts are what the tabs show.
type tabCounts struct {
	Decide  int  `json:"decide"`
	Held    int  `json:"held"`
	Unknown int  `json:"unknown"`
	TooMany bool `json:"too_many,omitempty"` // there are more than the desk holds
}

func countsOf(v *queue.View) tabCounts {
	return tabCounts{
		Decide:  v.Count(privatereply.AwaitingApproval),
		Held:    v.Count(privatereply.Holding),
		Unknown: v.Count(privatereply.DeliveryUnknown),
		TooMany: v.Total > int64(len(v.Rows)),
	}
}

type queueView struct {
	pageFrame
	Filter      queue.Filter
	Choices     queue.Choices
	Cards       []card
	Found       int    // that match
	From        int    // the number of the first card, from 1
	NextURL     string // the next page; empty: there is none
	PreviousURL string
	Query       string // the filter, for the event stream
}

// queuePage shows what waits, or with part=list only the cards: the script asks for
// them when something has changed.
func (d *Desk) queuePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	filter := parseFilter(q)
	v := d.Queue.View(r.Context())
	rows := v.Select(filter)
	start := min(max(0, intOrZero(q.Get("from"))-1), len(rows))
	end := min(start+pageCards, len(rows))
	page := queueView{
		pageFrame: d.newFrame(r, "queue", "Queue"),
		Filter:    filter, Choices: v.Choices(), Found: len(rows), From: start + 1,
		Query: encodeFilter(filter).Encode(),
	}
	page.Version = v.Version
	decides := signin.UserFrom(r.Context()).CanDecide()
	for _, row := range rows[start:end] {
		page.Cards = append(page.Cards, card{row, decides, page.Now})
	}
	link := func(from int) string {
		values := encodeFilter(filter)
		values.Set("from", strconv.Itoa(from))
		return "/?" + values.Encode()
	}
	if end < len(rows) {
		page.NextURL = link(end + 1)
	}
	if start > 0 {
		page.PreviousURL = link(max(1, start+1-pageCards))
	}
	block := layout
	if q.Get("part") == "list" {
		block = "list"
	}
	d.render(w, http.StatusOK, "queue", block, page)
}

// parseFilter reads a filter from an address. Without a state it is what waits for a
// decision.
func parseFilter(q url.Values) queue.Filter {
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

func encodeFilter(f queue.Filter) url.Values {
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

// IsFiltered reports whether more is filtered than the state.
func (v queueView) IsFiltered() bool {
	f := v.Filter
	f.State = ""
	return f != queue.Filter{}
}

// TabURL is the address of the queue of another state, with the same filter.
func (v queueView) TabURL(s privatereply.State) string {
	f := v.Filter
	f.State = s
	return "/?" + encodeFilter(f).Encode()
}

// Last is the number of the last card.
func (v queueView) Last() int { return v.From + len(v.Cards) - 1 }

// ApprovableCount is how many of the cards can be approved together.
func (v queueView) ApprovableCount() int {
	n := 0
	for _, c := range v.Cards {
		if c.Approvable() {
			n++
		}
	}
	return n
}

func intOrZero(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// findRow finds a reply for a list, in memory if it waits.
func (d *Desk) findRow(r *http.Request, id string) (replies.Row, error) {
	if row, ok := d.Queue.View(r.Context()).Row(id); ok {
		return row, nil
	}
	return d.Replies.Row(r.Context(), id)
}
