package desk_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// newSickDesk is a desk of which one approved reply waits for a token, beside what waits for a
// decision. It returns the monitor, which the test runs.
func newSickDesk(t *testing.T) (*fakeDesk, replies.Row, *health.Monitor) {
	t.Helper()
	stuck := waitingRow(3, "Do you ship?", "Hi, we do.")
	stuck.State, stuck.NextTry = privatereply.Sending, time.Now().Add(5*time.Minute)
	var monitor *health.Monitor
	c := newFakeDeskWith(t, func(cfg *desk.Config) {
		monitor = health.New(cfg.Replies, cfg.Accounts, nil, zap.NewNop())
		cfg.Health = monitor
	}, stuck, waitingRow(1, "How much?", "12 euros"), oakRow())
	s := c.fake.status[stuck.ID]
	s.Send = &workflows.SendStatus{Reason: privatereply.TokenRejected, RetryAt: stuck.NextTry}
	c.fake.status[stuck.ID] = s
	return c, stuck, monitor
}

func run(t *testing.T, monitor *health.Monitor) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { monitor.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

// An account that cannot send is told on every page to everybody who sees it, with the
// reason, how many replies wait and what to do; a page that is open learns of it by itself.
func TestBanners(t *testing.T) {
	c, stuck, monitor := newSickDesk(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/events?banners=", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.tokens["vera"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	run(t, monitor)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, told := strings.CutPrefix(lines.Text(), "data: ")
		if told && !strings.Contains(data, `"banners":""`) {
			break
		}
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
	}
	words := func(user, path string) string {
		_, body := c.do(c.signedIn(user), http.MethodGet, path, "", nil)
		return strings.Join(strings.Fields(body), " ")
	}
	for _, path := range []string{"/", "/unknown", "/replies", "/replies/" + url.PathEscape(stuck.ID), "/funnel", "/nowhere", "/banners"} {
		for user, want := range map[string]string{"ana": "Ask adam", "vera": "Ask adam", "adam": "Give it a new token"} {
			body := words(user, path)
			for _, want := range []string{"Clean Slate</bdi></b>", "rejects the account", "1 approved reply waits</a>, and 1 for a decision", want} {
				if !strings.Contains(body, want) {
					t.Errorf("%s for %s does not say %q", path, user, want)
				}
			}
		}
		if body := words("otto", path); strings.Contains(body, `class="banner trouble"`) {
			t.Errorf("%s tells otto of another account", path)
		}
	}
	if _, body := c.do(c.signedIn("ana"), http.MethodPost, "/api/replies/"+url.PathEscape(waitingRow(1, "", "").ID)+"/approve", "{}", asJSON); !strings.Contains(body, "It cannot go out yet: Meta rejects") {
		t.Errorf("an approval for an account that cannot send is answered %s", body)
	}
	if body := words("ana", "/replies?state=sending"); !strings.Contains(body, "Stands still: Meta rejects the account") {
		t.Error("the list does not say why a reply stands still")
	}
}

// A card that was approved and stands still says so, with the reason and the next try.
func TestStandingCard(t *testing.T) {
	c, stuck, monitor := newSickDesk(t)
	run(t, monitor)
	row := waitingRow(1, "How much?", "12 euros")
	s := c.fake.status[row.ID]
	s.Send = c.fake.status[stuck.ID].Send
	s.State = privatereply.Sending
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.tokens["vera"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp, body := c.do(c.signedIn("ana"), http.MethodPost, "/api/replies/"+url.PathEscape(row.ID)+"/approve", "{}", asJSON); resp.StatusCode != http.StatusOK {
		t.Fatal(body)
	}
	c.fake.mu.Lock()
	c.fake.status[row.ID] = s
	for i, r := range c.fake.rows {
		if r.ID == row.ID {
			c.fake.rows[i].State, c.fake.rows[i].NextTry = privatereply.Sending, stuck.NextTry
		}
	}
	c.fake.mu.Unlock()
	for lines := bufio.NewScanner(resp.Body); ; {
		if !lines.Scan() {
			t.Fatal("nobody is told that it stands still", lines.Err())
		}
		if strings.Contains(lines.Text(), "It stands still: Meta rejects the account's access token.") && strings.Contains(lines.Text(), `"next_try":"`) {
			return
		}
	}
}
