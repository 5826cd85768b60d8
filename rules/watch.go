package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// settle is how long after a change the file is read. Editors and Kubernetes
	// change a file in several steps.
	settle = 200 * time.Millisecond
	// pollEvery is how often the file is read without being told of a change:
	// network file systems and single files mounted into a container tell nothing.
	pollEvery = 30 * time.Second
)

// Watcher holds the rules file that is in force and reads it again when it changes.
type Watcher struct {
	path   string
	logger *zap.Logger
	set    atomic.Pointer[Set]
	failed atomic.Pointer[failure]
}

// failure is why the newest file is not in force.
type failure struct {
	err    error
	sha256 string // of the file; empty when it could not be read
}

// Watch loads the rules file at path and keeps it up to date until ctx is done.
// A file that does not load at first is an error.
func Watch(ctx context.Context, path string, logger *zap.Logger) (*Watcher, error) {
	return watch(ctx, path, logger, pollEvery)
}

func watch(ctx context.Context, path string, logger *zap.Logger, poll time.Duration) (*Watcher, error) {
	w := &Watcher{path: path, logger: logger.With(zap.String("rules_file", path))}
	// Watching begins before the first read, so that no change falls between them.
	// The directory is watched because editors and Kubernetes put another file in
	// the place of the old one.
	notify, err := fsnotify.NewWatcher()
	if err == nil {
		err = notify.Add(filepath.Dir(path))
	}
	if err != nil {
		w.logger.Warn("Changes of the rules file are noticed late", zap.Duration("read_every", poll), zap.Error(err))
	}
	set, err := Load(path)
	if err != nil {
		if notify != nil {
			_ = notify.Close()
		}
		return nil, err
	}
	w.set.Store(set)
	go w.run(ctx, notify, poll)
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

func (w *Watcher) run(ctx context.Context, notify *fsnotify.Watcher, poll time.Duration) {
	var events chan fsnotify.Event // nil, and so never ready, without notifications
	var errs chan error
	if notify != nil {
		defer func() { _ = notify.Close() }()
		events, errs = notify.Events, notify.Errors
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			// Other files in the directory may change all the time, so a further
			// event does not put off the reading.
			if settled == nil {
				settled = time.After(settle)
			}
		case err := <-errs:
			w.logger.Warn("Watching the rules file failed", zap.Error(err))
		case <-ticker.C:
			w.reload()
		case <-settled:
			settled = nil
			w.reload()
		}
	}
}

// reload puts the file in force if it changed and loads.
func (w *Watcher) reload() {
	data, err := read(w.path)
	if err != nil {
		w.fail(failure{err: err})
		return
	}
	sum := hash(data)
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
