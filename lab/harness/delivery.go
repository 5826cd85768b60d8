package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// DefaultRules ignore IgnoredText and answer AnsweredText. Of everything else a person
// is asked.
const (
	DefaultRules = `default: ask
rules:
  - name: emoji-only
    when: letters(text) == 0
    ignore: true
  - name: price
    when: says(text, "price")
    reply: "Hi {{username|there}}, our price list: https://example.com/prices"
`
	IgnoredText  = "🔥🔥🔥"
	AnsweredText = "What is the price?"
)

// Delivery is one signed webhook.
type Delivery struct {
	Body   []byte
	Header http.Header
}

// Post delivers d once, and says what the bridge answered.
func (d Delivery) Post(ctx context.Context, c *http.Client, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.Body))
	if err != nil {
		return 0, err
	}
	req.Header = d.Header.Clone()
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// Deliver delivers d once. Everything but 200 is an error.
func (d Delivery) Deliver(ctx context.Context, c *http.Client, url string) error {
	status, err := d.Post(ctx, c, url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the bridge answered %d", status)
	}
	return err
}
