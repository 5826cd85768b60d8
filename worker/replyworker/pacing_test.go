package replyworker_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	outside "github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// The rates of an account: faster than real ones, so that minutes show what hours
// would. The sandbox refuses what Meta would at these rates.
const (
	posts    = 20000.0 / 3600 // a second
	liveRate = 20.0

	pace = "posts_per_hour: 20000, live_per_second: 20"
)

// few is how many replies an account has beside one with a crowd.
const few = 20

// crowd is the rate of the account that has many replies waiting, and how much later
// than alone the few of the other account may go because of them.
type crowd struct {
	perHour   int
	tolerance time.Duration
}

// theCrowd is what docs/development/performance.md describes, if it is as large. A small one goes
// slower, so that it still waits when a busy machine has started it and looked at it;
// beside it a few seconds tell only how busy the machine was.
func theCrowd() crowd {
	if *replies >= 1000 {
		return crowd{20000, 5 * time.Second}
	}
	return crowd{8000, 15 * time.Second}
}

func (c crowd) pace() string {
	return fmt.Sprintf("posts_per_hour: %d, live_per_second: 20", c.perHour)
}

func (c crowd) perSecond() float64 { return float64(c.perHour) / 3600 }

// Two workers keep two accounts at their rates, whatever waits: no window has more
// sends than the rate and the burst, Meta never has to throttle, the small account
// does not wait for the big one, a broadcast not for posts, and what a person
// approved not for what rules send. The run of docs/development/performance.md:
//
//	go test ./worker/replyworker -run 'TestPacing$' -replies 2000 -timeout 30m -v
func TestPacing(t *testing.T) {
	crowd := theCrowd()
	s := newProduct(t, 2, meta.Limits{PostsPerHour: crowd.perHour, LivePerSecond: 22}, crowd.pace(), pace)
	harnesstest.Start(t, s.Workers)
	media, err := s.Sandbox.StartLive(bigID)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	big, _ := s.start(*replies, post(bigID), "m1", auto("Our prices: …"))
	s.checkLists(crowd.perSecond()) // while most of them wait
	beside := s.timeFew()
	t.Logf("small account, beside the big one: %d delivered within %v", few, beside.Round(time.Millisecond))
	if s.delivered(big) {
		t.Error("the small account had to wait for the big one")
	}

	_, asked := s.start(1, post(bigID), "m1", ask("Sorry!"))
	if _, err := s.UpdateWorkflow(t.Context(), approveNow(asked[0])); err != nil {
		t.Fatal(err)
	}
	beganLive := time.Now()
	live, _ := s.start(2*few, meta.NewComment{Account: bigID, Source: privatereply.SourceLive}, media, auto("It is."))
	s.awaitDelivered("live", live)
	t.Logf("live: %d delivered within %v", len(live), time.Since(beganLive).Round(time.Millisecond))
	approved := s.until(asked[0], privatereply.Sent)
	t.Logf("approved by a person: sent %v after the decision", approved.Send.SentAt.Sub(approved.DecidedAt).Round(time.Millisecond))
	if approved.Send.Attempts != 1 {
		t.Errorf("the approved reply took %d attempts", approved.Send.Attempts)
	}
	s.awaitDelivered("the big account", big)
	t.Logf("big account: %d delivered within %v", len(big), time.Since(began).Round(time.Millisecond))
	alone := s.timeFew()
	t.Logf("small account, alone: %d delivered within %v", few, alone.Round(time.Millisecond))
	if beside > alone+crowd.tolerance {
		t.Errorf("beside the big account the small one needed %v, alone %v", beside, alone)
	}

	s.checkPace("big account, posts", bigID, meta.LimitPosts, crowd.perSecond(), 30)
	s.checkPace("big account, live", bigID, meta.LimitLive, liveRate, 2)
	s.checkPace("small account, posts", smallID, meta.LimitPosts, posts, 30)
	report := s.Sandbox.Report()
	for _, a := range report.Accounts {
		if a.Throttled > 0 || len(a.Refused) > 0 {
			t.Errorf("account %s: throttled %d times, refused %v", a.Account, a.Throttled, a.Refused)
		}
	}
	if report.RepeatedSends > 0 {
		t.Errorf("%d comments were answered again", report.RepeatedSends)
	}
}

// timeFew measures how long a few replies of the small account take.
func (s *product) timeFew() time.Duration {
	s.t.Helper()
	began := time.Now()
	comments, _ := s.start(few, post(smallID), "m2", auto("Our prices: …"))
	s.awaitDelivered("the small account", comments)
	return time.Since(began)
}

