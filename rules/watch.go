package rules

import (
	"context"
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/reload"
)

// Watcher holds the rules file that is in force and reads it again when it changes.
type Watcher struct{ file *reload.File[*Set] }

// Watch loads the rules file at path and keeps it up to date until ctx is done.
// A file that does not load at first is an error.
func Watch(ctx context.Context, path string, logger *zap.Logger) (*Watcher, error) {
	logger = logger.With(zap.String("rules_file", path))
	file, err := reload.Open(path, parseFile, func(set *Set, err error) {
		if err != nil {
			logger.Error("The changed rules file is not in force; the earlier one still is", zap.Error(err))
			return
		}
		logger.Info("The rules file is in force", zap.String("rules_sha256", set.sha256), zap.Int("rules", len(set.rules)))
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	context.AfterFunc(ctx, file.Stop)
	return &Watcher{file}, nil
}

func parseFile(path string, data []byte) (*Set, error) { return Parse(filepath.Base(path), data) }

// Current is the newest file that loaded.
func (w *Watcher) Current() *Set { return w.file.Current() }

// Err is why the newest file is not in force, or nil when it is.
func (w *Watcher) Err() error {
	if err := w.file.Err(); err != nil {
		return fmt.Errorf("the rules file changed but is not in force; the earlier one still is: %w", err)
	}
	return nil
}
