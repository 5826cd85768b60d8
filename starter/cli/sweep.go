package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
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
		accounts, err := selectAccounts(s.settings.Accounts, *account)
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

func selectAccounts(path, only string) ([]privatereply.Account, error) {
	accounts, err := config.OpenAccounts(path)
	if err != nil {
		return nil, err
	}
	if only == "" {
		return accounts.All(), nil
	}
	account, err := FindAccount(accounts, only)
	return []privatereply.Account{account}, err
}

// sweepReport is what became of the pass over one account.
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
func (s *Session) sweep(ctx context.Context, account privatereply.Account, tell passObserver) (passStatus, error) {
	id, err := privatereply.SweepID(account.Platform, account.ID)
	if err != nil {
		return passStatus{}, err
	}
	pass, err := sweeps.Trigger(ctx, s.Client, id, func(running sweeps.Pass) error {
		seen, err := s.describePass(ctx, running)
		if err == nil {
			seen.waitingFor = cmp.Or(seen.waitingFor, "another pass runs already; this one begins when it has ended")
			seen.status = nil
			tell(seen)
		}
		return err
	})
	if err != nil {
		return passStatus{}, err
	}
	return s.followPass(ctx, pass, tell)
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
