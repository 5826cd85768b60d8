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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/health"
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

	address string // of the last one
}

func (c *chat) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	c.address = r.URL.String()
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

// people are the accounts, some with an address of their own.
type people map[string]string

func (people) Get(_ privatereply.Platform, id string) (privatereply.Account, bool) {
	return privatereply.Account{ID: id, Name: map[string]string{"1": "Clean Slate", "2": "Oak <& Sons>"}[id]}, true
}

func (p people) NotifyURL(_ privatereply.Platform, id string) (string, error) { return p[id], nil }

// play is a notifier with everything that it hears of, in a bubble of its own time.
type play struct {
	*store
	*chat
	mu       sync.Mutex
	answered answered.View
	problems health.View
}

func (p *play) answer(rows ...answered.Row) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered.Rows = rows
}

func (p *play) fails(problems ...health.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems.Problems = problems
}

func run(t *testing.T, change func(c *Config), rows ...replies.Row) *play {
	t.Helper()
	p := &play{store: &store{}, chat: &chat{}}
	p.set(rows...)
	cfg := Config{
		Queue: queue.New(p.store, zap.NewNop()), Accounts: people{}, Webhook: "https://hooks.example.com/secret", Desk: desk, Every: 15 * time.Minute, Logger: zap.NewNop(),
		Answered: func() answered.View { p.mu.Lock(); defer p.mu.Unlock(); return p.answered },
		Problems: func() health.View { p.mu.Lock(); defer p.mu.Unlock(); return p.problems },
	}
	if change != nil {
		change(&cfg)
	}
	n := New(cfg)
	n.http.Transport = p.chat
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { cfg.Queue.Run(ctx) })
	running.Go(func() { n.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return p
}

// expect compares what was posted since the last call.
func (p *play) expect(t *testing.T, want ...string) {
	t.Helper()
	p.chat.mu.Lock()
	defer p.chat.mu.Unlock()
	if diff := cmp.Diff(want, p.chat.texts, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	p.chat.texts = nil
}

func waiting(n int, left time.Duration) replies.Row {
	return replies.Row{ID: fmt.Sprint(n), State: privatereply.AwaitingApproval, Platform: privatereply.Instagram, Account: "1",
		Comment: "secret words", Person: "secret name", Deadline: time.Now().Add(left), StartedAt: time.Now()}
}

func live(r replies.Row) replies.Row { r.Source = privatereply.SourceLive; return r }

func of(account string, r replies.Row) replies.Row { r.Account = account; return r }

const link = desk + "/?account=1"

// The first thing after a quiet time is told at once, and a burst is one message. What
// trickles in afterwards is gathered, however long it does.
func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := run(t, nil)
		time.Sleep(time.Minute)
		rows := []replies.Row{live(waiting(0, 4*time.Hour))}
		for n := range 49 {
			rows = append(rows, waiting(n+1, 100*time.Hour))
		}
		p.set(rows...)
		time.Sleep(time.Minute)
		p.expect(t, "Clean Slate: 50 new replies wait for a decision, 1 of a live broadcast. Earliest deadline in 4 hours. "+link)
		for n := range 60 { // one a minute for an hour
			rows = append(rows, waiting(100+n, 100*time.Hour))
			p.set(rows...)
			time.Sleep(time.Minute)
		}
		if got := p.told(); len(got) != 4 || !strings.HasPrefix(got[1], "Clean Slate: 15 new replies wait") {
			t.Errorf("an hour of one comment a minute is told as %q", got)
		}
	})
}

// Each account has its line with a link to its part of the desk, or an address of its own.
// No word of a stranger is in it, and no name of an account is markup.
func TestAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := run(t, nil, waiting(1, 100*time.Hour), of("2", waiting(2, 50*time.Hour)), of("3", waiting(3, 100*time.Hour)))
		time.Sleep(time.Minute)
		p.expect(t, "Clean Slate: 1 new reply waits for a decision. Earliest deadline in 4 days. "+link+
			"\nOak &lt;&amp; Sons&gt;: 1 new reply waits for a decision. Earliest deadline in 2 days. "+desk+"/?account=2"+
			"\ninstagram 3: 1 new reply waits for a decision. Earliest deadline in 4 days. "+desk+"/?account=3")
	})
	synctest.Test(t, func(t *testing.T) {
		p := run(t, func(c *Config) { c.Webhook, c.Accounts = "", people{"2": "https://hooks.example.com/oak"} },
			waiting(1, 100*time.Hour), of("2", waiting(2, 100*time.Hour)))
		time.Sleep(time.Minute)
		if got := p.told(); len(got) != 1 || !strings.HasPrefix(got[0], "Oak") || p.chat.address != "https://hooks.example.com/oak" {
			t.Errorf("to %s: %q", p.chat.address, got)
		}
	})
}

