package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Accounts of the accounts file of `starter dev`.
const (
	instagram  = "17841400000000001"
	otherLogin = "17841400000000002"
	page       = "100000000000001"
)

// product is what the commands under test work with.
var product harnesstest.Dev

func TestMain(m *testing.M) {
	time.Local = time.UTC // the tests compare times as people read them; before anything reads the clock
	os.Exit(product.Main(m, func(context.Context) error {
		env, err := config.ReadDevEnv(product.Folder)
		for name, value := range env {
			os.Setenv(name, value)
		}
		return err
	}))
}

// needProduct lets tests of commands run at the same time, where a server can run.
func needProduct(t *testing.T) {
	t.Helper()
	t.Parallel()
	product.Need(t)
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
	code := Main(args, strings.NewReader(""), &out, &errOut)
	return result{out.String(), errOut.String(), code}
}

func (r result) mustSucceed(t *testing.T) result {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	return r
}

// mustFail checks that a command failed with words on standard error.
func (r result) mustFail(t *testing.T, words ...string) {
	t.Helper()
	if r.code == 0 {
		t.Fatalf("the command succeeded, and printed %s", r.out)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("standard error lacks %q:\n%s", w, r.err)
		}
	}
}

// comment lets somebody comment in the sandbox and returns the comment's id.
func comment(t *testing.T, n meta.NewComment) string {
	t.Helper()
	id, err := product.Sandbox.Comment(n)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func replyOf(t *testing.T, c privatereply.Comment) string {
	t.Helper()
	id, err := privatereply.ReplyID(c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func instagramReply(t *testing.T, comment string) string {
	t.Helper()
	return replyOf(t, privatereply.Comment{Platform: privatereply.Instagram, Account: instagram, CommentID: comment})
}

// waitFor waits until a reply is in a state, as the workflow says.
func waitFor(t *testing.T, workflow string, state privatereply.State) workflows.PrivateReplyStatus {
	t.Helper()
	var status workflows.PrivateReplyStatus
	eventually(t, func() error {
		answer, err := product.Client.QueryWorkflow(t.Context(), workflow, "", workflows.StatusQuery)
		if err != nil {
			return err
		}
		status = workflows.PrivateReplyStatus{}
		if err := answer.Get(&status); err != nil {
			return err
		}
		if status.State != state {
			return fmt.Errorf("%s is %s, want %s", workflow, status.State, state)
		}
		return nil
	})
	return status
}

// eventually waits until check has no error.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	timeout := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-timeout:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// waitListed waits until visibility shows so many replies to a query.
func waitListed(t *testing.T, want int, args ...string) result {
	t.Helper()
	var r result
	eventually(t, func() error {
		r = starter(t, append([]string{"list", "--json"}, args...)...).mustSucceed(t)
		if n := strings.Count(r.out, `"id": `); n != want {
			return fmt.Errorf("list %v shows %d replies, want %d:\n%s", args, n, want, r.out)
		}
		return nil
	})
	return r
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
		"no CONVERSATION":    {[]string{"reply", "--text", "x"}, "an ID is missing"},
		"text not in quotes": {[]string{"rules", "test", "how", "much"}, "a text with spaces goes in quotes"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { starter(t, tc.args...).mustFail(t, tc.want) })
	}
}
