package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/temporal/setup"
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
