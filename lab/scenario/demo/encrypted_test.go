package demo

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// personal is what the story and these tests let people say: comments, replies, what
// approvers write, and names.
var personal = []string{
	"How much is the small one", "Does it come in other woods", "Visit my page for easy money", "What is the price", "How much is the large one",
	"our price list: https://example.com/prices", approvedText, followUpText, // replies
	`"spam"`,                                // why an approver rejected
	"lena", "jonas", "noah", "crypto-deals", // names
	"hidden-in-a-failure", "hidden-in-a-signal",
}

// Without a key nobody can read a text or a name of a whole story in Temporal: neither
// in histories, memos, summaries, search attributes and failures as the server has
// them, nor in what Temporal's own command line prints. Tokens and secrets are in none,
// with encryption or without. The story without encryption proves that the check finds
// what it looks for.
func TestEncrypted(t *testing.T) {
	cli := devservertest.CLI(t)
	for name, encrypt := range map[string]bool{"with keys": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			stack := playDemo(t, harness.DevOptions{Folder: folder, CLIPath: cli, Ephemeral: true, Encrypt: encrypt})
			raw, visible := dumpServer(t, stack), dumpCLI(t, stack, cli)
			for place, text := range map[string]string{"the server": raw, "the command line's output": visible} {
				for _, needle := range personal {
					if strings.Contains(text, needle) == encrypt {
						t.Errorf("%q in %s: %v", needle, place, encrypt)
					}
				}
				for _, secret := range secrets(t, folder) {
					if strings.Contains(text, secret) {
						t.Errorf("a secret of the installation is in %s: %.8s…", place, secret)
					}
				}
			}
		})
	}
}

// playDemo plays the story, and then what it lacks: a workflow that fails, and a signal
// that is refused.
func playDemo(t *testing.T, opts harness.DevOptions) *harness.Dev {
	t.Helper()
	var err error
	if opts.Ports, err = harness.FreePorts(); err != nil {
		t.Fatal(err)
	}
	stack, err := harness.StartDev(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Stop(); err != nil {
			t.Error(err)
		}
	})
	var out strings.Builder
	var began []string
	told := slices.Clone(steps)
	for i, step := range told {
		told[i].run = func(ctx context.Context, s *story) (observation, error) {
			got, err := step.run(ctx, s)
			began = append(began, got.workflow)
			return got, err
		}
	}
	if !playSteps(t.Context(), &out, stack, told) {
		t.Fatal(out.String())
	}
	bad := workflows.PrivateReplyInput{Comment: privatereply.Comment{Platform: "hidden-in-a-failure", Account: "1", CommentID: "2"}}
	run, err := stack.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "failing", TaskQueue: harness.TaskQueue}, workflows.PrivateReplyType, bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "hidden-in-a-failure") {
		t.Fatalf("the workflow ended with %v", err)
	}
	s := &story{dev: stack, account: stack.Accounts.All()[0]}
	_, reply, err := s.writeComment("lena", "Is it oak?")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.awaitState(t.Context(), reply, privatereply.AwaitingApproval); err != nil {
		t.Fatal(err)
	}
	if err := stack.Client.SignalWorkflow(t.Context(), reply, "", workflows.ApproveMessage, map[string]string{"hidden-in-a-signal": "x"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range append(began, run.GetID(), reply) {
		awaitListed(t, stack, id)
	}
	return stack
}

// awaitListed waits until a workflow is listed.
func awaitListed(t *testing.T, stack *harness.Dev, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		listed, err := stack.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowId = %q", id)})
		if err == nil && listed.GetCount() == 1 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not listed: %v", id, err)
		case <-tick.C:
		}
	}
}

// secrets are those of the stack's folder, but for the encryption keys' ids.
func secrets(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "secrets", "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d secrets, %v", len(files), err)
	}
	all := []string{"Bearer ", "appsecret_proof"}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimPrefix(strings.TrimSpace(string(b)), "dev:"))
	}
	return all
}

// divisions are the parts of a namespace: what people start, Schedules and batches.
var divisions = []string{"", `TemporalNamespaceDivision = "TemporalScheduler"`, `TemporalNamespaceDivision = "TemporalBatcher"`}

// dumpServer is everything that the server tells of the workflows, byte by byte.
func dumpServer(t *testing.T, stack *harness.Dev) string {
	t.Helper()
	var all strings.Builder
	write := func(m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
		all.WriteByte('\n')
	}
	for _, w := range workflowsOf(t, stack) {
		d, err := stack.Client.WorkflowService().DescribeWorkflowExecution(t.Context(), &workflowservice.DescribeWorkflowExecutionRequest{Namespace: stack.Server.Namespace, Execution: w.GetExecution()})
		if err != nil {
			t.Fatal(err)
		}
		write(w)
		write(d)
		for it := stack.Client.GetWorkflowHistory(t.Context(), w.GetExecution().GetWorkflowId(), w.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
			event, err := it.Next()
			if err != nil {
				t.Fatal(err)
			}
			write(event)
		}
	}
	return all.String()
}

// workflowsOf lists every workflow of the stack.
func workflowsOf(t *testing.T, stack *harness.Dev) []*workflowpb.WorkflowExecutionInfo {
	t.Helper()
	var all []*workflowpb.WorkflowExecutionInfo
	for _, query := range divisions {
		var token []byte
		for {
			page, err := stack.Client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page.GetExecutions()...)
			if token = page.GetNextPageToken(); len(token) == 0 {
				break
			}
		}
	}
	if len(all) < 8 {
		t.Fatalf("only %d workflows are listed", len(all))
	}
	return all
}

// dumpCLI is everything that Temporal's command line tells of the workflows, with what it
// prints in base64 decoded.
func dumpCLI(t *testing.T, stack *harness.Dev, cli string) string {
	t.Helper()
	var all strings.Builder
	temporal := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), cli, append(args, "--output", "json", "--address", stack.Server.Address)...)
		cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "TEMPORAL_") })
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("temporal %v: %v", args, err)
		}
		all.WriteString(base64Words.ReplaceAllStringFunc(string(out), func(word string) string {
			b, err := base64.StdEncoding.DecodeString(strings.Trim(word, `"`))
			switch {
			case err != nil:
				return word
			case len(word) < 40: // no ciphertext is so short; it may be a word that only looks like base64
				return word + string(b)
			}
			return string(b)
		}))
	}
	temporal("workflow", "list")
	temporal("schedule", "list")
	for _, w := range workflowsOf(t, stack) {
		temporal("workflow", "show", "--workflow-id", w.GetExecution().GetWorkflowId(), "--run-id", w.GetExecution().GetRunId())
		temporal("workflow", "describe", "--workflow-id", w.GetExecution().GetWorkflowId(), "--run-id", w.GetExecution().GetRunId())
	}
	return all.String()
}

var base64Words = regexp.MustCompile(`"[A-Za-z0-9+/]+=*"`)
