package health

import (
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/accountstatus"
)

// Problem is why an account cannot send or receive.
type Problem struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Name     string                `json:"name"`
	// Reason is what the standing replies wait for, or what the token's last renewal found;
	// empty: only Text is known.
	Reason privatereply.Reason `json:"reason,omitempty"`
	Text   string              `json:"text"` // sentences
	// Standing is the number of approved and automatic replies that wait for their next try;
	// More: there are more than were read.
	Standing int       `json:"standing"`
	More     bool      `json:"more,omitempty"`
	NextTry  time.Time `json:"next_try,omitzero"` // the earliest; zero: not known
	Repair   Repair    `json:"repair"`
}

// Repair says who can end a problem.
type Repair string

// The repairs.
const (
	RepairConnect  Repair = "connect"  // an admin connects the account again
	RepairMeta     Repair = "meta"     // an admin looks at the account or the app at Meta
	RepairOperator Repair = "operator" // who runs the product
	RepairWait     Repair = "wait"     // it ends by itself
)

// repairs are the reasons for which nothing of an account can be sent, whatever the reply,
// and who ends them. A limit that Meta or the account itself sets is none: replies go, slowly.
var repairs = map[privatereply.Reason]Repair{
	privatereply.TokenRejected:    RepairConnect,
	privatereply.NotPermitted:     RepairConnect,
	privatereply.AccountBlocked:   RepairMeta,
	privatereply.AppMisconfigured: RepairMeta,
	privatereply.AccountUnknown:   RepairOperator,
	privatereply.NoWorker:         RepairOperator,
	privatereply.Outage:           RepairWait,
	privatereply.NotConnected:     RepairWait,
}

// tokenProblem is what a token's status says by itself, before any send has failed on it.
func tokenProblem(s accountstatus.Status) (Problem, bool) {
	p := Problem{Platform: s.Platform, Account: s.ID, Name: s.Name, Repair: RepairConnect}
	t := s.Token
	// What the last renewal found is out of date once the account was connected again.
	renewed := !t.CheckedAt.Before(t.IssuedAt) && !t.CheckedAt.Before(s.ConnectedAt)
	switch {
	case t.State == accountstatus.TokenMissing:
		p.Reason, p.Text = privatereply.TokenRejected, "The account's token cannot be read."
		if !s.Connected {
			p.Repair = RepairOperator
		}
	case t.State == accountstatus.TokenEnded:
		p.Reason, p.Text = privatereply.TokenRejected, "The account's token has ended."
	case renewed && len(t.MissingPermissions) > 0:
		p.Reason, p.Text = privatereply.NotPermitted, "The token has lost "+strings.Join(t.MissingPermissions, ", ")+"."
	case renewed && (repairs[t.LastReason] == RepairConnect || repairs[t.LastReason] == RepairMeta):
		p.Reason, p.Text, p.Repair = t.LastReason, t.LastReason.Sentence(), repairs[t.LastReason]
	default:
		return p, false
	}
	return p, true
}
