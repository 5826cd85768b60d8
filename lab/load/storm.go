// Package load sends a storm of signed webhooks to a bridge on this machine, and
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
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/privatereply/privatereply"
)

// Bounds of a storm.
const (
	MaxComments    = 1_000_000
	MaxDuration    = time.Hour
	MaxConnections = 1024
	MaxBatch       = 1000 // what Meta says it puts into one delivery
)

const (
	// answerTimeout is how long Meta waits for an answer.
	answerTimeout = 5 * time.Second
	// A delivery that was not acknowledged comes again after firstRepeat, then after
	// twice as long each time, at most lastRepeat.
	firstRepeat, lastRepeat = 100 * time.Millisecond, 2 * time.Second
	// beat is how often progress is told.
	beat = time.Second
)

// LoadTest says what to send. URL, Secret, Accounts, Connections, Comments, Duration
// and Batch are required.
type LoadTest struct {
	URL         string   // of the bridge's webhooks; only an address of this machine
	FurtherURLs []string // of further bridges: the connections take turns, and go to the next when one is not there
	Secret      string   // the app secret that signs
	Accounts    []privatereply.Account
	Connections int
	Comments    int           // how many different ones; rounded up to whole deliveries
	Duration    time.Duration // the storm ends then, however many were sent
	Batch       int           // comments in one delivery
	Rate        float64       // deliveries a second; 0: as fast as they are answered
	Duplicates  float64       // share of the deliveries that repeats an earlier one
	Live        bool          // Instagram comments come from a broadcast
	Redeliver   bool          // send again what was not acknowledged, as Meta does
	Text        string        // what every comment says
	Progress    func(Progress)
}

// Progress is how far a storm has come.
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

// Run sends the storm and returns when every delivery was answered, at the end of
// its duration, or when ctx is done. What was sent until then is in the result.
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

	numbers := newNumbers(s.Accounts, s.Batch, time.Now())
	r := &running{
		LoadTest: s, targets: targets, numbers: numbers,
		deliveries: (s.Comments + s.Batch - 1) / s.Batch,
	}
	r.acknowledged = make([]atomic.Bool, r.deliveries)
	// Making the first bodies is not part of the storm.
	senders := make([]*sender, s.Connections)
	for i := range senders {
		senders[i] = newSender(r, i)
	}
	r.began = time.Now()
	stopTelling := r.tell()
	var all sync.WaitGroup
	for _, one := range senders {
		all.Go(func() { one.run(ctx) })
	}
	all.Wait()
	stopTelling()
	return r.result(senders), nil
}

// running is a storm while it runs.
type running struct {
	LoadTest
	targets    []target
	numbers    numbers
	began      time.Time
	deliveries int // different ones

	next         atomic.Int64 // slots that were taken
	acknowledged []atomic.Bool
	acks, fails  atomic.Int64 // deliveries, with repeats
}

// slot is one delivery: which one, and when it is due.
type slot struct {
	number int
	due    time.Time // zero: at once
}

// take gives out the next slot, until every delivery was given out once.
func (r *running) take() (slot, bool) {
	i := r.next.Add(1) - 1
	before := r.fresh(i)
	s := slot{number: before}
	if r.fresh(i+1) == before {
		s.number = rand.IntN(min(before, r.deliveries))
	} else if before >= r.deliveries {
		return s, false
	}
	if r.Rate > 0 {
		s.due = r.began.Add(time.Duration(float64(i) / r.Rate * float64(time.Second)))
	}
	return s, true
}

// fresh is how many of the first n slots are no repeats. Those are spread evenly.
func (r *running) fresh(n int64) int { return int(math.Ceil(float64(n) * (1 - r.Duplicates))) }

// tell tells Progress at every beat, until the function that it returns is called.
func (r *running) tell() (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.Progress(Progress{time.Since(r.began), int(r.acks.Load()) * r.Batch, int(r.fails.Load())})
			}
		}
	})
	return func() {
		close(done)
		telling.Wait()
	}
}

func (r *running) result(senders []*sender) *Result {
	res := &Result{
		Connections: r.Connections, Batch: r.Batch, Answers: map[string]int{},
		numbers: r.numbers, issued: min(r.fresh(r.next.Load()), r.deliveries),
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
		waits = append(waits, s.waits...)
		making += s.making
		made += s.made
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
