package graph

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"syscall"
	"time"
)

// newTransport returns a transport for HTTP/1.1 only. There a request has a connection to
// itself: it is known whether it left the process, a dead connection blocks one send and
// not all, and net/http never repeats a POST of which anything was written.
func newTransport() *http.Transport {
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		Protocols:              http1,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    64, // a live broadcast sends up to 90 a second
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// writeTracker records whether any part of one request may have left the process.
type writeTracker struct {
	mu    sync.Mutex
	clean bool // a connection was asked for, and nothing was written to it
	at    time.Time
}

// trace starts from the worst: a transport that reports nothing may have written.
func (w *writeTracker) trace(now func() time.Time) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		// net/http asks a second time only when it wrote nothing to the first
		// connection, because another side had closed it while it was idle.
		GetConn: func(string) { w.mark(true) },
		GotConn: func(httptrace.GotConnInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.at = now().UTC()
		},
		// Called before the headers are flushed, so that a request cut in the
		// middle of its body counts as written too.
		WroteHeaders: func() { w.mark(false) },
	}
}

func (w *writeTracker) mark(clean bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clean = clean
}

// wrote reports whether the request may have left the process, and since when.
func (w *writeTracker) wrote() (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at, !w.clean
}

// describeConnectionError returns what broke a connection in this package's words, and
// the part of err that may be shown. The text of err may not: *url.Error holds the URL,
// and net/http quotes what a server sent.
func describeConnectionError(err error) (words string, cause error) {
	var (
		lookup *net.DNSError
		cert   *tls.CertificateVerificationError
		number syscall.Errno
		slow   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "the call was cancelled", context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return "time ran out", context.DeadlineExceeded
	case errors.As(err, &lookup):
		return "the host name could not be looked up", lookup
	case errors.As(err, &cert):
		return "the server's certificate was not accepted", nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused", syscall.ECONNREFUSED
	case errors.As(err, &number):
		return "the connection failed", number
	case errors.As(err, &slow) && slow.Timeout():
		return "the connection timed out", os.ErrDeadlineExceeded
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed", io.ErrUnexpectedEOF
	}
	return "the connection failed", nil
}
