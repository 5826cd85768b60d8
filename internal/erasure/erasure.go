// Package erasure finds and removes what Temporal holds of a person: the replies to
// their comments, their conversations, and the batches in which their events came.
//
// What Meta holds, backups and archives of Temporal's database, and logs (which have
// ids and no texts) are out of its reach.
package erasure

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// Config is what an Eraser works with.
type Config struct {
	Temporal  client.Client
	Namespace string                  // of Temporal
	Data      converter.DataConverter // of Temporal
	Queue     string                  // whose workers end replies that are open
	Operator  string                  // who asked for it, for the record while there is one
	UpdateID  string                  // of what this call asks of replies
	// Progress is told how many runs were read of about how many; nil: nobody.
	Progress func(read, of int)
}

// Eraser erases persons.
type Eraser struct {
	Config
	replies *replies.Client
	now     func() time.Time
}

// New makes an eraser.
func New(cfg Config) *Eraser {
	if cfg.Progress == nil {
		cfg.Progress = func(int, int) {}
	}
	return &Eraser{Config: cfg, replies: replies.New(cfg.Temporal, cfg.Namespace, cfg.Queue, cfg.Data), now: time.Now}
}

// Owner is the account that a person wrote to: Meta's ids of persons differ between
// accounts.
type Owner struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
}

// Person is whom to erase. Without an owner it is the id with every account.
type Person struct {
	Owner
	ID string
}

func (p Person) wrote(to Owner) bool { return p.Owner == Owner{} || p.Owner == to }

// maxPasses is how often everything is looked through. The last pass finds nothing,
// unless something could not be removed or new comments keep coming in.
const maxPasses = 4

// Erase removes everything that is held of a person, and looks again until a pass
// finds nothing more.
func (e *Eraser) Erase(ctx context.Context, p Person) (Report, error) {
	report := Report{Person: p.ID}
	for pass := 1; ; pass++ {
		found, err := e.Find(ctx, p)
		if err != nil {
			return report, err
		}
		report.Unreadable, report.Kept = found.Unreadable, nil
		removed := len(report.Removed)
		for _, h := range found.Held {
			if pass > maxPasses {
				h.Why = "it came in while the others were removed; run the command again"
			} else if h.Why, err = e.remove(ctx, &h); err != nil {
				return report, err
			}
			if h.Why != "" {
				report.Kept = append(report.Kept, h)
			} else {
				report.Removed = append(report.Removed, h)
			}
		}
		if len(report.Removed) == removed {
			return report, nil
		}
	}
}
