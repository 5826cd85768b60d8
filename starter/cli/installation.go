package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/starter/doctor"
)

func newSetup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Prepare the Temporal namespace",
		Long: `Register the search attributes and raise the namespace's retention where it is too
short. It can be run at any time and changes nothing the second time. Where you lack
the rights, it prints the commands for somebody who has them.`,
		Example: `  starter setup
  TEMPORAL_ADDRESS=temporal:7233 TEMPORAL_NAMESPACE=replies starter setup`,
		Args:    Args(0, 0, ""),
		GroupID: GroupOperate,
	}
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		report, err := setup.Apply(ctx, s, s.namespace)
		if err != nil {
			return err
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), struct {
				Namespace       string   `json:"namespace"`
				AddedAttributes []string `json:"added_attributes"`
				RetentionRaised bool     `json:"retention_raised"`
			}{s.namespace, append([]string{}, report.Added...), report.RetentionFrom > 0})
		}
		fmt.Fprintf(cmd.OutOrStdout(), "namespace %s is ready: %s\n", s.namespace, report)
		return nil
	})
	return cmd
}

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what is wrong with the installation, and how to repair it",
		Long: `Examine the settings and files, Temporal, and each account at Meta: its token and
permissions, the Page, the webhooks. Nothing is changed, and nothing secret is printed.

  ✓ all right   ! worth a look   ✗ wrong   ? nobody can be asked

The exit code is 1 if something is wrong. Run it where the worker and the bridge run,
with their variables.`,
		Example: `  starter doctor
  starter doctor --json | jq '.sections[].findings[] | select(.level == "failure")'`,
		Args:    Args(0, 0, ""),
		GroupID: GroupOperate,
	}
	asJSON := JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := useDevSettings(cmd.ErrOrStderr()); err != nil {
			return err
		}
		report := doctor.Run(cmd.Context(), doctor.Options{})
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		write := report.Write
		if *asJSON {
			write = func(w io.Writer) error { return WriteJSON(w, report) }
		}
		if err := write(cmd.OutOrStdout()); err != nil {
			return err
		}
		if report.Failures > 0 {
			return ErrReported
		}
		return nil
	}
	return cmd
}
