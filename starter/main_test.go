package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/commands"
	"github.com/privatereply/privatereply/starter/cli"
)

// Guards: every command explains itself with an example, and fits the terminal.
func TestHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			if cmd.Runnable() && !cmd.HasSubCommands() && (cmd.Example == "" || cmd.Long == "" || cmd.Args == nil) {
				t.Error("it lacks an example, a description or a check of its arguments")
			}
			if cmd.Parent() != nil && !cmd.Parent().HasParent() && cmd.GroupID == "" {
				t.Error("it is in no group")
			}
			var out bytes.Buffer
			cmd.SetOut(&out)
			if err := cmd.Help(); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				// cobra does not wrap descriptions of flags.
				if n := console.Columns(strings.TrimRight(line, "\n")); n > console.Width && !strings.HasPrefix(strings.TrimSpace(line), "--") && !strings.Contains(line, "  starter ") {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(cli.New(commands.All()...))
}
