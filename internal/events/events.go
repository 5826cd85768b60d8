// Package events posts what happens to replies to an address of the operator's: one
// CloudEvents 1.0 message in JSON for each, signed as Standard Webhooks says. It posts once;
// who repeats it is the workflow.
package events

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/privatereply/privatereply/workflows"
)

const (
	// secretPrefix may begin a secret, as other tools write it.
	secretPrefix = "whsec_"
	// minSecret and maxSecret are the bytes of a secret that Standard Webhooks asks for.
	minSecret = 24
	maxSecret = 64
	// maxAnswer bounds what is read of an answer, so that its connection can be used again.
	maxAnswer = 64 << 10
	// maxBody bounds an event with all its texts: far above a comment with its reply.
	maxBody = 256 << 10
	// maxRetryAfter bounds how long a receiver may ask to be spared.
	maxRetryAfter = time.Hour
)

// ErrGone says that the receiver wants no more events of a reply: it answered 410.
var ErrGone = errors.New("the receiver answered 410 Gone: it wants no more events of this reply")

// RetryError says that the receiver was busy, and when to come again.
type RetryError struct {
	Status string
	After  time.Duration // 0: it did not say
}

func (e *RetryError) Error() string { return "the receiver answered " + e.Status }

// CloudEvent is the body of a request, in the structured JSON form of CloudEvents 1.0.
type CloudEvent struct {
	SpecVersion     string              `json:"specversion"`
	ID              string              `json:"id"`
	Source          string              `json:"source"`
	Type            string              `json:"type"`
	Subject         string              `json:"subject"`
	Time            time.Time           `json:"time"`
	DataContentType string              `json:"datacontenttype"`
	Data            workflows.EventData `json:"data"`
}

// ContentType is that of a CloudEvent.
const ContentType = "application/cloudevents+json; charset=utf-8"

// Encode makes the body of e. It is the same for each repeat.
func Encode(e workflows.Event) ([]byte, error) {
	body, err := json.Marshal(CloudEvent{
		SpecVersion: "1.0", ID: e.ID, Type: string(e.Type), Subject: e.Subject, Time: e.At.UTC(),
		Source:          "/privatereply/" + string(e.Data.Platform) + "/" + url.PathEscape(e.Data.Account),
		DataContentType: "application/json", Data: e.Data,
	})
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("the event has %d bytes, at most %d are sent", len(body), maxBody)
	}
	return body, err
}

// Sender posts events to one address.
type Sender struct {
	address string
	signer  *webhooks.Webhook
	http    *http.Client
	now     func() time.Time
}

// NewSender returns a sender to address, which signs with secret.
func NewSender(address, secret string) (*Sender, error) {
	key, err := ParseSecret(secret)
	if err != nil {
		return nil, err
	}
	signer, err := webhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, err
	}
	return &Sender{address: address, signer: signer, now: time.Now, http: &http.Client{
		Timeout: workflows.HTTPTimeout,
		// A signed event must not go where nobody has allowed it to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ParseSecret reads a secret: base64 of 24 to 64 bytes, with or without whsec_ before it.
func ParseSecret(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret), secretPrefix))
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return nil, fmt.Errorf("write %d to %d random bytes in base64, with or without %s before them; `openssl rand -base64 32` makes one", minSecret, maxSecret, secretPrefix)
	}
	return key, nil
}

// Send posts e once. An error says nothing of the address, which may hold a secret.
func (s *Sender) Send(ctx context.Context, e workflows.Event) error {
	body, err := Encode(e)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address of the events cannot be used")
	}
	at := s.now()
	signature, err := s.signer.Sign(e.ID, at, body)
	if err != nil {
		return fmt.Errorf("sign an event: %w", err)
	}
	req.Header.Set("Content-Type", ContentType)
	req.Header.Set(webhooks.HeaderWebhookID, e.ID)
	req.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(webhooks.HeaderWebhookSignature, signature)
	resp, err := s.http.Do(req)
	if err != nil {
		return withoutAddress(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusGone:
		return ErrGone
	}
	return &RetryError{Status: strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode), After: retryAfter(resp.Header.Get("Retry-After"), at)}
}

// retryAfter reads the header of that name, which is a number of seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(0, wait), maxRetryAfter)
}

// withoutAddress takes the address out of an error of the HTTP client.
func withoutAddress(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return fmt.Errorf("the receiver cannot be reached: %w", wrapped.Err)
	}
	return err
}
