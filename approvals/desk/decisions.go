package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// decisionRows limits the replies that are read to say who decided what: the newest.
	decisionRows = 5000
	// decisionTTL is how long what was read is cached.
	decisionTTL = time.Minute
	// maxDecisionsCached limits the cached answers.
	maxDecisionsCached = 100
)

// decidedStates are the states of replies that a person may have decided.
var decidedStates = []privatereply.State{
	privatereply.Sending, privatereply.Sent, privatereply.Responded, privatereply.DeliveryUnknown, privatereply.WindowClosed,
	privatereply.NoResponse, privatereply.Undeliverable, privatereply.Rejected, privatereply.Withdrawn, privatereply.Expired,
}

// personDecisions is what one person decided.
type personDecisions struct {
	Name               string
	Approved, Rejected int
	Edited             int           // of the approved
	Median             time.Duration // from the start of a reply to its decision
	took               []time.Duration
}

// MedianWords is the median for people.
func (p personDecisions) MedianWords() string {
	switch m := p.Median; {
	case m < time.Minute:
		return fmt.Sprintf("%d s", int(m.Seconds()))
	case m < time.Hour:
		return fmt.Sprintf("%d min", int(m.Minutes()))
	default:
		return fmt.Sprintf("%d h %d min", int(m.Hours()), int(m.Minutes())%60)
	}
}

// decisions is who decided what, by name, and how many replies it was made of.
type decisions struct {
	People []personDecisions
	Read   int
	More   bool // there are older ones, which were not read
}

// decisionReader reads who decided what: Temporal's SQL visibility can neither group nor
// compute.
type decisionReader struct {
	source Replies
	now    func() time.Time

	mu     sync.Mutex
	cached map[decisionKey]cachedDecisions
}

type decisionKey struct {
	funnelFilter
	from time.Time
}

type cachedDecisions struct {
	decisions
	at time.Time
}

func newDecisionReader(source Replies) *decisionReader {
	return &decisionReader{source: source, now: time.Now, cached: map[decisionKey]cachedDecisions{}}
}

// Since reads the decisions on the replies that started at from or later.
func (r *decisionReader) Since(ctx context.Context, sel funnelFilter, from time.Time) (decisions, error) {
	key := decisionKey{sel, from.UTC()}
	r.mu.Lock()
	known, ok := r.cached[key]
	r.mu.Unlock()
	if ok && r.now().Sub(known.at) < decisionTTL {
		return known.decisions, nil
	}
	f := replies.Filter{States: decidedStates, Account: sel.Account, Rule: sel.Rule, StartedFrom: from}
	var all decisions
	people := map[string]*personDecisions{}
	for after := (replies.Cursor{}); all.Read < decisionRows; {
		rows, next, err := r.source.Newest(ctx, f, after, searchPage)
		if err != nil {
			return decisions{}, err
		}
		for _, row := range rows {
			all.Read++
			count(people, row)
		}
		after = next
		if all.More = !next.IsZero(); !all.More {
			break
		}
	}
	for _, p := range people {
		slices.Sort(p.took)
		if len(p.took) > 0 {
			p.Median = p.took[len(p.took)/2]
		}
		all.People = append(all.People, *p)
	}
	slices.SortFunc(all.People, func(a, b personDecisions) int {
		return cmp.Or(b.Approved+b.Rejected-a.Approved-a.Rejected, cmp.Compare(a.Name, b.Name))
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cached) >= maxDecisionsCached {
		clear(r.cached)
	}
	r.cached[key] = cachedDecisions{all, r.now()}
	return all, nil
}

// count adds the decision of one reply.
func count(people map[string]*personDecisions, row replies.Row) {
	if row.Approver == "" {
		return
	}
	p := people[row.Approver]
	if p == nil {
		p = &personDecisions{Name: row.Approver}
		people[row.Approver] = p
	}
	switch {
	case row.State == privatereply.Rejected:
		p.Rejected++
	default:
		p.Approved++
		if row.Edited {
			p.Edited++
		}
	}
	if took := row.DecidedAt.Sub(row.StartedAt); !row.DecidedAt.IsZero() && took >= 0 {
		p.took = append(p.took, took)
	}
}
