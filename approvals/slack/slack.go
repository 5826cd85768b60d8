// Package slack brings what waits for a decision into a Slack channel. The desk's process
// posts messages and keeps them up to date (Poster), the bridge takes what people do with
// them (Interactions). Neither has a store: the ids of the replies stand in the messages.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Path is where Slack's app must send interactions to, at the bridge.
const Path = "/webhooks/slack"

const (
	// callTimeout is how long one call to Slack may take.
	callTimeout = 10 * time.Second
	// callInterval is the time between two calls that write to the channel. Slack allows
	// about one message a second in a channel, and some 50 updates a minute.
	callInterval = 1200 * time.Millisecond
)

// Replies is the client of replies; *replies.Client in production.
type Replies interface {
	Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error)
	Approve(ctx context.Context, id, updateID string, m workflows.Approve) (workflows.DecisionResult, error)
	Reject(ctx context.Context, id, updateID string, m workflows.Reject) (workflows.DecisionResult, error)
}

var _ Replies = (*replies.Client)(nil)

// Accounts is the accounts file.
type Accounts interface {
	Get(p privatereply.Platform, id string) (privatereply.Account, bool)
}

// Config is what both parts need.
type Config struct {
	Token    string // of the app's bot
	Channel  string // its id, such as C0123456789
	URL      string // of Slack's API, without a slash at the end
	Desk     string // where people reach the desk, without a slash at the end; empty: no links
	Replies  Replies
	Accounts Accounts
}

// client calls Slack for one channel.
type client struct {
	*slackapi.Client
	channel string
	pace    *rate.Limiter
}

func newClient(c Config) *client {
	return &client{
		Client: slackapi.New(c.Token, slackapi.OptionAPIURL(c.URL+"/"), slackapi.OptionHTTPClient(&http.Client{
			Timeout: callTimeout,
			// The token must not reach the target of a redirect.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		})),
		channel: c.Channel,
		pace:    rate.NewLimiter(rate.Every(callInterval), 1),
	}
}

// post posts a message and returns its ts.
func (c *client) post(ctx context.Context, m message) (ts string, err error) {
	if err := c.pace.Wait(ctx); err != nil {
		return "", err
	}
	_, ts, err = c.PostMessageContext(ctx, c.channel, m.options()...)
	return ts, withoutURL(err)
}

// update replaces a message.
func (c *client) update(ctx context.Context, channel, ts string, m message) error {
	if err := c.pace.Wait(ctx); err != nil {
		return err
	}
	_, _, _, err := c.UpdateMessageContext(ctx, channel, ts, m.options()...)
	return withoutURL(err)
}

// withoutURL takes the address out of an error: Slack's response URLs are secrets.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return fmt.Errorf("cannot reach Slack: %w", wrapped.Err)
	}
	return err
}

// retryAfter is how long Slack asks to be spared after err, and 0 if it does not.
func retryAfter(err error) time.Duration {
	var busy *slackapi.RateLimitedError
	if errors.As(err, &busy) {
		return max(time.Second, busy.RetryAfter)
	}
	return 0
}

// isGone reports whether a message can never be updated again.
func isGone(err error) bool {
	if err == nil {
		return false
	}
	for _, code := range []string{"message_not_found", "cant_update_message", "edit_window_closed"} {
		if strings.Contains(err.Error(), code) {
			return true
		}
	}
	return false
}

// codeOf is the code of a refusal, or empty.
func codeOf(err error) replies.Code {
	var refusal *replies.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}
