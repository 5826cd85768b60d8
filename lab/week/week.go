package week

import (
	"math"
	"math/rand/v2"
	"time"
)

// Limit is the most of a meter that a system takes in a second.
type Limit struct {
	Name      string
	Meter     int
	PerSecond float64
}

// System is what the product runs on.
type System struct {
	Name   string
	Limits []Limit
}

// Systems are those of docs/development/scale.md, where the sizes have their sources.
var Systems = []System{
	{"Temporal Cloud, 6 units", []Limit{{"actions", Actions, 6 * 500}, {"requests, as many to an action as On-Demand gives", Frontend, 6 * 2000}, workers}},
	{"own server", []Limit{
		{"requests to 3 frontends", Frontend, 3 * 2400}, {"requests to 3 history hosts", History, 3 * 3000}, {"requests to 5 matching hosts", Matching, 5 * 1200},
		{"calls of 3 history hosts to the database", Database, 3 * 9000}, workers,
	}},
}

var workers = Limit{"processors of 6 workers", WorkerCPU, 6}

// Use is how a limit is used in the week.
type Use struct {
	Limit
	Peak   float64 // a second, in the busiest minute
	At     int     // that minute
	Above  int     // minutes above the limit
	First  int     // of them; -1: there is none
	Growth float64 // by which the load may grow until the limit is met
}

// Waits counts replies by how long they waited, in classes of which each is waitClass times
// as long as the one before; the first has those that did not wait.
type Waits [200]int

const waitClass = 1.1

func (w *Waits) add(d time.Duration, n int) {
	class := 0
	if s := d.Seconds(); s >= 1 {
		class = min(len(w)-1, 1+int(math.Log(s)/math.Log(waitClass)))
	}
	w[class] += n
}

// Quantile is the time within which a part of the replies went.
func (w *Waits) Quantile(part float64) time.Duration {
	all := 0
	for _, n := range w {
		all += n
	}
	sum := 0
	for class, n := range w {
		if sum += n; float64(sum) >= part*float64(all) {
			if class == 0 {
				return 0
			}
			return time.Duration(math.Pow(waitClass, float64(class)) * float64(time.Second))
		}
	}
	return 0
}

// Result is a week.
type Result struct {
	Comments         float64 // under posts
	Replies          int     // to posts, that were to be sent
	LiveReplies      int
	Waiting          []int // for their account's pace, at the end of each step
	Longest          int   // the longest queue of one account
	ByRule, ByPerson Waits // by person: from the approval
	Live             Waits
	Expired          int             // after seven days
	ExpiredLive      int             // waiting for the pace at the end of their live
	LateLive         int             // waiting for the server then
	Delays           []time.Duration // in the queue of the server, of what comes in a step
	Uses             []Use
}

// Simulate runs a week on a system.
func Simulate(l Load, s System) Result {
	curve := l.curve()
	trends, lives := l.events()
	growth := l.PerHour / Million.PerHour
	r := Result{Waiting: make([]int, steps)}
	r.serve(l, s, curve, trends, lives, growth)
	r.posts(l, curve, trends, 0)
	for i, from := range lives {
		r.live(rand.New(rand.NewPCG(l.Seed, uint64(1+i))), liveRate*growth, r.Delays[from:])
	}
	return r
}

// mostGrowth ends the search of Growth.
const mostGrowth = 16

// Growth is by how much posts may grow until the first reply to one of the week expires:
// found by halving, so that it is right by a hundredth.
func Growth(l Load) float64 {
	least, most := 0.0, float64(mostGrowth)
	for most-least > .01 {
		more, r := l, Result{Waiting: make([]int, steps), Delays: make([]time.Duration, steps)}
		more.PerHour *= (least + most) / 2
		trends, _ := more.events()
		// Nothing waits for seven days behind less than the pace of seven days.
		if r.posts(more, more.curve(), trends, postsPerHour*lifetime.Hours()*.9); r.Expired > 0 {
			most = more.PerHour / l.PerHour
		} else {
			least = more.PerHour / l.PerHour
		}
	}
	return least
}

// LastingGrowth is by how much posts may grow until the largest account has more replies on
// the average than its pace: then it falls behind from week to week.
func LastingGrowth(l Load) float64 {
	return postsPerHour / (l.sizes()[0] * (share(postMix, Rule) + share(postMix, Person)))
}

// LiveGrowth is by how much a live may grow until replies wait at its end.
func LiveGrowth() float64 { return livePace().perStep / (liveRate * share(liveMix, Rule)) }

