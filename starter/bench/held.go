package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/internal/placing"
	"github.com/privatereply/privatereply/starter/load"
	"github.com/privatereply/privatereply/workflows"
)

// held is what Temporal holds of some storms before they have drained.
type held struct {
	acknowledged int
	found        int // of those: replies, and comments in the input of an Intake
	replies      int
	perSecond    float64 // replies started, from the first to the last
}

// held looks for every acknowledged comment by its id: it has a reply, or it is
// among the events of an Intake. That takes seconds where the drain takes minutes.
func (s *stack) held(ctx context.Context, results ...*load.Result) (held, error) {
	var h held
	var missing []string
	var first, last time.Time
	started := 0
	for _, r := range results {
		census, err := r.Look(ctx, s.client)
		if err != nil {
			return h, err
		}
		h.acknowledged += r.Comments
		missing = append(missing, census.Missing()...)
		n, from, to := census.Starts()
		if n == 0 {
			continue
		}
		if started += n; first.IsZero() || from.Before(first) {
			first = from
		}
		if to.After(last) {
			last = to
		}
	}
	h.replies = h.acknowledged - len(missing)
	h.found = h.acknowledged
	if took := last.Sub(first).Seconds(); took > 0 {
		h.perSecond = float64(started) / took
	}
	if len(missing) == 0 {
		return h, nil
	}
	waiting, err := s.waiting(ctx)
	if err != nil {
		return h, err
	}
	for _, id := range missing {
		if !waiting[id] {
			h.found--
		}
	}
	return h, nil
}

// waiting are the workflow ids that the events of all Intakes are for. Intakes that
// are done count as well: visibility may not show their last replies yet.
func (s *stack) waiting(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	req := &workflowservice.ListWorkflowExecutionsRequest{Query: `WorkflowType = "` + workflows.IntakeType + `"`, PageSize: 1000}
	for {
		page, err := s.client.ListWorkflow(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("list the Intakes: %w", err)
		}
		for _, info := range page.GetExecutions() {
			history, err := s.client.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
				Namespace: s.server.Namespace, Execution: info.GetExecution(), MaximumPageSize: 1,
			})
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", info.GetExecution().GetWorkflowId(), err)
			}
			payloads := history.GetHistory().GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()
			var in workflows.IntakeInput
			if err := json.Unmarshal(payloads[0].GetData(), &in); err != nil {
				return nil, fmt.Errorf("decode %s: %w", info.GetExecution().GetWorkflowId(), err)
			}
			for _, a := range in.Arrivals {
				id, err := placing.ID(a)
				if err != nil {
					return nil, err
				}
				ids[id] = true
			}
		}
		if req.NextPageToken = page.GetNextPageToken(); len(req.NextPageToken) == 0 {
			return ids, nil
		}
	}
}
