package ops

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// queryTimeout is longer than the slowest answer, which takes checkTimeout.
	queryTimeout = checkTimeout + 2*time.Second
	// maxReadyBytes is far above what /readyz says.
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
