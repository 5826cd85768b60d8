package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/workflows"
)

// held is what Temporal holds of some storms before they have drained.
type held struct {
	acknowledged int
	found        int // of those: replies, and comments in the input of an Intake
	replies      int
	during       int // of those: started while the storms came in
	after        int // and in drainTime after them
}

// span is a time.
type span struct{ from, to time.Time }

func (s span) perSecond(n int) float64 { return float64(n) / s.to.Sub(s.from).Seconds() }

// held looks for every acknowledged comment by its id: it has a reply, or it is
// among the events of an Intake. That takes seconds where the drain takes minutes.
func (s *stack) held(ctx context.Context, storms span, results ...*load.Result) (held, error) {
	var h held
	var missing []string
	for _, r := range results {
		census, err := r.CountReplies(ctx, s.client)
		if err != nil {
			return h, err
		}
		h.acknowledged += r.Comments
		missing = append(missing, census.Missing()...)
		h.during += census.StartedBetween(storms.from, storms.to)
		h.after += census.StartedBetween(storms.to, storms.to.Add(drainTime))
	}
	h.replies = h.acknowledged - len(missing)
	h.found = h.acknowledged
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
	req := &workflowservice.ListWorkflowExecutionsRequest{Query: visibility.Equals(visibility.WorkflowType, workflows.IntakeType).String(), PageSize: 1000}
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
			for _, a := range in.Events {
				id, err := routing.WorkflowID(a)
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
