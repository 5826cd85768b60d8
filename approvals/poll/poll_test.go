package poll

import (
	"context"
	"testing"
	"time"
)

// A watcher brings the next read forward, and is told of changes only.
func TestPoller(t *testing.T) {
	reads := make(chan int)
	p := New(Options[int]{
		Read: func(ctx context.Context, was int) int {
			select {
			case n := <-reads:
				return n
			case <-ctx.Done():
				return was
			}
		},
		Same:    func(was, is int) bool { return was == is },
		Watched: time.Millisecond, Idle: time.Hour, Timeout: time.Minute,
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	reads <- 1
	if v, version := p.Wait(t.Context()); v != 1 || version != 1 {
		t.Errorf("%d, version %d", v, version)
	}
	w := p.Watch()
	reads <- 1 // an idle poller would read in an hour
	reads <- 2
	<-w.Changed()
	if v, version := p.Current(); v != 2 || version != 2 {
		t.Errorf("%d, version %d", v, version)
	}
	w.Close()
	if p.Watchers() != 0 {
		t.Error("it is watched still")
	}
	p.Update(func(v int) int { return v + 1 })
	if v, _ := p.Current(); v != 3 {
		t.Errorf("%d", v)
	}
	stop()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it does not end")
	}
}
