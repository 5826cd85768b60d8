package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/workflows"
)

// maxConcurrentSweeps is how many accounts are swept at the same time.
const maxConcurrentSweeps = 8

func newSweep() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sweep [--account ACCOUNT]",
		Short: "Find comments whose webhooks never arrived, now",
		Long: `Have the accounts swept now, and wait until that is done: a worker reads the posts of
an account and starts the reply of every comment of the last 7 days that has none. It
does so by itself every sweep_every of the accounts file. A comment that is older than
sweep_auto_within, or than the account's first sweep, is not answered by a rule alone:
a person decides.

Comments on ads and on live broadcasts cannot be found: Meta does not list them. The
exit code is 0 only if every pass came to its end. Ctrl-C stops the waiting, not the
passes.`,
		Example: `  starter sweep
  starter sweep --account 17841400000000001 --json`,
		Args:    Args(0, 0, ""),
		GroupID: GroupOperate,
	}
	account := cmd.Flags().String("account", "", "only this account: its id, or its name in the accounts file")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		accounts, err := s.SelectAccounts(*account)
		if err != nil {
			return err
		}
		results := s.sweepAll(ctx, accounts, newSweepProgress(cmd.ErrOrStderr(), len(accounts)))
		if err := ctx.Err(); err != nil {
			return err
		}
		if *asJSON {
			err = WriteJSON(cmd.OutOrStdout(), results)
		} else {
			err = writeSweepReports(cmd.OutOrStdout(), results)
		}
		if err == nil && slices.ContainsFunc(results, func(r sweepReport) bool { return !r.Completed }) {
			err = ErrReported
		}
		return err
	})
	return cmd
}

// sweepReport is the outcome of the pass over one account.
type sweepReport struct {
	Platform   privatereply.Platform  `json:"platform"`
	Account    string                 `json:"account"`
	Name       string                 `json:"name,omitempty"`
	WorkflowID string                 `json:"workflow_id,omitempty"`
	Completed  bool                   `json:"completed"`
	Error      string                 `json:"error,omitempty"`
	Result     *workflows.SweepStatus `json:"result,omitempty"` // how far it came
}

// sweepAll sweeps the accounts side by side. One that fails does not keep the
// others from their end.
func (s *Session) sweepAll(ctx context.Context, accounts []privatereply.Account, progress *sweepProgress) []sweepReport {
	results := make([]sweepReport, len(accounts))
	var group errgroup.Group
	group.SetLimit(maxConcurrentSweeps)
	for i, account := range accounts {
		results[i] = sweepReport{Platform: account.Platform, Account: account.ID, Name: account.Name}
		group.Go(func() error {
			r := &results[i]
			pass, err := s.sweep(ctx, account, progress.of(i, r.title()))
			r.WorkflowID, r.Result = pass.id, pass.status
			if r.Completed = err == nil; err != nil {
				r.Error = err.Error()
			}
			progress.ended()
			return nil
		})
	}
	_ = group.Wait() // the errors are in the results
	progress.clear()
	return results
}

// sweep has an account swept, and waits until the pass has ended.
func (s *Session) sweep(ctx context.Context, account privatereply.Account, report passObserver) (passStatus, error) {
	id, err := privatereply.SweepID(account.Platform, account.ID)
	if err != nil {
		return passStatus{}, err
	}
	pass, err := sweeps.Trigger(ctx, s.Client, id, func(running sweeps.Pass) error {
		seen, err := s.describePass(ctx, running)
		if err == nil {
			seen.waitingFor = cmp.Or(seen.waitingFor, "another pass runs already; this one begins when it has ended")
			seen.status = nil
			report(seen)
		}
		return err
	})
	if err != nil {
		return passStatus{}, err
	}
	return s.followPass(ctx, pass, report)
}

func (r sweepReport) title() string {
	return fmt.Sprintf("%s (%s)", cmp.Or(r.Name, r.Account), r.Platform)
}

// writeSweepReports shows an account on a line, and under it what kept a pass from its end.
func writeSweepReports(w io.Writer, results []sweepReport) error {
	t := console.NewTable([]int{0}, "ACCOUNT", "PAGES", "POSTS", "COMMENTS", "STARTED", "HAD ONE", "REPLIED", "TOO OLD", "OWN", "FAILED")
	for _, r := range results {
		var c workflows.SweepCounts
		if r.Result != nil {
			c = r.Result.SweepCounts
		}
		cells := []string{r.title()}
		for _, n := range []int{c.Pages, c.Posts, c.Comments, c.Started, c.Duplicate, c.AlreadyReplied, c.TooOld, c.Own, c.Failed} {
			cells = append(cells, strconv.Itoa(n))
		}
		below := conversationsLine(r.Result)
		if !r.Completed {
			below = "not completed: " + r.Error
		}
		t.Row(below, cells...)
	}
	return t.Write(w)
}

// conversationsLine tells of the conversations that a pass read; empty if none has changed.
func conversationsLine(s *workflows.SweepStatus) string {
	switch {
	case s == nil:
	case s.ConversationsProblem != "":
		return "conversations could not be read: " + s.ConversationsProblem.Sentence()
	case s.Conversations > 0:
		return fmt.Sprintf("conversations that have changed: %d; the person wrote in %d", s.Conversations, s.Messages)
	}
	return ""
}

const (
	// passPollInterval is how often the state of a pass is read.
	passPollInterval = 500 * time.Millisecond
	// claimTimeout is how long work may wait before the workers are counted.
	claimTimeout = 10 * time.Second
)

