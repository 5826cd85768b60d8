// Package funnel counts what became of replies, over time, by account and by rule.
// Temporal's SQL visibility cannot group by an attribute of one's own, so each
// number is a count of its own; they are made a few at a time and kept for a while.
package funnel

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// Stage is where replies of some states are counted together.
type Stage string

// The stages. Each reply is in exactly one.
const (
	Waiting         Stage = "waiting" // for a decision, a hold, or their send
	Sent            Stage = "sent"    // delivered, not answered
	Responded       Stage = "responded"
	Ignored         Stage = "ignored"
	Declined        Stage = "declined" // rejected, or the comment was removed
	Expired         Stage = "expired"
	Undeliverable   Stage = "undeliverable"
	DeliveryUnknown Stage = "unknown"
)

// Stages lists the stages, in the order in which they are shown.
var Stages = []Stage{Responded, Sent, Waiting, Declined, Ignored, Expired, Undeliverable, DeliveryUnknown}

// states are what each stage counts.
var states = map[Stage][]privatereply.State{
	Waiting:         {privatereply.Holding, privatereply.AwaitingApproval, privatereply.Sending},
	Sent:            {privatereply.Sent, privatereply.NoResponse},
	Responded:       {privatereply.Responded, privatereply.WindowClosed},
	Ignored:         {privatereply.Ignored},
	Declined:        {privatereply.Rejected, privatereply.Withdrawn},
	Expired:         {privatereply.Expired},
	Undeliverable:   {privatereply.Undeliverable},
	DeliveryUnknown: {privatereply.DeliveryUnknown},
}

const (
	// countBurst and countsPerSecond spare the visibility store: self-hosted servers allow 10
	// calls a second for everybody.
	countBurst      = 40
	countsPerSecond = 8
	parallelCounts  = 4
	// currentDayTTL is how long a count of a time that still changes is kept, pastDayTTL
	// that of a day that is over, where only late answers move a reply.
	currentDayTTL = 15 * time.Second
	pastDayTTL    = 10 * time.Minute
	maxCached     = 20_000
)

// Source counts.
type Source interface {
	Count(ctx context.Context, f replies.Filter) (int64, error)
}

// Counter makes counts and keeps them.
type Counter struct {
	source Source
	limit  *rate.Limiter
	now    func() time.Time

	mu     sync.Mutex
	cached map[cacheKey]cachedCount
}

type cacheKey struct {
	stage         Stage // empty: all of them
	account, rule string
	from, before  time.Time
}

type cachedCount struct {
	n  int64
	at time.Time
}

// New makes a counter.
func New(source Source) *Counter {
	return &Counter{source: source, limit: rate.NewLimiter(countsPerSecond, countBurst), now: time.Now, cached: map[cacheKey]cachedCount{}}
}

// Counts are how many replies came in, and where they are now.
type Counts struct {
	Received int64
	In       map[Stage]int64
}

// Delivered is how many were sent, answered or not.
func (c Counts) Delivered() int64 { return c.In[Sent] + c.In[Responded] }

// Of is how many are in a stage.
func (c Counts) Of(s Stage) int64 { return c.In[s] }

func (c *Counts) add(o Counts) {
	c.Received += o.Received
	if c.In == nil {
		c.In = map[Stage]int64{}
	}
	for s, n := range o.In {
		c.In[s] += n
	}
}

// Day is a piece of time and its counts, of the replies that started in it.
type Day struct {
	From, Before time.Time
	Counts
}

// Selection narrows what is counted. Empty fields mean all.
type Selection struct{ Account, Rule string }

// Days counts by days of 24 hours up to now, the oldest first. What cannot be
// counted before ctx is done is an error; asked again, it goes on from there.
func (c *Counter) Days(ctx context.Context, sel Selection, days int) ([]Day, error) {
	end := c.now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	slots := make([]Day, days)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelCounts)
	for i := range slots {
		from := end.Add(-time.Duration(days-i) * 24 * time.Hour)
		slots[i] = Day{From: from, Before: from.Add(24 * time.Hour)}
		group.Go(func() (err error) {
			slots[i].Counts, err = c.counts(ctx, sel, slots[i].From, slots[i].Before)
			return err
		})
	}
	return slots, group.Wait()
}

// Total counts the last days at once.
func (c *Counter) Total(ctx context.Context, sel Selection, days int) (Counts, error) {
	end := c.now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	return c.counts(ctx, sel, end.Add(-time.Duration(days)*24*time.Hour), end)
}

// Sum adds up.
func Sum(slots []Day) Counts {
	var all Counts
	for _, s := range slots {
		all.add(s.Counts)
	}
	return all
}

func (c *Counter) counts(ctx context.Context, sel Selection, from, before time.Time) (Counts, error) {
	k := cacheKey{account: sel.Account, rule: sel.Rule, from: from, before: before}
	counts := Counts{In: map[Stage]int64{}}
	var err error
	if counts.Received, err = c.count(ctx, k); err != nil {
		return counts, err
	}
	left := counts.Received
	for _, stage := range Stages {
		if left <= 0 { // the rest is none
			break
		}
		k.stage = stage
		n, err := c.count(ctx, k)
		if err != nil {
			return counts, err
		}
		counts.In[stage] = n
		left -= n
	}
	return counts, nil
}

func (c *Counter) count(ctx context.Context, k cacheKey) (int64, error) {
	now := c.now()
	c.mu.Lock()
	known, ok := c.cached[k]
	c.mu.Unlock()
	keep := pastDayTTL
	if k.before.After(now) {
		keep = currentDayTTL
	}
	if ok && now.Sub(known.at) < keep {
		return known.n, nil
	}
	if err := c.limit.Wait(ctx); err != nil {
		return 0, err
	}
	n, err := c.source.Count(ctx, replies.Filter{
		States: states[k.stage], Account: k.account, Rule: k.rule, StartedFrom: k.from, StartedBefore: k.before,
	})
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cached) >= maxCached {
		clear(c.cached)
	}
	c.cached[k] = cachedCount{n, now}
	return n, nil
}
