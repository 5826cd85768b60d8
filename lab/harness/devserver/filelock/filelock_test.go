package filelock_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/privatereply/privatereply/lab/harness/devserver/filelock"
)

// Guards: only one holds a lock, and who waits gets it when it is given back.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := filelock.Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Try(path); !errors.Is(err, filelock.ErrLocked) {
		t.Fatalf("second Try = %v, want ErrLocked", err)
	}

	second, err := filelock.Wait(t.Context(), path, func() {
		if err := first.Unlock(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatalf("Wait after Unlock: %v", err)
	}
	if _, err := filelock.Try(path); !errors.Is(err, filelock.ErrLocked) {
		t.Fatalf("Try while the second holds it = %v, want ErrLocked", err)
	}
	if err := second.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// Guards: a folder that does not exist is an error of its own, not a wait without end.
func TestWaitWithoutFolder(t *testing.T) {
	_, err := filelock.Wait(t.Context(), filepath.Join(t.TempDir(), "none", "lock"), nil)
	if err == nil || errors.Is(err, filelock.ErrLocked) {
		t.Fatalf("Wait = %v, want the file system's error", err)
	}
}
