package graph

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// abortResponse ends the connection without an answer.
func abortResponse(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Guards the line between "not sent" and "nobody knows" once the request is out:
// whatever comes back short of a readable answer is unknown, and nothing is sent twice.
func TestNoReadableAnswerIsUnknown(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		cause  error
	}{
		{"dropped", abortResponse, 0, io.ErrUnexpectedEOF},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, context.DeadlineExceeded},
		{"headers, then silence", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 200, context.DeadlineExceeded},
		{"a trickle", func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for _, err := fmt.Fprint(w, `{"message_id":"`); err == nil; _, err = fmt.Fprint(w, "m") {
				w.(http.Flusher).Flush()
				select {
				case <-tick.C:
				case <-r.Context().Done():
					return
				}
			}
		}, 200, context.DeadlineExceeded},
		{"dropped in the middle", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, delivered)
			w.(http.Flusher).Flush()
			abortResponse(w, r)
		}, 200, io.ErrUnexpectedEOF},
		{"a server's web page", respondWith(500, "<html>Guten Tag</html>"), 500, nil},
		{"a gateway's nothing", respondWith(502, ""), 502, nil},
		{"a Graph success under a failure", respondWith(500, delivered), 500, nil},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere?access_token="+testToken, http.StatusTemporaryRedirect)
		}, 307, nil},
		{"an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"message_id":"`, strings.Repeat("m", nodeLimit), `"}`)
		}, 200, nil},
		{"not HTTP", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			defer conn.Close()
			fmt.Fprint(conn, "Guten Tag "+testToken+"\r\n\r\n")
		}, 0, nil},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 512<<10))
		}, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := newMeta(t, tc.answer)
			m.timeout = 2 * time.Second // enough for a request, and for headers where they come
			if tc.cause != context.DeadlineExceeded {
				m.timeout = DefaultTimeout
			}
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
			if e.Class != Unknown || e.Reason != privatereply.NoAnswer || !e.Wrote || !e.MayHaveDelivered || e.SentAt.IsZero() {
				t.Errorf("%+v", e)
			}
			if e.HTTPStatus != tc.status {
				t.Errorf("HTTP %d, want %d", e.HTTPStatus, tc.status)
			}
			if tc.cause != nil && !errors.Is(err, tc.cause) {
				t.Errorf("%v does not say that it is %v", err, tc.cause)
			}
			m.only(t)
		})
	}
}

// Guards the sends that are safe to repeat: nothing left the process.
func TestNothingWritten(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	var handled atomic.Int32
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handled.Add(1) }))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	unknownHost := newTransport()
	unknownHost.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "graph.example.com", IsNotFound: true}}
	}
	neverConnects := newTransport()
	neverConnects.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, tc := range []struct {
		name  string
		o     Options
		cause error
	}{
		{"connection refused", Options{FacebookURL: "http://" + closed.Addr().String()}, syscall.ECONNREFUSED},
		{"no such host", Options{FacebookURL: "https://graph.example.com", Transport: unknownHost}, nil},
		{"no connection in time", Options{FacebookURL: "https://graph.example.com", Transport: neverConnects, Timeout: 50 * time.Millisecond}, context.DeadlineExceeded},
		{"a certificate that nobody signed", Options{FacebookURL: untrusted.URL}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := newClient(t, tc.o).SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
			if e.Class != NotWritten || e.Reason != privatereply.NotConnected || e.Wrote || e.MayHaveDelivered || !e.SentAt.IsZero() {
				t.Errorf("%+v", e)
			}
			if tc.cause != nil && !errors.Is(err, tc.cause) {
				t.Errorf("%v does not say that it is %v", err, tc.cause)
			}
		})
	}
	if handled.Load() != 0 {
		t.Error("a request reached a server that is not trusted")
	}
}

// Guards a worker that shuts down: what it had not begun is not sent, what it had
// begun is unknown, and both can be told from Meta's own failures.
func TestCancellation(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		m := newMeta(t, respondWith(200, delivered))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := m.SendPrivateReply(ctx, credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
		if e := asGraphError(t, err); e.Class != NotWritten || !errors.Is(err, context.Canceled) || len(m.received()) != 0 {
			t.Errorf("%+v after %d calls", e, len(m.received()))
		}
	})
	t.Run("during", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := newMeta(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		_, err := m.SendPrivateReply(ctx, credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
		if e := asGraphError(t, err); e.Class != Unknown || !e.Wrote || !errors.Is(err, context.Canceled) {
			t.Errorf("%+v", e)
		}
	})
}

// Guards a request of which only a part left: the server may have had enough of it.
func TestBodyWrittenInPart(t *testing.T) {
	m := newClient(t, Options{FacebookURL: rawServer(t, func(conn net.Conn) {
		_, _ = bufio.NewReader(conn).ReadString('\n') // then closes, with the rest unread
	})})
	_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: strings.Repeat("x", 8<<20)})
	if e := asGraphError(t, err); e.Class != Unknown || !e.Wrote || !e.MayHaveDelivered {
		t.Errorf("%+v", e)
	}
}

