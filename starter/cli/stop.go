package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/stop"
	"github.com/privatereply/privatereply/workflows"
)

func newStop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop --account ACCOUNT [--rule RULE]",
		Short: "Stop every automatic reply of an account or rule that is not sent yet",
		Long: `Reject, in one batch, every reply of the account that is held or on its way to Meta. It
is the emergency brake for a rule that went wrong. A send that a worker has already
cannot be called back. New comments are not affected: change the rule as well.

A namespace runs one batch operation at a time, unless its operator allows more: the
command waits for another one to end, and says so. Ctrl-C ends the wait.

At a terminal it asks first, unless --yes is given.`,
		Example: `  starter stop --account 17841400000000001 --rule price`,
		Args:    Args(0, 0, ""),
		GroupID: groupDecide,
	}
	account := cmd.Flags().String("account", "", "the account: its id, or its name in the accounts file (required)")
	rule := cmd.Flags().String("rule", "", "only what this rule sends")
	reason := cmd.Flags().String("reason", "stopped by batch", "why, for the record")
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	who := approverFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		if *account == "" {
			return errors.New("--account is missing: say whose replies to stop")
		}
		approver, err := s.approver(*who)
		if err != nil {
			return err
		}
		id, err := s.accountID(ctx, *account)
		if err != nil {
			return err
		}
		selection := stop.Selection{Account: id, Rule: *rule}
		n, err := s.batches().Count(ctx, selection)
		if err != nil {
			return err
		}
		if n > 0 && !*yes && isTerminal(cmd.InOrStdin()) {
			if err := confirm(cmd, fmt.Sprintf("Reject %s for good?", countOf(n))); err != nil {
				return err
			}
		}
		result := stop.Report{Concerned: n}
		if n > 0 {
			waiting := func(reason string) { fmt.Fprintln(cmd.ErrOrStderr(), "starter: "+console.Sanitize(reason)) }
			if result, err = s.batches().Reject(ctx, selection, workflows.Reject{Approver: approver, Reason: *reason}, waiting); err != nil {
				return err
			}
		}
		if *asJSON {
			err = WriteJSON(cmd.OutOrStdout(), result)
		} else {
			fmt.Fprintln(cmd.OutOrStdout(), stopReport{result})
		}
		if result.Failed > 0 {
			return ErrReported
		}
		return err
	})
	return cmd
}

// stopReport is the outcome of a batch, in words.
type stopReport struct{ stop.Report }

func (r stopReport) String() string {
	if r.Concerned == 0 {
		return "nothing to stop: no reply is held or on its way"
	}
	s := fmt.Sprintf("%s: told to stop (a send that a worker had already is not called back)", countOf(r.Signalled))
	if r.Failed > 0 {
		s += fmt.Sprintf("; %s could not be told: run the command again", countOf(r.Failed))
	}
	return s
}

func countOf(n int64) string {
	if n == 1 {
		return "1 reply"
	}
	return fmt.Sprintf("%d replies", n)
}

// batches are the batch operations of the command line.
func (s *Session) batches() stop.Batches {
	return stop.Batches{Temporal: s.Client, Namespace: s.namespace, Data: s.data, Program: "starter stop"}
}

var errNotConfirmed = errors.New("nothing was done")

func confirm(cmd *cobra.Command, question string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// isTerminal reports whether somebody can be asked. The null device is a character
// device too.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
