package workflows_test

import (
	"os"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

// billable are the events that Temporal Cloud counts as actions:
// https://docs.temporal.io/evaluate/cloud/actions. A signal with start counts once
// at its sender; workflow tasks, completions and cancelled timers do not count.
var billable = map[enumspb.EventType]bool{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:                   true,
	enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:                      true,
	enumspb.EVENT_TYPE_TIMER_STARTED:                                true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:                  true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:           true,
	enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:            true,
	enumspb.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:                 true,
	enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: true,
	enumspb.EVENT_TYPE_MARKER_RECORDED:                              true,
}

// What a comment costs is part of the product: a path that grows shows here.
func TestActions(t *testing.T) {
	tests := []struct {
		name    string
		history string
		actions int
	}{
		{"ignored", "ignored", 1},
		// Start, send, upsert sent, join, the wait for the answer, upsert no_response.
		{"answered by a rule, no response", "no-response", 6},
		// Start, update, upsert sending, send, upsert sent, join, the wait for the answer,
		// signal, upserts responded and window_closed, and the time in which others who
		// decide are still answered. One that waits longer has its look-up and its deadline
		// too, and not the last: its Update was long ago.
		{"approved and answered", "window-closed", 11},
		// Start, hold, update, upsert rejected, and the time in which others are answered.
		{"rejected at once", "held-then-rejected", 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := os.Open("testdata/histories/v0.2/" + tt.history + ".json")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
			if err != nil {
				t.Fatal(err)
			}
			actions := 0
			for _, event := range history.GetEvents() {
				if billable[event.GetEventType()] {
					actions++
				}
			}
			if actions != tt.actions {
				t.Errorf("%d actions, want %d", actions, tt.actions)
			}
		})
	}
}
