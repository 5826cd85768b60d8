package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

// source is a visibility store that answers with err.
type source struct{ err error }

func (s source) Count(context.Context, replies.Filter) (int64, error) { return 0, s.err }
func (s source) Earliest(context.Context, replies.Filter, int) ([]replies.Row, error) {
	return nil, s.err
}
func (s source) Page(context.Context, replies.Filter, int, []byte) ([]replies.Row, []byte, error) {
	return nil, nil, s.err
}

// A desk that cannot read what waits is not ready, and says why.
func TestReadable(t *testing.T) {
	for name, err := range map[string]error{"read": nil, "not read": errors.New("too many requests")} {
		t.Run(name, func(t *testing.T) {
			waiting := queue.New(source{err}, zap.NewNop())
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				waiting.Run(ctx)
			}()
			check := queueCheck(waiting)
			got := check.Run(t.Context())
			stop()
			<-ended
			if check.Advisory || (got == nil) != (err == nil) || got != nil && !strings.Contains(got.Error(), "too many requests") {
				t.Errorf("the check says %v, want %v", got, err)
			}
		})
	}
}
