package accountstatus

import (
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply/internal/console"
)

// Alert is something about an account that a person must see.
type Alert struct {
	Text   string `json:"text"`
	Repair string `json:"repair,omitempty"`
}

// Alerts lists what is wrong with an account, the worst first.
func (s Status) Alerts(now time.Time) []Alert {
	var all []Alert
	add := func(wrong bool, text, repair string) {
		if wrong {
			all = append(all, Alert{text, repair})
		}
	}
	t := s.Token
	add(t.State == TokenMissing || t.State == TokenEnded, "The token: "+t.Problem+".", "")
	add(t.State == TokenEndsSoon, fmt.Sprintf("The token ends %s.", console.RelativeTime(t.ExpiresAt, now)), t.Problem)
	add(t.State == TokenUnknown || t.State == TokenGood && t.Problem != "", "The token: "+t.Problem+".", "")
	add(len(t.MissingPermissions) > 0, "The token has lost "+strings.Join(t.MissingPermissions, ", ")+".", "Connect the account again and grant it.")
	if h := s.Sends.Held; h != nil {
		add(true, fmt.Sprintf("%d replies are being sent; the next try is %s. %s", s.Waiting.Sending, console.RelativeTime(h.NextTry, now), h.Words()), "")
	}
	add(s.Waiting.Late > 0, fmt.Sprintf("%d waiting replies will miss their deadlines.", s.Waiting.Late), "Stop what need not go.")
	add(len(s.Webhooks.Resubscribed) > 0, "Meta had stopped the webhooks "+strings.Join(s.Webhooks.Resubscribed, ", ")+"; they are subscribed again.", "A sweep finds what was missed.")
	add(s.Sweeps.Failed, "The last sweep failed.", "Its workflow says why.")
	return all
}

// Words says how long the token lives.
func (t Token) Words(now time.Time) string {
	switch {
	case t.State == TokenMissing:
		return "cannot be read"
	case t.State == TokenUnknown:
		return "end unknown"
	case t.ExpiresAt.IsZero():
		return "no end"
	case t.State == TokenEnded:
		return "ended " + console.RelativeTime(t.ExpiresAt, now)
	}
	return "ends " + console.RelativeTime(t.ExpiresAt, now)
}
