package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply/internal/console"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// maxIDsShown bounds how many ids of each kind a report lists.
const maxIDsShown = 10

// Verification compares the acknowledged comments of a load test with the replies in
// Temporal, by id.
type Verification struct {
	Acknowledged     int      `json:"acknowledged"` // comments that must be there
	Found            int      `json:"found"`        // of those, the ones that are
	Missing          int      `json:"missing"`
	Extra            int      `json:"extra"`                 // replies to comments that were never sent
	Duplicated       int      `json:"doubled"`               // replies with more than one run
	MissingIDs       []string `json:"missing_ids,omitempty"` // the first ten, as the other ids
	ExtraIDs         []string `json:"extra_ids,omitempty"`
	DuplicatedIDs    []string `json:"doubled_ids,omitempty"`
	Unacknowledged   int      `json:"unacknowledged"`        // there all the same; Meta would deliver them again
	StartedPerSecond float64  `json:"started_per_second"`    // replies, from the first start to the last
	DrainedAfter     float64  `json:"drained_after_seconds"` // from the last answer to the last start
}

// Err is an error unless every acknowledged comment has exactly one reply.
func (k Verification) Err() error {
	if k.Missing+k.Extra+k.Duplicated == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d acknowledged comments have no reply, %d replies are of no comment that was sent, %d are duplicated",
		k.Missing, k.Acknowledged, k.Extra, k.Duplicated)
}

// Describe adds the verification in words.
func (k Verification) Describe(f *console.Facts) {
	f.Add("Verified", "%d of %d acknowledged comments have their reply: %d missing, %d extra, %d duplicated",
		k.Found, k.Acknowledged, k.Missing, k.Extra, k.Duplicated)
	if k.Unacknowledged > 0 {
		f.Add("", "%d more have one that were not acknowledged", k.Unacknowledged)
	}
	describeIDs(f, "Missing", k.MissingIDs)
	describeIDs(f, "Extra", k.ExtraIDs)
	describeIDs(f, "Duplicated", k.DuplicatedIDs)
	f.Add("Drained at", "%.0f replies started a second, the last one %.1f s after the last answer", k.StartedPerSecond, k.DrainedAfter)
}

func describeIDs(f *console.Facts, label string, ids []string) {
	for _, id := range ids {
		f.Add(label, "%s", id)
		label = ""
	}
}

const (
	// pageSize is the server's limit for one page of a list.
	pageSize = 1000
	// stallTimeout is how long the number of replies may stay the same before Verify gives up.
	stallTimeout = 30 * time.Second
	// maxLookups bounds how many missing replies are looked up by id.
	maxLookups = 1000
	// A server under load may need several attempts for an answer.
	maxAttempts = 5
	retryPause  = 2 * time.Second
)

// Verify waits until Temporal has a reply to every acknowledged comment, and compares
// them by id. It gives up when no new reply has appeared for stallTimeout, or after
// wait; what is missing then counts as missing. progress is called with the number of
// replies that visibility shows.
func (r *Result) Verify(ctx context.Context, c client.Client, wait time.Duration, progress func(found int)) (Verification, error) {
	began := time.Now()
	last, lastAt := -1, began
	for {
		asked := time.Now()
		found, err := r.countVisible(ctx, c)
		if err != nil {
			return Verification{}, err
		}
		progress(found)
		if found != last {
			last, lastAt = found, asked
		}
		over := time.Since(lastAt) > stallTimeout || time.Since(began) > wait
		if found >= r.Comments || over {
			all, err := r.CountReplies(ctx, c)
			if err != nil {
				return Verification{}, err
			}
			missing := all.Missing()
			if over {
				err = all.lookUpMissing(ctx, c, missing)
			}
			if len(missing) == 0 || over {
				return all.Verification(), err
			}
		}
		// Counting costs the server as well: it may take a twentieth of the time.
		if !sleepUntil(ctx, time.Now().Add(max(progressInterval, 20*time.Since(asked)))) {
			return Verification{}, context.Cause(ctx)
		}
	}
}

