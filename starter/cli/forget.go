package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/workflows"
)

func newForget() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget PERSON [--account ACCOUNT]",
		Short: "Erase a person: find, remove and report what is held of them",
		Long: `Find everything that Temporal holds of a person, remove it, and look again until
nothing is found: the replies to their comments, their conversations, and the batches in
which their events came. Replies that wait are rejected first, and a send under way comes
to its end. A comment that Meta or a sweep could bring again within its 7 days keeps a
locked reply with its id alone, so that nobody answers it anew.

A worker does this in an Erasure, a workflow that this command starts and follows. It goes
on when the command is stopped, and what is kept it tries again by itself for a month.

PERSON is Meta's id of the person, or the workflow id of their conversation. --name says
which persons wrote under a name, and removes nothing. To erase is for good: --dry-run
shows first what would be removed, and at a terminal it asks, unless --yes is given. It
succeeds only if nothing is left. Meta's inbox, backups and logs are out of its reach:
see docs/operations/encryption.md.`,
		Example: `  starter forget --name lena
  starter forget 6000000000000001 --dry-run
  starter forget 6000000000000001 --account 17841400000000001`,
		Args:    Args(0, 1, "a PERSON"),
		GroupID: GroupOperate,
	}
	account := cmd.Flags().String("account", "", "only what this account holds: its id, platform:id, or its name in the accounts file")
	name := cmd.Flags().String("name", "", "find the persons who wrote under this name, and remove nothing")
	dry := cmd.Flags().Bool("dry-run", false, "show what would be removed")
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		person, err := s.person(args, *name, *account)
		if err != nil {
			return err
		}
		encryption, err := temporalclient.ReadCodec()
		if err != nil {
			return err
		}
		out, progress := cmd.OutOrStdout(), &readProgress{out: cmd.ErrOrStderr()}
		e := erasure.New(erasure.Config{
			Temporal: s.Client, Namespace: s.namespace, Data: s.data, Queue: s.settings.TaskQueue,
			Keys: erasure.NewKeys(encryption), Progress: progress.update,
		})
		if *name != "" {
			named, unreadable, err := e.FindByName(ctx, *name, person)
			if err != nil {
				return err
			}
			return writeNamed(cmd, named, unreadable, *asJSON)
		}
		found, err := e.Find(ctx, person)
		if err != nil {
			return err
		}
		if len(found.Accounts) > 1 && person.AccountKey == (erasure.AccountKey{}) {
			return errSeveralAccounts(person.ID, found.Accounts)
		}
		if *dry || len(found.Runs) == 0 {
			return printReport(out, erasure.Report{Person: person.ID, Found: found.Runs, Unreadable: found.Unreadable}, *asJSON)
		}
		if !*yes && isTerminal(cmd.InOrStdin()) {
			if err := confirm(cmd, fmt.Sprintf("Remove %d workflows for good?", len(found.Runs))); err != nil {
				return err
			}
		}
		code := erasure.NewCode()
		status, err := s.erase(ctx, cmd.ErrOrStderr(), code, workflows.ErasureInput{
			Scope: workflows.ErasePerson, PersonKey: e.Keys.Of(person.ID), AccountKey: person.AccountKey, RequestedAt: time.Now().UTC(),
		})
		if err != nil {
			return err
		}
		return printReport(out, reportOf(person, code, found, status), *asJSON)
	})
	return cmd
}

// erasurePollInterval is how often the state of an erasure is read.
const erasurePollInterval = 500 * time.Millisecond

