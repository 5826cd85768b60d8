package insist_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply/internal/insist"
)

// Guards: an Update that the server dropped is sent again, and nothing else is.
func TestUpdate(t *testing.T) {
	dropped := fmt.Errorf("approve: %w", serviceerror.NewWorkflowNotReady("unexpected workflow task failure"))
	refused := errors.New("already decided")
	tests := map[string]struct {
		answers []error // one a try
		want    error
	}{
		"taken at once":    {[]error{nil}, nil},
		"dropped once":     {[]error{dropped, nil}, nil},
		"refused":          {[]error{refused, nil}, refused},
		"dropped, refused": {[]error{dropped, refused}, refused},
		"always dropped":   {[]error{dropped, dropped, dropped, dropped, dropped}, dropped},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := 0
				n, err := insist.Update(t.Context(), func() (int, error) {
					tried++
					return tried, tc.answers[tried-1]
				})
				if !errors.Is(err, tc.want) || n != tried {
					t.Errorf("answer %d of try %d, error %v; want %v", n, tried, err, tc.want)
				}
			})
		})
	}
}

// Guards: who gives up waiting is not kept.
func TestUpdateCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tried := 0
	_, err := insist.Update(ctx, func() (int, error) {
		tried++
		cancel()
		return 0, serviceerror.NewWorkflowNotReady("")
	})
	if err == nil || tried != 1 {
		t.Errorf("%d tries after the end, error %v", tried, err)
	}
}