// Guards against net/http's own repeats: a connection that served before and is
// dropped after the next request was written must not get that request again.
func TestDroppedKeepAliveIsNotRepeated(t *testing.T) {
	var connections, requests atomic.Int32
	c := newClient(t, Options{FacebookURL: rawServer(t, func(conn net.Conn) {
		connections.Add(1)
		r := bufio.NewReader(conn)
		for n := 1; ; n++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			requests.Add(1)
			if n == 2 {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(delivered), delivered)
		}
	})})
	send := func() error {
		_, err := c.SendMessage(t.Context(), credentials(pageAccount), "7000000000000001", OutgoingMessage{Text: "hi"}, false)
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if e := asGraphError(t, send()); e.Class != Unknown || !e.Wrote {
		t.Errorf("%+v", e)
	}
	if requests.Load() != 2 || connections.Load() != 1 {
		t.Errorf("%d requests on %d connections, want 2 on 1", requests.Load(), connections.Load())
	}
}

// Guards the one repeat that net/http does make: of a request of which the idle
// connection took nothing. It goes out on a new connection, once; and if there is
// none, it is known that nothing left.
func TestStaleKeepAlive(t *testing.T) {
	for _, tc := range []struct {
		name    string
		redials bool
		calls   int
	}{
		{"a new connection works", true, 2},
		{"no new connection", false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, delivered))
			var dials atomic.Int32
			stale := newTransport()
			stale.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				first := dials.Add(1) == 1
				if !first && !tc.redials {
					return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
				}
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				if first && err == nil {
					conn = &singleWriteConn{Conn: conn}
				}
				return conn, err
			}
			m.transport = stale
			send := func() error {
				_, err := m.SendMessage(t.Context(), credentials(pageAccount), "7000000000000001", OutgoingMessage{Text: "hi"}, false)
				return err
			}
			if err := send(); err != nil {
				t.Fatal(err)
			}
			if err := send(); tc.redials && err != nil {
				t.Error(err)
			} else if !tc.redials {
				if e := asGraphError(t, err); e.Class != NotWritten || e.Wrote {
					t.Errorf("%+v", e)
				}
			}
			if len(m.received()) != tc.calls || dials.Load() != 2 {
				t.Errorf("%d calls on %d connections, want %d on 2", len(m.received()), dials.Load(), tc.calls)
			}
		})
	}
}

// Guards transports that tell nothing about what they wrote: they may have.
func TestTransportThatReportsNothing(t *testing.T) {
	c := newClient(t, Options{Transport: silentTransport{}})
	_, err := c.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
	if e := asGraphError(t, err); e.Class != Unknown || !e.Wrote || e.SentAt.IsZero() {
		t.Errorf("%+v", e)
	}
}

type silentTransport struct{}

func (silentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("something about %s with %s", r.URL, r.Header.Get("Authorization"))
}

// singleWriteConn is a connection that takes one request and nothing of the next.
type singleWriteConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *singleWriteConn) Write(b []byte) (int, error) {
	if c.writes.Add(1) > 1 {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(b)
}

// rawServer lets serve have each connection, and closes it afterwards.
func rawServer(t *testing.T, serve func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// Guards that what broke a connection can be told apart in logs, while the parts of
// it that can hold a URL, and with it a proof, stay behind.
func TestDescribeConnectionError(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		words string
		cause error
	}{
		{"cancelled", context.Canceled, "the call was cancelled", context.Canceled},
		{"its time ran out", context.DeadlineExceeded, "time ran out", context.DeadlineExceeded},
		{"a read timed out", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "the connection timed out", os.ErrDeadlineExceeded},
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "the connection was refused", syscall.ECONNREFUSED},
		{"reset", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "the connection failed", syscall.ECONNRESET},
		{"no route", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, "the connection failed", syscall.EHOSTUNREACH},
		{"a certificate", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "the server's certificate was not accepted", nil},
		{"closed", io.EOF, "the connection was closed", io.ErrUnexpectedEOF},
		{"cut off", io.ErrUnexpectedEOF, "the connection was closed", io.ErrUnexpectedEOF},
		{"anything", errors.New("malformed HTTP response \"" + testToken + "\""), "the connection failed", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			words, cause := describeConnectionError(&url.Error{Op: "Post", URL: "https://graph.example.com/?access_token=" + testToken, Err: tc.err})
			if words != tc.words || cause != tc.cause {
				t.Errorf("%q, %v; want %q, %v", words, cause, tc.words, tc.cause)
			}
		})
	}
	t.Run("no such host", func(t *testing.T) {
		words, cause := describeConnectionError(&url.Error{Op: "Post", URL: testToken, Err: &net.DNSError{Err: "no such host", Name: "graph.example.com"}})
		if words != "the host name could not be looked up" || cause == nil || strings.Contains(cause.Error(), testToken) {
			t.Errorf("%q, %v", words, cause)
		}
	})
}