// An unknown delivery, a window that closes and an account that cannot send are told, each
// once; the worst first.
func TestOtherThings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := waiting(1, 100*time.Hour)
		old.State = privatereply.DeliveryUnknown
		p := run(t, nil, old)
		time.Sleep(time.Minute)
		p.expect(t) // it was there before
		next := old
		next.ID = "2"
		p.set(old, next)
		p.answer(answered.Row{Reply: old, WaitsForUs: true, Until: time.Now().Add(50 * time.Minute), Key: "m1"})
		p.fails(health.Problem{Platform: privatereply.Instagram, Account: "1", Reason: privatereply.TokenRejected, Text: "Meta rejects the account's access token.", Standing: 37})
		time.Sleep(time.Minute)
		p.expect(t, "Clean Slate: :rotating_light: Meta rejects the account's access token. 37 replies stand still. "+
			":speech_balloon: 1 person waits for your words: the first window closes in 50 minutes. 1 delivery is unknown: look whether the message arrived. "+link)
		p.fails()
		time.Sleep(20 * time.Minute)
		p.fails(health.Problem{Platform: privatereply.Instagram, Account: "1", Reason: privatereply.TokenRejected, Text: "Meta rejects the account's access token."})
		time.Sleep(20 * time.Minute)
		p.expect(t) // it flaps
	})
}

// In quiet hours only what cannot wait is told; the rest follows in the morning, gathered.
func TestQuietHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC
		p := run(t, func(c *Config) {
			if err := c.Quiet.UnmarshalText([]byte("22:00-07:00 UTC")); err != nil {
				t.Fatal(err)
			}
		}, waiting(1, 100*time.Hour), waiting(2, 100*time.Hour))
		time.Sleep(time.Hour)
		p.expect(t)
		rows := []replies.Row{waiting(1, 100*time.Hour), waiting(2, 100*time.Hour), live(waiting(3, 4*time.Hour))}
		p.set(rows...)
		time.Sleep(time.Minute)
		p.expect(t, "Clean Slate: 1 new reply waits for a decision, 1 of a live broadcast. Earliest deadline in 4 hours. "+link)
		p.set(append(rows[:2:2], waiting(4, 5*time.Hour))...) // ends before the quiet hours do
		time.Sleep(2 * time.Minute)
		p.expect(t, "Clean Slate: 1 new reply waits for a decision. Earliest deadline in 5 hours. "+link)
		p.set(rows[:2]...)
		time.Sleep(7 * time.Hour)
		p.expect(t, "Clean Slate: 2 new replies wait for a decision. Earliest deadline in 3 days. "+link)
	})
}

// A reply is told once more when its deadline is near; a decided one is not. Minutes before
// the end nothing waits for the rhythm.
func TestNearDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, decided := waiting(1, 5*time.Hour), waiting(2, 5*time.Hour)
		p := run(t, nil, slow, decided)
		time.Sleep(time.Hour)
		p.set(slow)
		time.Sleep(5 * time.Hour)
		p.expect(t, "Clean Slate: 2 new replies wait for a decision. Earliest deadline in 5 hours. "+link,
			"Clean Slate: :hourglass: 1 reply runs out of time: the earliest deadline is in 60 minutes. "+link)
		p.set(slow, waiting(3, 100*time.Hour))
		time.Sleep(time.Minute)
		p.set(slow, waiting(3, 100*time.Hour), waiting(4, 10*time.Minute))
		time.Sleep(time.Minute + 10*time.Second)
		if got := p.told(); len(got) != 2 || !strings.Contains(got[1], "1 reply runs out of time") {
			t.Errorf("got %q", got)
		}
	})
}

// After a refusal of the chat the message is posted again, of the replies that wait then,
// and only once.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := run(t, nil)
		p.chat.refuse = 4
		p.set(waiting(1, 100*time.Hour))
		time.Sleep(30 * time.Second)
		p.set(waiting(1, 100*time.Hour), waiting(2, 100*time.Hour))
		time.Sleep(time.Hour)
		if got := p.told(); len(got) != 1 || !strings.HasPrefix(got[0], "Clean Slate: 2 new replies wait") || p.tries != 5 {
			t.Errorf("after %d tries %q", p.tries, got)
		}
	})
}

// Replies that waited before a restart are not posted again.
func TestRestartTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, recent := waiting(1, 100*time.Hour), waiting(2, 100*time.Hour)
		old.StartedAt = time.Now().Add(-time.Hour)
		p := run(t, nil, old, recent)
		time.Sleep(time.Hour)
		if got := p.told(); len(got) != 1 || !strings.HasPrefix(got[0], "Clean Slate: 1 new reply waits") {
			t.Errorf("got %q", got)
		}
	})
}

// The address is a secret, also when it cannot be reached.
func TestAddressIsNotLogged(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	n := New(Config{Queue: queue.New(&store{}, zap.NewNop()), Accounts: people{}, Desk: desk, Logger: zap.New(core)})
	err := n.post(t.Context(), "http://127.0.0.1:1/secret", "hello")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if logs.Len() > 0 {
		t.Errorf("logged %v", logs.All())
	}
}
