package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

const desk = "https://desk.example.com"

// store is what waits.
type store struct {
	mu   sync.Mutex
	rows []replies.Row
}

func (s *store) set(rows ...replies.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = rows
}

func (s *store) get() []replies.Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows
}

func (s *store) Count(context.Context, replies.Filter) (int64, error) {
	return int64(len(s.get())), nil
}
func (s *store) Earliest(context.Context, replies.Filter, int) ([]replies.Row, error) {
	return s.get(), nil
}
func (s *store) Page(context.Context, replies.Filter, int, []byte) ([]replies.Row, []byte, error) {
	return s.get(), nil, nil
}

// chat takes messages as an incoming webhook does.
type chat struct {
	mu     sync.Mutex
	texts  []string
	refuse int // so many tries are refused
	tries  int
}

func (c *chat) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	w := httptest.NewRecorder()
	if c.refuse > 0 {
		c.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return w.Result(), nil
	}
	var m struct{ Text string }
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Header.Get("Content-Type") != "application/json" {
		w.WriteHeader(http.StatusBadRequest)
		return w.Result(), nil
	}
	c.texts = append(c.texts, m.Text)
	return w.Result(), nil
}

func (c *chat) told() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.texts
}

// run starts a notifier in a bubble of its own time.
func run(t *testing.T, s *store, c *chat) {
	t.Helper()
	q := queue.New(s, zap.NewNop())
	n := New(q, "https://hooks.example.com/secret", desk, zap.NewNop())
	n.http.Transport = c
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { q.Run(ctx) })
	running.Go(func() { n.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

func waiting(n int, left time.Duration) replies.Row {
	return replies.Row{ID: fmt.Sprint(n), State: privatereply.AwaitingApproval, Platform: privatereply.Instagram,
		Comment: "secret words", Deadline: time.Now().Add(left), StartedAt: time.Now()}
}

// A burst is one message, and it holds no word of what people wrote.
func TestBurstIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := &store{}, &chat{}
		run(t, s, c)
		time.Sleep(time.Minute)
		live := waiting(0, 4*time.Hour)
		live.Source = privatereply.SourceLive
		burst := []replies.Row{live}
		for n := range 49 {
			burst = append(burst, waiting(n+1, 100*time.Hour))
		}
		s.set(burst...)
		time.Sleep(time.Hour)
		want := "50 new replies wait for a decision, 1 of a live broadcast. Earliest deadline in 4 hours.\n" + desk
		if got := c.told(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q", got)
		}
	})
}

// A reply is posted once more when its deadline is near; a decided one is not.
func TestNearDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := &store{}, &chat{}
		run(t, s, c)
		slow, decided := waiting(1, 5*time.Hour), waiting(2, 5*time.Hour)
		s.set(slow, decided)
		time.Sleep(time.Hour)
		s.set(slow)
		time.Sleep(5 * time.Hour)
		got := c.told()
		if len(got) != 2 || !strings.HasPrefix(got[0], "2 new replies wait") || !strings.HasPrefix(got[1], ":hourglass: 1 reply runs out of time: the earliest deadline is in 60 minutes.") {
			t.Errorf("got %q", got)
		}
	})
}

// After a refusal of the chat the message is posted again, of the replies that wait then,
// and only once.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := &store{}, &chat{refuse: 4}
		run(t, s, c)
		s.set(waiting(1, 100*time.Hour))
		time.Sleep(30 * time.Second)
		s.set(waiting(1, 100*time.Hour), waiting(2, 100*time.Hour))
		time.Sleep(time.Hour)
		if got := c.told(); len(got) != 1 || !strings.HasPrefix(got[0], "2 new replies wait") {
			t.Errorf("got %q", got)
		}
		if c.tries != 5 {
			t.Errorf("%d tries", c.tries)
		}
	})
}

// Replies that waited before a restart are not posted again.
func TestRestartTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := &store{}, &chat{}
		old, recent := waiting(1, 100*time.Hour), waiting(2, 100*time.Hour)
		old.StartedAt = time.Now().Add(-time.Hour)
		s.set(old, recent)
		run(t, s, c)
		time.Sleep(time.Hour)
		if got := c.told(); len(got) != 1 || !strings.HasPrefix(got[0], "1 new reply waits") {
			t.Errorf("got %q", got)
		}
	})
}

// The address is a secret, also when it cannot be reached.
func TestAddressIsNotLogged(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	n := New(queue.New(&store{}, zap.NewNop()), "http://127.0.0.1:1/secret", desk, zap.New(core))
	err := n.post(t.Context(), "hello")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if logs.Len() > 0 {
		t.Errorf("logged %v", logs.All())
	}
}
