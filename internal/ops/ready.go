package ops

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
)

const (
	// checkTimeout bounds one check, so that a probe gets its answer.
	checkTimeout = 3 * time.Second
	// readyCacheTTL is how long the answer of the checks is reused.
	readyCacheTTL = 2 * time.Second
)

// Check is one thing that a program needs to do its work.
type Check struct {
	Name string
	// Run returns what is wrong, in words for an operator; they are shown to whoever
	// can reach /readyz. It ends when ctx does.
	Run func(ctx context.Context) error
	// Advisory means that a failure is shown, but the program is ready all the same.
	Advisory bool
}

// TemporalCheck checks that the server answers.
func TemporalCheck(c client.Client) Check {
	return Check{Name: "temporal", Run: func(ctx context.Context) error {
		_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}}
}

// FileCheck checks that the newest version of a file that is read again when it
// changes is in force. The version before works, so it is advisory.
func FileCheck(name string, err func() error) Check {
	return Check{Name: name, Advisory: true, Run: func(context.Context) error { return err() }}
}

// readiness answers /readyz.
type readiness struct {
	checks []Check

	mu     sync.Mutex
	asked  time.Time
	status int
	text   string
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status, text := r.cached(req.Context())
	writeText(w, status, text)
}

func (r *readiness) cached(ctx context.Context) (status int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asked.IsZero() && time.Since(r.asked) < readyCacheTTL {
		return r.status, r.text
	}
	// The answer is cached for other requests, so it must not end with this one.
	r.status, r.text = r.runChecks(context.WithoutCancel(ctx))
	r.asked = time.Now()
	return r.status, r.text
}

func (r *readiness) runChecks(ctx context.Context) (int, string) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(r.checks))
	var running sync.WaitGroup
	for i, c := range r.checks {
		running.Go(func() { errs[i] = c.Run(ctx) })
	}
	running.Wait()

	status, verdict := http.StatusOK, "ready"
	var lines strings.Builder
	for i, c := range r.checks {
		switch err := errs[i]; {
		case err == nil:
			fmt.Fprintf(&lines, "ok       %s\n", c.Name)
		case c.Advisory:
			fmt.Fprintf(&lines, "warning  %s: %v\n", c.Name, err)
		default:
			status, verdict = http.StatusServiceUnavailable, "not ready"
			fmt.Fprintf(&lines, "failed   %s: %v\n", c.Name, err)
		}
	}
	return status, verdict + "\n" + lines.String()
}

const (
	// queryTimeout is longer than the slowest answer, which takes checkTimeout.
	queryTimeout = checkTimeout + 2*time.Second
	// maxReadyBytes is far above the length of an answer of /readyz.
	maxReadyBytes = 64 << 10
)

// QueryReady asks the program that listens on addr, in the form of its setting, whether it
// is ready, and returns what it says. An address without a host is on this machine.
func QueryReady(ctx context.Context, addr string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	// A URL cannot say ":9092"; a dialer can.
	var dialer net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, addr)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/readyz", nil)
	if err != nil {
		return "", err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", fmt.Errorf("no answer from %s: %w", addr, err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxReadyBytes))
	if err != nil {
		return "", fmt.Errorf("the answer of %s broke off: %w", addr, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", addr, resp.Status, strings.TrimSpace(string(said)))
	}
	return string(said), nil
}
