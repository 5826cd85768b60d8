package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/version"
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

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Long: `Say which build this is: its commit, the Go and the Temporal SDK that it is made with,
and the version of Meta's Graph API that it calls with the settings here.`,
		Example: `  starter version
  starter version --json | jq -r .commit`,
		Args:    Args(0, 0, ""),
		GroupID: GroupOperate,
	}
	asJSON := JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		graph, err := config.Read[config.Graph]()
		if err != nil {
			return err
		}
		build := version.Get()
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), struct {
				version.Build
				Graph string `json:"graph_version"`
			}{build, graph.Version})
		}
		var f console.Facts
		f.Add("Private replies", "%s", build)
		if !build.CommittedAt.IsZero() {
			f.Add("", "of %s", build.CommittedAt.UTC().Format(time.RFC3339))
		}
		f.Add("Go", "%s", build.Go)
		f.Add("Temporal SDK", "%s", build.TemporalSDK)
		f.Add("Graph API", "%s", graph.Version)
		return f.Write(cmd.OutOrStdout())
	}
	return cmd
}
