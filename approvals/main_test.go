package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
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

// What the command writes is a users file that lets its user in, and the token is
// nowhere in it.
func TestNewUser(t *testing.T) {
	var file, told strings.Builder
	for _, args := range [][]string{{"ana", "--role", "admin"}, {"O'Neil: \"ben\"", "--role=viewer"}, {"carl"}} {
		if err := newUser(args, &file, &told); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := signin.OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	all := users.All()
	if len(all) != 3 || all[0].Name != "ana" || all[0].Role != signin.Admin || all[1].Name != "O'Neil: \"ben\"" || all[2].Role != signin.Approver {
		t.Errorf("the file has %v", all)
	}
	if strings.Contains(file.String(), "desk-") || strings.Count(told.String(), "desk-") != 3 {
		t.Error("a token is in the file, or was not told")
	}
}

// A mistyped command makes nothing and says how to write it.
func TestNewUserRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"ana", "--role", "boss"}, {"ana", "admin"}, {""}, {"--help"}} {
		var out, told strings.Builder
		if err := newUser(args, &out, &told); err == nil || out.Len() > 0 || told.Len() > 0 {
			t.Errorf("%q: %v, wrote %q", args, err, out.String())
		}
	}
}
