// Package reload keeps a parsed file up to date while a program runs.
package reload

import (
	"os"
	"sync"
	"time"
)

// interval is how often the file is looked at, at most.
const interval = time.Second

// File is the parsed content of a file that may change. It looks at the file when
// it is asked, at most once a second, so that it needs no goroutine and notices
// every way of replacing a file: in place, by rename, by a swapped symbolic link.
// A content that does not parse leaves the one before in force.
type File[T any] struct {
	path  string
	parse func(path string) (T, error)
	now   func() time.Time

	mu      sync.Mutex
	checked time.Time
	seen    stamp
	current T
	err     error
}

// stamp tells two versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
	info     os.FileInfo
}

func (s stamp) same(o stamp) bool {
	return s.modified.Equal(o.modified) && s.size == o.size && os.SameFile(s.info, o.info)
}

// Open parses the file for the first time. An error then is final.
func Open[T any](path string, parse func(path string) (T, error)) (*File[T], error) {
	f := &File[T]{path: path, parse: parse, now: time.Now}
	f.checked = f.now()
	var err error
	if f.seen, err = stampOf(path); err != nil {
		return nil, err
	}
	if f.current, err = parse(path); err != nil {
		return nil, err
	}
	return f, nil
}

// Current is the newest content that parsed.
func (f *File[T]) Current() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.current
}

// Err says why the newest content is not in force, or is nil when it is.
func (f *File[T]) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.err
}

func (f *File[T]) refresh() {
	now := f.now()
	if now.Sub(f.checked) < interval {
		return
	}
	f.checked = now
	seen, err := stampOf(f.path)
	if err != nil {
		f.err = err
		return
	}
	if f.err == nil && seen.same(f.seen) {
		return
	}
	content, err := f.parse(f.path)
	f.err = err
	if err == nil {
		f.seen, f.current = seen, content
	}
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{modified: info.ModTime(), size: info.Size(), info: info}, nil
}
