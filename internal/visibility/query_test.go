package visibility_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/privatereply/privatereply/internal/visibility"
)

func ExampleAnd() {
	fmt.Println(visibility.And(
		visibility.Equals(visibility.WorkflowType, "PrivateReply"),
		visibility.Running,
		visibility.In(visibility.WorkflowID, "reply:instagram:1:2", "reply:instagram:1:3"),
	))
	// Output: WorkflowType = "PrivateReply" AND ExecutionStatus = "Running" AND WorkflowId IN ("reply:instagram:1:2", "reply:instagram:1:3")
}

// No value can end its own quotes and add a condition. That the server reads the
// escapes so is tested where a server runs, in TestFilterValuesAreEscaped.
func TestValuesAreEscaped(t *testing.T) {
	const name = `a" OR WorkflowId != "b\`
	const quoted = `"a\" OR WorkflowId != \"b\\"`
	at := time.Date(2026, 1, 2, 4, 4, 5, 6, time.FixedZone("", 3600))
	for want, got := range map[string]visibility.Condition{
		`WorkflowId = ` + quoted:                             visibility.Equals(visibility.WorkflowID, name),
		`(RunId != ` + quoted + ` OR RunId IS NULL)`:         visibility.NotEquals(visibility.RunID, name),
		`WorkflowType IN (` + quoted + `, "é")`:              visibility.In(visibility.WorkflowType, name, "é"),
		`WorkflowId STARTS_WITH ` + quoted:                   visibility.HasPrefix(visibility.WorkflowID, name),
		`WorkflowId BETWEEN ` + quoted + ` AND ` + quoted:    visibility.Between(visibility.WorkflowID, name, name),
		`StartTime >= "2026-01-02T03:04:05Z"`:                visibility.From(visibility.StartTime, at),
		`StartTime < "2026-01-02T03:04:05Z"`:                 visibility.Before(visibility.StartTime, at),
		`ExecutionStatus = "Running" AND WorkflowId = "one"`: visibility.And(visibility.Running, visibility.Equals(visibility.WorkflowID, "one")),
	} {
		if got.String() != want {
			t.Errorf("the query is\n%s\nwant\n%s", got, want)
		}
	}
}
