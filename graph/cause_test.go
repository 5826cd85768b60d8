package graph

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Guards that what broke a connection can be told apart in logs, while the parts of
// it that can hold a URL, and with it a proof, stay behind.
func TestExplain(t *testing.T) {
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
