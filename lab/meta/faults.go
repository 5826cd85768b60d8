package meta

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// Fault is a failure to inject, with the calls that it matches.
type Fault struct {
	ID                string `json:"id"`         // given by AddFault
	Name              string `json:"name"`       // one of Faults
	Account           string `json:"account"`    // empty: every account
	Calls             string `json:"calls"`      // send (messages; the default; feed for faults of lists), read, all, or one Op
	CommentID         string `json:"comment_id"` // only calls that answer or hide this comment, or list its replies
	Recipient         string `json:"recipient"`  // only follow-ups to this person, by the id of messages, and searches for the conversation
	Times             int    `json:"times"`      // how many calls it applies to; 0: all until it is cleared
	Minutes           int    `json:"minutes"`    // throttle: what Meta's header says; 0 is 1
	Code              int    `json:"code"`       // error
	Subcode           int    `json:"subcode"`    // error
	Status            int    `json:"status"`     // error; 0 is 400
	Transient         bool   `json:"transient"`  // error: is_transient
	ErrorType         string `json:"type"`       // error: Meta's type; empty is OAuthException
	Body              string `json:"body"`       // error: sent as a web page in place of Meta's error
	NoBody            bool   `json:"no_body"`    // error: nothing is sent in place of Meta's error
	RetryAfterSeconds int    `json:"retry_s"`    // error: seconds of a Retry-After header; 0 is none
	DelayMilliseconds int    `json:"delay_ms"`   // slow and trickle; 0 is 1000 and 100
	Limit             int    `json:"limit"`      // too-large: the most items of a page that Meta gives; 0 is 5
}

// FaultKind describes one kind of fault.
type FaultKind struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	stage       stage
}

// stage is the point in a call at which a fault applies.
type stage int

const (
	stageDelay  stage = iota // before anything else
	stageBefore              // instead of doing what was asked: nothing is delivered
	stageAfter               // after it was done; a call that Meta's rules refuse is not affected
)

// FaultKinds lists the faults by their names, which never change.
var FaultKinds = []FaultKind{
	{"slow", "waits delay_ms, then does what was asked, even if the caller has gone", stageDelay},
	{"hang", "never answers and does nothing", stageBefore},
	{"reset", "resets the connection and does nothing", stageBefore},
	{"throttle", "refuses with 80006 (Page) or 80002 (Instagram); the usage header names the minutes", stageBefore},
	{"transient", "refuses with code 2, status 500, is_transient; nothing was done", stageBefore},
	{"token-revoked", "refuses with 190/460", stageBefore},
	{"permission-missing", "refuses with 200", stageBefore},
	{"blocked", "refuses with 368: blocked for now for policy reasons", stageBefore},
	{"error", "refuses with the code, subcode, type, status and transient that it is given, or with the status and a body that is no Graph error", stageBefore},
	{"too-large", "refuses a list with code 1, status 500, unless it is asked for limit items or fewer", stageBefore},
	{"accept-then-drop", "does it, then closes the connection without an answer", stageAfter},
	{"accept-then-500", "does it, then answers 500 with an HTML page", stageAfter},
	{"accept-then-hang", "does it, then never answers", stageAfter},
	{"accept-then-not-json", "does it, then answers 200 with something that is not JSON", stageAfter},
	{"accept-then-error", "does it, then answers 1/1357046 all the same", stageAfter},
	{"accept-without-ids", "does it, then answers 200 with an empty object", stageAfter},
	{"without-recipient", "does it; the answer has no recipient_id", stageAfter},
	{"trickle", "does it; the answer comes a byte every delay_ms", stageAfter},
	{"time-paging", "lists go on by until and __paging_token, without cursors", stageAfter},
	{"circle", "lists go on at their beginning after their end", stageAfter},
	{"without-expiry", "a new token's answer has no expires_in", stageAfter},
	{"documented", "the answer to Instagram's code has the form of the documentation", stageAfter},
}

// activeFault is an injected fault with its remaining uses.
type activeFault struct {
	Fault
	stage     stage
	remaining int // calls left, if Times is not 0
	cleared   chan struct{}
}

// faults are the injected faults, oldest first.
type faults struct {
	count     int
	active    []*activeFault
	exhausted []*activeFault // used up, but a call may still hang in them
}

