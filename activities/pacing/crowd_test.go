package pacing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

func account(id string) privatereply.Account {
	return privatereply.Account{Platform: privatereply.Instagram, ID: id, PostsPerHour: 700, LivePerSecond: 90}
}

// crowd is replies that behave as their workflows do: each asks a worker, sleeps
// until its slot, comes back late, as timers and task queues make it, perhaps to
// another worker, and asks again until it has permit.
type crowd struct {
	t       *testing.T
	pacers  []*Pacer
	lateMax time.Duration

	mu   sync.Mutex
	rand *rand.Rand
	sent []permit       // in the order of time
	asks map[string]int // by reply
}

type permit struct {
	Request
	at time.Time
}

func newCrowd(t *testing.T, lateMax time.Duration, pacers ...*Pacer) *crowd {
	return &crowd{t: t, pacers: pacers, lateMax: lateMax, rand: rand.New(rand.NewPCG(1, 2)), asks: map[string]int{}}
}

// send sends replies, which come one after the other, and waits until all have gone.
func (c *crowd) send(asks ...Request) {
	var all sync.WaitGroup
	for i, a := range asks {
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Microsecond)
			c.one(a)
		})
	}
	all.Wait()
}

func (c *crowd) one(a Request) {
	for {
		p, late := c.next(a)
		slot, ok := p.Wait(c.t.Context(), a)
		if ok {
			c.note(a)
			p.Answered(a, graph.Usage{})
			return
		}
		time.Sleep(time.Until(slot.At) + late)
		a.Waited = true
	}
}

func (c *crowd) next(a Request) (*Pacer, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asks[a.Reply]++
	return c.pacers[c.rand.IntN(len(c.pacers))], time.Duration(c.rand.Float64() * float64(c.lateMax))
}

func (c *crowd) note(a Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, permit{a, time.Now()})
}

// most is the largest number that went within any window of length d.
func (c *crowd) most(d time.Duration) int {
	n, first := 0, 0
	for i, l := range c.sent {
		for l.at.Sub(c.sent[first].at) >= d {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

// tries is how often a reply asked on average.
func (c *crowd) tries() float64 {
	n := 0
	for _, asks := range c.asks {
		n += asks
	}
	return float64(n) / float64(len(c.asks))
}

// positions are the positions in which replies were sent, in the order of asks.
func (c *crowd) positions(asks ...Request) []int {
	position := make([]int, len(asks))
	for i, a := range asks {
		position[i] = slices.IndexFunc(c.sent, func(p permit) bool { return p.Reply == a.Reply })
	}
	return position
}

// asking makes n replies.
func asking(n int, a Request) []Request {
	all := make([]Request, n)
	for i := range all {
		all[i] = a
		all[i].Reply = fmt.Sprintf("%s%d", a.Reply, i)
	}
	return all
}
