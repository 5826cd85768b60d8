package versions

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var errBad = errors.New("it is bad")

func newFile(t *testing.T, content string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if content != "" {
		write(t, path, content)
	}
	return New(path, func(data []byte) error {
		if bytes.Contains(data, []byte("bad")) {
			return errBad
		}
		return nil
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func (f *File) mustRead(t *testing.T) Content {
	t.Helper()
	c, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *File) versions(t *testing.T) string {
	t.Helper()
	all, err := f.Versions()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, v := range all {
		_, content, err := f.ReadVersion(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		if v.SHA256 != content.SHA256 {
			t.Errorf("the version %s does not know its hash", v.Name)
		}
		lines = append(lines, v.By+"/"+v.Why+"/"+string(content.Data))
	}
	return strings.Join(lines, " ")
}

// A change replaces the file with its permissions, and every content that the file had is
// kept, with who and why; what was written by hand too.
func TestSave(t *testing.T) {
	f := newFile(t, "one")
	save := func(data, by, why string) error {
		return f.Save(t.Context(), Change{Data: []byte(data), Base: f.mustRead(t).SHA256, By: by, Why: why})
	}
	if err := save("two", "ana", "a \"reason\"\nof two lines"); err != nil {
		t.Fatal(err)
	}
	if got := string(f.mustRead(t).Data); got != "two" {
		t.Errorf("the file has %q", got)
	}
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("permissions: %v, %v", info.Mode(), err)
	}
	write(t, f.path, "by hand")
	if err := save("three", "ben", "x"); err != nil {
		t.Fatal(err)
	}
	if got, want := f.versions(t), "ben/x/three //by hand ana/a \"reason\"\nof two lines/two //one"; got != want {
		t.Errorf("versions:\n%s\nwant\n%s", got, want)
	}
	if err := save("three", "ben", "x"); !errors.Is(err, ErrSame) {
		t.Errorf("the same again: %v", err)
	}
	if err := save("bad", "ben", "x"); !errors.Is(err, errBad) {
		t.Errorf("a file that may not be: %v", err)
	}
	if err := save(strings.Repeat("x", maxBytes+1), "ben", "x"); err == nil {
		t.Error("a file of any size is written")
	}
	if got := f.versions(t); strings.Count(got, "/") != 8 || string(f.mustRead(t).Data) != "three" {
		t.Errorf("a refused change left something: %s", got)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left beside the file: %v, %v", left, err)
	}
}

// Of two people who began with the same content one saves, and the other gets to see what
// that one wrote.
func TestSaveChangedMeanwhile(t *testing.T) {
	f := newFile(t, "one")
	base := f.mustRead(t).SHA256
	results := make(chan error, 8)
	var all sync.WaitGroup
	for i := range cap(results) {
		all.Go(func() {
			results <- f.Save(context.Background(), Change{Data: []byte{'a' + byte(i)}, Base: base, By: "ana"})
		})
	}
	all.Wait()
	close(results)
	saved := 0
	for err := range results {
		var changed *ChangedError
		switch {
		case err == nil:
			saved++
		case !errors.As(err, &changed):
			t.Error(err)
		case changed.Now.SHA256 != f.mustRead(t).SHA256:
			t.Errorf("the refusal shows %q", changed.Now.Data)
		}
	}
	if saved != 1 {
		t.Errorf("%d of 8 saved", saved)
	}
	missing := newFile(t, "")
	if err := missing.Save(t.Context(), Change{Data: []byte("first"), By: "ana"}); err != nil || missing.versions(t) != "ana//first" {
		t.Errorf("a file that was missing: %v, %s", err, missing.versions(t))
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	var changed *ChangedError
	if err := f.Save(t.Context(), Change{Data: []byte("x"), Base: base}); !errors.As(err, &changed) || changed.Now.SHA256 != "" {
		t.Errorf("a file that is gone: %v", err)
	}
}

// An edit of what another program is just writing waits until it has written.
func TestEditOfHalfAFile(t *testing.T) {
	f := newFile(t, "half")
	written := make(chan struct{})
	go func() {
		defer close(written)
		time.Sleep(stableAfter / 2)
		if err := os.WriteFile(f.path, []byte("half and whole"), 0o640); err != nil {
			t.Error(err)
		}
	}()
	err := f.Edit(t.Context(), "ana", "x", func(data []byte) ([]byte, error) { return append(data, '!'), nil })
	<-written
	if got := string(f.mustRead(t).Data); err != nil || got != "half and whole!" {
		t.Errorf("%v, %q", err, got)
	}
	if err := f.Edit(t.Context(), "ana", "x", func([]byte) ([]byte, error) { return nil, errBad }); !errors.Is(err, errBad) {
		t.Errorf("an edit that fails: %v", err)
	}
}

// A file that cannot be replaced is said beforehand, and stays as it is.
func TestUnwritable(t *testing.T) {
	f := newFile(t, "one")
	if err := f.CheckWritable(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(f.path)); len(entries) != 1 {
		t.Errorf("the question left %v", entries)
	}
	lost := New(filepath.Join(t.TempDir(), "none", "rules.yaml"), f.check)
	var unwritable *UnwritableError
	if err := lost.CheckWritable(); !errors.As(err, &unwritable) || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("a folder that is not there: %v", err)
	}
	// A file where the folder of versions should be: what a read-only folder does, also to root.
	write(t, f.path+".versions", "")
	err := f.Save(t.Context(), Change{Data: []byte("two"), Base: f.mustRead(t).SHA256})
	if !errors.As(err, &unwritable) || string(f.mustRead(t).Data) != "one" {
		t.Errorf("%v; the file has %q", err, f.mustRead(t).Data)
	}
	if words := (&UnwritableError{"/config", &os.LinkError{Op: "rename", Err: syscall.EBUSY}}).Error(); !strings.Contains(words, "mount its folder /config") {
		t.Errorf("a file that is a mount: %s", words)
	}
	if os.Getuid() == 0 {
		return // root writes everywhere
	}
	readOnly := newFile(t, "one")
	if err := os.Chmod(filepath.Dir(readOnly.path), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := readOnly.CheckWritable(); !errors.As(err, &unwritable) {
		t.Errorf("a folder without permission: %v", err)
	}
}

// The newest versions are kept, names lead nowhere else, and a symbolic link stays one.
func TestVersions(t *testing.T) {
	real := newFile(t, "one")
	link := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.Symlink(real.path, link); err != nil {
		t.Fatal(err)
	}
	f := New(link, real.check)
	f.now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) } // before the file was written
	if err := os.MkdirAll(f.folder(), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range maxVersions {
		write(t, f.versionPath(time.Date(2025, 1, 1, 0, 0, i, 0, time.UTC).Format(nameFormat)), "old")
	}
	write(t, filepath.Join(f.folder(), "README.yaml"), "not a version")
	for _, data := range []string{"two", "three"} {
		if err := f.Save(t.Context(), Change{Data: []byte(data), Base: f.mustRead(t).SHA256, By: "ana"}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := f.Versions()
	if err != nil || len(all) != maxVersions || all[0].By != "ana" || all[maxVersions-1].By != "" || all[maxVersions-1].At.Year() != 2025 {
		t.Errorf("%d versions, %v", len(all), err)
	}
	if got := string(real.mustRead(t).Data); got != "three" {
		t.Errorf("behind the link stands %q", got)
	}
	for _, name := range []string{"", "../../rules", "README", all[0].Name + "/..", "20250101T000000.000000000Z"} {
		if _, _, err := f.ReadVersion(name); !errors.Is(err, ErrNoVersion) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
