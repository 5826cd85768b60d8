package workflows_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	. "github.com/privatereply/privatereply/workflows"
)

// types are the workflows that a release has histories of.
var types = map[string]any{
	PrivateReplyType: PrivateReply,
	ConversationType: Conversation,
	BroadcastType:    Broadcast,
	IntakeType:       Intake,
	SweepType:        Sweep,

	RemovedPostType:   RemovedPost,
	LocateMessageType: LocateMessage,
	ErasureType:       Erasure,
	TokenRenewalType:  TokenRenewal,
	ReopenType:        Reopen,

	CommentVisibilityType: CommentVisibility,
	OnceType:              Once,
}

// waits are the histories of a release that end where a reply waits. Nearly all
// replies that a deploy meets stand in one of these places.
var waits = []string{"holding", "awaiting-approval", "sending", "paced", "sent", "responded", "delivery-unknown"}

// releases are the folders with the histories of every release.
func releases(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/histories/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatal("no histories are recorded: run make histories RELEASE=…")
	}
	return folders
}

func replayer() worker.WorkflowReplayer {
	r := worker.NewWorkflowReplayer()
	for name, f := range types {
		r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	return r
}

// A worker with this code can go on with every workflow that an older release began.
func TestReplay(t *testing.T) {
	for _, release := range releases(t) {
		t.Run(filepath.Base(release), func(t *testing.T) {
			if lacks := missing(t, release); len(lacks) > 0 {
				t.Errorf("it has no history of %q: see docs/operations/upgrades.md", lacks)
			}
			for _, file := range histories(t, release) {
				t.Run(filepath.Base(file), func(t *testing.T) {
					if err := replayer().ReplayWorkflowHistoryFromJSONFile(quiet{}, file); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// changedRules are other values for what the domain says, by file. Texts in the histories
// are longer than the limits here.
var changedRules = map[string]map[string]string{
	"deadline.go": {
		"ReplyPeriod": "5 * 24 * time.Hour", "DeadlineMargin": "5 * 24 * time.Hour", "MaxBroadcast": "time.Nanosecond",
		"StandardWindow": "time.Nanosecond", "HumanAgentWindow": "2 * time.Nanosecond", "WindowMargin": "7 * time.Minute",
		"ResponseWait": "time.Nanosecond", "MaxFollow": "time.Nanosecond", "ClockSkew": "time.Nanosecond", "futureTolerance": "0",
	},
	"platform.go": {"instagramTextBytes": "1", "facebookTextChars": "1"},
}

// A deploy may change any rule of the domain: what a running workflow keeps to stands in
// its input.
func TestReplayWithChangedRules(t *testing.T) {
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, constants := range changedRules {
		path, err := filepath.Abs(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for constant, value := range constants {
			definition := regexp.MustCompile(`(?m)^(\s+` + constant + `\s+=) .*$`)
			if n := len(definition.FindAll(source, -1)); n != 1 {
				t.Fatalf("%s defines %s %d times", name, constant, n)
			}
			source = definition.ReplaceAll(source, []byte("$1 "+value))
		}
		overlay.Replace[path] = filepath.Join(dir, name)
		if err := os.WriteFile(overlay.Replace[path], source, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-overlay", file, "-count", "1", "-v", "-run", "^TestReplay$", ".").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestReplay/") {
		t.Errorf("%v\n%s", err, out)
	}
}

func histories(t *testing.T, release string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(release, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// missing lists the workflow types and the places to wait that a release has no
// history of.
func missing(t *testing.T, release string) []string {
	t.Helper()
	wanted := map[string]bool{}
	for name := range types {
		wanted[name] = true
	}
	for _, name := range waits {
		wanted[name] = true
	}
	for _, file := range histories(t, release) {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{LastEventID: 1})
		_ = f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := filepath.Base(file)
		delete(wanted, name[:len(name)-len(".json")])
		delete(wanted, history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName())
	}
	return slices.Sorted(maps.Keys(wanted))
}

// The replay notices code that would break running workflows: here one that asks
// for something else first.
func TestReplayNoticesChangedWorkflow(t *testing.T) {
	changed := func(ctx workflow.Context, in PrivateReplyInput) (*PrivateReplyStatus, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return nil, err
		}
		return PrivateReply(ctx, in)
	}
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(changed, workflow.RegisterOptions{Name: PrivateReplyType})
	for _, name := range []string{"sent", "awaiting-approval", "no-response", "ignored"} {
		for _, release := range releases(t) {
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(quiet{}, filepath.Join(release, name+".json")); err == nil {
				t.Errorf("%s: a changed workflow replayed without an error", name)
			}
		}
	}
}

// A release whose histories were not all recorded is noticed, before a change of
// what is missing breaks it.
func TestReplayNoticesMissingHistories(t *testing.T) {
	whole := releases(t)[0]
	tests := []struct {
		name  string
		leave string // files that the release is made of without
		want  []string
	}{
		{"nothing", "", nil},
		{"a workflow type", "conversation*", []string{ConversationType}},
		{"all of a type", "sweep-*", []string{SweepType}},
		{"a place to wait", "sent.json", []string{"sent"}},
		{"a reply that ended", "ignored.json", nil},
		{"everything", "*", append(slices.Sorted(maps.Keys(types)), slices.Sorted(slices.Values(waits))...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			release := t.TempDir()
			for _, file := range histories(t, whole) {
				name := filepath.Base(file)
				if left, err := filepath.Match(tt.leave, name); err != nil || left {
					continue
				}
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(release, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := missing(t, release); !slices.Equal(got, tt.want) {
				t.Errorf("missing are %q, want %q", got, tt.want)
			}
		})
	}
}

// billable are the events that Temporal Cloud counts as actions:
// https://docs.temporal.io/evaluate/cloud/actions. A signal with start counts once
// at its sender; workflow tasks, completions, cancelled timers and changes of the memo do
// not count.
var billable = map[enumspb.EventType]bool{
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:                   true,
	enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:                      true,
	enumspb.EVENT_TYPE_TIMER_STARTED:                                true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:                  true,
	enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:           true,
	enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:            true,
	enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: true,
	enumspb.EVENT_TYPE_MARKER_RECORDED:                              true,
	enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:     true,
}

// What a comment costs is part of the product: a path that grows shows here.
func TestActions(t *testing.T) {
	tests := []struct {
		name    string
		history string
		actions int
	}{
		{"ignored", "ignored", 1},
		// Start, send, upsert sent, the wait for the answer, upsert no_response, report of the end.
		{"answered by a rule, no response", "no-response", 6},
		// Start, deadline, look-up, update, send, upsert sent, the wait for the answer, signal,
		// upserts responded and window_closed, report of the end, and the time in which others
		// who decide are still answered: after a longer wait there is none.
		{"approved and answered", "window-closed", 12},
		// Start, hold, update, upsert rejected, and the time in which others are answered.
		{"rejected at once", "held-then-rejected", 5},
		// Beside "answered by a rule": the public reply, and an upsert when it is posted.
		{"with a public reply", "campaign", 8},
		// Start, send, upsert sent, the wait for the answer, public reply and its upsert, the two
		// signals of the tap, upserts responded (with the tap) and window_closed, report of the end.
		{"with a public reply, and tapped", "tapped", 11},
		{"ignored and hidden", "ignored-and-hidden", 3},
		// Beside the start: the claim, and for the winner all of "answered by a rule" so far.
		{"once, the one that is answered", "once-won", 5},
		{"once, another one", "once-lost", 3},
		{"the claim itself", "once", 2},
		{"hidden by hand", "visibility", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := os.Open("testdata/histories/v0.2/" + tt.history + ".json")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
			if err != nil {
				t.Fatal(err)
			}
			actions := 0
			for _, event := range history.GetEvents() {
				if billable[event.GetEventType()] {
					actions++
				}
			}
			if actions != tt.actions {
				t.Errorf("%d actions, want %d", actions, tt.actions)
			}
		})
	}
}