// erase starts an erasure and follows it until it is done, or stuck. The error says that it
// goes on where it does.
func (s *Session) erase(ctx context.Context, progress io.Writer, code string, in workflows.ErasureInput) (workflows.ErasureStatus, error) {
	if err := erasure.Request(ctx, s, code, s.settings.TaskQueue, in); err != nil {
		return workflows.ErasureStatus{}, err
	}
	id, err := privatereply.ErasureID(code)
	if err != nil {
		return workflows.ErasureStatus{}, err
	}
	fmt.Fprintf(progress, "the erasure is %s; it goes on if this command is stopped\n", id)
	tick := time.NewTicker(erasurePollInterval)
	defer tick.Stop()
	for told := ""; ; {
		waitsFor, err := s.erasureWaitsFor(ctx, id)
		if err != nil {
			return workflows.ErasureStatus{}, err
		}
		if waitsFor != told && waitsFor != "" {
			fmt.Fprintln(progress, "waiting: "+waitsFor)
		}
		told = waitsFor
		now, err := erasure.Progress(ctx, s, s.data, code)
		if err != nil {
			return workflows.ErasureStatus{}, err
		}
		if now.State == workflows.ErasureDone || now.State == workflows.ErasureStuck {
			return s.erasureStatus(ctx, id)
		}
		select {
		case <-ctx.Done():
			return workflows.ErasureStatus{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// erasureWaitsFor says what keeps an erasure from going on. That no worker is there is an
// error: the command would wait for ever.
func (s *Session) erasureWaitsFor(ctx context.Context, id string) (string, error) {
	d, err := s.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return "", fmt.Errorf("describe %s: %w", id, err)
	}
	if isUnclaimed(d, time.Now()) {
		queue := d.GetExecutionConfig().GetTaskQueue().GetName()
		if pollers, err := s.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW); err == nil && len(pollers.GetPollers()) == 0 {
			return "", fmt.Errorf("no worker is running for task queue %s: start one; %s waits for it, and goes on then by itself", queue, id)
		}
		return "no worker has taken it yet", nil
	}
	if activities := d.GetPendingActivities(); len(activities) > 0 {
		return s.retryReason(activities[0]), nil
	}
	return "", nil
}

// erasureStatus is the result of an erasure, or the status of one that is stuck.
func (s *Session) erasureStatus(ctx context.Context, id string) (status workflows.ErasureStatus, err error) {
	d, err := s.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return status, fmt.Errorf("describe %s: %w", id, err)
	}
	if d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		if err := s.GetWorkflow(ctx, id, "").Get(ctx, &status); err != nil {
			return status, fmt.Errorf("%s was ended from outside: run the command again: %w", id, applicationError(err))
		}
		return status, nil
	}
	answer, err := s.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err != nil {
		return status, fmt.Errorf("ask %s for its status: %w", id, err)
	}
	return status, answer.Get(&status)
}

// reportOf is the report of an erasure for the person who asked for it: with the workflow
// ids, which the erasure does not keep.
func reportOf(person erasure.Person, code string, found erasure.Findings, status workflows.ErasureStatus) erasure.Report {
	ids := map[string]string{}
	for _, h := range found.Runs {
		ids[h.RunID] = h.WorkflowID
	}
	for _, u := range found.Unreadable {
		ids[u.RunID] = u.WorkflowID
	}
	workflowID := func(kind, run string) string {
		return cmp.Or(ids[run], kind+", run "+run)
	}
	report := erasure.Report{Person: person.ID, Code: code, NextAt: status.NextAt}
	for _, h := range status.RemovedRuns {
		report.Removed = append(report.Removed, erasure.RunOf(h, workflowID(h.Kind, h.RunID)))
	}
	for _, h := range status.KeptRuns {
		report.Remaining = append(report.Remaining, erasure.RunOf(h, workflowID(h.Kind, h.RunID)))
	}
	for _, u := range status.UnreadableRuns {
		report.Unreadable = append(report.Unreadable, erasure.Unreadable{WorkflowID: workflowID("unknown", u.RunID), RunID: u.RunID, Why: u.Why})
	}
	return report
}

// person is whom the arguments mean.
func (s *Session) person(args []string, name, account string) (erasure.Person, error) {
	var p erasure.Person
	switch {
	case len(args) == 0 && name == "":
		return p, errors.New("a PERSON is missing: give Meta's id of the person, or --name to find it")
	case len(args) > 0 && name != "":
		return p, errors.New("give a PERSON or --name, not both: --name only finds persons")
	case len(args) > 0:
		p.ID = args[0]
		if id, ok := privatereply.ParseID(p.ID); ok {
			if id.Kind != "conversation" {
				return p, fmt.Errorf("%s is the id of a %s; give a person's, which `starter forget --name NAME` finds", p.ID, id.Kind)
			}
			p = erasure.Person{AccountKey: erasure.AccountKey{Platform: id.Platform, Account: id.Account}, ID: id.Subject}
		}
		if strings.Trim(p.ID, "0123456789") != "" {
			return p, fmt.Errorf("%q is not a person's id, which has only digits; `starter forget --name NAME` finds it", args[0])
		}
	}
	if account == "" {
		return p, nil
	}
	a, err := s.account(account)
	if err != nil {
		return p, err
	}
	owner := erasure.AccountKey{Platform: a.Platform, Account: a.ID}
	if p.AccountKey != (erasure.AccountKey{}) && p.AccountKey != owner {
		return p, fmt.Errorf("--account is %s, but %s is of account %s", account, args[0], p.Account)
	}
	p.AccountKey = owner
	return p, nil
}

