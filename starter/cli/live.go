package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

func newLive() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "live",
		Short:   "Say what happened to a live broadcast",
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		GroupID: groupDecide,
	}
	cmd.AddCommand(newLiveEnd())
	return cmd
}

func newLiveEnd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "end MEDIA [--account ACCOUNT]",
		Short: "Say that a live broadcast has ended",
		Long: `Say that a live broadcast on Instagram has ended, so that the replies which still wait
for it end now. The product finds out by itself, within half a minute, by asking Meta;
this is for a broadcast that Meta goes on listing.

MEDIA is the broadcast's media id, as its comments carry it (starter show), or the
workflow id broadcast:instagram:<account>:<media>.`,
		Example: `  starter live end 17900000000000001`,
		Args:    Args(1, 1, "a MEDIA id"),
	}
	only := cmd.Flags().String("account", "", "the account that broadcasts: its id, or its name in the accounts file")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, args []string) error {
		id, err := s.broadcastID(ctx, args[0], *only)
		if err != nil {
			return err
		}
		now := time.Now().UTC().Truncate(time.Second)
		err = s.SignalWorkflow(ctx, id, "", workflows.BroadcastEndedSignal, workflows.EventTime{At: now})
		if isNotFound(err) {
			return errNoBroadcast(args[0])
		}
		if err != nil {
			return fmt.Errorf("signal %s: %w", id, err)
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), map[string]any{"broadcast": id, "ended_at": now})
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: ended; the replies that wait for it end now\n", id)
		return nil
	})
	return cmd
}

func errNoBroadcast(media string) error {
	return fmt.Errorf("no reply waits for a broadcast %s: nothing is to be ended (one that sends at once never waits)", media)
}

// broadcastID finds the running Broadcast that arg means: a whole workflow id, or a
// media id that is tried against each account.
func (s *Session) broadcastID(ctx context.Context, arg, only string) (string, error) {
	if id, ok := privatereply.ParseID(arg); ok {
		if id.Kind != "broadcast" {
			return "", fmt.Errorf("%s is the id of a %s; give a broadcast's", arg, id.Kind)
		}
		return arg, nil
	}
	accounts, err := s.SelectAccounts(only)
	if err != nil {
		return "", err
	}
	var running []string
	for _, a := range accounts {
		id, err := privatereply.BroadcastID(a.Platform, a.ID, arg)
		if err != nil {
			return "", fmt.Errorf("%q cannot be a media id: %w", arg, err)
		}
		d, err := s.DescribeWorkflowExecution(ctx, id, "")
		switch {
		case isNotFound(err):
		case err != nil:
			return "", fmt.Errorf("look for %s: %w", id, err)
		case d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
			running = append(running, id)
		}
	}
	switch len(running) {
	case 0:
		return "", errNoBroadcast(arg)
	case 1:
		return running[0], nil
	}
	return "", errors.New(arg + " means several broadcasts; give the whole id of one, or --account:\n  " + strings.Join(running, "\n  "))
}
