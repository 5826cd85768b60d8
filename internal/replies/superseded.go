package replies

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// maxSuperseded limits the runs that a query excludes: the newest. Older ones are listed
	// beside the run that took their place, until Temporal deletes them.
	maxSuperseded = 200
	// supersededTTL is how long the list of them is cached.
	supersededTTL = 5 * time.Second
	// visibilityDelay is more than it takes until a workflow is listed.
	visibilityDelay = time.Minute
)

// supersededRuns has the runs of rejections that were taken back: another run with the same
// workflow id has taken their place, so lists and counts leave them out.
type supersededRuns struct {
	mu     sync.Mutex
	listed []string
	readAt time.Time
	own    map[string]time.Time // that this client took back, which may not be listed yet
}

// where is the query of f, without the runs that were taken back. They ended as rejected.
func (c *Client) where(ctx context.Context, f Filter) (visibility.Condition, error) {
	if len(f.States) > 0 && !slices.Contains(f.States, privatereply.Rejected) || f.Running {
		return f.query(), nil
	}
	runs, err := c.superseded.list(ctx, c)
	if err != nil || len(runs) == 0 {
		return f.query(), err
	}
	return visibility.And(f.query(), visibility.NotIn(visibility.RunID, runs...)), nil
}

// list lists the runs: each has a Reopen of its own, whose id says which run it was.
func (s *supersededRuns) list(ctx context.Context, c *Client) ([]string, error) {
	now := c.now()
	s.mu.Lock()
	listed, fresh := s.listed, now.Sub(s.readAt) < supersededTTL
	s.mu.Unlock()
	if !fresh {
		page, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query:    visibility.And(visibility.Equals(visibility.WorkflowType, workflows.ReopenType), visibility.Completed).String(),
			PageSize: maxSuperseded,
		})
		if err != nil {
			return nil, fmt.Errorf("list the rejections that were taken back: %w", err)
		}
		listed = nil
		for _, info := range page.GetExecutions() {
			if run, ok := strings.CutPrefix(info.GetExecution().GetWorkflowId(), workflows.ReopenID("")); ok {
				listed = append(listed, run)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !fresh {
		s.listed, s.readAt = listed, now
	}
	runs := slices.Clone(listed)
	for run, at := range s.own {
		if now.Sub(at) > visibilityDelay {
			delete(s.own, run)
		} else if !slices.Contains(runs, run) {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// add adds a run that this client has taken back.
func (s *supersededRuns) add(run string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		s.own = map[string]time.Time{}
	}
	s.own[run] = at
}
