// Package devserver finds, builds and runs Temporal's development server, so that
// the product runs on a laptop and in tests without anything installed by hand.
//
// It is not for production: the development server is one process on one SQLite
// file, without sign-in.
package devserver

import (
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
	"time"
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

// ErrNotFound says that this machine has no usable Temporal CLI yet.
var ErrNotFound = errors.New("no Temporal CLI")

// Find is the path of a usable Temporal CLI: the one that TEMPORAL_CLI_PATH names,
// the one on PATH, the one built before, or else one that it builds now, which
// takes minutes and is told to progress.
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
	cmd.Env = withoutTemporalSettings(os.Environ())
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
