package meta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// publish hands updates to the outbox, if the app is subscribed to them.
func (s *Sandbox) publish(items ...webhookItem) {
	for _, it := range items {
		if !s.delivers(it) {
			s.note("webhook", it.account, it.subject, "No webhook: the app is not subscribed to %s", it.field)
			continue
		}
		s.outbox.add(it)
	}
}

// disabledAfter is how long webhooks may fail before Meta takes the subscription away.
const disabledAfter = time.Hour

// delivered keeps Meta's patience with a callback: after an hour of failures the
// app is unsubscribed, and nobody is told.
func (s *Sandbox) delivered(accounts []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range accounts {
		a := s.byID[id]
		switch {
		case a == nil: // a dashboard test
		case ok:
			a.failingSince = time.Time{}
		case a.failingSince.IsZero():
			a.failingSince = s.now()
		case s.now().Sub(a.failingSince) >= disabledAfter && len(a.owner.fields) > 0:
			a.owner.fields, a.failingSince = nil, time.Time{}
			s.note("webhook", a.ID, "", "Webhooks disabled: they failed for an hour")
		}
	}
}

// SetWebhookSettings changes how webhooks are delivered from now on.
func (s *Sandbox) SetWebhookSettings(d WebhookSettings) error {
	switch d.Echo {
	case "", EchoAfter, EchoBefore, EchoOff:
	default:
		return fmt.Errorf("echo: %q is not a mode; write after, before or off", d.Echo)
	}
	if d.Batch < 0 || d.Duplicates < 0 {
		return errors.New("batch, duplicates: they cannot be negative")
	}
	s.outbox.configure(d)
	s.wake()
	return nil
}

// WebhookSettings is how webhooks are delivered.
func (s *Sandbox) WebhookSettings() WebhookSettings { return s.outbox.settings() }

// Webhooks are the last 200 webhooks, newest first.
func (s *Sandbox) Webhooks() []Webhook { return s.outbox.list() }

// ResendWebhook delivers a webhook again, byte for byte, as often as times says; id 0 is
// the last one.
func (s *Sandbox) ResendWebhook(id, times int) error { return s.outbox.resend(id, max(1, times)) }

// RetryWebhooks repeats every failed webhook at once and says how many they were.
func (s *Sandbox) RetryWebhooks() int { return s.outbox.retryNow() }

// DrainWebhooks waits until every webhook has been taken or given up.
func (s *Sandbox) DrainWebhooks(ctx context.Context) error { return s.Wait(ctx, s.outbox.idle) }

// SignedWebhook builds one webhook about comments, visitor posts or messages and
// signs it, for a caller who posts it himself. All ids must be of one platform,
// and of accounts with one app secret.
func (s *Sandbox) SignedWebhook(ids ...string) (body []byte, header http.Header, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []webhookItem
	for _, id := range ids {
		c, m := s.find(id), s.messages[id]
		switch {
		case c != nil:
			items = append(items, s.commentItem(c))
		case m != nil && m.by == SenderPerson:
			items = append(items, s.messageItem(m))
		case m != nil:
			items = append(items, s.echoItem(m))
		default:
			return nil, nil, fmt.Errorf("%q is %w", id, ErrUnknown)
		}
		if it := items[len(items)-1]; it.object != items[0].object || it.secret != items[0].secret {
			return nil, nil, fmt.Errorf("%q cannot be in one webhook with %q: another platform or app secret", id, ids[0])
		}
	}
	if len(items) == 0 {
		return nil, nil, errors.New("a webhook needs at least one id")
	}
	w := sealed(items, s.now())
	return w.body, w.header, nil
}
