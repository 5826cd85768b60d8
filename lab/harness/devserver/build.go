package devserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/privatereply/privatereply/lab/harness/devserver/filelock"
)

const cliModule = "github.com/temporalio/cli"

// failureLines is how much of go's output an error shows.
const failureLines = 20

// build makes the official CLI from its module and keeps it in dir.
func build(ctx context.Context, dir string, progress io.Writer) (string, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("there is no Temporal CLI on this machine, and no go command to build one: "+
			"install Go (https://go.dev/dl) or the Temporal CLI (https://docs.temporal.io/cli), or set %s: %w", PathVariable, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("keep the Temporal CLI: %w", err)
	}
	lock, err := filelock.Wait(ctx, filepath.Join(dir, ".lock"), func() {
		fmt.Fprintln(progress, "waiting: another process is building the Temporal CLI")
	})
	if err != nil {
		return "", err
	}
	defer lock.Unlock()

	target := filepath.Join(dir, binaryName())
	if usable(ctx, target) == nil { // the process that held the lock built it
		return target, nil
	}
	temp, err := os.MkdirTemp(dir, ".building-")
	if err != nil {
		return "", fmt.Errorf("keep the Temporal CLI: %w", err)
	}
	defer os.RemoveAll(temp)

	line := startProgress(progress, "building the Temporal CLI "+Version+" (once; it takes some minutes)")
	err = goInstall(ctx, goTool, temp)
	line.end(err == nil)
	if err != nil {
		return "", err
	}
	built := filepath.Join(temp, exeName("temporal"))
	if err := usable(ctx, built); err != nil {
		return "", fmt.Errorf("the CLI that was built does not work: %w", err)
	}
	if err := os.Rename(built, target); err != nil {
		return "", fmt.Errorf("keep the Temporal CLI: %w", err)
	}
	return target, nil
}

// goInstall builds into dir. It runs there too, where no go.mod of the user's and
// no workspace can change what is built.
func goInstall(ctx context.Context, goTool, dir string) error {
	cmd := exec.CommandContext(ctx, goTool, "install",
		"-ldflags", "-s -w -X "+cliModule+"/temporalcli.Version="+strings.TrimPrefix(Version, "v"),
		cliModule+"/cmd/temporal@"+Version)
	cmd.Dir = dir
	// Settings for a build of something else, such as GOOS or -mod=vendor, would
	// break this one. The CLI needs no C compiler.
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "GO111MODULE=on", "GOOS=", "GOARCH=", "CGO_ENABLED=0")
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("build the Temporal CLI: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("build the Temporal CLI with `go install %s/cmd/temporal@%s`: %w\n%s\nIt needs the Go module proxy; or install the CLI yourself (https://docs.temporal.io/cli) and set %s",
			cliModule, Version, err, lastLines(output.Bytes(), failureLines), PathVariable)
	}
	return nil
}
