package gate

import (
	"bytes"
	"context"
	"slices"
	"sync"
)

// Point is a moment of a call.
type Point int

// The moments at which a call can be held.
const (
	Before Point = iota // the server has not seen it
	After               // the server has done it; the program does not know
)

// Holds are the calls to be held, at one gate or several.
type Holds struct {
	mu     sync.Mutex
	active []*Hold
}

// Hold holds every call that fits, until it is released. A call whose program gives
// up or dies meanwhile is dropped where it stands.
type Hold struct {
	point    Point
	method   string // such as StartWorkflowExecution
	contains []byte // stands in the request or the answer

	all       *Holds
	firstHeld chan *Gate // of the first call
	released  chan struct{}

	// Guarded by all.mu.
	seen  bool
	holds int // calls now
}

// Add begins to hold calls of method in which about stands, such as a workflow id.
func (h *Holds) Add(point Point, method, about string) *Hold {
	hold := &Hold{point: point, method: method, contains: []byte(about), all: h, firstHeld: make(chan *Gate, 1), released: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active = append(h.active, hold)
	return hold
}

// Await waits until a call is held, and says at which gate.
func (h *Hold) Await(ctx context.Context) (*Gate, error) {
	select {
	case g := <-h.firstHeld:
		return g, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Held reports whether a call is held now.
func (h *Hold) Held() bool {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	return h.holds > 0
}

// Release lets what is held go on, and holds nothing more.
func (h *Hold) Release() {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	if n := len(h.all.active); n > 0 {
		h.all.active = slices.DeleteFunc(h.all.active, func(o *Hold) bool { return o == h })
		if len(h.all.active) < n {
			close(h.released)
		}
	}
}

// wait holds a call at a point, if it is to be held there.
func (h *Holds) wait(ctx context.Context, g *Gate, point Point, method string, messages ...message) error {
	for {
		hold := h.claim(g, point, method, messages)
		if hold == nil {
			return nil
		}
		select {
		case <-hold.released:
		case <-ctx.Done():
		}
		h.mu.Lock()
		hold.holds--
		h.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// claim finds the hold that catches a call.
func (h *Holds) claim(g *Gate, point Point, method string, messages []message) *Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hold := range h.active {
		if hold.point != point || hold.method != method ||
			!slices.ContainsFunc(messages, func(m message) bool { return bytes.Contains(m, hold.contains) }) {
			continue
		}
		hold.holds++
		if !hold.seen {
			hold.seen = true
			hold.firstHeld <- g
		}
		return hold
	}
	return nil
}
