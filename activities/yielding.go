package activities

import (
	"context"
	"sync"
	"time"

	"github.com/privatereply/privatereply/workflows"
)

const (
	// sendsPause is how long no send has begun when a crowd of them has passed.
	sendsPause = 500 * time.Millisecond
	// yieldLimit is how long a call makes way. A stream of sends that does not end
	// must not keep conversations from their replies.
	yieldLimit = workflows.JoinTimeout - 2*time.Second
	// maxYielding bounds the places that waiting calls take from other activities: half
	// of the SDK's thousand.
	maxYielding = 500
)

// yielding makes calls that nobody waits for make way for sends. To note that a reply
// was delivered costs the server as much as to deliver the next one, for which somebody
// waits.
type yielding struct {
	mu      sync.Mutex
	sentAt  time.Time // when the last send of this process began
	waiting int
}

// observeMargin notes that a send begins.
func (y *yielding) sending() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.sentAt = time.Now()
}

// makeWay waits until no send has begun for a while, stop is closed, or ctx is done.
func (y *yielding) makeWay(ctx context.Context, stop <-chan struct{}) {
	if !y.wait(1) {
		return
	}
	defer y.wait(-1)
	limit := time.After(yieldLimit)
	for pause := y.pause(); pause > 0; pause = y.pause() {
		select {
		case <-time.After(pause):
		case <-limit:
			return
		case <-stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

// wait counts who waits, and reports whether there is room for them.
func (y *yielding) wait(n int) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.waiting+n > maxYielding {
		return false
	}
	y.waiting += n
	return true
}

func (y *yielding) pause() time.Duration {
	y.mu.Lock()
	defer y.mu.Unlock()
	return time.Until(y.sentAt.Add(sendsPause))
}
