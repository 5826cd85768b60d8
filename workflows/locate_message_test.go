package workflows

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// Meta is asked who sent a message with growing pauses and for a day; whatever comes of
// it, the workflow ends with a result that says so.
func TestLocateMessage(t *testing.T) {
	later := func(named time.Duration) error {
		return temporal.NewApplicationErrorWithOptions("Meta is limiting this account", string(privatereply.Throttled), temporal.ApplicationErrorOptions{NextRetryDelay: named})
	}
	tests := []struct {
		name  string
		fails int
		err   error
		want  LocateMessageResult
		most  int // tries
		lasts time.Duration
	}{
		{"at once", 0, nil, LocateMessageResult{Outcome: LocateNotified}, 1, 0},
		{"after an outage of an hour", 9, later(0), LocateMessageResult{Outcome: LocateNotified}, 10, 2 * time.Hour},
		{"after the time that Meta named", 1, later(3 * time.Hour), LocateMessageResult{Outcome: LocateNotified}, 2, 3 * time.Hour},
		{"never", 1 << 30, later(0), LocateMessageResult{Outcome: LocateTimedOut, Reason: privatereply.Throttled}, 60, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.SetStartTime(start)
			env.RegisterWorkflowWithOptions(LocateMessage, workflow.RegisterOptions{Name: LocateMessageType})
			var tries []time.Duration
			env.RegisterActivityWithOptions(func(_ context.Context, in LocateMessageInput) (LocateMessageResult, error) {
				tries = append(tries, env.Now().Sub(start))
				if in.Message.MessageID != "m_1" || !in.HumanAgent {
					t.Errorf("asked for %+v", in)
				}
				if len(tries) <= tt.fails {
					return LocateMessageResult{}, tt.err
				}
				return LocateMessageResult{Outcome: LocateNotified}, nil
			}, activity.RegisterOptions{Name: LocateMessageActivity})
			env.ExecuteWorkflow(LocateMessageType, LocateMessageInput{
				Message: privatereply.PersonMessage{Platform: privatereply.Instagram, Account: "1", MessageID: "m_1"}, HumanAgent: true,
			})
			var got LocateMessageResult
			if err := env.GetWorkflowResult(&got); err != nil || got != tt.want {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
			if len(tries) > tt.most || tries[len(tries)-1] > tt.lasts {
				t.Errorf("%d tries, the last after %v; want %d within %v", len(tries), tries[len(tries)-1], tt.most, tt.lasts)
			}
			pause := time.Duration(0)
			for i := range tries[1:] {
				if next := tries[i+1] - tries[i]; next < pause {
					t.Errorf("a pause of %v after one of %v", next, pause)
				} else {
					pause = next
				}
			}
		})
	}
}
