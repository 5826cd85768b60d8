package replies

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
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

// query is f for Temporal's visibility store.
func (f Filter) query() visibility.Condition {
	parts := []visibility.Condition{visibility.Equals(visibility.WorkflowType, workflows.PrivateReplyType)}
	add := func(wanted bool, condition visibility.Condition) {
		if wanted {
			parts = append(parts, condition)
		}
	}
	add(len(f.IDs) > 0, visibility.In(visibility.WorkflowID, f.IDs...))
	add(len(f.States) > 0, visibility.In(workflows.ReplyState, f.States...))
	add(f.Account != "", visibility.Equals(workflows.AccountID, f.Account))
	add(f.Rule != "", visibility.Equals(workflows.RuleName, f.Rule))
	add(f.Media != "", visibility.Equals(workflows.MediaID, f.Media))
	add(f.Source != "", visibility.Equals(workflows.CommentSource, f.Source))
	add(f.NotSource != "", visibility.NotEquals(workflows.CommentSource, f.NotSource))
	add(f.Running, visibility.Running)
	add(!f.StartedFrom.IsZero(), visibility.From(visibility.StartTime, f.StartedFrom))
	add(!f.StartedBefore.IsZero(), visibility.Before(visibility.StartTime, f.StartedBefore))
	add(!f.DeadlineBefore.IsZero(), visibility.Before(workflows.ReplyDeadline, f.DeadlineBefore))
	return visibility.And(parts...)
}

// withinDeadlines narrows a query to deadlines from from until to.
func withinDeadlines(query visibility.Condition, from, to time.Time) visibility.Condition {
	return visibility.And(query, visibility.From(workflows.ReplyDeadline, from), visibility.Before(workflows.ReplyDeadline, to))
}
