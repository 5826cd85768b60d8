// Package filelock keeps two processes from doing the same thing in the same
// place at once. The operating system lets go of a lock when its process ends,
// however it ends, so that nothing has to be cleaned up after a crash.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrLocked says that another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// retryInterval is how often Wait asks again.
const retryInterval = 200 * time.Millisecond

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Try takes the lock at path, whose folder must exist, or returns ErrLocked.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return &Lock{file: f}, nil
}

// Wait takes the lock at path as soon as nobody else holds it. It calls waiting
// once if it has to wait.
func Wait(ctx context.Context, path string, waiting func()) (*Lock, error) {
	tick := time.NewTicker(retryInterval)
	defer tick.Stop()
	for {
		l, err := Try(path)
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// Unlock gives the lock back. The file stays: removing it would let two others
// lock two different files of the same name.
func (l *Lock) Unlock() error { return l.file.Close() }
