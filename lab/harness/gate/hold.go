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
	mu   sync.Mutex
	open []*Hold
}

// Hold holds every call that fits, until it is released. A call whose program gives
// up or dies meanwhile is dropped where it stands.
type Hold struct {
	point  Point
	method string // such as StartWorkflowExecution
	about  []byte // stands in the request or the answer

	all      *Holds
	caught   chan *Gate // of the first call
	released chan struct{}

	// Guarded by all.mu.
	seen  bool
	holds int // calls now
}

// Add begins to hold calls of method in which about stands, such as a workflow id.
func (h *Holds) Add(point Point, method, about string) *Hold {
	hold := &Hold{point: point, method: method, about: []byte(about), all: h, caught: make(chan *Gate, 1), released: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, hold)
	return hold
}

// Await waits until a call is held, and says at which gate.
func (h *Hold) Await(ctx context.Context) (*Gate, error) {
	select {
	case g := <-h.caught:
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
	if n := len(h.all.open); n > 0 {
		h.all.open = slices.DeleteFunc(h.all.open, func(o *Hold) bool { return o == h })
		if len(h.all.open) < n {
			close(h.released)
		}
	}
}

// pass holds a call at a point, if it is to be held there.
func (h *Holds) pass(ctx context.Context, g *Gate, point Point, method string, messages ...message) error {
	for {
		hold := h.take(g, point, method, messages)
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

// take finds the hold that catches a call.
func (h *Holds) take(g *Gate, point Point, method string, messages []message) *Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hold := range h.open {
		if hold.point != point || hold.method != method ||
			!slices.ContainsFunc(messages, func(m message) bool { return bytes.Contains(m, hold.about) }) {
			continue
		}
		hold.holds++
		if !hold.seen {
			hold.seen = true
			hold.caught <- g
		}
		return hold
	}
	return nil
}