// passStatus is the state of a pass at one read.
type passStatus struct {
	id         string
	status     *workflows.SweepStatus // nil while no worker has answered
	waitingFor string                 // what it waits for, other than its own work
	ended      bool
}

// passObserver gets every state that was read.
type passObserver func(passStatus)

// followPass waits until a pass has ended. It fails if the pass does, and if no
// worker is there to do it.
func (s *Session) followPass(ctx context.Context, pass sweeps.Pass, report passObserver) (passStatus, error) {
	tick := time.NewTicker(passPollInterval)
	defer tick.Stop()
	last := passStatus{id: pass.WorkflowID}
	for {
		seen, err := s.describePass(ctx, pass)
		if err != nil {
			return last, err
		}
		if seen.status == nil {
			seen.status = last.status
		}
		if last = seen; last.ended {
			break
		}
		report(last)
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-tick.C:
		}
	}
	var result workflows.SweepStatus
	if err := s.GetWorkflow(ctx, pass.WorkflowID, pass.RunID).Get(ctx, &result); err != nil {
		return last, applicationError(err)
	}
	last.status, last.waitingFor = &result, ""
	report(last)
	return last, nil
}

// describePass reads how far the pass is. What a worker has not answered is left
// out; that no worker is there is an error.
func (s *Session) describePass(ctx context.Context, pass sweeps.Pass) (passStatus, error) {
	seen := passStatus{id: pass.WorkflowID}
	d, err := s.DescribeWorkflowExecution(ctx, pass.WorkflowID, "")
	if err != nil {
		return seen, fmt.Errorf("describe the pass %s: %w", pass.WorkflowID, err)
	}
	if d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		seen.ended = true
		return seen, nil
	}
	if isUnclaimed(d, time.Now()) {
		seen.waitingFor = "no worker has taken it yet"
		return seen, s.checkWorker(ctx, d.GetExecutionConfig().GetTaskQueue().GetName())
	}
	if activities := d.GetPendingActivities(); len(activities) > 0 {
		seen.waitingFor = s.retryReason(activities[0])
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if answer, err := s.QueryWorkflow(ctx, pass.WorkflowID, "", workflows.StatusQuery); err == nil {
		var status workflows.SweepStatus
		if answer.Get(&status) == nil {
			seen.status = &status
		}
	}
	return seen, nil
}

// isUnclaimed reports whether work has been waiting for a worker for so long that none
// may be there.
func isUnclaimed(d *workflowservice.DescribeWorkflowExecutionResponse, now time.Time) bool {
	task := d.GetPendingWorkflowTask()
	if task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED && now.Sub(task.GetScheduledTime().AsTime()) > claimTimeout {
		return true
	}
	for _, a := range d.GetPendingActivities() {
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && a.GetLastFailure() == nil && now.Sub(a.GetScheduledTime().AsTime()) > claimTimeout {
			return true
		}
	}
	return false
}

func (s *Session) checkWorker(ctx context.Context, queue string) error {
	d, err := s.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return fmt.Errorf("no worker is running for task queue %s: start one; the pass waits for it", queue)
	}
	return nil
}

// retryReason says why a page of the pass must be tried again.
func (s *Session) retryReason(a *workflowpb.PendingActivityInfo) string {
	failure := a.GetLastFailure()
	if failure == nil {
		return ""
	}
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: s.data})
	why := applicationError(failures.FailureToError(failure)).Error()
	if next := a.GetNextAttemptScheduleTime(); next != nil && next.AsTime().After(time.Now()) {
		return fmt.Sprintf("%s; tried again at %s", why, next.AsTime().Local().Format("15:04:05"))
	}
	return why
}

// applicationError is what an activity said, without the layers that Temporal puts around it.
func applicationError(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return errors.New(app.Message())
	}
	return err
}

// sweepProgress shows how far the passes are: on a terminal in a line that is
// written over and over, and what a pass waits for in lines that stay.
type sweepProgress struct {
	out      io.Writer
	terminal bool

	mu       sync.Mutex
	counts   []workflows.SweepCounts
	done     int
	reported []string // what each pass was last said to wait for
	line     string   // as it stands on the terminal
}

func newSweepProgress(out io.Writer, accounts int) *sweepProgress {
	f, ok := out.(*os.File)
	return &sweepProgress{
		out: out, terminal: ok && isTerminal(f),
		counts: make([]workflows.SweepCounts, accounts), reported: make([]string, accounts),
	}
}

// of returns the observer of the i-th account's pass.
func (p *sweepProgress) of(i int, title string) passObserver {
	return func(seen passStatus) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if seen.status != nil {
			p.counts[i] = seen.status.SweepCounts
		}
		if seen.waitingFor != "" && seen.waitingFor != p.reported[i] {
			p.erase()
			fmt.Fprintf(p.out, "starter: %s: %s\n", title, console.Sanitize(seen.waitingFor))
		}
		p.reported[i] = seen.waitingFor
		p.draw()
	}
}

// ended counts an account whose pass is over.
func (p *sweepProgress) ended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

func (p *sweepProgress) draw() {
	if !p.terminal {
		return
	}
	var all workflows.SweepCounts
	for _, c := range p.counts {
		all = all.Plus(c)
	}
	line := console.Truncate(fmt.Sprintf("%d of %d accounts swept; %d pages, %d posts, %d comments, %d replies started",
		p.done, len(p.counts), all.Pages, all.Posts, all.Comments, all.Started), console.Width-1)
	if line == p.line {
		return
	}
	p.erase()
	fmt.Fprint(p.out, line)
	p.line = line
}

func (p *sweepProgress) erase() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.line = ""
	}
}

// clear leaves nothing on the line.
func (p *sweepProgress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}