// serve has the server work off the load of each step.
func (r *Result) serve(l Load, s System, curve [7 * 24]float64, trends []trend, lives []int, growth float64) {
	demand := make([]Cost, steps) // a second
	post, live := cost(postMix), cost(liveMix)
	for i := range demand {
		comments := l.PerHour * curve[i*len(curve)/steps] / time.Hour.Seconds()
		for _, t := range trends {
			comments += t.at(i) / step.Seconds()
		}
		r.Comments += comments * step.Seconds()
		for m := range meters {
			demand[i][m] = comments * post[m]
		}
	}
	for _, from := range lives {
		for i := from; i < min(steps, from+int(liveTime/step)); i++ {
			for m := range meters {
				demand[i][m] += liveRate * growth * live[m]
			}
		}
	}
	r.Delays = make([]time.Duration, steps)
	for _, limit := range s.Limits {
		u, backlog := Use{Limit: limit, First: -1}, 0.0
		for i, d := range demand {
			if d[limit.Meter] > u.Peak {
				u.Peak, u.At = d[limit.Meter], i
			}
			if d[limit.Meter] > limit.PerSecond {
				if u.Above++; u.First < 0 {
					u.First = i
				}
			}
			backlog = max(0, backlog+(d[limit.Meter]-limit.PerSecond)*step.Seconds())
			r.Delays[i] = max(r.Delays[i], time.Duration(backlog/limit.PerSecond*float64(time.Second)))
		}
		u.Growth = limit.PerSecond / u.Peak
		r.Uses = append(r.Uses, u)
	}
}

// posts simulates the accounts that expect so many replies in the week or more.
func (r *Result) posts(l Load, curve [7 * 24]float64, trends []trend, least float64) {
	approvals, replies := later(curve), share(postMix, Rule)+share(postMix, Person)
	byAccount := map[int][]trend{}
	for _, t := range trends {
		byAccount[t.account] = append(byAccount[t.account], t)
	}
	for i, perHour := range l.sizes() {
		comments := perHour * 7 * 24
		for _, t := range byAccount[i] {
			comments += t.comments
		}
		if comments*replies >= least {
			r.account(rand.New(rand.NewPCG(l.Seed, uint64(1000+i))), perHour, curve, approvals, byAccount[i])
		}
	}
}

// account simulates one account, and goes on after the week until its queue is empty.
func (r *Result) account(random *rand.Rand, perHour float64, curve, approvals [7 * 24]float64, trends []trend) {
	ruled, approved := share(postMix, Rule), share(postMix, Person)
	const perStep = 24 * 7 / float64(steps)
	lives := int(lifetime / step)
	pace := postPace(step)
	var rules, persons queue
	var byRule, byPerson, noRule, noPerson float64
	for i := 0; i < steps || rules.n+persons.n > 0; i++ {
		if i < steps {
			if hour := i * len(curve) / steps; i == 0 || hour != (i-1)*len(curve)/steps {
				byRule, byPerson = perHour*curve[hour]*ruled*perStep, perHour*approvals[hour]*approved*perStep
				noRule, noPerson = math.Exp(-byRule), math.Exp(-byPerson)
			}
			newRule, newPerson := poisson(random, byRule, noRule), poisson(random, byPerson, noPerson)
			for _, t := range trends {
				mean, people := t.at(i)*ruled, t.at(i)*approved
				newRule += poisson(random, mean, math.Exp(-mean))
				newPerson += poisson(random, people, math.Exp(-people))
			}
			rules.add(i, newRule)
			persons.add(i, newPerson)
			r.Replies += newRule + newPerson
		}
		r.Expired += rules.drop(i-lives) + persons.drop(i-lives)
		p, n := pace.send(persons.n, rules.n)
		persons.take(p, func(from, n int) { r.ByPerson.add(time.Duration(i-from)*step+r.Delays[from], n) })
		rules.take(n, func(from, n int) { r.ByRule.add(time.Duration(i-from)*step+r.Delays[from], n) })
		if waiting := rules.n + persons.n; i < steps {
			r.Waiting[i] += waiting
			r.Longest = max(r.Longest, waiting)
		}
	}
}

// live simulates a live in steps of a second: what waits at its end expires.
func (r *Result) live(random *rand.Rand, perSecond float64, delays []time.Duration) {
	pace, end := livePace(), int(liveTime.Seconds())
	mean := perSecond * share(liveMix, Rule)
	var waits queue
	arrives := make([]int, end)
	for i := range end {
		n := poisson(random, mean, math.Exp(-mean))
		r.LiveReplies += n
		at := i + int(delays[min(len(delays)-1, i/int(step.Seconds()))].Seconds())
		if at >= end {
			r.LateLive += n
			continue
		}
		arrives[at] += n
	}
	for i, n := range arrives {
		waits.add(i, n)
		_, sent := pace.send(0, waits.n)
		waits.take(sent, func(from, n int) { r.Live.add(time.Duration(i-from)*time.Second, n) })
	}
	r.ExpiredLive += waits.n
}
