package graph

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// describeConnectionError says in our words what broke a connection, and gives the part of err that
// may be shown. The text of err itself may not: *url.Error holds the URL, and
// net/http quotes what a server sent.
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
