package replies

import (
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Filter says which replies are meant. Empty fields mean all of them.
type Filter struct {
	States  []privatereply.State
	Account string
	Rule    string
	Media   string
	Source  privatereply.Source
	// NotSource leaves out the replies of one source.
	NotSource privatereply.Source
	Running   bool     // only those whose workflow has not ended
	IDs       []string // only these workflows

	StartedFrom, StartedBefore time.Time
	DeadlineBefore             time.Time
}

// query writes f for Temporal's visibility store.
func (f Filter) query() string {
	parts := []string{equals("WorkflowType", workflows.PrivateReplyType)}
	add := func(wanted bool, condition string) {
		if wanted {
			parts = append(parts, condition)
		}
	}
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	add(len(f.IDs) > 0, oneOf("WorkflowId", f.IDs))
	add(len(states) > 0, oneOf(workflows.ReplyState.GetName(), states))
	add(f.Account != "", equals(workflows.AccountID.GetName(), f.Account))
	add(f.Rule != "", equals(workflows.RuleName.GetName(), f.Rule))
	add(f.Media != "", equals(workflows.MediaID.GetName(), f.Media))
	add(f.Source != "", equals(workflows.CommentSource.GetName(), string(f.Source)))
	add(f.NotSource != "", not(workflows.CommentSource.GetName(), string(f.NotSource)))
	add(f.Running, equals("ExecutionStatus", "Running"))
	add(!f.StartedFrom.IsZero(), "StartTime >= "+quote(f.StartedFrom.UTC().Format(time.RFC3339)))
	add(!f.StartedBefore.IsZero(), "StartTime < "+quote(f.StartedBefore.UTC().Format(time.RFC3339)))
	add(!f.DeadlineBefore.IsZero(), workflows.ReplyDeadline.GetName()+" < "+quote(f.DeadlineBefore.UTC().Format(time.RFC3339)))
	return strings.Join(parts, " AND ")
}

// within narrows a query to a slice of deadlines.
func within(query string, from, to time.Time) string {
	name := workflows.ReplyDeadline.GetName()
	return fmt.Sprintf("%s AND %s >= %s AND %s < %s", query,
		name, quote(from.Format(time.RFC3339)), name, quote(to.Format(time.RFC3339)))
}

func equals(attribute, value string) string { return attribute + " = " + quote(value) }

// not holds for what lacks the attribute as well, which != alone does not.
func not(attribute, value string) string {
	return "(" + attribute + " != " + quote(value) + " OR " + attribute + " IS NULL)"
}

func oneOf(attribute string, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return attribute + " IN (" + strings.Join(quoted, ", ") + ")"
}

// quote writes a value for a visibility query.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
