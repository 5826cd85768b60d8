package faults

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// redeliverEvery is Meta's patience in the time of a test: it repeats a webhook
	// that was not answered with 200 at once, and then for 36 hours.
	redeliverEvery = 300 * time.Millisecond
	// metaWaits is how long Meta waits for the answer to a webhook.
	metaWaits = 5 * time.Second
)

var poster = &http.Client{Timeout: metaWaits, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// delivery is a webhook on its way.
type delivery struct {
	taken chan struct{} // closed when it was answered with 200

	mu       sync.Mutex
	statuses []int // 0: no answer
}

// answers are what the bridge answered, try by try.
func (d *delivery) answers() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int(nil), d.statuses...)
}

func (d *delivery) isTaken() bool {
	select {
	case <-d.taken:
		return true
	default:
		return false
	}
}

// deliver delivers one webhook about comments or messages, and waits until the
// bridge has taken it.
func (t *trial) deliver(ids ...string) *delivery {
	d := t.delivering(ids...)
	t.acknowledged(d)
	return d
}

func (t *trial) acknowledged(d *delivery) {
	select {
	case <-d.taken:
	case <-t.ctx.Done():
		t.fail("the bridge did not take the webhook; it answered %v", d.answers())
	}
}

// delivering delivers one webhook until the bridge answers 200, as Meta does, and
// does not wait for it.
func (t *trial) delivering(ids ...string) *delivery {
	body, header, err := t.meta.SignedWebhook(ids...)
	t.must(err)
	d := &delivery{taken: make(chan struct{})}
	t.posts.Go(func() {
		for {
			status, err := t.post(t.ctx, body, header)
			if err != nil {
				status = 0
			}
			d.mu.Lock()
			d.statuses = append(d.statuses, status)
			d.mu.Unlock()
			if status == http.StatusOK {
				close(d.taken)
				return
			}
			if !scenario.Sleep(t.ctx, redeliverEvery) {
				return
			}
		}
	})
	return d
}

// post posts a webhook once.
func (s *Stack) post(ctx context.Context, body []byte, header http.Header) (int, error) {
	return harness.Delivery{Body: body, Header: header}.Post(ctx, poster, s.webhooks)
}
