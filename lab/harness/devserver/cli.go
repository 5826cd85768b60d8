// Package devserver finds, builds and runs Temporal's development server, so that
// the product runs on a laptop and in tests without anything installed by hand.
//
// It is not for production: the development server is one process on one SQLite
// file, without sign-in.
package devserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/privatereply/privatereply/lab/harness/process"
)

// Version is the Temporal CLI that is built when none is found. Newer ones cannot
// be built with `go install`: their go.mod has replace directives.
const Version = "v1.5.1"

// PathVariable names a Temporal CLI to use.
const PathVariable = "TEMPORAL_CLI_PATH"

// minServerMinor is the oldest server of the line 1.x whose Updates, metadata and
// fairness the product was tried with.
const minServerMinor = 29

// versionTimeout bounds the question for the version. A CLI answers in a moment;
// another program of that name may wait for input.
const versionTimeout = 10 * time.Second

const (
	cliModule = "github.com/temporalio/cli"
	// failureLines is how much of go's output an error shows.
	failureLines = 20
	// lockRetry is how often a lock that another process holds is tried again.
	lockRetry = 200 * time.Millisecond
)

// ErrNotFound says that this machine has no usable Temporal CLI yet.
var ErrNotFound = errors.New("no Temporal CLI")

// Find is the path of a usable Temporal CLI: the one that TEMPORAL_CLI_PATH names,
// the one on PATH, the one built before, or else one that it builds now, which
// takes minutes and is reported to progress.
func Find(ctx context.Context, progress io.Writer) (string, error) {
	path, err := Lookup(ctx)
	if !errors.Is(err, ErrNotFound) {
		return path, err
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	return build(ctx, dir, progress)
}

// Lookup is Find without the building: when there is no CLI the error is
// ErrNotFound and says where it looked.
func Lookup(ctx context.Context) (string, error) {
	if path := os.Getenv(PathVariable); path != "" {
		if err := usable(ctx, path); err != nil {
			return "", fmt.Errorf("%s: %w", PathVariable, err)
		}
		return path, nil
	}
	onPath := "not there"
	if path, err := exec.LookPath("temporal"); err == nil {
		if err = usable(ctx, path); err == nil {
			return path, nil
		}
		onPath = err.Error()
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	cached := filepath.Join(dir, binaryName())
	if err = usable(ctx, cached); err == nil {
		return cached, nil
	}
	return "", fmt.Errorf("%w: %s is not set; on PATH: %s; in the cache: %w", ErrNotFound, PathVariable, onPath, err)
}

// cacheDir is where a CLI that was built is kept for the next time.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep the Temporal CLI: %w; set %s to one that you have", err, PathVariable)
	}
	return filepath.Join(dir, "private-replies", "bin"), nil
}

func binaryName() string { return exeName("temporal-" + Version) }

func exeName(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// versionLine is what `temporal --version` prints, such as
// "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)".
var versionLine = regexp.MustCompile(`^temporal version \S+ \(Server 1\.(\d+)\.`)

// usable reports why the program at path cannot run the server.
func usable(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = process.Environment()
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s does not run as a Temporal CLI: %w", path, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("%s is not a Temporal CLI with a server", path)
	}
	if minor, err := strconv.Atoi(string(m[1])); err != nil || minor < minServerMinor {
		return fmt.Errorf("%s has server 1.%s; 1.%d or newer is needed (Temporal CLI %s)", path, m[1], minServerMinor, Version)
	}
	return nil
}

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
	unlock, err := lockFolder(ctx, dir, progress)
	if err != nil {
		return "", err
	}
	defer unlock()

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
	cmd.Cancel = func() error { return process.Signal(cmd.Process, os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("build the Temporal CLI: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("build the Temporal CLI with `go install %s/cmd/temporal@%s`: %w\n%s\nIt needs the Go module proxy; or install the CLI yourself (https://docs.temporal.io/cli) and set %s",
			cliModule, Version, err, process.LastLines(output.Bytes(), failureLines), PathVariable)
	}
	return nil
}

// lockFolder waits until no other process builds into dir.
func lockFolder(ctx context.Context, dir string, progress io.Writer) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, ".lock"), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		fmt.Fprintln(progress, "waiting: another process is building the Temporal CLI")
		_, err = lock.TryLockContext(ctx, lockRetry)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = lock.Unlock() }, nil // the system unlocks it with this process's end
}
