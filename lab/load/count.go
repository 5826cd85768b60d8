package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

const (
	// pageRows is the server's limit for one page of a list.
	pageRows = 1000
	// stalled is how long the count may stand still before it is taken for the end.
	stalled = 30 * time.Second
	// askedFor bounds how many missing replies are asked for by their ids.
	askedFor = 1000
	// A server that has just had a storm may need several questions for an answer.
	questions     = 5
	questionPause = 2 * time.Second
)

// Verify waits until Temporal has a reply to every acknowledged comment, and counts
// them by their ids. It gives up when nothing new has appeared for half a minute, or
// after wait; what is missing then is missing. Progress is told how many replies
// visibility shows.
func (r *Result) Verify(ctx context.Context, c client.Client, wait time.Duration, progress func(found int)) (Verification, error) {
	began := time.Now()
	last, lastAt := -1, began
	for {
		asked := time.Now()
		found, err := r.visible(ctx, c)
		if err != nil {
			return Verification{}, err
		}
		progress(found)
		if found != last {
			last, lastAt = found, asked
		}
		over := time.Since(lastAt) > stalled || time.Since(began) > wait
		if found >= r.Comments || over {
			all, err := r.CountReplies(ctx, c)
			if err != nil {
				return Verification{}, err
			}
			missing := all.Missing()
			if over {
				err = all.ask(ctx, c, missing)
			}
			if len(missing) == 0 || over {
				return all.Verification(), err
			}
		}
		// Counting costs the server as well: it may take a twentieth of the time.
		if !sleepUntil(ctx, time.Now().Add(max(beat, 20*time.Since(asked)))) {
			return Verification{}, context.Cause(ctx)
		}
	}
}

// visible is how many replies of the storm visibility shows.
func (r *Result) visible(ctx context.Context, c client.Client) (int, error) {
	total := 0
	for _, query := range r.numbers.queries() {
		err := insist(ctx, func() error {
			resp, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
			total += int(resp.GetCount())
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("count the replies: %w", err)
		}
	}
	return total, nil
}

// CountReplies reads which replies of the storm visibility shows now.
func (r *Result) CountReplies(ctx context.Context, c client.Client) (*ReplyCount, error) {
	all := newCensus(r)
	for _, query := range r.numbers.queries() {
		req := &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: pageRows}
		for {
			var page *workflowservice.ListWorkflowExecutionsResponse
			err := insist(ctx, func() (err error) {
				page, err = c.ListWorkflow(ctx, req)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("list the replies: %w", err)
			}
			for _, info := range page.GetExecutions() {
				all.add(info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId(), info.GetStartTime().AsTime())
			}
			if req.NextPageToken = page.GetNextPageToken(); len(req.NextPageToken) == 0 {
				break
			}
		}
	}
	return all, nil
}

// insist asks until there is an answer, a few times.
func insist(ctx context.Context, ask func() error) error {
	for n := 1; ; n++ {
		err := ask()
		if err == nil || n == questions || !sleepUntil(ctx, time.Now().Add(questionPause)) {
			return err
		}
	}
}

// ask looks for missing replies by their ids. Visibility may be behind; it is no proof.
func (a *ReplyCount) ask(ctx context.Context, c client.Client, missing []string) error {
	for _, id := range missing[:min(len(missing), askedFor)] {
		resp, err := c.DescribeWorkflowExecution(ctx, id, "")
		var notFound *serviceerror.NotFound
		if errors.As(err, &notFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look for %s: %w", id, err)
		}
		info := resp.GetWorkflowExecutionInfo()
		a.add(id, info.GetExecution().GetRunId(), info.GetStartTime().AsTime())
	}
	return nil
}
