package activities

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Replies are started in the order of their deadlines, and a page that is tried
// again goes on where it was: no reply is started twice, and each counts as what it
// was.
func TestSweepGoesOn(t *testing.T) {
	s := newSweeping(t, page)
	workflow := func(comment string) string {
		return "reply:facebook:" + page.ID + ":" + comment[strings.LastIndexByte(comment, '_')+1:]
	}
	var comments []string
	for i := range 40 {
		comments = append(comments, s.write(t, meta.NewComment{Username: fmt.Sprint("c", i), Text: "Hello?", Age: ago(time.Duration(40-i) * time.Hour)}))
	}
	s.has[workflow(comments[3])] = true
	s.fail = func(id string) error {
		if id == workflow(comments[20]) {
			return serviceerror.NewUnavailable("no server")
		}
		return nil
	}
	var reported sweepProgress
	s.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		if err := details.Get(&reported); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.sweepPage(workflows.SweepPageInput{}); err == nil || !strings.Contains(err.Error(), "start the missing replies") {
		t.Fatalf("the page ended with %v", err)
	}
	if reported.Started != 15 || reported.Duplicate != 1 || reported.UpTo.ID != workflow(comments[15]) {
		t.Fatalf("reported %+v", reported)
	}
	if n := len(s.started); n < 16 || n > 23 {
		t.Errorf("%d replies were started before the fault", n)
	}

	s.restart()
	s.SetHeartbeatDetails(reported)
	s.fail = func(string) error { return nil }
	s.write(t, meta.NewComment{Username: "late", Text: "Hello?"})
	lost := len(s.started) - reported.Started // started in the batch that failed
	got, err := s.sweepPage(workflows.SweepPageInput{})
	if err != nil {
		t.Fatal(err)
	}
	want := workflows.SweepCounts{Pages: 1, Posts: 2, Comments: 41, Started: 40 - lost, Duplicate: 1 + lost}
	if diff := cmp.Diff(want, got.SweepCounts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if len(s.started) != 40 {
		t.Errorf("%d replies were started", len(s.started))
	}
	for i, in := range s.started[:reported.Started] { // comments[3] is none of them
		if place := slices.Index(comments, in.Comment.CommentID); place/maxConcurrentStarts != (i+1)/maxConcurrentStarts {
			t.Errorf("comment %d was started as number %d", place, i)
		}
	}
}

// What Meta refuses for now is tried again when it says, or when somebody may have
// mended it; what it refuses for good, and an account that is gone, is not.
func TestSweepPageFailures(t *testing.T) {
	tests := []struct {
		name    string
		fault   meta.Fault
		account string // empty: the one that is there
		reason  string
		wait    time.Duration // 0: never again
	}{
		{"throttled for the named minutes", meta.Fault{Name: "throttle", Minutes: 19}, "", "throttled", 19 * time.Minute},
		{"token", meta.Fault{Name: "token-revoked"}, "", "token_rejected", 5 * time.Minute},
		{"permission", meta.Fault{Name: "permission-missing"}, "", "not_permitted", 5 * time.Minute},
		{"outage", meta.Fault{Name: "transient"}, "", "outage", time.Minute},
		{"no answer", meta.Fault{Name: "accept-then-not-json"}, "", "no_answer", time.Minute},
		{"connection lost", meta.Fault{Name: "reset"}, "", "no_answer", time.Minute},
		{"refused for good", meta.Fault{Name: "error", Code: 100}, "", "bad_request", 0},
		{"token unreadable", meta.Fault{}, tokenless.ID, "token_rejected", 5 * time.Minute},
		{"account gone", meta.Fault{}, "100000000000404", "account_unknown", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, page)
			if tt.fault.Calls = "read"; tt.fault.Name != "" {
				if _, err := s.AddFault(tt.fault); err != nil {
					t.Fatal(err)
				}
			}
			in := workflows.SweepPageInput{Platform: page.Platform, Account: page.ID}
			if tt.account != "" {
				in.Account = tt.account
			}
			_, err := s.ExecuteActivity(workflows.SweepPageActivity, in)
			var failed *temporal.ApplicationError
			if !errors.As(err, &failed) || failed.Type() != tt.reason {
				t.Fatalf("it failed with %v, want %s", err, tt.reason)
			}
			if failed.NonRetryable() != (tt.wait == 0) {
				t.Errorf("never again: %v", failed.NonRetryable())
			}
			if wait := failed.NextRetryDelay(); wait < tt.wait || wait > tt.wait+tt.wait/5 {
				t.Errorf("it waits %v, want %v and at most a fifth more", wait, tt.wait)
			}
			for _, secret := range []string{testToken, testSecret, testProof} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

// A post whose comments Meta does not show does not keep the others from being
// swept; a fault that passes does, and the page is tried again.
func TestSweepPagePastABrokenPost(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		failed bool
	}{
		{"gone", `{"error":{"code":100,"error_subcode":33}}`, false},
		{"throttled", `{"error":{"code":80002}}`, true},
		{"token", `{"error":{"code":190}}`, true},
		{"not JSON", "<html>", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, instagram)
			s.write(t, meta.NewComment{Username: "lena", Text: "Hello?"})
			s.write(t, meta.NewComment{Source: privatereply.SourceReel, Username: "mia", Text: "Hello?"})
			posts := 0
			s.instead = func(path string) string {
				if strings.HasSuffix(path, "/comments") {
					if posts++; posts == 1 {
						return tt.answer
					}
				}
				return ""
			}
			got, err := s.sweepPage(workflows.SweepPageInput{})
			if tt.failed {
				if err == nil || len(s.started) != 0 {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			want := workflows.SweepCounts{Pages: 1, Posts: 2, Comments: 1, Started: 1, Failed: 1}
			if diff := cmp.Diff(want, got.SweepCounts); err != nil || diff != "" {
				t.Errorf("%v, counts (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A worker that stops gives the page away at once.
func TestSweepPageStops(t *testing.T) {
	s := newSweeping(t, page)
	stop := make(chan struct{})
	close(stop)
	s.SetWorkerStopChannel(stop)
	_, err := s.sweepPage(workflows.SweepPageInput{})
	var failed *temporal.ApplicationError
	if !errors.As(err, &failed) || failed.NonRetryable() || !strings.Contains(err.Error(), errStopping.Error()) {
		t.Errorf("it ended with %v", err)
	}
}

// A pass ends at posts of long ago, but not before it has seen enough of them, and
// not at a page that holds a newer one.
func TestSweepPageEnds(t *testing.T) {
	long := ago(100 * 24 * time.Hour)
	tests := []struct {
		name   string
		before int
		newest privatereply.Duration
		want   bool // it goes on
	}{
		{"old, and enough", minPosts, long, false},
		{"old, and just enough with this page", minPosts - 25, long, false},
		{"old, but too few", minPosts - 26, long, true},
		{"a newer one among them", minPosts, ago(89 * 24 * time.Hour), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, page)
			posts := func(count int, age privatereply.Duration) {
				for range count {
					s.write(t, meta.NewComment{Source: privatereply.SourceVisitorPost, Username: "ann", Text: "Hello?", Age: age})
				}
			}
			posts(23, ago(10*24*time.Hour)) // the first page, with the two that every sandbox has
			posts(1, tt.newest)
			posts(30, long)
			first, err := s.sweepPage(workflows.SweepPageInput{})
			if err != nil || first.Next == "" {
				t.Fatalf("%+v, %v", first, err)
			}
			second, err := s.sweepPage(workflows.SweepPageInput{Cursor: first.Next, PostsBefore: tt.before})
			if err != nil || second.Posts != 25 {
				t.Fatalf("%+v, %v", second, err)
			}
			if got := second.Next != ""; got != tt.want {
				t.Errorf("it goes on: %v, want %v", got, tt.want)
			}
		})
	}
}
