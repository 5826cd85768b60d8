package desk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// pageCards is the number of cards on a page of the queue.
const pageCards = 50

// tabCounts are the numbers on the tabs.
type tabCounts struct {
	Decide  int  `json:"decide"`
	Held    int  `json:"held"`
	Unknown int  `json:"unknown"`
	TooMany bool `json:"too_many,omitempty"` // the queue holds only a part
	// Of those that wait for a decision.
	Mine       int `json:"mine"`
	Unassigned int `json:"unassigned"`
	Drafts     int `json:"drafts"`
	Answered   int `json:"answered"` // people who wait for us
}

// countsOf counts what a user sees.
func countsOf(v *queue.View, user string) tabCounts {
	waiting := func(who queue.Who) int {
		return v.CountMatching(queue.Filter{State: privatereply.AwaitingApproval, Who: who, User: user})
	}
	return tabCounts{
		Mine: waiting(queue.Mine), Unassigned: waiting(queue.Unassigned), Drafts: waiting(queue.Drafts),
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
	Order       queueOrder
	Compact     bool
	Found       int    // number of matching replies
	Total       int    // of those in the same state
	From        int    // the number of the first card, from 1
	NextURL     string // the next page; empty: there is none
	PreviousURL string
	Query       string // the filter, for the event stream
	Stop        stopOffer
}

// queuePage shows the waiting replies, or with part=list only the cards: the script asks
// for them after a change.
func (d *Desk) queuePage(w http.ResponseWriter, r *http.Request) {
	if d.chooseView(w, r) {
		return
	}
	q := r.URL.Query()
	filter, order := filterFor(q, signin.UserFrom(r.Context())), parseOrder(q)
	v := d.view(r.Context())
	rows := v.Select(filter)
	order.sort(rows)
	start := min(max(0, intOrZero(q.Get("from"))-1), len(rows))
	end := min(start+pageCards, len(rows))
	page := queueView{
		pageFrame: d.newFrame(r, "queue", "Queue"),
		Filter:    filter, Choices: v.Choices(), Found: len(rows), From: start + 1,
		Query: encodeFilter(filter).Encode(), Order: order, Compact: isCompact(r), Total: v.Count(filter.State),
	}
	page.Version, page.Stop = v.Version, d.stopOffer(r, filter)
	words := searchWords(filter.Search)
	for _, row := range rows[start:end] {
		c := d.newCard(r, row)
		c.Words, c.Compact = words, page.Compact
		page.Cards = append(page.Cards, c)
	}
	link := func(from int) string {
		values := page.values(filter)
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

// parseFilter reads a filter from a query. The default state is awaiting_approval.
func parseFilter(q url.Values) queue.Filter {
	f := queue.Filter{
		State:   privatereply.State(q.Get("state")),
		Account: q.Get("account"),
		Rule:    q.Get("rule"),
		Source:  privatereply.Source(q.Get("source")),
		Search:  boundSearch(q.Get("q")),
		Who:     queue.Who(q.Get("who")),
	}
	if !slices.Contains(queue.Whose, f.Who) {
		f.Who = ""
	}
	if !slices.Contains(queue.States, f.State) {
		f.State = privatereply.AwaitingApproval
	}
	return f
}

// filterFor is parseFilter for a user, who has a queue of their own.
func filterFor(q url.Values, user signin.User) queue.Filter {
	f := parseFilter(q)
	if f.Who == queue.Mine {
		f.User = user.Name
	}
	return f
}

func encodeFilter(f queue.Filter) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"account": f.Account, "rule": f.Rule, "source": string(f.Source), "q": f.Search, "who": string(f.Who),
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

// IsFiltered reports whether the filter has more than what the tabs choose.
func (v queueView) IsFiltered() bool {
	f := v.Filter
	f.State, f.Who, f.User = "", "", ""
	return f != queue.Filter{}
}

// TabURL is the address of another state's queue, with the same filter.
func (v queueView) TabURL(s privatereply.State) string {
	f := v.Filter
	f.State, f.Who = s, ""
	return "/?" + v.values(f).Encode()
}

// WhoURL is the address of the queue of some people, with the same filter.
func (v queueView) WhoURL(who queue.Who) string {
	f := v.Filter
	f.Who = who
	return "/?" + v.values(f).Encode()
}

// Matching is the number of replies that can be selected at once by the filter.
func (v queueView) Matching() int { return min(v.Found, maxBulk) }

// Last is the number of the last card.
func (v queueView) Last() int { return v.From + len(v.Cards) - 1 }

func intOrZero(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// findRow finds a reply for a list: in memory if it waits, otherwise in Temporal.
func (d *Desk) findRow(r *http.Request, id string) (replies.Row, error) {
	if row, ok := d.view(r.Context()).Row(id); ok {
		return row, nil
	}
	return d.Replies.Row(r.Context(), id)
}

// card is one reply in a list.
type card struct {
	replies.Row
	CanDecide bool // the user may decide
	Now       time.Time
	Words     []string // that were searched for
	Compact   bool     // it is one of many on a page that shows little of each
	User      signin.User
}

// newCard makes the card of a reply for the user of a request.
func (d *Desk) newCard(r *http.Request, row replies.Row) card {
	user := signin.UserFrom(r.Context())
	return card{Row: row, CanDecide: user.CanDecide(), Now: d.now().UTC(), User: user}
}

// CanPropose reports whether the user may write what an approver decides.
func (c card) CanPropose() bool { return c.User.CanPropose() }

// IsMine reports whether the reply is assigned to the user.
func (c card) IsMine() bool { return c.Assignee != "" && c.Assignee == c.User.Name }

// CanSendBack reports whether the user can send a person's draft back to its author.
func (c card) CanSendBack() bool {
	return c.CanDecide && c.AwaitsApproval() && c.ByPerson() && c.ProposedBy != c.Assignee && c.ProposedBy != c.User.Name
}

// ByPerson reports whether a person proposed the text, and not a rule.
func (c card) ByPerson() bool { return c.ProposedBy != "" }

// TextSHA256 is the hash of what an approval of the card sends; empty where the card does not
// show all of it.
func (c card) TextSHA256() string {
	if c.Beside() {
		return ""
	}
	return privatereply.TextSHA256(c.Text)
}

// Beside reports whether an approver has more to read than the text: lists have the titles
// alone of what can be tapped, and of a public reply only that there is one.
func (c card) Beside() bool {
	m := c.Message
	m.Hide = false // which the card says in full
	return m != (workflows.MessageMemo{})
}

// BesideKey changes with what goes with the text.
func (c card) BesideKey() string {
	if c.Message == (workflows.MessageMemo{}) {
		return ""
	}
	return hashOf(c.Message)
}

// Openable reports whether the card can show all that an approver has to read.
func (c card) Openable() bool { return c.Beside() && c.Text != "" && !replies.IsCut(c.Text) }

// ElementID is the id of the card's HTML element.
func (c card) ElementID() string { return elementID(c.ID) }

func elementID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "r-" + hex.EncodeToString(sum[:8])
}

// PersonName names the person.
func (c card) PersonName() string { return personName(c.Person) }

func personName(name string) string {
	if name == "" {
		return "Somebody"
	}
	return name
}

// Approvable reports whether the card shows the whole proposed text, so that it can be
// approved from the list: nobody approves what they cannot read.
func (c card) Approvable() bool { return c.Text != "" && !replies.IsCut(c.Text) && !c.Beside() }

// AwaitsApproval reports whether the reply waits for a decision.
func (c card) AwaitsApproval() bool { return c.State == privatereply.AwaitingApproval }

// IsHeld reports whether the reply is sent without a decision when its hold ends.
func (c card) IsHeld() bool { return c.State == privatereply.Holding }

// Limit is the length of the text and its limit.
func (c card) Limit() limit { return limitOf(c.Platform, c.Text) }

// limit is a text's length and the platform's limit of it, in unit.
type limit struct {
	Used, Max int
	Unit      string
}

// Left says how much can still be written, as forms.js does.
func (l limit) Left() string {
	left := l.Max - l.Used
	words := fmt.Sprintf("%d characters left", left)
	if left < 0 {
		words = fmt.Sprintf("%d characters too many", -left)
	}
	switch {
	case left >= 100:
		return words
	case l.Unit == "bytes":
		return words + ". Letters with accents count as 2 or 3, emoji as 4 or more."
	}
	return words + ". An emoji counts as 2 or more."
}

func limitOf(p privatereply.Platform, text string) limit {
	used, most, unit := privatereply.TextLength(p, text)
	return limit{used, most, unit}
}

// PostURL is the address of the post; empty where the platform's ids are no addresses
// and only a call to Meta, which the desk does not make, could tell it.
func (c card) PostURL() string {
	base := c.Platform.Facts().PostURL
	if base == "" || c.Media == "" {
		return ""
	}
	return base + url.PathEscape(c.Media)
}

// SamePostURL is the list of all replies under the same post.
func (c card) SamePostURL() string { return "/replies?" + url.Values{"media": {c.Media}}.Encode() }