// countVisible is how many replies of the load test visibility shows.
func (r *Result) countVisible(ctx context.Context, c client.Client) (int, error) {
	total := 0
	for _, query := range r.ids.queries() {
		err := retry(ctx, func() error {
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

// CountReplies lists the replies of the load test that visibility shows now.
func (r *Result) CountReplies(ctx context.Context, c client.Client) (*ReplyCount, error) {
	all := newReplyCount(r)
	for _, query := range r.ids.queries() {
		req := &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: pageSize}
		for {
			var page *workflowservice.ListWorkflowExecutionsResponse
			err := retry(ctx, func() (err error) {
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

// retry repeats a call until it succeeds, at most maxAttempts times.
func retry(ctx context.Context, call func() error) error {
	for n := 1; ; n++ {
		err := call()
		if err == nil || n == maxAttempts || !sleepUntil(ctx, time.Now().Add(retryPause)) {
			return err
		}
	}
}

// lookUpMissing describes missing replies by their ids: visibility may lag, so its
// lists prove nothing.
func (a *ReplyCount) lookUpMissing(ctx context.Context, c client.Client, missing []string) error {
	for _, id := range missing[:min(len(missing), maxLookups)] {
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

// ReplyCount is a snapshot of which comments of a load test have replies.
type ReplyCount struct {
	result     *Result
	runIDs     map[string]string // by workflow id: a run
	found      []bool            // by the comment's number
	extra      []string
	duplicated []string
	starts     []time.Time // of the replies, unordered
}

func newReplyCount(r *Result) *ReplyCount {
	return &ReplyCount{result: r, runIDs: map[string]string{}, found: make([]bool, r.issued*r.Batch)}
}

// add counts a reply. Pages of a list overlap when a workflow closes meanwhile, so the
// same run may appear twice.
func (a *ReplyCount) add(workflowID, runID string, startedAt time.Time) {
	if run, known := a.runIDs[workflowID]; known {
		if run != runID {
			a.duplicated = append(a.duplicated, workflowID)
		}
		return
	}
	a.runIDs[workflowID] = runID
	number, ok := a.result.ids.number(workflowID)
	if !ok || number >= len(a.found) {
		a.extra = append(a.extra, workflowID)
		return
	}
	a.found[number] = true
	a.starts = append(a.starts, startedAt)
}

// Missing lists the acknowledged comments without a reply, by the workflow ids that
// their replies would have.
func (a *ReplyCount) Missing() []string {
	var all []string
	for number, there := range a.found {
		if !there && a.result.acknowledged[number/a.result.Batch] {
			all = append(all, a.result.ids.workflowID(number))
		}
	}
	return all
}

// Verification compares the snapshot with the acknowledged comments.
func (a *ReplyCount) Verification() Verification {
	missing := a.Missing()
	k := Verification{
		Acknowledged: a.result.Comments, Found: a.result.Comments - len(missing), Missing: len(missing), MissingIDs: missing[:min(maxIDsShown, len(missing))],
		Extra: len(a.extra), ExtraIDs: a.extra[:min(maxIDsShown, len(a.extra))],
		Duplicated: len(a.duplicated), DuplicatedIDs: a.duplicated[:min(maxIDsShown, len(a.duplicated))],
	}
	k.Unacknowledged = len(a.starts) - k.Found
	if len(a.starts) > 0 {
		first, last := slices.MinFunc(a.starts, time.Time.Compare), slices.MaxFunc(a.starts, time.Time.Compare)
		if took := last.Sub(first).Seconds(); took > 0 {
			k.StartedPerSecond = float64(len(a.starts)) / took
		}
		k.DrainedAfter = max(0, last.Sub(a.result.lastAnswer).Seconds())
	}
	return k
}

// StartedBetween is how many replies of the load test were started in a period.
func (a *ReplyCount) StartedBetween(from, to time.Time) int {
	n := 0
	for _, at := range a.starts {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}
