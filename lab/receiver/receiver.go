// Package receiver is a receiver of the product's outgoing events, which can be killed before
// and after it has taken one, and knows what came in which order.
package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Event is one event as it arrived.
type Event struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Subject string         `json:"subject"` // the reply
	Data    map[string]any `json:"data"`

	Body string `json:"-"`
}

// Point is a moment of a request.
type Point int

// The points: the event has arrived; it is taken, and nobody knows yet.
const (
	BeforeTaken Point = iota
	AfterTaken
)

// Hold holds the next request with an event of a reply at a point, until it is released or
// its sender, or the Front, has died.
type Hold struct {
	reply, kind string
	point       Point
	arrived     chan struct{}
	release     chan struct{}
	once        sync.Once
	gone        bool // the sender or the Front has died
	receiver    *Receiver
}

// Receiver takes events over HTTP. What it has answered is taken for good.
type Receiver struct {
	http     *httptest.Server
	verifier *webhooks.Webhook

	mu     sync.Mutex
	taken  []Event
	holds  []*Hold
	forged int
}

// New starts a receiver that verifies with a secret.
func New(secret string) (*Receiver, error) {
	verifier, err := webhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	r := &Receiver{verifier: verifier}
	r.http = httptest.NewServer(http.HandlerFunc(r.serve))
	return r, nil
}

// Close stops it.
func (r *Receiver) Close() {
	r.mu.Lock()
	for _, h := range r.holds {
		h.Release()
	}
	r.mu.Unlock()
	r.http.CloseClientConnections()
	r.http.Close()
}

// Hold holds the next request with an event of a reply.
func (r *Receiver) Hold(reply, kind string, point Point) *Hold {
	h := &Hold{reply: reply, kind: kind, point: point, arrived: make(chan struct{}), release: make(chan struct{}), receiver: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds = append(r.holds, h)
	return h
}

// Await waits until a request is held.
func (h *Hold) Await(ctx context.Context) error {
	select {
	case <-h.arrived:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no %s of %s came: %w", h.kind, h.reply, context.Cause(ctx))
	}
}

// Held reports whether the request is held, and everybody on its way lives.
func (h *Hold) Held() bool {
	h.receiver.mu.Lock()
	defer h.receiver.mu.Unlock()
	return !h.gone
}

// Release lets the request go on.
func (h *Hold) Release() { h.once.Do(func() { close(h.release) }) }

// Of lists what was taken of a reply, repeats as well, in the order in which it came.
func (r *Receiver) Of(reply string) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Event
	for _, e := range r.taken {
		if e.Subject == reply {
			all = append(all, e)
		}
	}
	return all
}

// Check says what is wrong with the events that came of a reply: another order than that of
// their numbers, an id with two contents, a gap, a forged signature.
func (r *Receiver) Check(reply string) error {
	bodies := map[string]string{}
	newest := 0
	for _, e := range r.Of(reply) {
		n, _ := e.Data["number"].(float64)
		switch known, again := bodies[e.ID]; {
		case again && known != e.Body:
			return fmt.Errorf("%s has two contents", e.ID)
		case again && int(n) < newest:
			return fmt.Errorf("%s came again after number %d", e.ID, newest)
		case !again && int(n) != newest+1:
			return fmt.Errorf("number %d came after number %d", int(n), newest)
		}
		bodies[e.ID], newest = e.Body, max(newest, int(n))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forged > 0 {
		return fmt.Errorf("%d requests were not signed as they should be", r.forged)
	}
	return nil
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return
	}
	var e Event
	if r.verifier.Verify(body, req.Header) != nil || json.Unmarshal(body, &e) != nil || e.ID != req.Header.Get("webhook-id") {
		r.mu.Lock()
		r.forged++
		r.mu.Unlock()
		http.Error(w, "not from the product", http.StatusUnauthorized)
		return
	}
	e.Body = string(body)
	r.pass(req, e, BeforeTaken)
	r.mu.Lock()
	r.taken = append(r.taken, e)
	r.mu.Unlock()
	r.pass(req, e, AfterTaken)
	w.WriteHeader(http.StatusNoContent)
}

// pass waits where a hold is.
func (r *Receiver) pass(req *http.Request, e Event, point Point) {
	r.mu.Lock()
	i := slices.IndexFunc(r.holds, func(h *Hold) bool { return h.reply == e.Subject && h.kind == e.Type && h.point == point })
	if i < 0 {
		r.mu.Unlock()
		return
	}
	h := r.holds[i]
	r.holds = slices.Delete(r.holds, i, i+1)
	r.mu.Unlock()
	close(h.arrived)
	select {
	case <-h.release:
	case <-req.Context().Done():
		r.mu.Lock()
		h.gone = true
		r.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
}