// match returns the oldest fault of the stage that matches e, and uses it up by one.
func (l *faults) match(e endpoint, at stage) *activeFault {
	for i, f := range l.active {
		if f.stage != at || !f.matches(e) {
			continue
		}
		if f.Times > 0 {
			if f.remaining--; f.remaining == 0 {
				l.active = slices.Delete(l.active, i, i+1)
				l.exhausted = append(l.exhausted, f)
			}
		}
		return f
	}
	return nil
}

// matches reports whether f applies to the call.
func (f *activeFault) matches(e endpoint) bool {
	if f.Account != "" && f.Account != e.account.ID {
		return false
	}
	if f.CommentID != "" && (e.comment == nil || e.comment.id() != f.CommentID && e.comment.readID() != f.CommentID) {
		return false
	}
	if f.Recipient != "" && e.recipient != f.Recipient {
		return false
	}
	if f.onlyLists() && (e.pageLimit == 0 || f.Name == "too-large" && e.pageLimit <= f.Limit) {
		return false
	}
	if f.Name == "without-expiry" && !e.op.givesToken() || f.Name == "documented" && e.op != OpCodeExchange {
		return false
	}
	switch f.Calls {
	case "all":
		return true
	case "send":
		return e.op.sends()
	case "read":
		return !e.op.sends() && !e.op.changesComments()
	case "account":
		return e.op.aboutAccount()
	}
	return Operation(f.Calls) == e.op
}

// onlyLists reports whether f applies to list calls only.
func (f Fault) onlyLists() bool {
	return f.Name == "too-large" || f.Name == "time-paging" || f.Name == "circle"
}

// AddFault injects a fault and returns its id.
func (s *Sandbox) AddFault(f Fault) (string, error) {
	i := slices.IndexFunc(FaultKinds, func(k FaultKind) bool { return k.Name == f.Name })
	if i < 0 {
		return "", fmt.Errorf("name: %q is no fault; GET /sandbox/faults lists them", f.Name)
	}
	calls := []string{"send", "read", "all", string(OpPrivateReply), string(OpFollowUp), string(OpThreadReply),
		string(OpComment), string(OpFeed), string(OpConversations), string(OpLiveMedia), string(OpAccount),
		string(OpPublicReply), string(OpCommentReplies), string(OpHide),
		string(OpCodeExchange), string(OpTokenExchange), string(OpTokenRefresh), string(OpPages), string(OpDebugToken), string(OpPermissions), string(OpSubscription)}
	switch {
	case f.Calls == "" && f.onlyLists():
		f.Calls = string(OpFeed)
	case f.Calls == "" && (f.Name == "without-expiry" || f.Name == "documented"):
		f.Calls = "all"
	case f.Calls == "":
		f.Calls = "send"
	}
	if !slices.Contains(calls, f.Calls) {
		return "", fmt.Errorf("calls: %q names no calls; write one of %v", f.Calls, calls)
	}
	if f.Name == "error" && f.Code == 0 && f.Body == "" && !f.NoBody {
		return "", fmt.Errorf("code: the fault error needs one, or a body, or no_body")
	}
	switch {
	case f.Name == "slow" && f.DelayMilliseconds == 0:
		f.DelayMilliseconds = 1000
	case f.Name == "trickle" && f.DelayMilliseconds == 0:
		f.DelayMilliseconds = 100
	case f.Name == "throttle" && f.Minutes == 0:
		f.Minutes = 1
	case f.Name == "too-large" && f.Limit == 0:
		f.Limit = 5
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Account != "" {
		if _, err := s.account(f.Account); err != nil {
			return "", err
		}
	}
	s.faults.count++
	f.ID = strconv.Itoa(s.faults.count)
	s.faults.active = append(s.faults.active, &activeFault{Fault: f, stage: FaultKinds[i].stage, remaining: f.Times, cleared: make(chan struct{})})
	s.logEvent("fault", f.Account, f.ID, "Fault set: %s", f.Name)
	return f.ID, nil
}

// ClearFault removes a fault, or all of them if id is empty. Calls that hang in it lose
// their connection.
func (s *Sandbox) ClearFault(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear := func(f *activeFault) bool {
		if id != "" && f.ID != id {
			return false
		}
		close(f.cleared)
		return true
	}
	s.faults.active = slices.DeleteFunc(s.faults.active, clear)
	s.faults.exhausted = slices.DeleteFunc(s.faults.exhausted, clear)
	s.logEvent("fault", "", id, "Faults cleared")
}

// ActiveFaults lists the faults that still apply; Times is their remaining number of
// calls.
func (s *Sandbox) ActiveFaults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Fault{}
	for _, f := range s.faults.active {
		shown := f.Fault
		shown.Times = f.remaining
		list = append(list, shown)
	}
	return list
}

