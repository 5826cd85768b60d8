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

// failureLimiter counts wrong tokens by address.
type failureLimiter struct {
	now func() time.Time

	mu        sync.Mutex
	byAddress map[string]*rate.Limiter
}

func newFailureLimiter(now func() time.Time) *failureLimiter {
	return &failureLimiter{now: now, byAddress: map[string]*rate.Limiter{}}
}

// allow notes a failure, and reports whether the address may still be told so.
func (f *failureLimiter) allow(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.byAddress[address]
	if !ok {
		if len(f.byAddress) >= maxAddresses {
			clear(f.byAddress)
		}
		l = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
		f.byAddress[address] = l
	}
	return l.AllowN(f.now(), 1)
}
