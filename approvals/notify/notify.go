// Package notify posts to a chat what a team has to know: replies that wait for a decision
// and those that run out of time, unknown deliveries, people whose window closes, accounts
// that cannot send. It posts numbers, times and names of accounts, never what people wrote,
// and to a rhythm: what comes meanwhile is gathered.
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

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/config"
)

const (
	// pollInterval is the time between two reads of the queue, which is in memory.
	pollInterval = 2 * time.Second
	// postTimeout limits one try to deliver a message.
	postTimeout = 10 * time.Second
)

// Accounts is the accounts file.
type Accounts interface {
	Get(p privatereply.Platform, id string) (privatereply.Account, bool)
	// NotifyURL is the account's own address for notifications, or empty.
	NotifyURL(p privatereply.Platform, id string) (string, error)
}

// Config is what a Notifier needs.
type Config struct {
	Queue    *queue.Queue
	Answered func() answered.View // nil: nothing is said of people who answered
	Problems func() health.View   // nil: nothing is said of accounts that cannot send
	Accounts Accounts
	Webhook  string // for accounts without an address of their own; empty: none
	Desk     string // without a slash at the end
	// Every is the least time between two messages to one address, but for what cannot wait
	// so long.
	Every  time.Duration
	Quiet  config.QuietHours
	Logger *zap.Logger
}

// Notifier posts messages. Nothing waits for it: a failed message delays no reply.
type Notifier struct {
	Config
	http         *http.Client
	now          func() time.Time
	pollInterval time.Duration
}

// New returns a notifier. It posts nothing before Run.
func New(c Config) *Notifier {
	return &Notifier{
		Config: c, now: time.Now, pollInterval: pollInterval,
		http: &http.Client{
			Timeout: postTimeout,
			// The address is a secret: it must not reach the target of a redirect.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Run posts messages until ctx is done. After a failure the next try has a new message, of
// what is then to be said.
func (n *Notifier) Run(ctx context.Context) {
	state := newNotices(n.now(), n.Every)
	chats := map[string]*chatState{}
	ticks := time.NewTicker(n.pollInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		now := n.now()
		state.update(n.read(ctx), now)
		for address, pending := range n.byAddress(state.pending()) {
			chat := chats[address]
			if chat == nil {
				chat = &chatState{every: n.Every}
				chats[address] = chat
			}
			message := chat.next(pending, now, n.Quiet.End(now))
			if len(message) == 0 {
				continue
			}
			if err := n.post(ctx, address, n.text(message, now)); err != nil {
				chat.recordFailure(now)
				n.Logger.Warn("cannot notify", zap.Error(err), zap.Int("tries", chat.failures))
				continue
			}
			chat.recordSent(now)
			state.recordSent(message, now)
		}
	}
}

// read is what there is to know now.
func (n *Notifier) read(ctx context.Context) facts {
	f := facts{queue: n.Queue.View(ctx)}
	if n.Answered != nil {
		f.answered = n.Answered()
	}
	if n.Problems != nil {
		f.problems = n.Problems()
	}
	return f
}

// byAddress sorts notices by where they go. An account's own address that cannot be read is
// logged, and the notice goes where the others do.
func (n *Notifier) byAddress(all []*notice) map[string][]*notice {
	sorted := map[string][]*notice{}
	for _, about := range all {
		address, err := n.Accounts.NotifyURL(about.platform, about.account)
		if err != nil {
			n.Logger.Debug("an account's own address for notifications cannot be read", zap.String("account", about.account), zap.Error(err))
		}
		if address == "" {
			address = n.Webhook
		}
		if address != "" {
			sorted[address] = append(sorted[address], about)
		}
	}
	return sorted
}

// post sends one message in the form of incoming webhooks.
func (n *Notifier) post(ctx context.Context, address, text string) error {
	body, err := json.Marshal(struct {
		Text string `json:"text"`
	}{text})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address for notifications is not usable")
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
