package desk

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
)

const (
	// maxAnsweredCards limits the cards of the page: it shows words whole, and each card has
	// a box to write. Who waits for us comes first.
	maxAnsweredCards = 100
	// answeredPatience is how long the page waits for the first read after a start.
	answeredPatience = 3 * time.Second
)

type answeredView struct {
	pageFrame
	Cards   []answeredCard
	Waiting int // those who wait for us
	More    int // cards that are not shown; -1: nobody knows how many
	Loading bool
	Seen    string // identifies what is shown
}

// answeredCard is one person who answered.
type answeredCard struct {
	answered.Row
	card
	Entries  []threadEntry
	CanWrite bool
	First    bool // of those to whom we wrote last
}

// ElementID is the id of the card's HTML element: that of the queue's card is another one.
func (c answeredCard) ElementID() string { return "a" + elementID(c.ID) }

// PersonName names the person as Meta does, or as the comment did.
func (c answeredCard) PersonName() string { return personName(c.Row.Name) }

// WrittenAt is when the person wrote last.
func (c answeredCard) WrittenAt() time.Time { return c.Row.WrittenAt }

// Limit is the limit of a follow-up.
func (c answeredCard) Limit() limit { return limitOf(c.Platform, "") }

// Open reports whether a follow-up can be written now, as far as anybody knows.
func (c answeredCard) Open() bool { return c.Channel != privatereply.ChannelClosed }

// InboxURL is the page with the account's conversations.
func (c answeredCard) InboxURL() string { return c.Platform.Facts().InboxURL }

// Changes identifies what the card shows, but for what changes with the time.
func (c answeredCard) Changes() string {
	return hashOf(c.Key, c.WaitsForUs, c.Unread, len(c.Messages), c.Channel, c.Until.Unix(), c.AnsweredAt.Unix())
}

// answeredPage shows the people who answered, or with part=list only the cards.
func (d *Desk) answeredPage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answeredPatience)
	defer cancel()
	v := d.Answered.Wait(ctx).Only(d.seesAmong(r.Context()))
	page := answeredView{pageFrame: d.newFrame(r, "answered", "Answered"), Waiting: v.Waiting(everyAccount), Loading: v.ReadAt.IsZero()}
	if v.Err != nil && page.Stale == "" {
		page.Stale = staleMessage
	}
	rows := v.Rows
	if len(rows) > maxAnsweredCards {
		page.More, rows = len(rows)-maxAnsweredCards, rows[:maxAnsweredCards]
	}
	if v.More {
		page.More = -1
	}
	writes := signin.UserFrom(r.Context()).CanDecide()
	var shown strings.Builder
	for i, row := range rows {
		c := answeredCard{Row: row, card: d.newCard(r, row.Reply), CanWrite: writes, First: !row.WaitsForUs && (i == 0 || rows[i-1].WaitsForUs)}
		for _, m := range row.Messages {
			e := threadEntry{Ours: !m.FromPerson, At: m.At, Text: m.Text}
			for n, a := range m.Attachments {
				e.Attachments = append(e.Attachments, showAttachment(a, messagePictureURL(row.Reply.ID, m.ID, n)))
			}
			c.Entries = append(c.Entries, e)
		}
		page.Cards = append(page.Cards, c)
		shown.WriteString(c.ElementID() + c.Changes())
	}
	if page.Seen = hashOf(shown.String()); page.Loading {
		page.Seen = "nothing"
	}
	block := layout
	if r.URL.Query().Get("part") == "list" {
		block = "answered-list"
	}
	d.render(w, http.StatusOK, "answered", block, page)
}

func everyAccount(string) bool { return true }

// counts are the numbers on the tabs, for the user of a context who sees v.
func (d *Desk) counts(ctx context.Context, v *queue.View) tabCounts {
	c := countsOf(v, signin.UserFrom(ctx).Name)
	c.Answered = d.answeredCount(ctx)
	return c
}

// answeredCount is how many people wait for us, of those whom the user of a context sees.
func (d *Desk) answeredCount(ctx context.Context) int {
	if d.Answered == nil {
		return 0
	}
	return d.Answered.View().Waiting(d.seesAmong(ctx))
}

// answeredSeen identifies what the user of a context would see on the page, for the event
// stream.
func (d *Desk) answeredSeen(ctx context.Context) string {
	if d.Answered == nil {
		return ""
	}
	v := d.Answered.View().Only(d.seesAmong(ctx))
	if v.ReadAt.IsZero() {
		return ""
	}
	var shown strings.Builder
	for _, row := range v.Rows[:min(len(v.Rows), maxAnsweredCards)] {
		c := answeredCard{Row: row, card: card{Row: row.Reply}}
		shown.WriteString(c.ElementID() + c.Changes())
	}
	return hashOf(shown.String())
}

// answeredReply is a person who answered, in the API.
type answeredReply struct {
	Reply      string                `json:"reply"`
	Platform   privatereply.Platform `json:"platform"`
	Account    string                `json:"account"`
	Person     string                `json:"person,omitempty"`
	WaitsForUs bool                  `json:"waits_for_us"`
	WrittenAt  time.Time             `json:"written_at,omitzero"`
	AnsweredAt time.Time             `json:"answered_at,omitzero"`
	Until      time.Time             `json:"write_until,omitzero"`
	HumanAgent bool                  `json:"human_agent,omitempty"` // only a person may write
	Messages   []answeredMessage     `json:"messages"`
	Unread     string                `json:"unread,omitempty"` // why there are no messages
}

type answeredMessage struct {
	At          time.Time `json:"at"`
	FromPerson  bool      `json:"from_person"`
	Text        string    `json:"text,omitempty"`
	Attachments []string  `json:"attachments,omitempty"` // what they are
}

// apiAnswered lists the people who answered, as the page shows them.
func (d *Desk) apiAnswered(w http.ResponseWriter, r *http.Request) {
	v := d.Answered.Wait(r.Context()).Only(d.seesAmong(r.Context()))
	all := make([]answeredReply, 0, len(v.Rows))
	for _, row := range v.Rows {
		a := answeredReply{Reply: row.Reply.ID, Platform: row.Reply.Platform, Account: row.Reply.Account, Person: row.Name,
			WaitsForUs: row.WaitsForUs, WrittenAt: row.WrittenAt, AnsweredAt: row.AnsweredAt, Until: row.Until,
			HumanAgent: row.HumanAgentOnly(), Messages: []answeredMessage{}, Unread: row.Unread}
		for _, m := range row.Messages {
			said := answeredMessage{At: m.At, FromPerson: m.FromPerson, Text: m.Text}
			for _, attached := range m.Attachments {
				said.Attachments = append(said.Attachments, attached.Label())
			}
			a.Messages = append(a.Messages, said)
		}
		all = append(all, a)
	}
	writeJSON(w, http.StatusOK, struct {
		Waiting int             `json:"waiting"`
		More    bool            `json:"more,omitempty"` // there are too many to hold
		ReadAt  time.Time       `json:"read_at"`
		Stale   bool            `json:"stale,omitempty"`
		People  []answeredReply `json:"people"`
	}{v.Waiting(everyAccount), v.More, v.ReadAt.UTC(), v.Err != nil, all})
}
