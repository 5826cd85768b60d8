//go:build unix

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
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
	root := New()
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

	vars, err := harness.ReadEnv(folder)
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

// Guards: beside a running `starter dev` nothing has to be configured, and who has
// an accounts file of their own is left alone.
func TestUseDevFiles(t *testing.T) {
	needNothing := func(t *testing.T) (told *strings.Builder) {
		t.Helper()
		t.Chdir(t.TempDir())
		for _, name := range []string{"PRIVATEREPLY_ACCOUNTS", "PRIVATEREPLY_RULES", "TEMPORAL_ADDRESS"} {
			t.Setenv(name, "")
		}
		if err := os.Mkdir(harness.DefaultFolder, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{
			harness.AccountsFile: "accounts: []\n",
			harness.EnvFile:      "PRIVATEREPLY_ACCOUNTS='/dev-accounts.yaml'\nTEMPORAL_ADDRESS='127.0.0.1:1'\n",
		} {
			if err := os.WriteFile(filepath.Join(harness.DefaultFolder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return &strings.Builder{}
	}
	t.Run("nothing configured", func(t *testing.T) {
		told := needNothing(t)
		if err := useDevFiles(told); err != nil {
			t.Fatal(err)
		}
		if a, b := os.Getenv("PRIVATEREPLY_ACCOUNTS"), os.Getenv("TEMPORAL_ADDRESS"); a != "/dev-accounts.yaml" || b != "127.0.0.1:1" {
			t.Errorf("accounts %q, address %q", a, b)
		}
		if !strings.Contains(told.String(), "using the files of `starter dev` in .dev") {
			t.Errorf("told %q", told)
		}
	})
	t.Run("what is set stays", func(t *testing.T) {
		told := needNothing(t)
		t.Setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
		if err := useDevFiles(told); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv("TEMPORAL_ADDRESS"); got != "temporal.example:7233" {
			t.Errorf("address %q", got)
		}
	})
	t.Run("an accounts file of one's own", func(t *testing.T) {
		told := needNothing(t)
		if err := os.WriteFile("accounts.yaml", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := useDevFiles(told); err != nil || told.Len() > 0 || os.Getenv("TEMPORAL_ADDRESS") != "" {
			t.Errorf("it used .dev: %v, %q", err, told)
		}
	})
	t.Run("an accounts file that is named", func(t *testing.T) {
		told := needNothing(t)
		t.Setenv("PRIVATEREPLY_ACCOUNTS", "other.yaml")
		if err := useDevFiles(told); err != nil || told.Len() > 0 || os.Getenv("TEMPORAL_ADDRESS") != "" {
			t.Errorf("it used .dev: %v, %q", err, told)
		}
	})
}
