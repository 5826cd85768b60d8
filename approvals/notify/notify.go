// Package notify tells a chat when replies wait for a decision, and again when
// their time runs out. It writes how many and until when, never what people wrote.
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/queue"
)

const (
	// pollInterval is how often the queue is looked at. It is in memory.
	pollInterval = 2 * time.Second
	// postTimeout bounds one try to deliver a message.
	postTimeout = 10 * time.Second
)

// Notifier watches a queue. It never holds up a reply: whatever becomes of a
// message, nothing waits for it.
type Notifier struct {
	queue        *queue.Queue
	url          string
	desk         string
	log          *zap.Logger
	http         *http.Client
	now          func() time.Time
	pollInterval time.Duration
}

// New makes a notifier that posts to webhook, and links to the desk. It does
// nothing before Run.
func New(q *queue.Queue, webhook, desk string, log *zap.Logger) *Notifier {
	return &Notifier{
		queue: q, url: webhook, desk: desk, log: log, now: time.Now, pollInterval: pollInterval,
		http: &http.Client{
			Timeout: postTimeout,
			// The address is a secret: nothing is carried to where a redirect points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Run tells until ctx is done. A message that cannot be delivered is made anew for
// the next try, of what waits then.
func (n *Notifier) Run(ctx context.Context) {
	state := newNotificationState(n.now())
	ticks := time.NewTicker(n.pollInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		now := n.now()
		state.update(n.queue.View(ctx), now)
		message := state.nextMessage(now)
		if message == nil {
			continue
		}
		if err := n.post(ctx, message.text(n.desk, now)); err != nil {
			state.recordFailure(now)
			n.log.Warn("cannot notify", zap.Error(err), zap.Int("tries", state.failures))
			continue
		}
		state.recordSent(message, now)
	}
}

// post sends one message as incoming webhooks take it.
func (n *Notifier) post(ctx context.Context, text string) error {
	body, err := json.Marshal(struct {
		Text string `json:"text"`
	}{text})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("PRIVATEREPLY_NOTIFY_URL is not a usable address")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := n.http.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook answered %s", resp.Status)
	}
	return nil
}

// withoutURL keeps the secret address out of the log: Go's own error prints it.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
