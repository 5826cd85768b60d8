// Package insist repeats an Update that Temporal gave up for no fault of anybody's.
package insist

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
)

const (
	tries = 5
	pause = 100 * time.Millisecond
)

// Update sends an Update with ask, and again while the server says that the
// workflow was not ready for it. That happens when something else reached the
// workflow in the moment in which the Update ended it: the server then throws the
// whole workflow task away, the Update with it, and the SDK does not repeat it. Ask
// must use the same Update id each time.
func Update[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		answer, err := ask()
		var notReady *serviceerror.WorkflowNotReady
		if try == tries || !errors.As(err, &notReady) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(pause):
		}
	}
}
