package bridge

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxBody is above every delivery that was seen. Meta publishes no limit.
	maxBody = 8 << 20
	// maxBodies bounds the memory of all bodies at once. Anybody can send one: its
	// signature is verified only when all of it has arrived.
	maxBodies = 256 << 20
	// maxLarge is the part of maxBodies for bodies over largeBody: a few large, slow ones
	// must not exclude Meta's usual deliveries, which are small.
	maxLarge  = 192 << 20
	largeBody = 256 << 10
	// firstRead is the first buffer, enough for most deliveries.
	firstRead = 2 << 10
)

// errBusy says that other bodies hold all the memory for bodies.
var errBusy = errors.New("too many bodies at once")

// bodyReader reads request bodies into a bounded amount of memory.
type bodyReader struct{ memory, large *semaphore.Weighted }

func newBodies() *bodyReader {
	return &bodyReader{memory: semaphore.NewWeighted(maxBodies), large: semaphore.NewWeighted(maxLarge)}
}

// body is a body in memory. It must be released.
type body struct {
	bytes []byte
	held  int64 // bytes acquired from bodyReader.memory
	large int64 // bytes acquired from bodyReader.large
	from  *bodyReader
}

func (b *body) release() {
	b.from.memory.Release(b.held)
	b.from.large.Release(b.large)
}

// grow doubles the buffer. Only bytes that have arrived make it grow: a sender that
// announces much and sends little takes little.
func (b *body) grow() error {
	more := int64(max(firstRead, cap(b.bytes)))
	if !b.from.memory.TryAcquire(more) {
		return errBusy
	}
	b.held += more
	if b.held > largeBody {
		if !b.from.large.TryAcquire(b.held - b.large) {
			return errBusy
		}
		b.large = b.held
	}
	b.bytes = append(make([]byte, 0, b.held), b.bytes...)
	return nil
}

// read reads the body of r, at most maxBody bytes within timeout.
func (p *bodyReader) read(w http.ResponseWriter, r *http.Request, timeout time.Duration) (*body, error) {
	if r.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	// The server sets the next deadline itself. Only recorders in tests have none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))

	b := &body{from: p}
	in := http.MaxBytesReader(w, r.Body, maxBody)
	for {
		if len(b.bytes) == cap(b.bytes) {
			if err := b.grow(); err != nil {
				b.release()
				return nil, err
			}
		}
		n, err := in.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			b.release()
			return nil, err
		}
	}
}

// bodyErrorStatus is the status of the answer to a body that could not be read.
func bodyErrorStatus(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
