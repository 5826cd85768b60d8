// Package week simulates a week of comments over many accounts: what waits for the pace of
// its account, what for the server, and what expires. Counts and rates come from tables;
// nothing runs but this program.
//
// It is a model, not the product. Replies of an account go in the order in which they came,
// those that people approved before the others; within a step of a minute, a second in a
// live, nothing waits. All of a comment's cost falls into the minute in which it came, and
// how long people take to approve is one of four delays. The server is one queue, as fast
// as the limit that is met first; the product's Intakes take live comments first, so that
// the live replies that are too late here are an upper bound. Nothing fails.
package week

import (
	"math"
	"math/rand/v2"
	"time"
)

// Path is a way of a comment through the product, with what one comment costs on it.
type Path struct {
	Name   string
	Answer Answer
	Cost   Cost
	Source string
}

// Answer says by whom the reply of a path is sent.
type Answer int

// The answers: none, one that a rule sends, one that a person has approved, and one that
// a person should have approved before its deadline.
const (
	Nobody Answer = iota
	Rule
	Person
	Undecided
)

// Cost is what something takes, by meter.
type Cost [meters]float64

// The meters. All but the last count; WorkerCPU is in seconds.
const (
	Actions  = iota // that Temporal Cloud bills
	Frontend        // requests
	History         // requests
	Matching        // requests
	Database        // calls of the history service
	WorkerCPU
	meters
)

// Sources of the costs. To bring them up to date copy the tables that `scripts/cluster.sh
// cost` prints; those of the server's parts are for 277.8 comments a second.
const (
	measured  = "docs/development/performance.md and scale.md, 2026-11-29"
	workedOut = "worked out: an ignored one, and a start and an end of its wait"
	// waitEnd is the actions of the end of a wait: the upsert, and the report to the conversation.
	waitEnd = 2
)

// The paths.
var (
	ignored   = Path{"ignored", Nobody, Cost{1, 3.3, 3.0, 4.0, 11.0, .0040}, measured}
	byRule    = Path{"answered by a rule", Rule, Cost{5 + waitEnd, 9.9, 11.0, 12.0, 30.5, .0151}, measured}
	approved  = Path{"approved by a person", Person, Cost{8 + waitEnd, 15.1, 17.0, 16.6, 42.1, .0243}, measured}
	undecided = Path{"put to a person, and nobody decides", Undecided, Cost{3, 5.3, 5.0, 6.0, 15.0, .0060}, workedOut}
	answered  = Path{"answered by a rule, and the person writes back", Rule, Cost{9 + waitEnd, 17.2, 20.0, 18.5, 56.3, .0221}, measured}
)

// Share is the part of comments that take a path.
type Share struct {
	Path  Path
	Share float64
}

// postMix and liveMix are assumptions. In a live people are asked to write a word.
var (
	postMix = []Share{{ignored, .60}, {byRule, .25}, {approved, .06}, {undecided, .04}, {answered, .05}}
	liveMix = []Share{{ignored, .20}, {byRule, .70}, {answered, .10}}
)

// cost is the mean of a comment.
func cost(mix []Share) (c Cost) {
	for _, s := range mix {
		for m := range c {
			c[m] += s.Share * s.Path.Cost[m]
		}
	}
	return c
}

// share is the part of comments with an answer.
func share(mix []Share, a Answer) (sum float64) {
	for _, s := range mix {
		if s.Path.Answer == a {
			sum += s.Share
		}
	}
	return sum
}

// Steps of the simulation.
const (
	step  = time.Minute
	steps = int(7 * 24 * time.Hour / step)
)

// Load is what comes in a week.
type Load struct {
	Accounts int
	PerHour  float64 // comments under posts of all accounts, the mean of the week
	Skew     float64 // exponent of Zipf's law for the sizes of accounts; 0: all are alike
	Curve    bool    // by day and by night, on working days and at weekends; false: constant
	Trends   int     // posts that go round
	Lives    int     // evenings with a live, from Monday on: an hour from eight, liveRate comments a second
	Seed     uint64
}

// Million is a million comments an hour over ten thousand accounts.
var Million = Load{Accounts: 10_000, PerHour: 1e6, Skew: .35, Curve: true, Trends: 20, Lives: 7, Seed: 1}

const (
	// A post that goes round has trendLeast comments or more: twice as many half as often, or
	// a little less (Pareto, trendShape). They come fastest at first, and fade.
	trendLeast, trendMost = 10_000, 1_000_000
	trendShape            = 1.2
	trendFades            = 8 * time.Hour

	liveHour = 20 // with the most comments under posts, too
	liveRate = 100.0
	liveTime = time.Hour
)

// byHour and byDay are the curve: assumptions, in parts of their mean. Monday is first.
var (
	byHour = [24]float64{5, 3, 2, 2, 2, 3, 6, 10, 13, 14, 15, 16, 18, 17, 16, 16, 17, 19, 22, 25, 27, 25, 18, 10}
	byDay  = [7]float64{9, 9, 10, 10, 10, 12, 12}
)

// approvalDelays are how long people take, each as often: an assumption.
var approvalDelays = [4]time.Duration{10 * time.Minute, time.Hour, 4 * time.Hour, 16 * time.Hour}

// curve is the load of each hour of the week, in parts of the mean.
func (l Load) curve() (all [7 * 24]float64) {
	sum := 0.0
	for h := range all {
		if all[h] = 1; l.Curve {
			all[h] = byHour[h%24] * byDay[h/24]
		}
		sum += all[h]
	}
	for h := range all {
		all[h] *= float64(len(all)) / sum
	}
	return all
}

// later is a curve of the approvals of what came by curve. The week before was like this one.
func later(curve [7 * 24]float64) (all [7 * 24]float64) {
	for h := range all {
		for _, d := range approvalDelays {
			at := h - int(d.Round(time.Hour)/time.Hour)
			all[h] += curve[(at+len(all))%len(all)] / float64(len(approvalDelays))
		}
	}
	return all
}

// sizes are the comments an hour of each account.
func (l Load) sizes() []float64 {
	all, sum := make([]float64, l.Accounts), 0.0
	for i := range all {
		all[i] = math.Pow(float64(i+1), -l.Skew)
		sum += all[i]
	}
	for i := range all {
		all[i] *= l.PerHour / sum
	}
	return all
}

// trend is a post that goes round.
type trend struct {
	account  int
	from     int // step
	comments float64
}

// at is how many comments it has in a step.
func (t trend) at(i int) float64 {
	if i < t.from {
		return 0
	}
	fades := float64(trendFades / step)
	return t.comments / fades * math.Exp(-float64(i-t.from)/fades)
}

// events are the trends and the beginnings of the lives, in steps. More load makes trends
// larger, not more.
func (l Load) events() (trends []trend, lives []int) {
	r := rand.New(rand.NewPCG(l.Seed, 0))
	for range l.Trends {
		size := min(trendMost, trendLeast*math.Pow(1-r.Float64(), -1/trendShape))
		trends = append(trends, trend{r.IntN(l.Accounts), r.IntN(steps), size * l.PerHour / Million.PerHour})
	}
	for day := range l.Lives {
		lives = append(lives, (day*24+liveHour)*int(time.Hour/step))
	}
	return trends, lives
}

// poisson draws a number of events whose mean is given, with exp(-mean).
func poisson(r *rand.Rand, mean, none float64) int {
	if mean > 200 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	u, n, p := r.Float64(), 0, none
	for u > p && p > 0 {
		u -= p
		n++
		p *= mean / float64(n)
	}
	return n
}
