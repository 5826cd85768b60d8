package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/privatereply/privatereply/internal/ops"
)

// Command is what a program does instead of running, when its first argument is Name.
type Command struct {
	Name string
	Run  func(ctx context.Context, args []string) error // without the name
}

// selectCommand finds what the arguments ask for: run, or one of the commands. An argument
// that nobody knows is an error: a mistyped health check must not run the program
// once more.
func selectCommand(args []string, run func(context.Context) error, commands []Command) func(context.Context) error {
	if len(args) == 0 {
		return run
	}
	var names []string
	for _, c := range commands {
		if c.Name == args[0] {
			return func(ctx context.Context) error { return c.Run(ctx, args[1:]) }
		}
		names = append(names, c.Name)
	}
	return func(context.Context) error {
		return fmt.Errorf("there is no command %q; write %s, or nothing to run the program", args[0], strings.Join(names, " or "))
	}
}

// Healthcheck is the command that asks the program with the same settings, which
// runs beside it, whether it is ready. Images without a shell have nothing else that
// could.
func Healthcheck[S any](read func() (S, error), opsAddr func(S) string) Command {
	return healthcheck(os.Stdout, read, opsAddr)
}

func healthcheck[S any](out io.Writer, read func() (S, error), opsAddr func(S) string) Command {
	return Command{Name: "healthcheck", Run: func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%q is one argument too many; write healthcheck", args[0])
		}
		settings, err := read()
		if err != nil {
			return err
		}
		said, err := ops.QueryReady(ctx, opsAddr(settings))
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, said)
		return err
	}}
}
