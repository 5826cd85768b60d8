package desk

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// stage is a column of the funnel: replies of some states, counted together.
type stage string

// The stages. Each reply is in exactly one.
const (
	stageWaiting         stage = "waiting" // for a decision, a hold, or their send
	stageSent            stage = "sent"    // delivered, not answered
	stageResponded       stage = "responded"
	stageIgnored         stage = "ignored"
	stageDeclined        stage = "declined" // rejected, or the comment was removed
	stageExpired         stage = "expired"
	stageUndeliverable   stage = "undeliverable"
	stageDeliveryUnknown stage = "unknown"
)

// stages are all stages, in the order in which they are shown.
var stages = []stage{stageResponded, stageSent, stageWaiting, stageDeclined, stageIgnored, stageExpired, stageUndeliverable, stageDeliveryUnknown}

// statesOf has the states that each stage counts.
var statesOf = map[stage][]privatereply.State{
	stageWaiting:         {privatereply.Holding, privatereply.AwaitingApproval, privatereply.Sending},
	stageSent:            {privatereply.Sent, privatereply.NoResponse},
	stageResponded:       {privatereply.Responded, privatereply.WindowClosed},
	stageIgnored:         {privatereply.Ignored},
	stageDeclined:        {privatereply.Rejected, privatereply.Withdrawn},
	stageExpired:         {privatereply.Expired},
	stageUndeliverable:   {privatereply.Undeliverable},
	stageDeliveryUnknown: {privatereply.DeliveryUnknown},
}

const (
	// countBurst and countsPerSecond limit the calls to the visibility store: self-hosted
	// servers allow 10 a second for all clients together.
	countBurst      = 40
	countsPerSecond = 8
	parallelCounts  = 4
	// currentDayTTL is how long the count of a day that is not over is cached; pastDayTTL
	// is for days that are over, where only late answers move a reply.
	currentDayTTL = 15 * time.Second
	pastDayTTL    = 10 * time.Minute
	maxCached     = 20_000
)

// countSource counts replies; replies.Client does.
type countSource interface {
	Count(ctx context.Context, f replies.Filter) (int64, error)
}

// funnelCounter counts what became of replies, over time, by account and by rule, and
// caches the counts. Temporal's SQL visibility cannot group by a custom attribute, so
// that each number is a call of its own.
type funnelCounter struct {
	source countSource
	limit  *rate.Limiter
	now    func() time.Time

	mu     sync.Mutex
	cached map[countKey]cachedCount
}

type countKey struct {
	stage  stage  // empty: all of them
	effect string // empty: any
	funnelFilter
	from, before time.Time
}

type cachedCount struct {
	n  int64
	at time.Time
}

// newFunnelCounter makes a counter with nothing counted.
func newFunnelCounter(source countSource) *funnelCounter {
	return &funnelCounter{source: source, limit: rate.NewLimiter(countsPerSecond, countBurst), now: time.Now, cached: map[countKey]cachedCount{}}
}

// stageCounts is the number of replies that came in, and of those in each stage now.
type stageCounts struct {
	Received int64
	In       map[stage]int64
}

// Delivered is the number of replies that were sent, answered or not.
func (c stageCounts) Delivered() int64 { return c.In[stageSent] + c.In[stageResponded] }

// Of is the number of replies in a stage.
func (c stageCounts) Of(s stage) int64 { return c.In[s] }

func (c *stageCounts) add(o stageCounts) {
	c.Received += o.Received
	if c.In == nil {
		c.In = map[stage]int64{}
	}
	for s, n := range o.In {
		c.In[s] += n
	}
}

// day is a day of the reader, from midnight to midnight, and the counts of the replies that
// started in it.
type day struct {
	From, Before time.Time
	stageCounts
}

// funnelFilter narrows the counts. Empty fields mean all.
type funnelFilter struct {
	Account, Rule string
	// Among are the accounts that the user sees, to which the source narrows every count by
	// itself; one user must not get a cached count of another's.
	Among string
}

// Days counts the last days of a zone, the oldest first. It fails when ctx is done before
// everything is counted; the next call continues with what is cached.
func (c *funnelCounter) Days(ctx context.Context, sel funnelFilter, days int, zone *time.Location) ([]day, error) {
	now := c.now()
	slots := make([]day, days)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelCounts)
	for i := range slots {
		slots[i] = day{From: midnight(now, zone, 1+i-days), Before: midnight(now, zone, 2+i-days)}
		group.Go(func() (err error) {
			slots[i].stageCounts, err = c.counts(ctx, sel, slots[i].From, slots[i].Before)
			return err
		})
	}
	return slots, group.Wait()
}

// Total counts the last days together.
func (c *funnelCounter) Total(ctx context.Context, sel funnelFilter, days int, zone *time.Location) (stageCounts, error) {
	now := c.now()
	return c.counts(ctx, sel, midnight(now, zone, 1-days), midnight(now, zone, 1))
}

// Effect counts the replies of the last days beside which something has happened.
func (c *funnelCounter) Effect(ctx context.Context, sel funnelFilter, effect string, days int, zone *time.Location) (int64, error) {
	now := c.now()
	return c.count(ctx, countKey{effect: effect, funnelFilter: sel, from: midnight(now, zone, 1-days).UTC(), before: midnight(now, zone, 1).UTC()})
}

// sumDays adds the counts of days.
func sumDays(days []day) stageCounts {
	var all stageCounts
	for _, s := range days {
		all.add(s.stageCounts)
	}
	return all
}

func (c *funnelCounter) counts(ctx context.Context, sel funnelFilter, from, before time.Time) (stageCounts, error) {
	k := countKey{funnelFilter: sel, from: from.UTC(), before: before.UTC()}
	counts := stageCounts{In: map[stage]int64{}}
	var err error
	if counts.Received, err = c.count(ctx, k); err != nil {
		return counts, err
	}
	left := counts.Received
	for _, stage := range stages {
		if left <= 0 { // the other stages are empty
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

func (c *funnelCounter) count(ctx context.Context, k countKey) (int64, error) {
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
	f := replies.Filter{States: statesOf[k.stage], Account: k.Account, Rule: k.Rule, StartedFrom: k.from, StartedBefore: k.before}
	if k.effect != "" {
		f.Effects = []string{k.effect}
	}
	n, err := c.source.Count(ctx, f)
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
