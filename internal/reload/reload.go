// Package reload keeps a parsed file, or the files of a folder, up to date while a program
// runs.
package reload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

const (
	// pollInterval is how often a file is read; a change is in force within two seconds.
	// Notifications (fsnotify) are no better: network file systems and single files that
	// are mounted into a container send none, and a folder sends one for every write of
	// a database in it.
	pollInterval = 900 * time.Millisecond
	// InForceWithin is the time after which a changed file is in force.
	InForceWithin = 2 * time.Second
	// maxBytes is far above every file that people write.
	maxBytes = 16 << 20
)

// File is the parsed content of a file, or of the files of a folder, that may change,
// however it is replaced: in place, by rename, by a swapped symbolic link. A change counts when two reads in a row
// gave the same bytes: editors, cp and Kubernetes change a file in several steps, and half
// a file can be a valid one. A content that does not parse, or a file that is gone, leaves the
// content before in force.
type File[T any] struct {
	path    string
	load    func() (loaded[T], error)
	changed func(current T, err error)
	state   atomic.Pointer[snapshot[T]] // read without a lock: parsing may take long

	mu          sync.Mutex // guards what Poll compares
	timer       *time.Timer
	stopped     bool
	currentSum  string        // SHA-256 of the bytes in force
	lastSum     string        // SHA-256 at the last read; empty when the file could not be read
	rejectedSum string        // SHA-256 of the bytes that are not in force; empty when they could not be read
	confirmed   chan struct{} // see Confirmed
}

// loaded is what one read gave: the hash of its bytes, and their parser.
type loaded[T any] struct {
	sum   string
	parse func() (T, error)
}

// parseSafely parses what was read, and turns a panic of the parser into an error: half a file must
// not end the program.
func (f *File[T]) parseSafely(l loaded[T]) (content T, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%s cannot be read: it is not valid", f.path)
		}
	}()
	return l.parse()
}

// Confirmed is closed when two reads in a row gave what is in force. What Open read may
// have been half a file.
func (f *File[T]) Confirmed() <-chan struct{} { return f.confirmed }

// snapshot is the content in force, with the error that keeps the newest bytes out of
// force.
type snapshot[T any] struct {
	current T
	err     error
}

// Open parses the file, and polls it as long as the program holds the File. An error of
// Open is final. Changed is called whenever another content, or another error, is in force;
// it may be nil.
func Open[T any](path string, parse func(path string, data []byte) (T, error), changed func(current T, err error)) (*File[T], error) {
	return open(path, func() (loaded[T], error) {
		data, err := read(path)
		if err != nil {
			return loaded[T]{}, err
		}
		return loaded[T]{SHA256(data), func() (T, error) { return parse(path, data) }}, nil
	}, changed)
}

// OpenOptional is Open for a file that a program can do without. A missing file is an empty
// one, and of a file that does not parse at first nothing is in force: Err says why.
func OpenOptional[T any](path string, parse func(path string, data []byte) (T, error), changed func(current T, err error)) *File[T] {
	load := func() (loaded[T], error) {
		data, err := read(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return loaded[T]{}, err
		}
		return loaded[T]{SHA256(data), func() (T, error) { return parse(path, data) }}, nil
	}
	f := &File[T]{path: path, load: load, changed: changed, confirmed: make(chan struct{})}
	first, err := load()
	var content T
	if err == nil {
		content, err = f.parseSafely(first)
	}
	f.lastSum = first.sum
	if err == nil {
		f.currentSum = first.sum
	} else {
		f.rejectedSum = first.sum
	}
	f.state.Store(&snapshot[T]{content, err})
	f.start()
	return f
}

func open[T any](path string, load func() (loaded[T], error), changed func(current T, err error)) (*File[T], error) {
	f := &File[T]{path: path, load: load, changed: changed, confirmed: make(chan struct{})}
	first, err := load()
	if err != nil {
		return nil, err
	}
	content, err := f.parseSafely(first)
	if err != nil {
		return nil, err
	}
	f.currentSum, f.lastSum = first.sum, first.sum
	f.state.Store(&snapshot[T]{current: content})
	f.start()
	return f, nil
}

// start begins the polling.
func (f *File[T]) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.timer = time.AfterFunc(pollInterval, pollAgain(weak.Make(f)))
}

// pollAgain polls a File that is not garbage yet, and sets its timer again.
func pollAgain[T any](held weak.Pointer[File[T]]) func() {
	return func() {
		f := held.Value()
		if f == nil {
			return
		}
		f.Poll()
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.stopped {
			f.timer.Reset(pollInterval)
		}
	}
}

// Stop ends the polling: what is in force stays so.
func (f *File[T]) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	f.timer.Stop()
}

// Current is the newest content that parsed.
func (f *File[T]) Current() T { return f.state.Load().current }

// Err says why the newest content is not in force, or is nil when it is.
func (f *File[T]) Err() error { return f.state.Load().err }

// Poll reads the file once, and puts it in force if it changed, the read before gave the
// same bytes, and it parses.
func (f *File[T]) Poll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	newest, err := f.load()
	sum, was := newest.sum, f.lastSum // the sum is empty after an error
	f.lastSum = sum
	last := f.Err()
	switch {
	case sum != was:
	case err != nil:
		f.reject(err, "")
	case sum == f.currentSum:
		f.confirm()
		if last != nil {
			f.publish(f.Current(), nil)
		}
	case last == nil || sum != f.rejectedSum:
		content, err := f.parseSafely(newest)
		if err != nil {
			f.reject(err, sum)
			return
		}
		f.currentSum = sum
		f.publish(content, nil)
		f.confirm()
	}
}

func (f *File[T]) confirm() {
	select {
	case <-f.confirmed:
	default:
		close(f.confirmed)
	}
}

// reject records, once, why the newest bytes are not in force.
func (f *File[T]) reject(err error, sum string) {
	if last := f.Err(); last == nil || f.rejectedSum != sum || last.Error() != err.Error() {
		f.rejectedSum = sum
		f.publish(f.Current(), err)
	}
}

func (f *File[T]) publish(content T, err error) {
	f.state.Store(&snapshot[T]{content, err})
	if f.changed != nil {
		f.changed(content, err)
	}
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxBytes>>20)
	}
	return data, nil
}

// SHA256 is the hash of a file's bytes, in hexadecimal.
func SHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
