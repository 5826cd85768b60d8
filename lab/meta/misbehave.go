package meta

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// strikeBefore is a call that a fault kept from being done.
func (s *Sandbox) strikeBefore(c *call, e endpoint, f *activeFault) answer {
	s.note("fault", e.account.ID, f.ID, "%s struck: %s was not done", f.Name, e.op)
	var r *refusal
	switch f.Name {
	case "hang", "reset":
		return answer{header: http.Header{}, fault: f}
	case "throttle":
		return s.throttle(c, e, e.account.either(errPageLimit, errInstagramLimit), f.Minutes)
	case "transient":
		r = &refusal{status: http.StatusInternalServerError, code: 2, text: "Service temporarily unavailable", transient: true}
	case "token-revoked":
		r = tokenError(tokenSubcodes[TokenRevoked], c.host)
	case "permission-missing":
		r = errMessaging
	case "blocked":
		r = &refusal{code: 368, text: "The action attempted has been deemed abusive or is otherwise disallowed", titled: true}
	case "too-large":
		r = &refusal{status: http.StatusInternalServerError, code: 1, text: "Please reduce the amount of data you're asking for, then retry your request"}
	case "error":
		r = &refusal{status: f.Status, code: f.Code, subcode: f.Subcode, kind: f.ErrorType, transient: f.Transient, text: "An error that was asked for"}
	}
	if r.about == aboutParameter {
		r.about = aboutFault
	}
	s.noteRefusal(c, e, r)
	a := s.refuse(c, r)
	if f.RetryAfterSeconds > 0 {
		a.header.Set("Retry-After", strconv.Itoa(f.RetryAfterSeconds))
	}
	if f.NoBody || f.Body != "" {
		a.page, a.isPage = f.Body, true
	}
	return a
}

// write sends the answer, or what a fault makes of it.
func (s *Sandbox) write(w http.ResponseWriter, r *http.Request, c *call, a answer) {
	s.outbox.deliverNow(a.echo)
	status, body := a.status, escapeJSON(a.body)
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Type", "application/json; charset=UTF-8")
	header.Set("Facebook-Api-Version", c.version)
	if a.isPage {
		header.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(a.page)
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
			spoilt := s.refuse(c, &refusal{code: 1, subcode: 1357046, about: aboutFault, text: "An unknown error occurred"})
			s.mu.Unlock()
			status, body = spoilt.status, escapeJSON(spoilt.body)
		case "accept-without-ids":
			body = []byte("{}")
		case "without-recipient":
			if o, isObject := a.body.(object); isObject {
				delete(o, "recipient_id")
			}
			body = escapeJSON(a.body)
		}
	}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("the caller did not read the answer", zap.Error(err))
	}
}

// pause waits like Meta being slow: a caller who has gone changes nothing.
func (s *Sandbox) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.closed:
	}
}

// hang keeps the caller waiting until it gives up, the fault is cleared or the
// sandbox is closed; the connection then ends without an answer.
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
