//go:build unix

package devserver_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// script writes an executable shell script.
func script(t *testing.T, path, body string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodCLI = `echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"`

// machine is a laptop with nothing on it: an empty PATH and an empty cache.
type machine struct{ path, cached string }

func newMachine(t *testing.T) machine {
	t.Helper()
	m := machine{path: t.TempDir()}
	home := t.TempDir()
	t.Setenv("PATH", m.path)
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv(devserver.PathVariable, "")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	m.cached = filepath.Join(cache, "private-replies", "bin", "temporal-v1.5.1")
	return m
}

// Guards: the order TEMPORAL_CLI_PATH, PATH, cache, and that a program which only
// has the right name is passed over.
func TestLookup(t *testing.T) {
	tests := map[string]struct {
		variable, path, cached string // scripts; empty: not there
		want                   string // which of them
		wantErr                string
		notFound               bool
	}{
		"the variable wins":               {variable: goodCLI, path: goodCLI, cached: goodCLI, want: "variable"},
		"then PATH":                       {path: goodCLI, cached: goodCLI, want: "path"},
		"then the cache":                  {cached: goodCLI, want: "cached"},
		"another program on PATH":         {path: "echo hello", cached: goodCLI, want: "cached"},
		"a program on PATH that fails":    {path: "exit 3", cached: goodCLI, want: "cached"},
		"an old CLI on PATH":              {path: strings.Replace(goodCLI, "1.29.1", "1.27.0", 1), cached: goodCLI, want: "cached"},
		"a newer CLI on PATH":             {path: strings.Replace(goodCLI, "1.29.1", "1.32.0", 1), want: "path"},
		"nothing anywhere":                {notFound: true, wantErr: "TEMPORAL_CLI_PATH is not set"},
		"only a wrong one":                {path: "echo hello", notFound: true, wantErr: "not a Temporal CLI"},
		"a wrong variable is not ignored": {variable: "echo hello", path: goodCLI, wantErr: "TEMPORAL_CLI_PATH: "},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			at := map[string]string{
				"variable": filepath.Join(t.TempDir(), "mine"),
				"path":     filepath.Join(m.path, "temporal"),
				"cached":   m.cached,
			}
			for where, body := range map[string]string{"variable": tc.variable, "path": tc.path, "cached": tc.cached} {
				if body != "" {
					script(t, at[where], body)
				}
			}
			if tc.variable != "" {
				t.Setenv(devserver.PathVariable, at["variable"])
			}

			got, err := devserver.Lookup(t.Context())
			if tc.wantErr == "" {
				if err != nil || got != at[tc.want] {
					t.Fatalf("Lookup = %q, %v; want %q", got, err, at[tc.want])
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
				t.Fatalf("Lookup error = %v, want one with %q", err, tc.wantErr)
			}
			if errors.Is(err, devserver.ErrNotFound) != tc.notFound {
				t.Errorf("error %v is ErrNotFound: %v, want %v", err, !tc.notFound, tc.notFound)
			}
		})
	}
}

// fakeGo stands in for the go command: it notes that it ran and "builds" a CLI.
const fakeGo = `echo "$@" >> "$GO_CALLS"
[ "$PWD" -ef "$GOBIN" ] || { echo "not in GOBIN"; exit 1; }
[ -z "$GOFLAGS$GOOS$GOARCH" ] && [ "$GOWORK" = off ] || { echo "settings of the user's"; exit 1; }
printf '#!/bin/sh\n%s\n' 'echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"' > temporal
/bin/chmod +x temporal`

// Guards: a machine without a CLI gets one, built once however many ask, and the
// next call finds it.
func TestFindBuilds(t *testing.T) {
	m := newMachine(t)
	script(t, filepath.Join(m.path, "go"), fakeGo)
	calls := filepath.Join(t.TempDir(), "calls")
	t.Setenv("GO_CALLS", calls)
	t.Setenv("GOFLAGS", "-mod=vendor")
	t.Setenv("GOOS", "plan9")

	var progress [3]bytes.Buffer
	var all sync.WaitGroup
	for i := range progress {
		all.Go(func() {
			if path, err := devserver.Find(t.Context(), &progress[i]); err != nil || path != m.cached {
				t.Errorf("Find = %q, %v; want %q", path, err, m.cached)
			}
		})
	}
	all.Wait()
	got, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "install "); n != 1 {
		t.Errorf("go install ran %d times, want once: %s", n, got)
	}
	if !strings.Contains(string(got), "github.com/temporalio/cli/cmd/temporal@v1.5.1") {
		t.Errorf("built something else: %s", got)
	}
	told := progress[0].String() + progress[1].String() + progress[2].String()
	if !strings.Contains(told, "building the Temporal CLI v1.5.1") || !regexp.MustCompile(`done in \d+s`).MatchString(told) {
		t.Errorf("progress does not tell of the build: %q", told)
	}
	left, err := os.ReadDir(filepath.Dir(m.cached))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), ".building-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// Guards: a build that cannot be done says what to do, and leaves no half CLI.
func TestFindFails(t *testing.T) {
	tests := map[string]struct {
		goTool string
		want   []string
	}{
		"no go command": {"", []string{"no go command", "https://go.dev/dl", "TEMPORAL_CLI_PATH"}},
		"go fails":      {`echo "proxy.invalid: no such host" >&2; exit 1`, []string{"proxy.invalid: no such host", "exit status 1", "https://docs.temporal.io/cli"}},
		"go builds something else": {
			`printf '#!/bin/sh\necho other\n' > temporal; /bin/chmod +x temporal`, []string{"does not work", "not a Temporal CLI"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if tc.goTool != "" {
				script(t, filepath.Join(m.path, "go"), tc.goTool)
			}
			var progress bytes.Buffer
			_, err := devserver.Find(t.Context(), &progress)
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Find error = %v, want one with %q", err, want)
				}
			}
			if _, err := os.Stat(m.cached); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s exists after a failed build (%v)", m.cached, err)
			}
		})
	}
}

// Guards: Ctrl-C ends a build.
func TestFindCancelled(t *testing.T) {
	m := newMachine(t)
	started := filepath.Join(t.TempDir(), "started")
	script(t, filepath.Join(m.path, "go"), "echo > "+started+"; exec /bin/sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				cancel()
			}
		}
	}()
	if _, err := devserver.Find(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Find = %v, want context.Canceled", err)
	}
}
