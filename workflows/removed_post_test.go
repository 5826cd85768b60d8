package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// The list of replies lags: a removed post is gone through again after a while, until
// that finds nobody, and never for ever.
func TestRemovedPost(t *testing.T) {
	tests := []struct {
		name   string
		finds  []int // of the passes; the last one is what all further ones find
		passes int
		told   int
	}{
		{"nobody", []int{0}, 2, 0},
		{"all at once", []int{20_000, 0}, 2, 20_000},
		{"some are listed late", []int{3, 2, 1, 0}, 4, 6},
		{"nobody is listed at first", []int{0, 5, 0}, 3, 5},
		{"one cannot take its signals", []int{1}, maxPasses, maxPasses},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.SetStartTime(start)
			env.RegisterWorkflowWithOptions(RemovedPost, workflow.RegisterOptions{Name: RemovedPostType})
			in := RemovedPostInput{Platform: privatereply.Facebook, Account: "1", Media: "1_2"}
			var at []time.Duration
			env.RegisterActivityWithOptions(func(context.Context, RemovedPostInput) (WithdrawRepliesResult, error) { panic("mocked") },
				activity.RegisterOptions{Name: WithdrawRepliesActivity})
			env.OnActivity(WithdrawRepliesActivity, mock.Anything, in).Return(func(context.Context, RemovedPostInput) (WithdrawRepliesResult, error) {
				at = append(at, env.Now().Sub(start))
				return WithdrawRepliesResult{Signalled: tt.finds[min(len(at), len(tt.finds))-1]}, nil
			})
			env.ExecuteWorkflow(RemovedPostType, in)
			var result WithdrawRepliesResult
			if err := env.GetWorkflowResult(&result); err != nil || result.Signalled != tt.told {
				t.Errorf("%+v, %v; want %d told", result, err, tt.told)
			}
			if len(at) != tt.passes {
				t.Fatalf("passes at %v, want %d", at, tt.passes)
			}
			for i := range at[1:] {
				if at[i+1]-at[i] < visibilityLag {
					t.Errorf("passes at %v", at)
				}
			}
		})
	}
}
