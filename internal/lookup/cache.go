package lookup

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// readTimeout bounds a read with its wait for a turn. It goes on when the person who asked
// has left: others may have joined it.
const readTimeout = 20 * time.Second

// cache keeps the newest answers for a short time, failures among them, and joins those who
// ask for the same. The zero value is not usable.
type cache[T any] struct {
	ttl    time.Duration
	limit  int
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	entries map[string]cached[T]
}

type cached[T any] struct {
	value     T
	err       error
	expiresAt time.Time
}

func newCache[T any](ttl time.Duration, limit int, now func() time.Time) *cache[T] {
	return &cache[T]{ttl: ttl, limit: limit, now: now, entries: map[string]cached[T]{}}
}

// get returns what is kept under key, or reads it.
func (c *cache[T]) get(ctx context.Context, key string, read func(context.Context) (T, error)) (T, error) {
	if e, ok := c.fresh(key); ok {
		return e.value, e.err
	}
	result := c.flight.DoChan(key, func() (any, error) {
		if e, ok := c.fresh(key); ok {
			return e.value, e.err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		value, err := read(ctx)
		c.put(key, value, err)
		return value, err
	})
	select {
	case r := <-result:
		value, _ := r.Val.(T)
		return value, r.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (c *cache[T]) fresh(key string) (cached[T], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e, ok && c.now().Before(e.expiresAt)
}

func (c *cache[T]) put(key string, value T, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, ttl := c.now(), c.ttl
	if err != nil {
		ttl = failureTTL
	}
	if _, known := c.entries[key]; !known && len(c.entries) >= c.limit {
		c.makeRoom(now)
	}
	c.entries[key] = cached[T]{value, err, now.Add(ttl)}
}

// makeRoom removes what has expired, and else what expires first.
func (c *cache[T]) makeRoom(now time.Time) {
	first := ""
	for key, e := range c.entries {
		switch {
		case !now.Before(e.expiresAt):
			delete(c.entries, key)
		case first == "" || e.expiresAt.Before(c.entries[first].expiresAt):
			first = key
		}
	}
	if len(c.entries) >= c.limit {
		delete(c.entries, first)
	}
}