// Workers that are replaced in the middle of a backlog keep the spacing, and an
// account that Meta throttled goes on by itself; nothing is lost or doubled. The run
// of docs/development/performance.md:
//
//	go test ./worker/replyworker -run TestPacingGoesOn -replies 2000 -timeout 30m -v
func TestPacingGoesOn(t *testing.T) {
	crowd := theCrowd()
	s := newProduct(t, 2, meta.Limits{PostsPerHour: crowd.perHour, LivePerSecond: 22}, crowd.pace(), pace)
	harnesstest.Start(t, s.Workers)
	big, _ := s.start(*replies, post(bigID), "m1", auto("Our prices: …"))

	media, err := s.Sandbox.StartLive(smallID)
	if err != nil {
		t.Fatal(err)
	}
	// What Meta answers beyond a live limit names no time.
	if _, err := s.Sandbox.AddFault(meta.Fault{Name: "error", Account: smallID, Code: 613, Subcode: 2534040, Status: 429, Times: 1}); err != nil {
		t.Fatal(err)
	}
	throttled := time.Now()
	small, ids := s.start(few, meta.NewComment{Account: smallID, Source: privatereply.SourceLive}, media, auto("It is."))
	s.await("a throttled reply to tell of its next try", time.Minute, func() bool {
		var tells atomic.Bool
		var asking sync.WaitGroup // at once: the throttle lasts ten seconds
		for _, id := range ids {
			asking.Go(func() {
				var status workflows.PrivateReplyStatus
				if s.status(id, &status) == nil && status.Send != nil && status.Send.Reason == privatereply.Throttled && !status.Send.RetryAt.IsZero() {
					tells.Store(true)
				}
			})
		}
		asking.Wait()
		return tells.Load()
	})

	s.await("a third of the backlog", s.patience(), func() bool { return s.deliveries(big) > len(big)/3 })
	restarted, before := time.Now(), s.deliveries(big)
	if before == len(big) {
		t.Errorf("all %d had gone before the workers were replaced", before)
	}
	if err := s.Workers.Stop(); err != nil {
		t.Fatal(err)
	}
	harnesstest.Start(t, s.Workers)
	t.Logf("both workers were replaced within %v, after %d of %d", time.Since(restarted).Round(time.Millisecond), before, len(big))
	s.awaitDelivered("the throttled account", small)
	t.Logf("throttled account: %d delivered within %v", few, time.Since(throttled).Round(time.Millisecond))
	s.awaitDelivered("the backlog", big)
	s.checkPace("big account, posts", bigID, meta.LimitPosts, crowd.perSecond(), 30)
	for _, id := range append(big, small...) {
		if n := s.Sandbox.RepliesDelivered(id); n != 1 {
			t.Errorf("comment %s was answered %d times", id, n)
		}
	}
}

// checkLists looks at the big account as people do while its replies wait.
func (s *product) checkLists(perSecond float64) {
	s.t.Helper()
	waiting := outside.Filter{Account: bigID, States: []privatereply.State{privatereply.Sending}}
	s.await("a list to tell of a next try", time.Minute, func() bool {
		rows, err := s.Replies.Earliest(s.t.Context(), waiting, *replies)
		return err == nil && slices.ContainsFunc(rows, func(r outside.Row) bool { return r.NextTry.After(time.Now()) })
	})
	forecast, err := s.Replies.Forecast(s.t.Context(), waiting, perSecond)
	if err != nil || forecast.Sending == 0 || forecast.Late != 0 || forecast.FirstDeadline.IsZero() {
		s.t.Errorf("the forecast is %+v, %v", forecast, err)
	}
}

func post(account string) meta.NewComment {
	return meta.NewComment{Account: account, Source: privatereply.SourcePost, Text: "How much?"}
}

func approveNow(id string) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.ApproveMessage, Args: []any{workflows.Approve{Approver: "ana"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
}

// delivered reports whether every comment has its one reply.
func (s *product) delivered(comments []string) bool { return s.deliveries(comments) == len(comments) }

func (s *product) deliveries(comments []string) (n int) {
	for _, id := range comments {
		n += s.Sandbox.RepliesDelivered(id)
	}
	return n
}

func (s *product) awaitDelivered(whose string, comments []string) {
	s.t.Helper()
	s.await("the replies of "+whose, s.patience(), func() bool { return s.delivered(comments) })
}

// patience is how long the crowd may take: more than twice as long as its rate says.
func (s *product) patience() time.Duration {
	return 2*time.Minute + time.Duration(*replies)*400*time.Millisecond
}

// checkPace checks every window of some lengths against what the rate and the
// burst of all workers allow.
func (s *product) checkPace(what, account string, limit meta.LimitKind, perSecond, burst float64) {
	s.t.Helper()
	calls := s.Sandbox.CallTimes(account, limit)
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
