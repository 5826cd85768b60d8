package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply/internal/console"
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
	visit(New())
}

// Guards: a mistyped command or flag, or a missing argument, fails and says what
// to do.
func TestUsageErrors(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"no such command":    {[]string{"aprove"}, `there is no command "aprove"; did you mean approve?; see ` + "`starter --help`"},
		"no such flag":       {[]string{"list", "--stat", "x"}, "unknown flag: --stat; see `starter list --help`"},
		"no ID":              {[]string{"approve"}, "an ID is missing"},
		"one ID too many":    {[]string{"show", "1", "2"}, `"2" is one argument too many`},
		"no CONVERSATION":    {[]string{"reply", "--text", "x"}, "a CONVERSATION is missing"},
		"text not in quotes": {[]string{"rules", "test", "how", "much"}, "a text with spaces goes in quotes"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { starter(t, tc.args...).mustFail(t, tc.want) })
	}
}