// faultResponse is the response to a call that a fault of stageBefore replaced.
func (s *Sandbox) faultResponse(c *call, e endpoint, f *activeFault) response {
	s.logEvent("fault", e.account.ID, f.ID, "%s applied: %s was not done", f.Name, e.op)
	var r *graphError
	switch f.Name {
	case "hang", "reset":
		return response{header: http.Header{}, fault: f}
	case "throttle":
		return s.throttledResponse(c, e, e.account.byPlatform(errPageLimit, errInstagramLimit), f.Minutes)
	case "transient":
		r = &graphError{status: http.StatusInternalServerError, code: 2, text: "Service temporarily unavailable", transient: true}
	case "token-revoked":
		r = errInvalidToken(tokenSubcodes[TokenRevoked], c.host)
	case "permission-missing":
		r = errMessaging
	case "blocked":
		r = &graphError{code: 368, text: "The action attempted has been deemed abusive or is otherwise disallowed", userFacing: true}
	case "too-large":
		r = &graphError{status: http.StatusInternalServerError, code: 1, text: "Please reduce the amount of data you're asking for, then retry your request"}
	case "error":
		r = &graphError{status: f.Status, code: f.Code, subcode: f.Subcode, errorType: f.ErrorType, transient: f.Transient, text: "An error that was asked for"}
	}
	if r.topic == topicParameter {
		r.topic = topicFault
	}
	s.logRefusal(c, e, r)
	a := s.errorResponse(c, r)
	if f.RetryAfterSeconds > 0 {
		a.header.Set("Retry-After", strconv.Itoa(f.RetryAfterSeconds))
	}
	if f.NoBody || f.Body != "" {
		a.rawBody, a.hasRawBody = f.Body, true
	}
	return a
}

// writeResponse writes the response, changed by its fault if it has one.
func (s *Sandbox) writeResponse(w http.ResponseWriter, r *http.Request, c *call, a response) {
	s.outbox.deliverNow(a.echoes)
	status, body := a.status, encodeJSON(a.body)
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Type", "application/json; charset=UTF-8")
	header.Set("Facebook-Api-Version", c.version)
	if a.hasRawBody {
		header.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(a.rawBody)
	}
	if a.fault != nil {
		switch a.fault.Name {
		case "hang", "accept-then-hang":
			s.hang(r, a.fault)
		case "reset":
			reset(w)
		case "accept-then-drop":
			panic(http.ErrAbortHandler)
		case "trickle":
			s.trickle(w, r, status, body, time.Duration(a.fault.DelayMilliseconds)*time.Millisecond)
			return
		case "accept-then-500":
			header.Set("Content-Type", "text/html; charset=utf-8")
			status, body = http.StatusInternalServerError, []byte("<!DOCTYPE html><title>Error</title><h1>Sorry, something went wrong.</h1>")
		case "accept-then-not-json":
			body = []byte("for (;;);<html>")
		case "accept-then-error":
			s.mu.Lock()
			broken := s.errorResponse(c, &graphError{code: 1, subcode: 1357046, topic: topicFault, text: "An unknown error occurred"})
			s.mu.Unlock()
			status, body = broken.status, encodeJSON(broken.body)
		case "accept-without-ids":
			body = []byte("{}")
		case "without-recipient":
			if o, isObject := a.body.(object); isObject {
				delete(o, "recipient_id")
			}
			body = encodeJSON(a.body)
		}
	}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("the caller did not read the answer", zap.Error(err))
	}
}

// delay waits as a slow Meta does: it does not end when the caller hangs up.
func (s *Sandbox) delay(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.closed:
	}
}

// hang blocks until the caller hangs up, the fault is cleared or the sandbox is closed,
// and ends the connection without an answer.
func (s *Sandbox) hang(r *http.Request, f *activeFault) {
	select {
	case <-r.Context().Done():
	case <-f.cleared:
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// reset ends the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// trickle writes the body byte by byte, one at each interval.
func (s *Sandbox) trickle(w http.ResponseWriter, r *http.Request, status int, body []byte, every time.Duration) {
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	out := http.NewResponseController(w)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range body {
		_, _ = w.Write(body[i : i+1])
		_ = out.Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.closed:
			panic(http.ErrAbortHandler)
		}
	}
}
