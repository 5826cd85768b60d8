// Package notify posts to a chat when replies wait for a decision, and again when their
// deadlines are near. It posts numbers and times, never what people wrote.
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
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// pollInterval is the time between two reads of the queue, which is in memory.
	pollInterval = 2 * time.Second
	// postTimeout limits one try to deliver a message.
	postTimeout = 10 * time.Second
)

// Notifier posts messages about a queue. Nothing waits for it: a failed message delays no
// reply.
type Notifier struct {
	queue        *queue.Queue
	url          string
	desk         string
	log          *zap.Logger
	http         *http.Client
	now          func() time.Time
	pollInterval time.Duration
}

// New returns a notifier that posts to webhook, with a link to the desk. It posts nothing
// before Run.
func New(q *queue.Queue, webhook, desk string, log *zap.Logger) *Notifier {
	return &Notifier{
		queue: q, url: webhook, desk: desk, log: log, now: time.Now, pollInterval: pollInterval,
		http: &http.Client{
			Timeout: postTimeout,
			// The address is a secret: it must not reach the target of a redirect.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Run posts messages until ctx is done. After a failure the next try has a new message, of
// the replies that wait then.
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

// post sends one message in the form of incoming webhooks.
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

// withoutURL removes the secret address from an error, for the log: Go's own error prints
// it.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

const (
	// batchDelay is the wait after the first new reply, so that a burst is one message.
	batchDelay = 10 * time.Second
	// minInterval is the least time between two messages.
	minInterval = time.Minute
	// urgentBefore is the time before its deadline at which a reply is urgent;
	// liveUrgentBefore for a comment on a live broadcast, which can end earlier at any
	// moment.
	urgentBefore     = time.Hour
	liveUrgentBefore = 15 * time.Minute
	// maxAgeAtStart limits the age of replies that are new at the start: older ones were in
	// a message of the process before.
	maxAgeAtStart = 10 * time.Minute
	// maxBackoff is the longest wait after a failure.
	maxBackoff = 5 * time.Minute
)

// notificationState is what has been posted, and what is pending.
type notificationState struct {
	startedAt  time.Time
	replies    map[string]*pending
	lastSentAt time.Time
	failures   int
	retryAt    time.Time
}

// pending is one waiting reply, and what to post about it.
type pending struct {
	row         replies.Row
	newSince    time.Time // zero: not new
	urgentSince time.Time
	urgentSent  bool
}

func newNotificationState(now time.Time) *notificationState {
	return &notificationState{startedAt: now, replies: map[string]*pending{}}
}

// update takes over the waiting replies of a view. Those that were decided are dropped.
func (l *notificationState) update(v *queue.View, now time.Time) {
	waits := map[string]bool{}
	for _, r := range v.Rows {
		if r.State != privatereply.AwaitingApproval {
			continue
		}
		waits[r.ID] = true
		m, known := l.replies[r.ID]
		if !known {
			m = &pending{}
			if r.StartedAt.After(l.startedAt.Add(-maxAgeAtStart)) {
				m.newSince = now
			}
			l.replies[r.ID] = m
		}
		m.row = r
		if !m.urgentSent && m.urgentSince.IsZero() && isUrgent(r, now) {
			m.urgentSince = now
		}
	}
	for id := range l.replies {
		if !waits[id] {
			delete(l.replies, id)
		}
	}
}

func isUrgent(r replies.Row, now time.Time) bool {
	if r.OnLive() {
		return r.Deadline.Sub(now) < liveUrgentBefore
	}
	return r.Deadline.Sub(now) < urgentBefore
}

// message is the content of one post.
type message struct{ fresh, urgent []*pending }

// nextMessage is the message to post now, or nil.
func (l *notificationState) nextMessage(now time.Time) *message {
	if now.Before(l.retryAt) || now.Before(l.lastSentAt.Add(minInterval)) {
		return nil
	}
	var m message
	var since time.Time
	for _, about := range l.replies {
		switch {
		case !about.urgentSince.IsZero():
			m.urgent = append(m.urgent, about)
			since = earlier(since, about.urgentSince)
		case !about.newSince.IsZero():
			m.fresh = append(m.fresh, about)
			since = earlier(since, about.newSince)
		}
	}
	if since.IsZero() || now.Before(since.Add(batchDelay)) {
		return nil
	}
	return &m
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (l *notificationState) recordSent(m *message, now time.Time) {
	l.lastSentAt, l.failures, l.retryAt = now, 0, time.Time{}
	for _, about := range m.fresh {
		about.newSince = time.Time{}
	}
	for _, about := range m.urgent {
		about.newSince, about.urgentSince, about.urgentSent = time.Time{}, time.Time{}, true
	}
}

func (l *notificationState) recordFailure(now time.Time) {
	l.failures++
	l.retryAt = now.Add(min(maxBackoff, 2*time.Second<<min(l.failures, 10)))
}

// text writes a message in at most three lines. It has numbers and times only, so that
// nothing must be escaped.
func (m *message) text(desk string, now time.Time) string {
	var lines []string
	if n := len(m.fresh); n > 0 {
		line := fmt.Sprintf("%s for a decision", plural(n, "new reply waits", "new replies wait"))
		if live := countLive(m.fresh); live > 0 {
			line += fmt.Sprintf(", %d of a live broadcast", live)
		}
		lines = append(lines, line+". Earliest deadline "+timeLeft(m.fresh, now)+".")
	}
	if n := len(m.urgent); n > 0 {
		lines = append(lines, fmt.Sprintf(":hourglass: %s out of time: the earliest deadline is %s.", plural(n, "reply runs", "replies run"), timeLeft(m.urgent, now)))
	}
	return strings.Join(append(lines, desk), "\n")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func countLive(all []*pending) int {
	n := 0
	for _, m := range all {
		if m.row.OnLive() {
			n++
		}
	}
	return n
}

func timeLeft(all []*pending, now time.Time) string {
	first := all[0].row.Deadline
	for _, m := range all {
		first = earlier(first, m.row.Deadline)
	}
	switch left := first.Sub(now).Round(time.Minute); {
	case left < time.Minute:
		return "in less than a minute"
	case left < 2*time.Hour:
		return fmt.Sprintf("in %d minutes", int(left.Minutes()))
	case left < 48*time.Hour:
		return fmt.Sprintf("in %d hours", int(left.Hours()))
	default:
		return fmt.Sprintf("in %d days", int(left.Hours())/24)
	}
}
