package meta

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// webhook is one body that is posted to the callback until it answers 200.
type webhook struct {
	id       int
	lane     int
	body     []byte
	header   http.Header
	accounts []string
	subjects []string
	at       time.Time
	attempts int
	status   int
	problem  string
	state    WebhookState
	timer    *time.Timer // of the next try
}

// WebhookState is how far a webhook's delivery has come.
type WebhookState string

// The states of a webhook.
const (
	WebhookWaiting   WebhookState = "waiting"
	WebhookDelivered WebhookState = "delivered" // the callback answered 200
	WebhookDropped   WebhookState = "dropped"   // given up after the last try
)

// Webhook is what became of one webhook.
type Webhook struct {
	ID       int          `json:"id"`
	At       time.Time    `json:"at"`
	About    []string     `json:"about"` // comments, persons or posts
	State    WebhookState `json:"state"`
	Attempts int          `json:"attempts"`
	Status   int          `json:"status,omitempty"` // the callback's last answer
	Problem  string       `json:"problem,omitempty"`
	Body     string       `json:"body"`
}

// sealed encodes and signs a webhook.
func sealed(items []webhookItem, now time.Time) *webhook {
	w := &webhook{body: encode(items, now), at: now, state: WebhookWaiting}
	w.header = signedHeader(items[0].secret, w.body)
	for _, it := range items {
		w.accounts = append(w.accounts, it.account)
		w.subjects = append(w.subjects, it.subject)
	}
	return w
}

func signedHeader(secret string, body []byte) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "facebookexternalua")
	h.Set("X-Hub-Signature-256", Sign(secret, body))
	return h
}

// deliver posts w once and settles what follows.
func (o *outbox) deliver(w *webhook) {
	status, err := o.post(o.callback(), w)
	ok := err == nil && status == http.StatusOK
	o.result(w.accounts, ok) // before the outbox is idle, which is what tests wait for

	o.mu.Lock()
	w.attempts++
	w.status, w.problem = status, ""
	if err != nil {
		w.problem = err.Error()
	}
	switch {
	case ok:
		w.state = WebhookDelivered
		delete(o.open, w)
	case w.attempts > len(o.retry):
		w.state = WebhookDropped
		delete(o.open, w)
	case !o.closed:
		w.timer = time.AfterFunc(o.retry[w.attempts-1], func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.enqueue(w)
		})
	}
	o.mu.Unlock()
	o.log.Debug("webhook posted", zap.Int("webhook", w.id), zap.Strings("about", w.subjects), zap.Int("status", status), zap.Error(err))
	o.changed()
}

func (o *outbox) post(url string, w *webhook) (int, error) {
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, url, bytes.NewReader(w.body))
	if err != nil {
		return 0, err
	}
	req.Header = w.header
	resp, err := o.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // so that the connection can be used again
	return resp.StatusCode, nil
}

// retryNow repeats every failed webhook without waiting for its time.
func (o *outbox) retryNow() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for w := range o.open {
		if w.timer != nil && w.timer.Stop() {
			o.enqueue(w)
			n++
		}
	}
	return n
}

// resend delivers a webhook again, byte for byte: the one with id, or the last.
func (o *outbox) resend(id, times int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := len(o.kept) - 1; i >= 0; i-- {
		old := o.kept[i]
		if id != 0 && old.id != id {
			continue
		}
		for range times {
			o.count++
			again := &webhook{id: o.count, lane: old.lane, body: old.body, header: old.header, accounts: old.accounts,
				subjects: old.subjects, at: o.now(), state: WebhookWaiting}
			o.kept = append(o.kept, again)
			o.enqueue(again)
		}
		o.kept = o.kept[max(0, len(o.kept)-webhooksKept):]
		return nil
	}
	return fmt.Errorf("webhook: %d is %w", id, ErrUnknown)
}

func (o *outbox) list() []Webhook {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]Webhook, 0, len(o.kept))
	for i := len(o.kept) - 1; i >= 0; i-- {
		w := o.kept[i]
		list = append(list, Webhook{ID: w.id, At: w.at, About: w.subjects, State: w.state, Attempts: w.attempts,
			Status: w.status, Problem: w.problem, Body: string(w.body)})
	}
	return list
}