func errSeveralAccounts(person string, owners []erasure.AccountKey) error {
	var all []string
	for _, o := range owners {
		all = append(all, fmt.Sprintf("starter forget %s --account %s:%s", person, o.Platform, o.Account))
	}
	return fmt.Errorf("several accounts know a person %s, and nothing says that it is one; nothing was removed. Erase each of them:\n  %s", person, strings.Join(all, "\n  "))
}

func writeNamed(cmd *cobra.Command, named []erasure.NamedPerson, unreadable []erasure.Unreadable, asJSON bool) error {
	out := cmd.OutOrStdout()
	switch {
	case asJSON:
		if err := WriteJSON(out, map[string]any{"persons": named, "unreadable": unreadable}); err != nil {
			return err
		}
	case len(named) == 0:
		fmt.Fprintln(out, "nobody who wrote under this name is held")
	default:
		t := console.NewTable([]int{3}, "PERSON", "ACCOUNT", "REPLIES", "ONE OF THEM")
		for _, n := range named {
			person := n.Person
			if person == "" {
				person = "(not said)"
			}
			t.Row("", person, string(n.Platform)+":"+n.Account, fmt.Sprint(len(n.Replies)), n.Replies[0])
		}
		if err := t.Write(out); err != nil {
			return err
		}
	}
	return writeUnreadable(cmd.ErrOrStderr(), unreadable)
}

func printReport(out io.Writer, r erasure.Report, asJSON bool) error {
	if asJSON {
		if r.Removed == nil {
			r.Removed = []erasure.Run{} // [] rather than null
		}
		if err := WriteJSON(out, r); err != nil {
			return err
		}
	} else if err := writeReport(out, r); err != nil {
		return err
	}
	if !r.Done() {
		return ErrReported
	}
	return nil
}

func writeReport(out io.Writer, r erasure.Report) error {
	if len(r.Found)+len(r.Removed)+len(r.Remaining) == 0 {
		fmt.Fprintf(out, "nothing is held of person %s\n", r.Person)
	} else {
		t := console.NewTable([]int{2}, "WHAT", "", "WORKFLOW")
		row := func(h erasure.Run, became string) {
			below := h.KeptReason
			switch {
			case below != "":
			case h.Tombstoned:
				below = "its place is locked: the comment is not answered again"
			case h.OtherPersons > 0:
				below = fmt.Sprintf("a batch, with %d events of others", h.OtherPersons)
			}
			t.Row(below, string(h.Kind), became, h.WorkflowID)
		}
		for _, h := range r.Found {
			row(h, "found")
		}
		for _, h := range r.Removed {
			row(h, "removed")
		}
		for _, h := range r.Remaining {
			row(h, "KEPT")
		}
		if err := t.Write(out); err != nil {
			return err
		}
		if len(r.Found) > 0 {
			fmt.Fprintf(out, "\n%d found; nothing was removed\n", len(r.Found))
		} else {
			fmt.Fprintf(out, "\n%d removed, %d kept\n", len(r.Removed), len(r.Remaining))
		}
		if !r.NextAt.IsZero() {
			fmt.Fprintf(out, "what is kept is tried again at %s, and then for a month; running the command again does it at once\n", r.NextAt.Local().Format("15:04 on 2 Jan"))
		}
	}
	return writeUnreadable(out, r.Unreadable)
}

// writeUnreadable lists the workflows that could not be read, and so may hold something.
func writeUnreadable(w io.Writer, all []erasure.Unreadable) error {
	if len(all) == 0 {
		return nil
	}
	fmt.Fprintf(w, "%d workflows cannot be read, and may hold something. The first is %s: %s\n", len(all), all[0].WorkflowID, all[0].Why)
	return ErrReported
}

// readProgress shows on a terminal how much was read, in a line that is written over.
type readProgress struct{ out io.Writer }

func (p *readProgress) update(read, of int) {
	f, ok := p.out.(io.Reader)
	if !ok || !isTerminal(f) {
		return
	}
	if fmt.Fprintf(p.out, "\r\x1b[K%d of %d workflows read", read, of); read >= of {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
