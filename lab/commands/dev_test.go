//go:build unix

package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/starter/cli"
)

// shell runs what the product told people to run.
func shell(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v: %s", command, err, out)
	}
	return string(out)
}

// Guards: the commands that `starter dev` prints work word for word, among them an
// approval by Temporal's own command line; and Ctrl-C stops everything.
func TestDev(t *testing.T) {
	t.Setenv("TEMPORAL_CLI_PATH", devservertest.CLI(t))
	folder := filepath.Join(t.TempDir(), "state")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	read, write := io.Pipe()
	root := cli.New(All()...)
	root.SetArgs([]string{"dev", "--free-ports", "--state", folder})
	root.SetOut(write)
	root.SetErr(write)
	ended := make(chan error, 1)
	go func() {
		ended <- root.ExecuteContext(ctx)
		write.Close()
	}()

	lines := bufio.NewScanner(read)
	var welcome strings.Builder
	for lines.Scan() {
		welcome.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	told := welcome.String()
	if !strings.Contains(told, "\nready\n") {
		t.Fatalf("it never became ready:\n%s", told)
	}
	rest := make(chan string, 1)
	go func() {
		b, err := io.ReadAll(read)
		if err != nil {
			t.Error(err)
		}
		rest <- string(b)
	}()

	written := shell(t, folder, regexp.MustCompile(`(?m)^ +(curl .*)$`).FindStringSubmatch(told)[1])
	var comment struct{ ID string }
	if err := json.Unmarshal([]byte(written), &comment); err != nil {
		t.Fatalf("%v in %s", err, written)
	}
	approve := regexp.MustCompile(`(?m)^ +(.* workflow update execute .*\\\n.*)$`).FindStringSubmatch(told)[1]
	approve = strings.Replace(approve, ":ID ", ":"+comment.ID+" ", 1)
	env := regexp.MustCompile(`\(first: (.*)\)`).FindStringSubmatch(told)[1]

	vars, err := config.ReadDevEnv(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
	waitListed(t, 1, "--state", "awaiting_approval")
	if got := shell(t, folder, env+"; "+approve); !strings.Contains(got, "accepted:true") {
		t.Errorf("the Temporal CLI was told %s", got)
	}
	waitListed(t, 1, "--state", "sent")
	if shown := starter(t, "show", comment.ID).mustSucceed(t).out; !strings.Contains(shown, "“Yes, it does.”") || !strings.Contains(shown, "me, ") {
		t.Errorf("show = %s", shown)
	}

	interrupt()
	if err := <-ended; err != nil {
		t.Errorf("dev ended with %v", err)
	}
	if got := <-rest; !strings.HasSuffix(got, "stopping the Temporal server\nstopped\n") {
		t.Errorf("at the end it told %q", got)
	}
}

// result is what a command printed and how it ended.
type result struct {
	out, err string
	code     int
}

// starter runs a command as a shell does.
func starter(t *testing.T, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := cli.Main(args, strings.NewReader(""), &out, &errOut, All()...)
	return result{out.String(), errOut.String(), code}
}

func (r result) mustSucceed(t *testing.T) result {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	return r
}

// waitListed waits until `starter list` shows so many replies.
func waitListed(t *testing.T, want int, args ...string) {
	t.Helper()
	timeout := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r := starter(t, append([]string{"list", "--json"}, args...)...).mustSucceed(t)
		n := strings.Count(r.out, `"id": `)
		if n == want {
			return
		}
		select {
		case <-timeout:
			t.Fatalf("list %v shows %d replies, want %d:\n%s", args, n, want, r.out)
		case <-tick.C:
		}
	}
}
