package week

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
)

// near fails unless got is want, give or take a part of it.
func near(t *testing.T, what string, got, want, part float64) {
	t.Helper()
	if math.Abs(got-want) > part*want {
		t.Errorf("%s: %.0f, want %.0f", what, got, want)
	}
}

// oneAccount has a constant number of replies, in parts of its pace.
func oneAccount(paces float64) Load {
	return Load{Accounts: 1, PerHour: paces * postsPerHour / (share(postMix, Rule) + share(postMix, Person)), Seed: 1}
}

// Guards: below its pace an account has no queue; above it the queue grows by the excess,
// and what waits for seven days expires.
func TestConstantLoad(t *testing.T) {
	const week = postsPerHour * 7 * 24.0 // what goes in a week
	tests := []struct {
		name                   string
		paces                  float64
		waiting, sent, expired float64
	}{
		{"below the pace", .8, 0, .8 * week, 0},
		// The last one waits for seven days.
		{"twice the pace", 2, week, 2 * week, 0},
		// What comes after half of the week would wait for longer than seven days. Then the
		// excess expires, and the queue holds what came in seven days less what went.
		{"three times the pace", 3, 2 * week, 2 * week, week},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Simulate(oneAccount(tt.paces), System{})
			if tt.waiting == 0 && (r.Longest > postBurst || r.ByRule.Quantile(.999) > 0) {
				t.Errorf("%d waited, the longest of a thousand for %v", r.Longest, r.ByRule.Quantile(.999))
			}
			near(t, "waiting at the end", float64(r.Waiting[steps-1]), tt.waiting, .01)
			sent := 0
			for class := range r.ByRule {
				sent += r.ByRule[class] + r.ByPerson[class]
			}
			near(t, "sent", float64(sent), tt.sent, .01)
			near(t, "expired", float64(r.Expired), tt.expired, .02)
			if sent+r.Expired != r.Replies {
				t.Errorf("%d sent and %d expired of %d", sent, r.Expired, r.Replies)
			}
		})
	}
}

// Guards: what a live has above its pace waits at its end.
func TestLive(t *testing.T) {
	for _, perSecond := range []float64{60, 100} {
		var r Result
		r.live(rand.New(rand.NewPCG(1, 1)), perSecond/share(liveMix, Rule), make([]time.Duration, steps))
		excess := max(0, perSecond-livePace().perStep) * liveTime.Seconds()
		near(t, "replies", float64(r.LiveReplies), perSecond*liveTime.Seconds(), .01)
		near(t, "expired", float64(r.ExpiredLive), excess, .03)
	}
}

// Guards: what the server cannot take in an hour above its limit waits, and it is behind
// until the load is that much below.
func TestServer(t *testing.T) {
	l := Load{Accounts: 1, PerHour: 3600, Curve: true}
	curve := l.curve()
	at := slices.Index(curve[:], slices.Max(curve[:]))
	of := cost(postMix)[Actions]
	limit := Limit{"actions", Actions, of * (curve[at] + curve[at-1]) / 2} // only the busiest hours of two days are above
	r := Result{}
	r.serve(l, System{Limits: []Limit{limit}}, curve, nil, nil, 1)
	above := 3600 * (of*curve[at] - limit.PerSecond)
	near(t, "the longest wait, in ms", float64(slices.Max(r.Delays).Milliseconds()), 1000*above/limit.PerSecond, .01)
	if u := r.Uses[0]; u.Above != 120 || u.First != at*60 && u.First != (at-24)*60 || math.Abs(u.Growth*of*curve[at]-limit.PerSecond) > 1e-9 {
		t.Errorf("%+v", u)
	}
	if last := r.Delays[at*60+3*60]; last != 0 {
		t.Errorf("it is %v behind three hours later", last)
	}
}

// Guards: the mean of the load is what it says, whatever its curve and the sizes.
func TestLoad(t *testing.T) {
	sum := 0.0
	for _, size := range Million.sizes() {
		sum += size
	}
	near(t, "of all accounts", sum, Million.PerHour, 1e-9)
	for _, curve := range [][7 * 24]float64{Million.curve(), later(Million.curve())} {
		sum = 0
		for _, part := range curve {
			sum += part
		}
		near(t, "of all hours", sum, 7*24, 1e-9)
	}
	for _, mix := range [][]Share{postMix, liveMix} {
		near(t, "of all paths", share(mix, Nobody)+share(mix, Rule)+share(mix, Person)+share(mix, Undecided), 1, 1e-9)
	}
	r, sum := rand.New(rand.NewPCG(1, 1)), 0.0
	for range 100_000 {
		sum += float64(poisson(r, 7, math.Exp(-7)))
	}
	near(t, "of draws", sum, 700_000, .01)
}

// Guards: the pace of the model is that of the product: as many go, and as many of those
// that people approved, in each of the periods.
func TestPace(t *testing.T) {
	tests := []struct {
		name           string
		live           bool
		persons, rules int // at the beginning
		step           time.Duration
		model          pace
	}{
		{"posts", false, 0, 1500, time.Minute, postPace(time.Minute)},
		{"posts, some approved", false, 400, 1000, time.Minute, postPace(time.Minute)},
		{"live", true, 0, 8000, time.Second, livePace()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				account := privatereply.Account{Platform: privatereply.Instagram, ID: "1", PostsPerHour: postsPerHour, LivePerSecond: livePerSecond}
				pacer := pacing.New(1, time.Now)
				var byPersons, byRules atomic.Int64
				var all sync.WaitGroup
				for i := range tt.persons + tt.rules {
					r := pacing.Request{Account: account, Live: tt.live, Reply: strconv.Itoa(i), ByPerson: i < tt.persons}
					all.Go(func() {
						for {
							slot, ok := pacer.Wait(t.Context(), r)
							if ok {
								break
							}
							time.Sleep(time.Until(slot.At))
							r.Waited = true
						}
						pacer.Answered(r, graph.Usage{})
						if r.ByPerson {
							byPersons.Add(1)
						} else {
							byRules.Add(1)
						}
					})
				}
				persons, rules := tt.persons, tt.rules
				for period := range 60 {
					time.Sleep(tt.step)
					p, n := tt.model.send(persons, rules)
					persons, rules = persons-p, rules-n
					if period%10 == 9 {
						near(t, "by rules", float64(byRules.Load()), float64(tt.rules-rules), .03)
						near(t, "by persons", float64(byPersons.Load()), float64(tt.persons-persons), .03)
					}
				}
				all.Wait()
			})
		})
	}
}

// Guards: a seed gives one week.
func TestDeterministic(t *testing.T) {
	l := Load{Accounts: 50, PerHour: 50_000, Skew: .35, Curve: true, Trends: 5, Lives: 1, Seed: 7}
	a, b := Simulate(l, Systems[0]), Simulate(l, Systems[0])
	if a.Replies != b.Replies || !slices.Equal(a.Waiting, b.Waiting) || a.ByRule != b.ByRule || a.ExpiredLive != b.ExpiredLive {
		t.Error("two weeks of one seed differ")
	}
}
