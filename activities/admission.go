package activities

import (
	"context"
	"time"

	"github.com/privatereply/privatereply/workflows"
)

// maxAdmissionPause bounds a pause: a call that hung in an outage says nothing of the server
// that is back.
const maxAdmissionPause = time.Second

// admission admits the events of all batches of a process: one at a time, and after each a
// pause as long as its call to the server took, at most a second. To accept a comment and to start its reply
// cost the same server, and Meta waits five seconds only for the first: the slower the
// server is, the more of it is left to what comes in. Live comments do not wait, because
// their broadcast ends.
type admission struct {
	slot   chan struct{} // capacity 1
	nextAt time.Time     // guarded by slot
}

func newAdmission() *admission { return &admission{slot: make(chan struct{}, 1)} }

// acquire waits until e may be routed.
func (a *admission) acquire(ctx context.Context, e workflows.InboundEvent) (release func(), err error) {
	if e.Comment != nil && e.Comment.OnLive() {
		return func() {}, ctx.Err()
	}
	select {
	case a.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-time.After(time.Until(a.nextAt)):
	case <-ctx.Done():
		<-a.slot
		return nil, ctx.Err()
	}
	began := time.Now()
	return func() {
		a.nextAt = time.Now().Add(min(time.Since(began), maxAdmissionPause))
		<-a.slot
	}, nil
}
