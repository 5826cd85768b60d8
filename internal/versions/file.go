// Package versions changes files that people edit by hand and at the desk: in one step, never
// over what somebody else has written meanwhile, and with the earlier versions beside the
// file, with who made them and why.
package versions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/privatereply/privatereply/internal/reload"
)

const (
	// maxBytes is the largest file that is read or written.
	maxBytes = 1 << 20
	// maxVersions is how many earlier versions are kept: the newest.
	maxVersions = 200
	// stableAfter is the time between two reads that must give the same bytes before an Edit:
	// other programs write a file in several steps, and half a file can be a valid one.
	stableAfter = 250 * time.Millisecond
	// lockInterval and lockTimeout are for the lock that all writers take.
	lockInterval = 20 * time.Millisecond
	lockTimeout  = 5 * time.Second
)

// File is a file with earlier versions. It is safe for use by several goroutines, and beside
// other programs that use it.
type File struct {
	path  string
	check func(data []byte) error
	now   func() time.Time

	mu   sync.Mutex // guards read
	read map[string]Version
}

// New makes a File of what is at path, which may be missing. Check says why data may not
// become the file.
func New(path string, check func(data []byte) error) *File {
	return &File{path: path, check: check, now: time.Now, read: map[string]Version{}}
}

// Path is where the file is.
func (f *File) Path() string { return f.path }

// Content is what stands in the file. The hash of a missing file is empty.
type Content struct {
	Data   []byte
	SHA256 string
}

func contentOf(data []byte) Content { return Content{data, reload.SHA256(data)} }

// Read reads the file. A missing one is empty.
func (f *File) Read() (Content, error) {
	data, err := readBounded(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Content{}, nil
	}
	if err != nil {
		return Content{}, err
	}
	return contentOf(data), nil
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s is larger than %d KiB", path, maxBytes>>10)
	}
	return data, nil
}

// Change is a new content of the file.
type Change struct {
	Data []byte
	Base string // the SHA-256 of the content that it was made from; empty: there was no file
	By   string
	Why  string
}

// ChangedError is the refusal of a Change whose base is not what stands in the file.
type ChangedError struct{ Now Content }

func (*ChangedError) Error() string {
	return "somebody changed the file meanwhile, so that nothing was written"
}

// ErrSame is the refusal of a Change that changes nothing.
var ErrSame = errors.New("this is what stands in the file already: there is nothing to save")

// UnwritableError says that the file's folder cannot be written, and what to change.
type UnwritableError struct {
	Folder string
	Err    error
}

func (e *UnwritableError) Error() string {
	why := e.Err
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.Is(e.Err, syscall.EBUSY):
		return "the file is mounted by itself and cannot be replaced: mount its folder " + e.Folder + " instead"
	case errors.As(e.Err, &at):
		why = at.Err
	case errors.As(e.Err, &link):
		why = link.Err
	}
	return fmt.Sprintf("the folder %s cannot be written (%v): give it to the user that the program runs as (here chown -R %d %s), and mount it without :ro",
		e.Folder, why, os.Getuid(), e.Folder)
}

func (e *UnwritableError) Unwrap() error { return e.Err }

// CheckWritable says why the file cannot be changed, by an *UnwritableError.
func (f *File) CheckWritable() error {
	target, err := f.target()
	if err != nil {
		return err
	}
	folders := []string{filepath.Dir(target)}
	if _, err := os.Stat(f.folder()); err == nil {
		folders = append(folders, f.folder())
	}
	for _, folder := range folders {
		probe, err := os.CreateTemp(folder, ".writable.*.tmp")
		if err != nil {
			return &UnwritableError{folder, err}
		}
		_ = probe.Close()
		_ = os.Remove(probe.Name())
	}
	return nil
}

// target is the file itself, where its path is a symbolic link.
func (f *File) target() (string, error) {
	target, err := filepath.EvalSymlinks(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.path, nil
	}
	return target, err
}

// Save makes a Change the content of the file, and keeps it as a version. It refuses by a
// *ChangedError, ErrSame, an *UnwritableError, or with what the File's check says.
func (f *File) Save(ctx context.Context, c Change) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	now, err := f.Read()
	switch {
	case err != nil:
		return err
	case now.SHA256 != c.Base:
		return &ChangedError{now}
	}
	return f.replace(now, c)
}

// Edit changes the file from what stands in it, whoever wrote that, with nobody else of this
// package in between.
func (f *File) Edit(ctx context.Context, by, why string, edit func(data []byte) ([]byte, error)) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	now, err := f.readStable(ctx)
	if err != nil {
		return err
	}
	data, err := edit(now.Data)
	if err != nil {
		return err
	}
	return f.replace(now, Change{Data: data, Base: now.SHA256, By: by, Why: why})
}

// readStable reads the file until two reads in a row give the same.
func (f *File) readStable(ctx context.Context) (Content, error) {
	last, err := f.Read()
	for {
		select {
		case <-ctx.Done():
			return Content{}, errors.Join(err, ctx.Err())
		case <-time.After(stableAfter):
		}
		next, nextErr := f.Read()
		if nextErr == nil && err == nil && next.SHA256 == last.SHA256 {
			return next, nil
		}
		if nextErr != nil && err != nil {
			return Content{}, nextErr
		}
		last, err = next, nextErr
	}
}

// replace writes a Change of now. The lock is held.
func (f *File) replace(now Content, c Change) error {
	next := contentOf(c.Data)
	if next.SHA256 == now.SHA256 {
		return ErrSame
	}
	if len(c.Data) > maxBytes {
		return fmt.Errorf("the file would be larger than %d KiB", maxBytes>>10)
	}
	if err := f.check(c.Data); err != nil {
		return err
	}
	target, err := f.target()
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	var was fs.FileInfo
	if was, err = os.Stat(target); err == nil {
		mode = was.Mode().Perm()
	}
	if err := f.keepUnknown(now, was, mode); err != nil {
		return err
	}
	version, err := f.keep(Version{At: f.now(), By: c.By, Why: c.Why, SHA256: next.SHA256}, c.Data, mode)
	if err != nil {
		return err
	}
	if err := replaceFile(target, c.Data, mode, was); err != nil {
		f.remove(version.Name)
		return &UnwritableError{filepath.Dir(target), err}
	}
	f.prune()
	return nil
}

// replaceFile makes data the content of a file in one step. Its owner stays who it was, where
// this program may give files away.
func replaceFile(path string, data []byte, mode fs.FileMode, was fs.FileInfo) (err error) {
	dir, base := filepath.Split(path)
	left, _ := filepath.Glob(filepath.Join(dir, "."+base+".*.tmp"))
	for _, name := range left {
		_ = os.Remove(name) // of a program that was killed; the lock is ours
	}
	temp, err := os.CreateTemp(dir, "."+base+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(data)
	if was != nil {
		keepOwner(temp, was)
	}
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err = os.Rename(temp.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Clean(dir + "."))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// lock waits for the lock that everybody takes who writes.
func (f *File) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(f.folder(), 0o755); err != nil {
		return nil, &UnwritableError{filepath.Dir(f.path), err}
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock := flock.New(filepath.Join(f.folder(), ".lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLockContext(ctx, lockInterval)
	switch {
	case ok:
		return func() { _ = lock.Unlock() }, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s is being changed by somebody else: try again", f.path)
	}
	return nil, &UnwritableError{f.folder(), err}
}
