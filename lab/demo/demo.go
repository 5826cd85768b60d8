// Package demo plays one story through the whole product, and checks at each step
// that it happened: by what the sandbox in Meta's place counted, and by what the
// workflow says about itself.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// stepTimeout bounds one step, on a busy machine too.
const stepTimeout = 30 * time.Second

// step is one part of the story.
type step struct {
	title    string
	expected string
	play     func(context.Context, *story) (seen, error)
}

// seen is what a step found out.
type seen struct {
	what     string // in words
	workflow string // whose page in the Web UI shows it
}

// Run plays the story and reports whether every step was seen to happen. With keep
// it leaves the product running until ctx is done.
func Run(ctx context.Context, out io.Writer, keep bool) (ok bool, err error) {
	folder, err := os.MkdirTemp("", "private-replies-demo-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	cli, err := devserver.Find(ctx, out)
	if err != nil {
		return false, err
	}
	ports, err := harness.FreePorts()
	if err != nil {
		return false, err
	}
	stack, err := harness.StartDev(ctx, harness.DevOptions{Folder: folder, Ports: ports, CLIPath: cli, Ephemeral: true, Progress: out})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()

	began := time.Now()
	ok = play(ctx, out, stack, steps)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !ok {
		fmt.Fprintf(out, "\nThe story went wrong; see the steps marked ✗.\n")
	} else {
		fmt.Fprintf(out, "\n%d of %d steps seen to happen, in %.1f s.\n", len(steps), len(steps), time.Since(began).Seconds())
	}
	if !keep {
		return ok, nil
	}
	fmt.Fprintf(out, "\nStill running, until Ctrl-C:\n  %s/namespaces/%s/workflows   Temporal's Web UI\n  %s/   the sandbox: be a person who comments\n\n",
		stack.Server.UIURL, stack.Server.Namespace, stack.SandboxURL)
	return ok, stack.Wait(ctx)
}

func play(ctx context.Context, out io.Writer, stack *harness.Dev, steps []step) bool {
	s := &story{stack: stack, account: stack.Accounts.All()[0]}
	all := true
	for i, step := range steps {
		fmt.Fprintf(out, "\n%d. %s\n", i+1, step.title)
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		got, err := step.play(ctx, s)
		cancel()
		mark := "✓"
		if err != nil {
			mark, got.what, all = "✗", err.Error(), false
		}
		f := &console.Facts{}
		f.Add("expected", "%s", step.expected)
		f.Add("seen", "%s %s", got.what, mark)
		if got.workflow != "" {
			f.AddUnwrapped("Web UI", fmt.Sprintf("%s/namespaces/%s/workflows/%s", stack.Server.UIURL, stack.Server.Namespace, url.PathEscape(got.workflow)))
		}
		if err := f.Write(out); err != nil {
			return false
		}
	}
	return all
}
