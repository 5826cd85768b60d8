package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Answers that are no HTTP status.
const (
	noConnection = "no connection" // refused, or broken before an answer
	noAnswer     = "no answer"     // within answerTimeout
)

// sender sends deliveries over one connection, one at a time. It speaks HTTP
// itself: the load generator shares the machine with what it measures, and
// net/http's client would take several times as much of it.
type sender struct {
	storm     *running
	templates []*template // by account
	target    int         // the bridge that is called
	conn      net.Conn
	in        *bufio.Reader

	waits      []time.Duration // for each acknowledgement
	answers    map[string]int
	making     time.Duration
	made       int
	lastAnswer time.Time
}

func newSender(r *running, n int) *sender {
	s := &sender{storm: r, target: n % len(r.targets), answers: map[string]int{}}
	for _, a := range r.Accounts {
		// Behind a load balancer all bridges have one name and path.
		s.templates = append(s.templates, newTemplate(r.targets[0], r.numbers, a, r.LoadTest))
	}
	return s
}

// run sends until the storm is over.
func (s *sender) run(ctx context.Context) {
	defer s.hangUp()
	for ctx.Err() == nil {
		slot, ok := s.storm.take()
		if !ok || !sleepUntil(ctx, slot.due) {
			return
		}
		s.deliver(ctx, slot)
	}
}

// deliver sends one delivery, and with Redeliver until it is acknowledged. A
// delivery with a due time is measured from then on, so that a bridge that falls
// behind shows it.
func (s *sender) deliver(ctx context.Context, slot slot) {
	began := time.Now()
	request := s.templates[slot.number%len(s.templates)].fill(slot.number)
	written := time.Now()
	s.making += written.Sub(began)
	s.made++
	if !slot.due.IsZero() {
		written = slot.due
	}
	for pause := firstRepeat; ; pause = min(2*pause, lastRepeat) {
		answer := s.post(ctx, request)
		if ctx.Err() != nil && answer == noConnection {
			return // the storm is over, and hung up
		}
		s.lastAnswer = time.Now()
		s.answers[answer]++
		if answer == strconv.Itoa(http.StatusOK) {
			s.waits = append(s.waits, s.lastAnswer.Sub(written))
			s.storm.acks.Add(1)
			s.storm.acknowledged[slot.number].Store(true)
			return
		}
		s.storm.fails.Add(1)
		if !s.storm.Redeliver && answer != noConnection {
			return
		}
		// Without a pause a bridge that is down would be called as fast as the loop turns.
		if !sleepUntil(ctx, s.lastAnswer.Add(pause)) || !s.storm.Redeliver {
			return
		}
		written = time.Now()
	}
}

// post sends one request and returns the status of its answer, or why there is none.
func (s *sender) post(ctx context.Context, request []byte) string {
	if s.conn == nil {
		conn, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(ctx, "tcp", s.storm.targets[s.target].address)
		if err != nil {
			s.target = (s.target + 1) % len(s.storm.targets)
			return noConnection
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
	}
	_ = s.conn.SetDeadline(time.Now().Add(answerTimeout)) // fails only with the connection
	status, keep, err := s.exchange(request)
	if err != nil || !keep {
		s.hangUp()
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

func (s *sender) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// sleepUntil reports whether t came before ctx was done. The zero time has come.
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
