package signin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// failureBurst wrong tokens may come from an address at once, then one every
	// failureEvery. A token cannot be guessed anyhow; this keeps logs and CPU quiet.
	failureBurst = 5
	failureEvery = 12 * time.Second
	// maxAddresses bounds the memory. When it is full all are forgotten.
	maxAddresses = 10_000
)

// failures counts wrong tokens by address.
type failures struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, all: map[string]*rate.Limiter{}}
}

// allowed notes a failure, and reports whether the address may still be told so.
func (f *failures) allowed(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.all[address]
	if !ok {
		if len(f.all) >= maxAddresses {
			clear(f.all)
		}
		l = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
		f.all[address] = l
	}
	return l.AllowN(f.now(), 1)
}
