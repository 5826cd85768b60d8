package reload

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errBad = errors.New("bad content")

func parse(_ string, data []byte) (string, error) {
	if strings.HasPrefix(string(data), "bad") {
		return "", errBad
	}
	return string(data), nil
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

// A changed file is noticed however it was replaced, at the second look; a bad one
// leaves the old in force.
func TestFile(t *testing.T) {
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
			rename(t, filepath.Join(dir, "new"), path)
		}, "third", nil},
		{"as long and as old as before", func(t *testing.T, dir, path string) {
			old, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, "other")
			if err := os.Chtimes(path, old.ModTime(), old.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, "other", nil},
		{"a symbolic link swapped", func(t *testing.T, dir, path string) {
			write(t, filepath.Join(dir, "elsewhere"), "fourth")
			symlink(t, "elsewhere", filepath.Join(dir, "link"))
			rename(t, filepath.Join(dir, "link"), path)
		}, "fourth", nil},
		{"bad", func(t *testing.T, _, path string) { write(t, path, "bad one") }, "first", errBad},
		{"gone", func(t *testing.T, _, path string) { _ = os.Remove(path) }, "first", os.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "file")
				write(t, path, "first")
				f, err := Open(path, parse, nil)
				if err != nil {
					t.Fatal(err)
				}
				tt.replace(t, dir, path)
				time.Sleep(pollInterval + pollInterval/2)
				if got := f.Current(); got != "first" || f.Err() != nil {
					t.Errorf("after one look: %q, %v", got, f.Err())
				}
				time.Sleep(pollInterval)
				if got := f.Current(); got != tt.want {
					t.Errorf("Current() = %q, want %q", got, tt.want)
				}
				if err := f.Err(); !errors.Is(err, tt.wantErr) {
					t.Errorf("Err() = %v, want %v", err, tt.wantErr)
				}

				write(t, path, "mended")
				time.Sleep(2 * pollInterval)
				if got := f.Current(); got != "mended" || f.Err() != nil {
					t.Errorf("after mending: %q, %v", got, f.Err())
				}
			})
		})
	}
}

// A file that is still being written is left alone, even if what is there would parse.
func TestHalfWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "whole")
	var told []string
	f, err := Open(path, parse, func(current string, _ error) { told = append(told, current) })
	if err != nil {
		t.Fatal(err)
	}
	f.Stop()
	for _, half := range []string{"", "o", "ot"} {
		write(t, path, half)
		f.Poll()
	}
	write(t, path, "other")
	f.Poll()
	if got := f.Current(); got != "whole" || len(told) != 0 {
		t.Fatalf("half a file is in force: %q, %q", got, told)
	}
	f.Poll()
	f.Poll()
	if got := f.Current(); got != "other" || len(told) != 1 {
		t.Errorf("a file that does not change any more is not in force: %q, %q", got, told)
	}
}

// Nobody reads a file for a File that was stopped, or that nobody holds.
func TestPollingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, "first")
		parsed := 0
		count := func(path string, data []byte) (string, error) {
			parsed++
			return parse(path, data)
		}
		stopped, err := Open(path, count, nil)
		if err != nil {
			t.Fatal(err)
		}
		stopped.Stop()
		dropped, err := Open(path, count, nil)
		if err != nil {
			t.Fatal(err)
		}
		runtime.KeepAlive(dropped)
		dropped = nil
		runtime.GC()
		write(t, path, "second")
		time.Sleep(10 * pollInterval)
		if parsed != 2 || stopped.Current() != "first" {
			t.Errorf("parsed %d times; %q is in force", parsed, stopped.Current())
		}
	})
}

// A program does not start with a file that does not parse.
func TestOpenBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "bad")
	if _, err := Open(path, parse, nil); !errors.Is(err, errBad) {
		t.Errorf("Open = %v, want %v", err, errBad)
	}
}

// A file is not read into memory whatever its size.
func TestOpenHuge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "")
	if err := os.Truncate(path, 4*maxBytes); err != nil { // sparse
		t.Fatal(err)
	}
	if _, err := Open(path, parse, nil); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("Open = %v", err)
	}
}
