// Package load sends many signed webhooks to a bridge on this machine, and
// counts afterwards, comment by comment, what became of it.
//
// It is for finding out what an installation takes. It writes real workflows into
// the Temporal namespace of the bridge, so point it at no bridge that answers real
// people.
package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
)

// Limits of a load test.
const (
	MaxComments    = 1_000_000
	MaxDuration    = time.Hour
	MaxConnections = 1024
	MaxBatch       = 1000 // what Meta says it puts into one delivery
)

const (
	// answerTimeout is how long Meta waits for an answer.
	answerTimeout = 5 * time.Second
	// A delivery that was not acknowledged comes again after minRetryPause, then after
	// twice as long each time, at most maxRetryPause.
	minRetryPause, maxRetryPause = 100 * time.Millisecond, 2 * time.Second
	// progressInterval is how often progress is reported.
	progressInterval = time.Second
)

// LoadTest configures a load test. URL, Secret, Accounts, Connections, Comments,
// Duration and Batch are required.
type LoadTest struct {
	URL         string   // of the bridge's webhooks; only an address of this machine
	FurtherURLs []string // of further bridges: the connections take turns, and go to the next when one is not there
	Secret      string   // the app secret that signs
	Accounts    []privatereply.Account
	Connections int
	Comments    int           // how many different ones; rounded up to whole deliveries
	Duration    time.Duration // the load test ends then, however many were sent
	Batch       int           // comments in one delivery
	Rate        float64       // deliveries a second; 0: as fast as they are answered
	Duplicates  float64       // share of the deliveries that repeats an earlier one
	Live        bool          // Instagram comments come from a broadcast
	Redeliver   bool          // send again what was not acknowledged, as Meta does
	Text        string        // what every comment says
	Progress    func(Progress)
}

// Progress is the state of a running load test.
type Progress struct {
	Elapsed      time.Duration
	Acknowledged int // comments, each time that they were
	Failed       int // deliveries that were not acknowledged
}

func (s LoadTest) check() error {
	switch {
	case s.Secret == "":
		return errors.New("there is no app secret to sign with")
	case len(s.Accounts) == 0:
		return errors.New("there is no account to send comments of")
	case s.Connections < 1 || s.Connections > MaxConnections:
		return fmt.Errorf("connections: %d is not between 1 and %d", s.Connections, MaxConnections)
	case s.Comments < 1 || s.Comments > MaxComments:
		return fmt.Errorf("count: %d is not between 1 and %d comments", s.Comments, MaxComments)
	case s.Duration <= 0 || s.Duration > MaxDuration:
		return fmt.Errorf("duration: %v is not between 0 and %v", s.Duration, MaxDuration)
	case s.Batch < 1 || s.Batch > MaxBatch:
		return fmt.Errorf("batch: %d is not between 1 and %d comments", s.Batch, MaxBatch)
	case s.Rate < 0:
		return fmt.Errorf("rate: %v is negative", s.Rate)
	case s.Duplicates < 0 || s.Duplicates > 0.99:
		return fmt.Errorf("duplicates: %v is not a share between 0 and 0.99", s.Duplicates)
	}
	return nil
}

// Run sends the load and returns when every delivery was answered, at the end of its
// duration, or when ctx is done. The result covers what was sent until then.
func Run(ctx context.Context, s LoadTest) (*Result, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var targets []target
	for _, url := range append([]string{s.URL}, s.FurtherURLs...) {
		to, err := parseTarget(url)
		if err != nil {
			return nil, err
		}
		targets = append(targets, to)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Duration)
	defer cancel()

	numbers := newCommentIDs(s.Accounts, s.Batch, time.Now())
	r := &activeTest{
		LoadTest: s, targets: targets, ids: numbers,
		deliveries: (s.Comments + s.Batch - 1) / s.Batch,
	}
	r.acknowledged = make([]atomic.Bool, r.deliveries)
	// Preparing the templates does not count as load.
	senders := make([]*sender, s.Connections)
	for i := range senders {
		senders[i] = newSender(r, i)
	}
	r.began = time.Now()
	stopTelling := r.reportProgress()
	var all sync.WaitGroup
	for _, one := range senders {
		all.Go(func() { one.run(ctx) })
	}
	all.Wait()
	stopTelling()
	return r.result(senders), nil
}

// activeTest is a load test while it runs.
type activeTest struct {
	LoadTest
	targets    []target
	ids        commentIDs
	began      time.Time
	deliveries int // different ones

	next                           atomic.Int64 // slots that were taken
	acknowledged                   []atomic.Bool
	acknowledgedCount, failedCount atomic.Int64 // deliveries, with repeats
}

// slot is one delivery with the time at which it is due.
type slot struct {
	number int
	due    time.Time // zero: at once
}

