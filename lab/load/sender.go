package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// Answers that are no HTTP status.
const (
	noConnection = "no connection" // refused, or broken before an answer
	noAnswer     = "no answer"     // within answerTimeout
)

// sender sends deliveries over one connection, one at a time. It writes HTTP itself:
// the generator shares the machine with what it measures, and net/http's client costs
// several times as much CPU time.
type sender struct {
	test      *activeTest
	templates []*requestTemplate // by account
	target    int                // the bridge that is called
	conn      net.Conn
	in        *bufio.Reader

	latencies   []time.Duration // for each acknowledgement
	answers     map[string]int
	preparation time.Duration
	prepared    int
	lastAnswer  time.Time
}

func newSender(r *activeTest, n int) *sender {
	s := &sender{test: r, target: n % len(r.targets), answers: map[string]int{}}
	for _, a := range r.Accounts {
		// Behind a load balancer all bridges have one name and path.
		s.templates = append(s.templates, newRequestTemplate(r.targets[0], r.ids, a, r.LoadTest))
	}
	return s
}

// run sends deliveries until the load test is over.
func (s *sender) run(ctx context.Context) {
	defer s.closeConnection()
	for ctx.Err() == nil {
		slot, ok := s.test.nextSlot()
		if !ok || !sleepUntil(ctx, slot.due) {
			return
		}
		s.deliver(ctx, slot)
	}
}

// deliver sends one delivery; with Redeliver it repeats it until it is acknowledged.
// The latency of a delivery with a due time counts from that time, so that a bridge
// that falls behind shows it.
func (s *sender) deliver(ctx context.Context, slot slot) {
	began := time.Now()
	request := s.templates[slot.number%len(s.templates)].render(slot.number)
	written := time.Now()
	s.preparation += written.Sub(began)
	s.prepared++
	if !slot.due.IsZero() {
		written = slot.due
	}
	for pause := minRetryPause; ; pause = min(2*pause, maxRetryPause) {
		answer := s.post(ctx, request)
		if ctx.Err() != nil && answer == noConnection {
			return // the load test is over
		}
		s.lastAnswer = time.Now()
		s.answers[answer]++
		if answer == strconv.Itoa(http.StatusOK) {
			s.latencies = append(s.latencies, s.lastAnswer.Sub(written))
			s.test.acknowledgedCount.Add(1)
			s.test.acknowledged[slot.number].Store(true)
			return
		}
		s.test.failedCount.Add(1)
		if !s.test.Redeliver && answer != noConnection {
			return
		}
		// Without a pause a bridge that is down would be called as fast as the loop turns.
		if !sleepUntil(ctx, s.lastAnswer.Add(pause)) || !s.test.Redeliver {
			return
		}
		written = time.Now()
	}
}

// post sends one request and returns the status of the answer, or noConnection or
// noAnswer.
func (s *sender) post(ctx context.Context, request []byte) string {
	if s.conn == nil {
		conn, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(ctx, "tcp", s.test.targets[s.target].address)
		if err != nil {
			s.target = (s.target + 1) % len(s.test.targets)
			return noConnection
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
	}
	_ = s.conn.SetDeadline(time.Now().Add(answerTimeout)) // fails only with the connection
	status, keep, err := s.exchange(request)
	if err != nil || !keep {
		s.closeConnection()
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return noAnswer
	case err != nil:
		return noConnection
	}
	return strconv.Itoa(status)
}

func (s *sender) exchange(request []byte) (status int, keep bool, err error) {
	if _, err := s.conn.Write(request); err != nil {
		return 0, false, err
	}
	resp, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, !resp.Close, err
}

func (s *sender) closeConnection() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// sleepUntil waits for t and reports false if ctx ended first. A zero t does not wait.
func sleepUntil(ctx context.Context, t time.Time) bool {
	wait := time.Until(t)
	if t.IsZero() || wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// target is the address of a bridge.
type target struct {
	address string // host:port
	host    string // as the Host header says it
	path    string
}

// parseTarget refuses everything but loopback addresses: a mistyped address hits
// nobody's server, and measuring through a network is of no use.
func parseTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return target{}, fmt.Errorf("%q is not a URL such as http://127.0.0.1:8080/webhooks/meta", raw)
	case u.Scheme != "http":
		return target{}, fmt.Errorf("%q: load speaks plain http only, to the bridge itself", raw)
	}
	host, port := u.Hostname(), u.Port()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return target{}, fmt.Errorf("%q is not on this machine: load sends to 127.0.0.1, [::1] and localhost only; run it where the bridge runs", raw)
	}
	if port == "" {
		port = "80"
	}
	path := u.RequestURI()
	return target{address: net.JoinHostPort(host, port), host: u.Host, path: path}, nil
}
