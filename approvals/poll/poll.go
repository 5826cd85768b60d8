// Package poll keeps a value that one goroutine reads again and again, for all browsers: often
// while somebody watches, and slowly otherwise.
package poll

import (
	"context"
	"sync"
	"time"
)

// Options say how a Poller reads.
type Options[V any] struct {
	// Read reads the value anew; it gets the one before. A failure is part of the value.
	Read func(ctx context.Context, was V) V
	// Same reports that watchers need not be told of the change.
	Same func(was, is V) bool
	// Watched and Idle are the times between two reads while somebody watches, and otherwise.
	Watched, Idle time.Duration
	// Timeout limits one read.
	Timeout time.Duration
}

// Poller holds the newest value. Run keeps it up to date.
type Poller[V any] struct {
	options Options[V]
	wake    chan struct{}
	ready   chan struct{} // closed after the first read

	mu       sync.Mutex
	value    V
	version  int
	watchers map[*Watcher]struct{}
	release  func(*Watcher)
}

// New returns a poller with the zero value of V until Run has read.
func New[V any](o Options[V]) *Poller[V] {
	p := &Poller[V]{options: o, wake: make(chan struct{}, 1), ready: make(chan struct{}), watchers: map[*Watcher]struct{}{}}
	p.release = func(w *Watcher) {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, w)
	}
	return p
}

// Run reads at intervals until ctx is done.
func (p *Poller[V]) Run(ctx context.Context) {
	for hasRead := false; ctx.Err() == nil; hasRead = true {
		p.read(ctx)
		if !hasRead {
			close(p.ready)
		}
		select {
		case <-ctx.Done():
		case <-time.After(p.interval()):
		case <-p.wake:
		}
	}
}

func (p *Poller[V]) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	was, _ := p.Current()
	is := p.options.Read(ctx, was)
	p.Update(func(V) V { return is })
}

func (p *Poller[V]) interval() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.watchers) == 0 {
		return p.options.Idle
	}
	return p.options.Watched
}

// Current is the newest value and the number of its version, at once.
func (p *Poller[V]) Current() (V, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value, p.version
}

// Wait is Current after the first read, or when ctx is done.
func (p *Poller[V]) Wait(ctx context.Context) (V, int) {
	select {
	case <-p.ready:
	case <-ctx.Done():
	}
	return p.Current()
}

// Update replaces the value between two reads, for what this process knows by itself.
func (p *Poller[V]) Update(change func(V) V) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.value
	p.value = change(was)
	if p.options.Same(was, p.value) {
		return
	}
	p.version++
	for w := range p.watchers {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// ReadSoon ends the pause before the next read.
func (p *Poller[V]) ReadSoon() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Watchers is the number of those who watch.
func (p *Poller[V]) Watchers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.watchers)
}

// Watcher is told of changes.
type Watcher struct {
	changed chan struct{}
	release func(*Watcher)
}

// Watch returns a watcher of the changes from now on. Close it at the end. The first watcher
// ends the pause before the next read.
func (p *Poller[V]) Watch() *Watcher {
	w := &Watcher{changed: make(chan struct{}, 1), release: p.release}
	p.mu.Lock()
	first := len(p.watchers) == 0
	p.watchers[w] = struct{}{}
	p.mu.Unlock()
	if first {
		p.ReadSoon()
	}
	return w
}

// Changed receives a value after a change. A nil Watcher never does.
func (w *Watcher) Changed() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.changed
}

// Close ends the watch. It does nothing for a nil Watcher.
func (w *Watcher) Close() {
	if w != nil {
		w.release(w)
	}
}