// nextSlot hands out the next slot, until every delivery was handed out once.
func (r *activeTest) nextSlot() (slot, bool) {
	i := r.next.Add(1) - 1
	before := r.distinct(i)
	s := slot{number: before}
	if r.distinct(i+1) == before {
		s.number = rand.IntN(min(before, r.deliveries))
	} else if before >= r.deliveries {
		return s, false
	}
	if r.Rate > 0 {
		s.due = r.began.Add(time.Duration(float64(i) / r.Rate * float64(time.Second)))
	}
	return s, true
}

// distinct is how many of the first n slots are not duplicates. Duplicates are spread
// evenly.
func (r *activeTest) distinct(n int64) int { return int(math.Ceil(float64(n) * (1 - r.Duplicates))) }

// reportProgress calls Progress at every interval until stop is called.
func (r *activeTest) reportProgress() (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.Progress(Progress{time.Since(r.began), int(r.acknowledgedCount.Load()) * r.Batch, int(r.failedCount.Load())})
			}
		}
	})
	return func() {
		close(done)
		telling.Wait()
	}
}

func (r *activeTest) result(senders []*sender) *Result {
	res := &Result{
		Connections: r.Connections, Batch: r.Batch, Answers: map[string]int{},
		ids: r.ids, issued: min(r.distinct(r.next.Load()), r.deliveries),
		acknowledged: make([]bool, r.deliveries),
		lastAnswer:   r.began,
	}
	for i := range r.acknowledged {
		if res.acknowledged[i] = r.acknowledged[i].Load(); res.acknowledged[i] {
			res.Comments += r.Batch
		}
	}
	var waits []time.Duration
	var making time.Duration
	made := 0
	for _, s := range senders {
		waits = append(waits, s.latencies...)
		making += s.preparation
		made += s.prepared
		for answer, n := range s.answers {
			res.Answers[answer] += n
		}
		if s.lastAnswer.After(res.lastAnswer) {
			res.lastAnswer = s.lastAnswer
		}
	}
	slices.Sort(waits)
	took := res.lastAnswer.Sub(r.began)
	res.Seconds = took.Seconds()
	res.Deliveries = len(waits)
	if took > 0 {
		res.DeliveriesPerSecond = float64(len(waits)) / res.Seconds
		res.CommentsPerSecond = float64(len(waits)*r.Batch) / res.Seconds
	}
	res.Acknowledgement = quantilesOf(waits)
	if made > 0 {
		res.PreparationMicroseconds = float64(making.Nanoseconds()) / 1e3 / float64(made)
	}
	return res
}

// Result sums up the bridge's answers to a load test.
type Result struct {
	Connections             int            `json:"connections"`
	Batch                   int            `json:"batch"`
	Seconds                 float64        `json:"seconds"`    // from the first delivery to the last answer
	Comments                int            `json:"comments"`   // different ones that were acknowledged
	Deliveries              int            `json:"deliveries"` // acknowledged, with repeats
	DeliveriesPerSecond     float64        `json:"deliveries_per_second"`
	CommentsPerSecond       float64        `json:"comments_per_second"` // with repeats
	Answers                 map[string]int `json:"answers"`             // every try, by status or why there was none
	Acknowledgement         Quantiles      `json:"acknowledgement_ms"`
	PreparationMicroseconds float64        `json:"making_us"` // what the generator took to make and sign a delivery

	ids          commentIDs
	issued       int    // deliveries that may have been sent
	acknowledged []bool // by delivery
	lastAnswer   time.Time
}

// Quantiles are quantiles of a latency, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// quantilesOf computes the quantiles of sorted latencies.
func quantilesOf(sorted []time.Duration) Quantiles {
	at := func(q float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		i := int(q*float64(len(sorted))+0.5) - 1
		return float64(sorted[min(max(i, 0), len(sorted)-1)].Microseconds()) / 1e3
	}
	return Quantiles{at(0.50), at(0.90), at(0.99), at(1)}
}

func (q Quantiles) String() string {
	return fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms", q.P50, q.P90, q.P99, q.Max)
}

// Describe adds the result in words.
func (r *Result) Describe(f *console.Facts) {
	f.Add("Accepted", "%d comments in %.1f s: %.0f deliveries and %.0f comments a second",
		r.Comments, r.Seconds, r.DeliveriesPerSecond, r.CommentsPerSecond)
	f.Add("Answers", "%s", r.answers())
	f.Add("Answered in", "%v", r.Acknowledgement)
	f.Add("Generator", "%.1f µs to make and sign a delivery", r.PreparationMicroseconds)
}

func (r *Result) answers() string {
	var all []string
	for _, answer := range slices.Sorted(maps.Keys(r.Answers)) {
		all = append(all, fmt.Sprintf("%s: %d", answer, r.Answers[answer]))
	}
	return strings.Join(all, ", ")
}
