package devserver

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
)

// waiter hears what is said to who waits, and lets go of what they wait for.
type waiter struct {
	t      *testing.T
	unlock func() error
	heard  string
}

func (w *waiter) Write(b []byte) (int, error) {
	w.heard += string(b)
	if err := w.unlock(); err != nil {
		w.t.Error(err)
	}
	return len(b), nil
}

// Guards: only one process builds into a folder, and who waits for it says so, and gets
// the lock when it is given back.
func TestLockFolder(t *testing.T) {
	dir := t.TempDir()
	other := flock.New(filepath.Join(dir, ".lock"))
	if locked, err := other.TryLock(); err != nil || !locked {
		t.Fatalf("TryLock = %v, %v", locked, err)
	}
	progress := &waiter{t: t, unlock: other.Unlock}
	unlock, err := lockFolder(t.Context(), dir, progress)
	if err != nil {
		t.Fatalf("lockFolder after Unlock: %v", err)
	}
	if !strings.Contains(progress.heard, "another process is building the Temporal CLI") {
		t.Errorf("who waited was told %q", progress.heard)
	}
	if locked, err := other.TryLock(); err != nil || locked {
		t.Fatalf("TryLock while somebody else holds it = %v, %v", locked, err)
	}
	unlock()
	if locked, err := other.TryLock(); err != nil || !locked {
		t.Fatalf("TryLock after unlock = %v, %v", locked, err)
	}
}

// Guards: a folder that does not exist is an error of its own, not a wait without end.
func TestLockMissingFolder(t *testing.T) {
	progress := &waiter{t: t, unlock: func() error { return nil }}
	if _, err := lockFolder(t.Context(), filepath.Join(t.TempDir(), "none"), progress); err == nil || progress.heard != "" {
		t.Fatalf("lockFolder = %v after %q, want the file system's error", err, progress.heard)
	}
}
