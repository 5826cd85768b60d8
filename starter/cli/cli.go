// Package cli is the command line of the product: it starts replies, decides them,
// shows them, and operates the installation.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the command line, with extra commands beside the product's own, and returns
// the exit code, which is 0 only on success. The first Ctrl-C asks the command to end, a
// second one ends it.
func Main(args []string, in io.Reader, out, errOut io.Writer, extra ...*cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := New(extra...)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrReported):
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "starter: interrupted")
	default:
		fmt.Fprintf(errOut, "starter: %v\n", err)
	}
	return 1
}

// ErrReported ends a command that has printed already what went wrong.
var ErrReported = errors.New("reported already")

// The groups of subcommands, as the help shows them.
const (
	GroupTry     = "try"
	groupDecide  = "decide"
	groupInspect = "look"
	GroupOperate = "operate"
)

// New makes the root command, with extra commands beside the product's own.
func New(extra ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Answer comments on Instagram and Facebook in private",
		Long: `starter starts private replies, decides them and looks at them. An ID is a reply's
whole workflow id, or a bare comment id, which is tried against each account of the
accounts file. Settings come from PRIVATEREPLY_* and TEMPORAL_* variables.`,
		Example: `  starter dev                      # the whole product on this machine
  starter list --state awaiting_approval
  starter approve 18000000000000001 --text "Hi Lena, it is 12 euros."`,
		Args:              unknownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: GroupTry, Title: "Try it:"},
		&cobra.Group{ID: groupDecide, Title: "Decide:"},
		&cobra.Group{ID: groupInspect, Title: "Look:"},
		&cobra.Group{ID: GroupOperate, Title: "Operate:"},
	)
	root.AddCommand(
		newApprove(), newReject(), newHide(), newUnhide(), newReopen(), newResolve(), newPropose(), newNote(), newAssign(), newReply(), newLive(), newStop(),
		newList(), newShow(), newExport(), newAccounts(), newForecast(), newFeed(), newConversations(),
		newComment(), newRules(), newSweep(), newSetup(), newDoctor(), newForget(), newConnect(), newVersion(), newDocs(),
	)
	root.AddCommand(extra...)
	return root
}

// unknownCommand is the argument check of a command that only has subcommands.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // cobra's default, which it sets elsewhere
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(like, " or "))
	}
	return fmt.Errorf("there is no command %q%s; see `%s --help`", args[0], hint, cmd.CommandPath())
}

// Args is an argument check that says what is missing and how to write it.
func Args(atLeast, atMost int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < atLeast:
			return fmt.Errorf("%s is missing; write `%s`, or see `%s --help`", what, cmd.UseLine(), cmd.CommandPath())
		case atMost >= 0 && len(args) > atMost:
			return fmt.Errorf("%q is one argument too many; write `%s` (a text with spaces goes in quotes)", args[atMost], cmd.UseLine())
		}
		return nil
	}
}

// unlimited is Args' atMost when there is no limit.
const unlimited = -1

// JSONFlag adds --json.
func JSONFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print JSON for programs")
}

// WriteJSON writes v for programs, indented.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
