package replyworker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph/sandbox"
	outside "github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// The rates of the two accounts: faster than real ones, so that minutes show what
// hours would. The sandbox refuses what Meta would at these rates.
const (
	bigPosts   = 5.0 // a second
	smallPosts = 2.0
	liveRate   = 20.0

	bigPace   = "posts_per_hour: 18000, live_per_second: 20"
	smallPace = "posts_per_hour: 7200, live_per_second: 20"
)

// Two workers keep two accounts at their rates, whatever waits: no window has more
// sends than the rate and the burst, Meta never has to throttle, the small account
// does not wait for the big one, a broadcast not for posts, and what a person
// approved not for what rules send. The run of docs/performance.md:
//
//	go test ./worker/replyworker -run TestPacing -replies 600 -v
func TestPacing(t *testing.T) {
	s := newStage(t, sandbox.Limits{LivePerSecond: 22}, bigPace, smallPace)
	s.work(2)
	s.work(2)
	media, err := s.meta.StartLive(bigID)
	if err != nil {
		t.Fatal(err)
	}
	few := max(4, *replies/10)

	big, _ := s.start(*replies, post(bigID), "m1", auto("Our prices: …"))
	began := time.Now()
	small, _ := s.start(few, post(smallID), "m2", auto("Our prices: …"))
	live, _ := s.start(2*few, sandbox.NewComment{Account: bigID, Source: privatereply.SourceLive}, media, auto("It is."))
	_, asked := s.start(1, post(bigID), "m1", ask("Sorry!"))
	if _, err := s.UpdateWorkflow(t.Context(), approveNow(asked[0])); err != nil {
		t.Fatal(err)
	}
	s.checkLists() // while most of them wait

	var status workflows.Status
	s.await("the approved reply to go", time.Minute, func() bool {
		return s.status(asked[0], &status) == nil && status.State == privatereply.Sent
	})
	t.Logf("approved by a person: sent %v after the decision", status.Send.SentAt.Sub(status.DecidedAt).Round(time.Millisecond))
	if status.Send.Attempts != 1 {
		t.Errorf("the approved reply took %d attempts", status.Send.Attempts)
	}

	all := map[string][]string{"live": live, "small account": small, "big account": big}
	for _, crowd := range []string{"live", "small account", "big account"} {
		comments := all[crowd]
		s.await(crowd, 2*time.Minute+time.Duration(*replies)*400*time.Millisecond, func() bool { return s.delivered(comments) })
		t.Logf("%s: %d delivered within %v", crowd, len(comments), time.Since(began).Round(time.Millisecond))
		if crowd != "big account" && s.delivered(big) {
			t.Errorf("the %s had to wait for the big account", crowd)
		}
	}
	s.checkPace("big account, posts", bigID, sandbox.PostCalls, bigPosts, 30)
	s.checkPace("big account, live", bigID, sandbox.LiveCalls, liveRate, 2)
	s.checkPace("small account, posts", smallID, sandbox.PostCalls, smallPosts, 30)
	report := s.meta.Report()
	for _, a := range report.Accounts {
		if a.Throttled > 0 || len(a.Refused) > 0 {
			t.Errorf("account %s: throttled %d times, refused %v", a.Account, a.Throttled, a.Refused)
		}
	}
	if report.Repeats > 0 {
		t.Errorf("%d comments were answered again", report.Repeats)
	}
}

// checkLists looks at the big account as people do while its replies wait.
func (s *stage) checkLists() {
	s.t.Helper()
	asks := outside.New(s.Client, s.server.Namespace, queue, converter.GetDefaultDataConverter())
	waiting := outside.Filter{Account: bigID, States: []privatereply.State{privatereply.Sending}}
	s.await("a list to tell of a next try", time.Minute, func() bool {
		rows, err := asks.Earliest(s.t.Context(), waiting, *replies)
		return err == nil && slices.ContainsFunc(rows, func(r outside.Row) bool { return r.NextTry.After(time.Now()) })
	})
	forecast, err := asks.Forecast(s.t.Context(), waiting, bigPosts)
	if err != nil || forecast.Sending == 0 || forecast.Late != 0 || forecast.FirstDeadline.IsZero() {
		s.t.Errorf("the forecast is %+v, %v", forecast, err)
	}
}

func post(account string) sandbox.NewComment {
	return sandbox.NewComment{Account: account, Source: privatereply.SourcePost, Text: "How much?"}
}

func approveNow(id string) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.ApproveMessage, Args: []any{workflows.Approve{Approver: "ana"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
}

// delivered reports whether every comment has its one reply.
func (s *stage) delivered(comments []string) bool {
	for _, id := range comments {
		if s.meta.Deliveries(id) != 1 {
			return false
		}
	}
	return true
}

// checkPace checks every window of some lengths against what the rate and the
// burst of all workers allow.
func (s *stage) checkPace(what, account, limit string, perSecond, burst float64) {
	s.t.Helper()
	calls := s.meta.CallTimes(account, limit)
	shown := fmt.Sprintf("%s, at %v a second:", what, perSecond)
	for _, window := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		n := most(calls, window)
		// One more: a window can begin and end with a send.
		if allowed := perSecond*window.Seconds() + burst + 1; float64(n) > allowed {
			s.t.Errorf("%s: %d sends in %v, allowed are %v", what, n, window, allowed)
		}
		shown += fmt.Sprintf(" at most %d in %v;", n, window)
	}
	s.t.Log(shown)
}

// most is the largest number of times in any window of length d.
func most(times []time.Time, d time.Duration) int {
	n, first := 0, 0
	for i, at := range times {
		for at.Sub(times[first]) >= d {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}
