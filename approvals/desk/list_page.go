package desk

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

type listView struct {
	pageFrame
	Filter  replies.Filter
	State   privatereply.State
	States  []privatereply.State
	Choices []privatereply.Account
	Cards   []card
	NextURL string
	Error   string
}

// listPage shows replies in any state, the newest first, as the visibility store
// has them.
func (d *Desk) listPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := listView{pageFrame: d.newFrame(r, "list", "All replies"), States: privatereply.States, Choices: d.Accounts.All()}
	page.Filter = replies.Filter{Account: q.Get("account"), Rule: q.Get("rule"), Media: q.Get("media")}
	if s := privatereply.State(q.Get("state")); slices.Contains(privatereply.States, s) {
		page.State, page.Filter.States = s, []privatereply.State{s}
	}
	token, err := base64.RawURLEncoding.DecodeString(q.Get("after"))
	if err != nil {
		token = nil
	}
	rows, next, err := d.Replies.Page(r.Context(), page.Filter, pageCards, token)
	if err != nil {
		page.Error = d.errorMessage(err)
	}
	decides := signin.UserFrom(r.Context()).CanDecide()
	for _, row := range rows {
		page.Cards = append(page.Cards, card{row, decides, page.Now})
	}
	if len(next) > 0 && len(rows) == pageCards {
		q.Set("after", base64.RawURLEncoding.EncodeToString(next))
		page.NextURL = "/replies?" + q.Encode()
	}
	d.render(w, http.StatusOK, "list", layout, page)
}

// FilterURL is the address of the list with one more condition.
func (v listView) FilterURL(name, value string) string {
	values := url.Values{}
	for n, old := range map[string]string{
		"state": string(v.State), "account": v.Filter.Account, "rule": v.Filter.Rule, "media": v.Filter.Media,
	} {
		if old != "" {
			values.Set(n, old)
		}
	}
	if values.Del(name); value != "" {
		values.Set(name, value)
	}
	return strings.TrimSuffix("/replies?"+values.Encode(), "?")
}
