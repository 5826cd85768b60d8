package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// lookEvery is how often the file is read. To be told of changes is no better: network
// file systems and single files mounted into a container tell nothing, and a folder
// tells of all that is written in it.
const lookEvery = time.Second

// Watcher holds the rules file that is in force and reads it again when it changes.
type Watcher struct {
	path   string
	logger *zap.Logger
	set    atomic.Pointer[Set]
	failed atomic.Pointer[failure]
	seen   string // at the last look: the hash of the file; empty when it could not be read
}

// failure is why the newest file is not in force.
type failure struct {
	err    error
	sha256 string // of the file; empty when it could not be read
}

// Watch loads the rules file at path and keeps it up to date until ctx is done.
// A file that does not load at first is an error.
func Watch(ctx context.Context, path string, logger *zap.Logger) (*Watcher, error) {
	return watch(ctx, path, logger, lookEvery)
}

func watch(ctx context.Context, path string, logger *zap.Logger, every time.Duration) (*Watcher, error) {
	set, err := Load(path)
	if err != nil {
		return nil, err
	}
	w := &Watcher{path: path, logger: logger.With(zap.String("rules_file", path)), seen: set.SHA256()}
	w.set.Store(set)
	go w.run(ctx, every)
	return w, nil
}

// Current is the newest file that loaded.
func (w *Watcher) Current() *Set { return w.set.Load() }

// Err is why the newest file is not in force, or nil when it is.
func (w *Watcher) Err() error {
	if f := w.failed.Load(); f != nil {
		return f.err
	}
	return nil
}

func (w *Watcher) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.look()
		}
	}
}

// look puts the file in force if it changed and loads. A change counts when a second
// look sees the same: editors and Kubernetes change a file in several steps, and half a
// rules file can be a valid one.
func (w *Watcher) look() {
	data, err := read(w.path)
	sum := ""
	if err == nil {
		sum = hash(data)
	}
	was := w.seen
	w.seen = sum
	switch {
	case sum != was:
		return
	case err != nil:
		w.fail(failure{err: err})
		return
	}
	last := w.failed.Load()
	if sum == w.Current().SHA256() && last == nil || last != nil && sum == last.sha256 {
		return
	}
	set, err := Parse(filepath.Base(w.path), data)
	if err != nil {
		w.fail(failure{err: err, sha256: sum})
		return
	}
	w.set.Store(set)
	w.failed.Store(nil)
	w.logger.Info("The rules file is in force", zap.String("rules_sha256", sum), zap.Int("rules", len(set.rules)))
}

// fail records f and logs it, once for each file and error.
func (w *Watcher) fail(f failure) {
	f.err = fmt.Errorf("the rules file changed but is not in force; the earlier one still is: %w", f.err)
	if last := w.failed.Load(); last != nil && last.sha256 == f.sha256 && last.err.Error() == f.err.Error() {
		return
	}
	w.failed.Store(&f)
	w.logger.Error("The changed rules file is not in force; the earlier one still is", zap.Error(f.err))
}
