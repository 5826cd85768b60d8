package commands

import (
	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/lab/scenario/demo"
	"github.com/privatereply/privatereply/starter/cli"
)

func newDemo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play one story through the whole product and check every step",
		Long: `Start the product on free ports with its state in a temporary folder, play a story
through it, and check each step twice: by what the sandbox in Meta's place has counted,
and by what the workflow says. It succeeds only if every step was seen to happen.`,
		Example: `  starter demo
  starter demo --keep      # leave it running, to look around`,
		Args:    cli.Args(0, 0, ""),
		GroupID: cli.GroupTry,
	}
	keep := cmd.Flags().Bool("keep", false, "leave everything running until Ctrl-C")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ok, err := demo.Run(cmd.Context(), cmd.OutOrStdout(), *keep)
		if err == nil && !ok {
			return cli.ErrReported
		}
		return err
	}
	return cmd
}
