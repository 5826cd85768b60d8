package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/privatereply/privatereply"
)

const (
	nodeLimit = 1 << 20  // bytes of the answer to a send or about one object
	listLimit = 16 << 20 // bytes of one page of a list
)

// call is one request to the Graph API. A body makes it a POST.
type call struct {
	op     string   // name of the operation, for errors and spans
	base   string   // URL instead of the account's host with the version; empty: that one
	path   []string // unescaped segments below the version
	query  url.Values
	json   any        // body
	form   url.Values // body
	remove bool       // a DELETE
	limit  int64      // bytes of the answer
}

// response is Meta's answer to a call that it did not refuse.
type response struct {
	body        []byte
	errTemplate Error // all of an Error about this answer but its class and meaning
}

func (a response) sentAt() time.Time { return a.errTemplate.SentAt }
func (a response) usage() Usage      { return a.errTemplate.Usage }

// unreadable returns the error of an answer that is a success by its status and lacks
// what a success must hold.
func (a response) unreadable(meaning string) error {
	return a.errTemplate.classified(Unknown, privatereply.NoAnswer, meaning)
}

// beforeRequestKey is the context key of WithBeforeRequest.
type beforeRequestKey struct{}

// WithBeforeRequest returns a context with which before is called ahead of every request,
// the repeats of a list with a smaller page included. It is the hook for a limiter or a
// heartbeat. An error of before ends the call and is returned as it is.
func WithBeforeRequest(ctx context.Context, before func(context.Context) error) context.Context {
	return context.WithValue(ctx, beforeRequestKey{}, before)
}

// call makes the request, once. Every error is an *Error, or the error of the function
// given to WithBeforeRequest.
func (c *Client) call(ctx context.Context, cred Credentials, k call) (response, error) {
	if before, ok := ctx.Value(beforeRequestKey{}).(func(context.Context) error); ok {
		if err := before(ctx); err != nil {
			return response{}, err
		}
	}
	ctx, end := startSpan(ctx, k.op)
	a, err := c.roundTrip(ctx, cred, k)
	end(a, err)
	return a, err
}

func (c *Client) roundTrip(ctx context.Context, cred Credentials, k call) (response, error) {
	if !cred.usable() {
		return response{}, Error{Op: k.op}.classified(AccountFault, privatereply.TokenRejected, "the access token is empty or has characters that no token has")
	}
	return c.transact(ctx, k.op, cred.Account, k.limit, func(ctx context.Context) (*http.Request, error) { return c.request(ctx, cred, k) })
}

// transact makes the request that build builds, once. Limit bounds the answer, in bytes.
func (c *Client) transact(ctx context.Context, op string, account privatereply.Account, limit int64, build func(context.Context) (*http.Request, error)) (response, error) {
	failure := Error{Op: op}
	if err := ctx.Err(); err != nil {
		return response{}, failure.connectionFailed(err, time.Time{}, false)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var w writeTracker
	req, err := build(httptrace.WithClientTrace(ctx, w.trace(c.now)))
	if err != nil {
		return response{}, failure.classified(Final, privatereply.BadRequest, err.Error())
	}
	started := c.now().UTC()
	// RoundTrip is one transaction: it follows no redirect.
	resp, err := c.transport.RoundTrip(req)
	at, wrote := w.wrote()
	if at.IsZero() {
		at = started
	}
	if err != nil {
		return response{}, failure.connectionFailed(err, at, wrote)
	}
	defer resp.Body.Close()

	c.clock.observe(at, c.now(), resp.Header)
	failure.Wrote, failure.SentAt = true, at
	failure.HTTPStatus = resp.StatusCode
	failure.TraceID = traceID(resp.Header.Get("X-Fb-Trace-Id"))
	failure.Usage = readUsage(resp.Header, account)
	failure.RetryAfter = max(failure.Usage.RegainAfter, retryAfter(resp.Header, c.now()))
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if resp.StatusCode == http.StatusTooManyRequests {
		return response{}, failure.fromBody(body) // its headers are enough, even if the body broke off
	}
	if err != nil {
		return response{}, failure.connectionFailed(err, at, true)
	}
	if int64(len(body)) > limit {
		return response{}, failure.classified(Unknown, privatereply.NoAnswer, fmt.Sprintf("the answer is larger than %d bytes", limit))
	}
	if refused := failure.fromBody(body); refused != nil {
		return response{}, refused
	}
	return response{body: body, errTemplate: failure}, nil
}

// request builds the HTTP request. Its errors name no id and no URL.
func (c *Client) request(ctx context.Context, cred Credentials, k call) (*http.Request, error) {
	target := k.base
	if target == "" {
		target = c.baseURL(cred.Account)
	}
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
	case k.remove:
		return http.MethodDelete, "", nil, nil
	}
	return http.MethodGet, "", nil, nil
}

// readNode reads one object into out.
func (c *Client) readNode(ctx context.Context, cred Credentials, op, id, fields string, out any) (response, error) {
	a, err := c.call(ctx, cred, call{op: op, path: []string{id}, query: url.Values{"fields": {fields}}, limit: nodeLimit})
	if err != nil {
		return response{}, err
	}
	if json.Unmarshal(a.body, out) != nil {
		return response{}, a.unreadable("the answer does not have the expected form")
	}
	return a, nil
}

// startSpan begins the span of a call, under that of ctx if there is one. The span has
// the class and our meaning of an error and no text; no trace header goes to Meta.
func startSpan(ctx context.Context, op string) (_ context.Context, end func(response, error)) {
	tracer := oteltrace.SpanFromContext(ctx).TracerProvider().Tracer("github.com/privatereply/privatereply/graph")
	ctx, span := tracer.Start(ctx, "Meta: "+op, oteltrace.WithSpanKind(oteltrace.SpanKindClient))
	return ctx, func(a response, err error) {
		if !span.IsRecording() {
			return
		}
		result := a.errTemplate
		var failed *Error
		if errors.As(err, &failed) {
			result = *failed
			span.SetStatus(codes.Error, failed.Error())
			span.SetAttributes(attribute.String("privatereply.class", string(failed.Class)), attribute.String("privatereply.reason", string(failed.Reason)))
		}
		span.SetAttributes(attribute.Int("http.response.status_code", result.HTTPStatus), attribute.String("meta.trace_id", result.TraceID))
		span.End()
	}
}
