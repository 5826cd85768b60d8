package reload

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func parseFolder(files []NamedFile) (string, error) {
	var all []string
	for _, f := range files {
		if strings.HasPrefix(string(f.Data), "bad") {
			return "", errBad
		}
		all = append(all, filepath.Base(f.Path)+"="+string(f.Data))
	}
	return strings.Join(all, " "), nil
}

// A change of any file of a folder counts at the second read that gave the same; one that is
// bad, and a folder that is gone, leave the files before in force.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	main, b, c := filepath.Join(dir, "main"), filepath.Join(dir, "sub", "b.x"), filepath.Join(dir, "sub", "c.x")
	write(t, b, "1")
	write(t, filepath.Join(dir, "sub", "d.tmp"), "not matched")
	f, err := OpenFolder(dir, []string{"main", "sub/*.x"}, parseFolder, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Stop()
	if f.Current() != "b.x=1" {
		t.Fatalf("at first %q", f.Current())
	}
	steps := []struct {
		name   string
		change func()
		want   string
		err    error
	}{
		{"a file more", func() { write(t, c, "2") }, "b.x=1 c.x=2", nil},
		{"the first pattern's file", func() { write(t, main, "0") }, "main=0 b.x=1 c.x=2", nil},
		{"bytes move from one to the next", func() { write(t, b, ""); write(t, c, "12") }, "main=0 b.x= c.x=12", nil},
		{"a bad one", func() { write(t, b, "bad") }, "main=0 b.x= c.x=12", errBad},
		{"without it", func() { _ = os.Remove(b) }, "main=0 c.x=12", nil},
		{"the folder is gone", func() { rename(t, dir, dir+"2") }, "main=0 c.x=12", fs.ErrNotExist},
		{"a file in its stead", func() { write(t, dir, "x") }, "main=0 c.x=12", nil},
	}
	for _, step := range steps {
		before := f.Current()
		step.change()
		f.Poll()
		if f.Current() != before {
			t.Errorf("%s: %q counts after one read", step.name, f.Current())
		}
		f.Poll()
		f.Poll()
		if f.Current() != step.want || step.err != nil && !errors.Is(f.Err(), step.err) {
			t.Errorf("%s: %q, %v; want %q, %v", step.name, f.Current(), f.Err(), step.want, step.err)
		}
	}
	if f.Err() == nil {
		t.Error("a file in the folder's stead is no error")
	}
}

// A file that is being written into a folder does not count, however often it is read while
// it changes.
func TestFolderHalfWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.x")
	write(t, path, "whole")
	f, err := OpenFolder(dir, []string{"*.x"}, parseFolder, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Stop()
	for _, half := range []string{"", "o", "ot", "oth"} {
		write(t, path, half)
		f.Poll()
		if f.Current() != "a.x=whole" || f.Err() != nil {
			t.Errorf("%q is in force: %q, %v", half, f.Current(), f.Err())
		}
	}
}

// A file is read again when anything of it has changed, and at the latest after a minute:
// some programs set the old time again.
func TestFolderReadsAgain(t *testing.T) {
	old := time.Now().Add(-time.Hour)
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
		after  time.Duration
		want   string
	}{
		{"unchanged", func(*testing.T, string) {}, time.Second, "one"},
		{"written in place", func(t *testing.T, path string) { write(t, path, "two") }, time.Second, "two"},
		{"longer, with its old time", func(t *testing.T, path string) { write(t, path, "three"); age(t, path, old) }, time.Second, "three"},
		{"another file, as long and as old", func(t *testing.T, path string) {
			write(t, path+"2", "two")
			age(t, path+"2", old)
			rename(t, path+"2", path)
		}, time.Second, "two"},
		{"in place, as long and as old", func(t *testing.T, path string) { write(t, path, "two"); age(t, path, old) }, rereadInterval, "two"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.x")
			write(t, path, "one")
			age(t, path, old)
			r, now := folderReader{folder: dir, patterns: []string{"*.x"}}, time.Now()
			if _, err := r.read(now); err != nil {
				t.Fatal(err)
			}
			tt.change(t, path)
			files, err := r.read(now.Add(tt.after))
			if err != nil || len(files) != 1 || string(files[0].Data) != tt.want {
				t.Errorf("%q, %v; want %q", files, err, tt.want)
			}
		})
	}
}

// A file that was written a moment before it was read may be written once more in the same
// tick of its file system's clock: it is read until it is older.
func TestFolderReadsFreshFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.x")
	r := folderReader{folder: dir, patterns: []string{"*.x"}}
	at := time.Now()
	for _, content := range []string{"one", "two"} {
		write(t, path, content)
		age(t, path, at)
		if files, err := r.read(at.Add(settledAfter)); err != nil || string(files[0].Data) != content {
			t.Errorf("%q, %v; want %q", files, err, content)
		}
	}
}

func age(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}
