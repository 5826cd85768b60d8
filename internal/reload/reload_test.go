package reload

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var errBad = errors.New("bad content")

func parse(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil && strings.HasPrefix(string(b), "bad") {
		err = errBad
	}
	return string(b), err
}

// A changed file is noticed however it was replaced; a bad one leaves the old in force.
func TestFile(t *testing.T) {
	write := func(t *testing.T, path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		replace func(t *testing.T, dir, path string)
		want    string
		wantErr error
	}{
		{"unchanged", func(*testing.T, string, string) {}, "first", nil},
		{"written in place", func(t *testing.T, _, path string) { write(t, path, "second one") }, "second one", nil},
		{"renamed over it", func(t *testing.T, dir, path string) {
			write(t, filepath.Join(dir, "new"), "third")
			if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
				t.Fatal(err)
			}
		}, "third", nil},
		{"bad", func(t *testing.T, _, path string) { write(t, path, "bad one") }, "first", errBad},
		{"gone", func(t *testing.T, _, path string) { _ = os.Remove(path) }, "first", os.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			write(t, path, "first")
			f, err := Open(path, parse)
			if err != nil {
				t.Fatal(err)
			}
			now := f.checked
			f.now = func() time.Time { return now }
			tt.replace(t, dir, path)
			now = now.Add(interval)
			if got := f.Current(); got != tt.want {
				t.Errorf("Current() = %q, want %q", got, tt.want)
			}
			if err := f.Err(); !errors.Is(err, tt.wantErr) {
				t.Errorf("Err() = %v, want %v", err, tt.wantErr)
			}

			write(t, path, "mended")
			now = now.Add(interval)
			if got := f.Current(); got != "mended" || f.Err() != nil {
				t.Errorf("after mending: %q, %v", got, f.Err())
			}
		})
	}
}

// A program does not start with a file that does not parse.
func TestOpenBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("bad"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, parse); !errors.Is(err, errBad) {
		t.Errorf("Open = %v, want %v", err, errBad)
	}
}
