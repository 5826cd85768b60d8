package week

import (
	"math"
	"time"

	"github.com/privatereply/privatereply"
)

// The pace of an account with the settings that it has by default, of one worker process:
// see activities/pacing and internal/config. TestPace compares it with the product's own.
const (
	postsPerHour  = 700
	postBurst     = 30
	livePerSecond = 90
	liveBurst     = 1.0 / 20 // of a second
	reservedShare = 1.0 / 5  // of the burst, for what people approved

	// lifetime is how long a reply to a post may wait.
	lifetime = privatereply.ReplyPeriod - privatereply.DeadlineMargin
)

// pace is an account's bucket of permits, empty at first.
type pace struct {
	perStep, burst, reserved float64
	permits, reserve         float64
}

func postPace(step time.Duration) pace {
	return pace{perStep: postsPerHour * step.Hours(), burst: postBurst, reserved: postBurst * reservedShare}
}

// livePace has a step of a second.
func livePace() pace {
	burst := math.Ceil(livePerSecond * liveBurst)
	return pace{perStep: livePerSecond - (burst - livePerSecond*liveBurst), burst: burst, reserved: max(1, math.Floor(burst*reservedShare))}
}

// send says how many of those that wait go in the next step.
func (p *pace) send(persons, rules int) (byPersons, byRules int) {
	p.permits += p.perStep
	p.reserve = min(p.reserved, p.reserve+p.perStep*reservedShare)
	byPersons = min(persons, int(p.permits))
	p.permits -= float64(byPersons)
	p.reserve = max(0, p.reserve-float64(byPersons))
	byRules = max(0, min(rules, int(p.permits-p.reserve)))
	p.permits = min(p.burst, p.permits-float64(byRules))
	return byPersons, byRules
}

// batch is replies that began to wait in the same step.
type batch struct{ step, n int }

// queue is replies in the order in which they go.
type queue struct {
	batches []batch
	n       int
}

func (q *queue) add(step, n int) {
	if n > 0 {
		q.batches, q.n = append(q.batches, batch{step, n}), q.n+n
	}
}

// take takes the first n, and calls each with how many began to wait when.
func (q *queue) take(n int, each func(step, n int)) {
	q.n -= n
	for n > 0 {
		first := &q.batches[0]
		taken := min(n, first.n)
		each(first.step, taken)
		n -= taken
		if first.n -= taken; first.n == 0 {
			q.batches = q.batches[1:]
		}
	}
}

// drop takes those that began to wait in a step before that one, and counts them.
func (q *queue) drop(before int) (n int) {
	for len(q.batches) > 0 && q.batches[0].step < before {
		n += q.batches[0].n
		q.batches = q.batches[1:]
	}
	q.n -= n
	return n
}
