package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

const (
	nodeLimit = 1 << 20  // bytes of the answer to a send or about one object
	listLimit = 16 << 20 // bytes of one page of a list
)

// call is one request to the Graph API. A body makes it a POST.
type call struct {
	op    string   // what it does, for errors
	path  []string // unescaped segments below the version
	query url.Values
	json  any        // body
	form  url.Values // body
	limit int64      // bytes of the answer
}

// answer is what Meta said to a call that it did not refuse.
type answer struct {
	body  []byte
	fault Error // an Error about this answer, short of its class and meaning
}

func (a answer) sentAt() time.Time { return a.fault.SentAt }
func (a answer) usage() Usage      { return a.fault.Usage }

// unreadable says that the answer, a success by its status, lacks what it must hold.
func (a answer) unreadable(meaning string) error {
	return a.fault.is(Unknown, privatereply.NoAnswer, meaning)
}

// beforeKey finds the function of EachRequest in a context.
type beforeKey struct{}

// EachRequest returns a context with which before is called ahead of every request,
// also of those that a list needs because Meta did not give a page at once: for a
// limiter, or a sign of life. An error of before ends the call, as it is.
func EachRequest(ctx context.Context, before func(context.Context) error) context.Context {
	return context.WithValue(ctx, beforeKey{}, before)
}

// do makes the request, once. Every error is an *Error, or what the function of
// EachRequest returned.
func (c *Client) do(ctx context.Context, cred Credentials, k call) (answer, error) {
	if before, ok := ctx.Value(beforeKey{}).(func(context.Context) error); ok {
		if err := before(ctx); err != nil {
			return answer{}, err
		}
	}
	ctx, end := traced(ctx, k.op)
	a, err := c.try(ctx, cred, k)
	end(a, err)
	return a, err
}

func (c *Client) try(ctx context.Context, cred Credentials, k call) (answer, error) {
	fault := Error{Op: k.op}
	if !cred.usable() {
		return answer{}, fault.is(Account, privatereply.TokenRejected, "the access token is empty or has characters that no token has")
	}
	if err := ctx.Err(); err != nil {
		return answer{}, fault.lost(err, time.Time{}, false)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var w wire
	req, err := c.request(httptrace.WithClientTrace(ctx, w.trace(c.now)), cred, k)
	if err != nil {
		return answer{}, fault.is(Final, privatereply.BadRequest, err.Error())
	}
	started := c.now().UTC()
	// RoundTrip is one transaction: it follows no redirect.
	resp, err := c.transport.RoundTrip(req)
	at, wrote := w.wrote()
	if at.IsZero() {
		at = started
	}
	if err != nil {
		return answer{}, fault.lost(err, at, wrote)
	}
	defer resp.Body.Close()

	c.clock.note(at, c.now(), resp.Header)
	fault.Wrote, fault.SentAt = true, at
	fault.HTTPStatus = resp.StatusCode
	fault.TraceID = traceID(resp.Header.Get("X-Fb-Trace-Id"))
	fault.Usage = readUsage(resp.Header, cred.Account)
	fault.RetryAfter = max(fault.Usage.RegainAfter, retryAfter(resp.Header, c.now()))
	body, err := io.ReadAll(io.LimitReader(resp.Body, k.limit+1))
	if resp.StatusCode == http.StatusTooManyRequests {
		return answer{}, fault.read(body) // its headers say enough, however the rest arrived
	}
	if err != nil {
		return answer{}, fault.lost(err, at, true)
	}
	if int64(len(body)) > k.limit {
		return answer{}, fault.is(Unknown, privatereply.NoAnswer, fmt.Sprintf("the answer is larger than %d bytes", k.limit))
	}
	if refused := fault.read(body); refused != nil {
		return answer{}, refused
	}
	return answer{body: body, fault: fault}, nil
}

// request builds the HTTP request. Its errors name no id and no URL.
func (c *Client) request(ctx context.Context, cred Credentials, k call) (*http.Request, error) {
	target := c.base(cred.Account)
	for _, segment := range k.path {
		if segment == "" || segment == "." || segment == ".." {
			return nil, fmt.Errorf("an id is missing or cannot stand in a URL")
		}
		target += "/" + url.PathEscape(segment)
	}
	query := url.Values{}
	for name, values := range k.query {
		query[name] = values
	}
	if proof := cred.proof(); proof != "" {
		query.Set("appsecret_proof", proof)
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	method, kind, body, err := k.content()
	if err != nil {
		return nil, fmt.Errorf("the request could not be encoded")
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("the request could not be built")
	}
	req.Header.Set("Authorization", "Bearer "+cred.Token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "privatereply")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req, nil
}

func (k call) content() (method, kind string, body io.Reader, err error) {
	switch {
	case k.json != nil:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(k.json); err != nil {
			return "", "", nil, err
		}
		return http.MethodPost, "application/json", bytes.NewReader(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
	case k.form != nil:
		return http.MethodPost, "application/x-www-form-urlencoded", strings.NewReader(k.form.Encode()), nil
	}
	return http.MethodGet, "", nil, nil
}

// node reads one object into out.
func (c *Client) node(ctx context.Context, cred Credentials, op, id, fields string, out any) (answer, error) {
	a, err := c.do(ctx, cred, call{op: op, path: []string{id}, query: url.Values{"fields": {fields}}, limit: nodeLimit})
	if err != nil {
		return answer{}, err
	}
	if json.Unmarshal(a.body, out) != nil {
		return answer{}, a.unreadable("the answer does not have the expected form")
	}
	return a, nil
}
