package bridge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen runs h on a port of its own and returns its address. The bridge ends with
// the test, without an error.
func (h *testBridge) listen() string {
	h.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, ln) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("Run = %v", err)
		}
	})
	return ln.Addr().String()
}

// dial opens a connection that fails rather than hangs.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// endlessReader is a body without end.
type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A body is taken up to 8 MiB and not a byte more, whether its length is announced
// or not, and whoever signed it.
func TestBodySize(t *testing.T) {
	comment := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi")))
	largest := comment + strings.Repeat(" ", maxBody-len(comment))
	tests := []struct {
		name   string
		body   string
		length int64
		status int
	}{
		{"empty", "", 0, 200}, // signed, and no JSON
		{"the largest", largest, maxBody, 200},
		{"the largest, of unknown length", largest, -1, 200},
		{"a byte more", largest + " ", maxBody + 1, 413},
		{"a byte more, of unknown length", largest + " ", -1, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestBridge(t, newFakeTemporal())
			r := signed(t, []byte(tt.body))
			r.ContentLength = tt.length
			if w := h.do(r); w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
			h.wantCounted(map[string]float64{fmt.Sprintf("deliveries_total{status=%d}", tt.status): 1})
			if !h.bodies.memory.TryAcquire(maxBodies) || !h.bodies.large.TryAcquire(maxLarge) {
				t.Error("the body's memory was not given back")
			}
		})
	}
	t.Run("announced, and unsigned", func(t *testing.T) {
		h := newTestBridge(t, newFakeTemporal())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, endlessReader{})
		r.ContentLength = 1 << 40
		if w := h.do(r); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status = %d, want 413", w.Code)
		}
	})
	t.Run("without end, with a signature of something", func(t *testing.T) {
		h := newTestBridge(t, newFakeTemporal())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, endlessReader{})
		r.Header.Set("X-Hub-Signature-256", sign(nil, appSecret))
		if w := h.do(r); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status = %d, want 413", w.Code)
		}
	})
}

// All bodies together take a bounded amount of memory: beyond it Meta is asked to
// come again.
func TestBodiesAreBounded(t *testing.T) {
	fake := newFakeTemporal()
	h := newTestBridge(t, fake)
	body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi")))
	if !h.bodies.memory.TryAcquire(maxBodies - firstRead + 1) {
		t.Fatal("the memory is taken already")
	}
	if status := h.post(body); status != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", status)
	}
	h.bodies.memory.Release(maxBodies - firstRead + 1)
	if status := h.post(body); status != 200 {
		t.Errorf("status = %d, want 200", status)
	}
	if len(fake.callLog()) != 1 {
		t.Errorf("calls = %q", fake.callLog())
	}
}

// Large bodies, whoever sends them, leave room for small ones.
func TestLargeBodiesLeaveRoom(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	small := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi")))
	large := small + strings.Repeat(" ", largeBody)
	var stalled []*body
	for {
		b := &body{from: h.bodies}
		var err error
		for err == nil && b.held < maxBody {
			err = b.grow()
		}
		stalled = append(stalled, b)
		if err != nil {
			break
		}
	}
	if status := h.post(large); status != http.StatusServiceUnavailable {
		t.Errorf("one more large body: %d, want 503", status)
	}
	if status := h.post(small); status != 200 {
		t.Errorf("a small body: %d, want 200", status)
	}
	for _, b := range stalled {
		b.release()
	}
	if status := h.post(large); status != 200 {
		t.Errorf("a large body later: %d, want 200", status)
	}
}

// Whoever sends a header or a body byte by byte loses the connection, and nobody
// else waits for him.
func TestSlowSenders(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	h.timeouts.header, h.timeouts.body = 2*time.Second, 2*time.Second
	addr := h.listen()
	body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi")))
	head := "POST " + Path + " HTTP/1.1\r\nHost: x\r\n"
	tests := []struct {
		name, sent, status string // an empty status: closed without an answer
	}{
		{"nothing", "", ""},
		{"half a header", head + "X-Hub-Sig", "400"}, // of net/http
		{"no body", fmt.Sprintf("%sX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n", head, sign([]byte(body), appSecret), len(body)), "408"},
		{"half a body", fmt.Sprintf("%sX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n%s", head, sign([]byte(body), appSecret), len(body), body[:20]), "408"},
		{"half a chunk", fmt.Sprintf("%sX-Hub-Signature-256: %s\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nxx", head, sign([]byte(body), appSecret)), "408"},
		{"no body and no signature", head + "Content-Length: 1000\r\n\r\n", "403"},
		{"a verification with a body that does not come", "GET " + Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "403"},
	}
	var all sync.WaitGroup
	for _, tt := range tests {
		conn := dial(t, addr)
		if _, err := io.WriteString(conn, tt.sent); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			answer, err := io.ReadAll(conn)
			if err != nil { // the deadline of dial: it was kept open
				t.Errorf("%s: %v", tt.name, err)
			}
			if _, status, _ := strings.Cut(string(answer), " "); !strings.HasPrefix(status, tt.status) || tt.status == "" && len(answer) != 0 {
				t.Errorf("%s: answer = %.40q, want status %q", tt.name, answer, tt.status)
			}
		})
	}
	resp, err := http.Post("http://"+addr+Path, "application/json", strings.NewReader(body))
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a quick sender beside them: %v, %v; want 403", resp, err)
	}
	if err == nil {
		_ = resp.Body.Close()
	}
	all.Wait()
}

// A body that arrives just in time is not broken off during its commit, and the
// connection serves the next request.
func TestBodyDeadlineEndsWithTheBody(t *testing.T) {
	fake := newFakeTemporal()
	h := newTestBridge(t, fake)
	h.timeouts.body = 2 * time.Second
	fake.before = func(ctx context.Context, _ string) error {
		select { // longer than the body may take
		case <-time.After(h.timeouts.body + 500*time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	conn := dial(t, h.listen())
	in := bufio.NewReader(conn)
	for n := range 2 {
		body := delivery("instagram", entryOf(instagramID, commentChange(fmt.Sprint(n+1), "hi")))
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n%s",
			Path, sign([]byte(body), appSecret), len(body), body); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
			t.Errorf("request %d: status %d, %v", n, resp.StatusCode, err)
		}
	}
}
