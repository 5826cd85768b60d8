package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// needProductAlone is needProduct for a test during which no other one may run: a
// sweep finds the comments of all of them.
func needProductAlone(t *testing.T) {
	t.Helper()
	product.Need(t)
}

// sweptJSON runs starter sweep --json.
func sweptJSON(t *testing.T, r result) map[string]sweepReport {
	t.Helper()
	var all []sweepReport
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		t.Fatalf("%v\n%s%s", err, r.out, r.err)
	}
	byID := map[string]sweepReport{}
	for _, a := range all {
		byID[a.Account] = a
	}
	return byID
}

// waitScheduled waits for the worker to have made every Schedule.
func waitScheduled(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		for _, a := range product.Accounts.All() {
			id, err := privatereply.SweepID(a.Platform, a.ID)
			if err == nil {
				_, err = product.Client.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Guards: starter sweep finds what webhooks did not bring, waits for it, and says
// what it found, to people and to programs.
func TestSweep(t *testing.T) {
	needProductAlone(t)
	waitScheduled(t)
	onPage := comment(t, meta.NewComment{Account: page, Username: "Mia", Text: "Is it oak?", NoWebhook: true})
	onInstagram := comment(t, meta.NewComment{Account: instagram, Username: "mia", Text: "Is it oak?", NoWebhook: true})
	comment(t, meta.NewComment{Account: instagram, ParentID: onInstagram, ByAccount: true, Text: "Yes!", NoWebhook: true})

	all := sweptJSON(t, starter(t, "sweep", "--json").mustSucceed(t))
	for id, want := range map[string]workflows.SweepCounts{
		page:       {Pages: 1, Posts: 2, Comments: 1, Started: 1},
		instagram:  {Pages: 1, Posts: 2, Comments: 2, Started: 1, Own: 1},
		otherLogin: {Pages: 1, Posts: 2},
	} {
		got := all[id]
		if !got.Completed || got.Error != "" || got.Result == nil || !strings.HasPrefix(got.WorkflowID, "sweep:") {
			t.Errorf("%s: %+v", id, got)
			continue
		}
		if diff := cmp.Diff(want, got.Result.SweepCounts); diff != "" {
			t.Errorf("counts of %s (-want +got):\n%s", id, diff)
		}
	}
	waitFor(t, instagramReply(t, onInstagram), privatereply.AwaitingApproval)
	found := waitFor(t, replyOf(t, privatereply.Comment{Platform: privatereply.Facebook, Account: page, CommentID: onPage}), privatereply.AwaitingApproval)
	if found.Comment.Via != privatereply.ViaSweep {
		t.Errorf("it was found via %s", found.Comment.Via)
	}

	r := starter(t, "sweep", "--account", "Clean Slate").mustSucceed(t)
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	want := []string{"Clean", "Slate", "(instagram)", "1", "2", "2", "0", "1", "0", "0", "1", "0"}
	if len(lines) != 2 || cmp.Diff(want, strings.Fields(lines[1])) != "" {
		t.Errorf("output\n%s", r.out)
	}
	for _, line := range lines {
		if console.Columns(line) > console.Width {
			t.Errorf("%d columns: %s", console.Columns(line), line)
		}
	}
}

// Guards: a pass that fails fails the command and says why; the others come to
// their end all the same.
func TestSweepFails(t *testing.T) {
	needProductAlone(t)
	waitScheduled(t)
	fault := meta.Fault{Name: "error", Code: 100, Calls: "feed", Account: otherLogin, Times: 2}
	if _, err := product.Sandbox.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	r := starter(t, "sweep", "--json")
	all := sweptJSON(t, r)
	failed := all[otherLogin]
	if r.code == 0 || failed.Completed || !strings.Contains(failed.Error, "a parameter is wrong (error 100") {
		t.Errorf("exit code %d, %+v", r.code, failed)
	}
	if !all[page].Completed || !all[instagram].Completed {
		t.Errorf("the others ended as %+v", all)
	}
	r = starter(t, "sweep", "--account", otherLogin)
	if r.code == 0 || !strings.Contains(r.out, "not completed: graph: ") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	starter(t, "sweep", "--account", "404").mustFail(t, `account "404" is not in the accounts file`)
}

// Guards: a pass that must wait says so, and for what, while the command waits; a
// second command waits for its own pass. Ctrl-C ends the waiting.
func TestSweepWaits(t *testing.T) {
	needProductAlone(t)
	waitScheduled(t)
	if _, err := product.Sandbox.AddFault(meta.Fault{Name: "token-revoked", Calls: "feed", Account: otherLogin, Times: 1}); err != nil {
		t.Fatal(err)
	}
	handle := product.Client.ScheduleClient().GetHandle(t.Context(), "sweep:instagram:"+otherLogin)
	before, err := handle.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, endFirst := background(t, "sweep", "--account", otherLogin)
	eventually(t, func() error { return first.has("Oak Corner (instagram): graph: list the media: ", "; tried again at ") })
	second, endSecond := background(t, "sweep", "--account", otherLogin)
	eventually(t, func() error { return second.has("graph: list the media: ") })
	for _, end := range []func() error{endFirst, endSecond} {
		if err := end(); !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	}
	secrets, err := product.Accounts.Secrets(privatereply.Instagram, otherLogin)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(first.String(), secrets.Token) {
		t.Error("it shows the token")
	}

	// The pass goes on in five minutes; the test does not wait for that. Then the one
	// that the second command asked for begins.
	eventually(t, func() error {
		d, err := handle.Describe(t.Context())
		if err != nil {
			return err
		}
		for _, running := range d.Info.RunningWorkflows {
			_ = product.Client.TerminateWorkflow(t.Context(), running.WorkflowID, "", "the test ends it")
		}
		if n := d.Info.NumActions - before.Info.NumActions; n != 2 || len(d.Info.RunningWorkflows) > 0 {
			return fmt.Errorf("%d passes began, %d run", n, len(d.Info.RunningWorkflows))
		}
		return nil
	})
}

// shared is a buffer that one goroutine writes and another one reads.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// has reports which word is missing.
func (s *shared) has(words ...string) error {
	for _, w := range words {
		if text := s.String(); !strings.Contains(text, w) {
			return fmt.Errorf("it lacks %q:\n%s", w, text)
		}
	}
	return nil
}

// background runs a command until end is called, which interrupts it.
func background(t *testing.T, args ...string) (errOut *shared, end func() error) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	errOut = &shared{}
	root := New()
	root.SetArgs(args)
	root.SetOut(errOut)
	root.SetErr(errOut)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	return errOut, func() error {
		interrupt()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("it does not end")
		}
	}
}

// Guards: on a terminal the progress is one line that is written over, and what a
// pass waits for is told once and stays.
func TestSweepProgress(t *testing.T) {
	var b strings.Builder
	p := newSweepProgress(&b, 2)
	status := workflows.SweepStatus{SweepCounts: workflows.SweepCounts{Pages: 3, Posts: 75, Comments: 1204, Started: 2}}
	tell := p.of(0, "Shop (facebook)")
	tell(passStatus{status: &status})
	tell(passStatus{status: &status, waitingFor: "throttled"})
	tell(passStatus{status: &status, waitingFor: "throttled"})
	if want := "starter: Shop (facebook): throttled\n"; b.String() != want {
		t.Errorf("not on a terminal it wrote %q, want %q", b.String(), want)
	}
	b.Reset()
	p.terminal = true
	tell(passStatus{status: &status, waitingFor: "no token\x1b[2J"})
	tell(passStatus{status: &status, waitingFor: "no token\x1b[2J"}) // nothing has changed
	p.ended()
	p.clear()
	const erase = "\r\x1b[K"
	line := " of 2 accounts swept; 3 pages, 75 posts, 1204 comments, 2 replies started"
	if want := erase + "starter: Shop (facebook): no token[2J\n" + erase + "0" + line + erase + "1" + line + erase; b.String() != want {
		t.Errorf("on a terminal it wrote\n%q, want\n%q", b.String(), want)
	}
}

// Guards: without a worker the command says so instead of waiting for ever.
func TestSweepNeedsWorker(t *testing.T) {
	needProduct(t)
	s := &Session{Client: product.Client}
	if err := s.checkWorker(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "no worker is running for task queue nobody") {
		t.Errorf("it says %v", err)
	}
	if err := s.checkWorker(t.Context(), "private-replies"); err != nil {
		t.Errorf("with a worker it says %v", err)
	}
}
