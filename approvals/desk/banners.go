package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

// banner says on every page that an account cannot send or receive.
type banner struct {
	health.Problem
	Deciding int    // replies of the account that wait for a decision
	Repair   string // what to do, in a sentence
	LinkURL  string // where to do it; empty: not here
	LinkText string
}

// banners are those of the accounts that the user of a context sees, and a hash of what
// they say.
func (d *Desk) banners(ctx context.Context) (all []banner, version string) {
	if d.Health == nil {
		return nil, ""
	}
	view, _ := d.Health.View()
	if len(view.Problems) == 0 {
		return nil, ""
	}
	sees := d.seesAmong(ctx)
	deciding := map[string]int{}
	for _, row := range d.view(ctx).Rows {
		if row.State == privatereply.AwaitingApproval {
			deciding[row.Account]++
		}
	}
	for _, p := range view.Problems {
		if sees(p.Account) {
			all = append(all, d.newBanner(signin.UserFrom(ctx), p, deciding[p.Account]))
		}
	}
	if len(all) == 0 {
		return nil, ""
	}
	hash := sha256.New()
	for _, b := range all {
		b.NextTry = time.Time{} // not shown
		fmt.Fprintf(hash, "%+v\n", b)
	}
	return all, hex.EncodeToString(hash.Sum(nil))[:12]
}

func (d *Desk) newBanner(user signin.User, p health.Problem, deciding int) banner {
	b := banner{Problem: p, Deciding: deciding}
	admin := user.IsAdmin()
	page := ""
	if admin && d.Connections != nil {
		page = "/accounts#" + url.PathEscape(string(p.Platform)+"-"+p.Account)
	}
	ask := "Ask " + d.adminsOf(p)
	switch {
	case p.Repair == health.RepairWait:
		b.Repair = "It goes on by itself when Meta answers again."
	case p.Reason == privatereply.NoWorker:
		b.Repair = "Whoever runs this product must start a worker."
	case p.Repair == health.RepairOperator:
		b.Repair = "Whoever runs this product must repair the accounts file."
	case p.Repair == health.RepairMeta && admin:
		b.Repair, b.LinkURL, b.LinkText = "Look at the account and the app at Meta.", page, "See the account"
	case p.Repair == health.RepairMeta:
		b.Repair = ask + " to look at the account at Meta."
	case admin && page != "":
		b.LinkURL, b.LinkText = page, "Connect it again"
	case admin:
		b.Repair = "Give it a new token in the accounts file."
	default:
		b.Repair = ask + " to connect it again."
	}
	return b
}

// adminsOf names who can connect an account.
func (d *Desk) adminsOf(p health.Problem) string {
	var names []string
	for _, u := range d.Authenticator.Users() {
		if u.IsAdmin() && u.Sees(p.Account, p.Name) && len(names) < 3 {
			names = append(names, u.Name)
		}
	}
	if len(names) == 0 {
		return "an admin"
	}
	return strings.Join(names, " or ")
}

// StandingWords says how many approved replies wait for the account.
func (b banner) StandingWords() string {
	more := ""
	if b.More {
		more = " or more"
	}
	if b.Standing == 1 && !b.More {
		return "1 approved reply waits"
	}
	return fmt.Sprintf("%d%s approved replies wait", b.Standing, more)
}

// SendingURL lists the replies that wait for the account.
func (b banner) SendingURL() string {
	return "/replies?" + url.Values{"state": {string(privatereply.Sending)}, "account": {b.Account}}.Encode()
}

// blocked says why nothing of a reply's account can be sent; empty: nobody knows of anything.
func (d *Desk) blocked(reply string) string {
	id, ok := privatereply.ParseID(reply)
	if d.Health == nil || !ok {
		return ""
	}
	view, _ := d.Health.View()
	for _, p := range view.Problems {
		if p.Platform == id.Platform && p.Account == id.Account {
			return p.Text
		}
	}
	return ""
}

// bannersPart is the banners alone: the script asks for them when they have changed.
func (d *Desk) bannersPart(w http.ResponseWriter, r *http.Request) {
	var frame pageFrame
	frame.Banners, frame.BannersVersion = d.banners(r.Context())
	d.render(w, http.StatusOK, "error", "banners", frame)
}

// held says of the rows of a page that stand still what they wait for, by id.
func (d *Desk) held(ctx context.Context, rows []replies.Row) map[string]*health.Held {
	all := map[string]*health.Held{}
	for _, row := range rows {
		if row.State == privatereply.Sending && !row.NextTry.IsZero() {
			all[row.ID] = &health.Held{NextTry: row.NextTry}
		}
	}
	if d.Health == nil {
		return all
	}
	for id, held := range d.Health.Held(ctx, rows) {
		all[id] = &held
	}
	return all
}

// standing says why a decided reply stands still, and when it is tried next. Both are empty
// for one that does not.
func (d *Desk) standing(ctx context.Context, decided queue.Decision) (words string, nextTry time.Time) {
	if decided.State != privatereply.Sending || decided.NextTry.IsZero() {
		return "", time.Time{}
	}
	row := replies.Row{ID: decided.ID, State: decided.State, NextTry: decided.NextTry}
	held := d.held(ctx, []replies.Row{row})[decided.ID]
	if held.Reason == "" {
		return "It stands still.", held.NextTry
	}
	return "It stands still: " + held.Reason.Sentence(), held.NextTry
}
