package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

const video = "17800000000000001"

// script answers live_media without a network: r runs, - does not list the
// broadcast, o lists another one, x fails, ? cannot be read. The last one goes on.
type script struct {
	answers string
	asked   int
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	status, body := http.StatusOK, `{"data":[]}`
	switch answer {
	case 'r':
		body = `{"data":[{"id":"1"},{"id":"` + video + `"}]}`
	case 'o':
		body = `{"data":[{"id":"1"}]}`
	case 'x':
		status, body = http.StatusInternalServerError, `{"error":{"code":2}}`
	case '?':
		body = `{}`
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

// An end is believed after two answers in a row that lack the broadcast; what
// cannot be asked or read is no answer. The end counts from the first of the two.
func TestWatchBroadcast(t *testing.T) {
	tests := []struct {
		answers string
		asked   int
		since   int // which answer
	}{
		{"--", 2, 0},
		{"rrr--", 5, 3},
		{"oo", 2, 0},
		{"-r--", 4, 2},
		{"-x--", 4, 2},
		{"-?-x--", 6, 4},
		{"xxx--", 5, 3},
	}
	for _, tt := range tests {
		t.Run(tt.answers, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tt.answers}
				begin := time.Now()
				gone, err := watch(t, s, nil)
				if err != nil {
					t.Fatal(err)
				}
				if s.asked != tt.asked || time.Since(begin) != time.Duration(tt.asked-1)*10*time.Second {
					t.Errorf("asked %d times within %v, want %d, 10 seconds apart", s.asked, time.Since(begin), tt.asked)
				}
				if since := gone.At.Sub(begin); since != time.Duration(tt.since)*10*time.Second {
					t.Errorf("over since %v, want the time of answer %d", since, tt.since)
				}
			})
		})
	}
}

// A worker that stops hands the watch over instead of waiting for the end.
func TestWatchBroadcastHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		time.AfterFunc(time.Minute, func() { close(stop) })
		begin := time.Now()
		if _, err := watch(t, &script{answers: "r"}, stop); err == nil || time.Since(begin) != time.Minute {
			t.Errorf("ended with %v after %v", err, time.Since(begin))
		}
	})
}

// watch runs WatchBroadcast in a bubble.
func watch(t *testing.T, s *script, stop chan struct{}) (workflows.BroadcastGone, error) {
	t.Helper()
	meta, err := graph.New(graph.Options{Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(time.Hour)
	if stop != nil {
		env.SetWorkerStopChannel(stop)
	}
	New(meta, book{}, pacing.New(1, time.Now), mocks.NewClient(t), queue).Register(env)
	var gone workflows.BroadcastGone
	value, err := env.ExecuteActivity("WatchBroadcast", workflows.WatchBroadcast{
		Platform: instagram.Platform, Account: instagram.ID, Media: video,
	})
	if err == nil {
		err = value.Get(&gone)
	}
	synctest.Wait() // the environment's own goroutines end in their own time
	return gone, err
}

// A live reply that waits starts the Broadcast of its video, or joins it.
func TestJoinBroadcastActivity(t *testing.T) {
	b := newBench(t, says(200, "{}"))
	var id, signal, kind string
	var options client.StartWorkflowOptions
	var payload, input any
	b.temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
		Run(func(args mock.Arguments) {
			id, signal, payload, kind, input = args.String(1), args.String(2), args.Get(3), args.String(5), args.Get(6)
			options = args.Get(4).(client.StartWorkflowOptions)
		}).Return(nil, nil)
	joined := workflows.LiveReplyJoined{Reply: "reply:instagram:17841400000000001:1", At: noon}
	if _, err := run[struct{}](t, b, "JoinBroadcast", workflows.JoinBroadcast{
		Platform: instagram.Platform, Account: instagram.ID, Media: video, Joined: joined,
	}); err != nil {
		t.Fatal(err)
	}
	want := "broadcast:instagram:17841400000000001:" + video
	if id != want || options.ID != want || signal != "reply-joined" || kind != "Broadcast" || options.TaskQueue != queue || payload != joined {
		t.Errorf("%s got %s %+v, as %s on %s", id, signal, payload, kind, options.TaskQueue)
	}
	if options.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE || options.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING {
		t.Errorf("policies %v, %v", options.WorkflowIDReusePolicy, options.WorkflowIDConflictPolicy)
	}
	if in := input.(workflows.BroadcastInput); in.Media != video || !in.FirstSeen.Equal(noon) {
		t.Errorf("input %+v", in)
	}
}

// Every reply is told, at most 50 at a time; those that ended are no trouble. After
// a failure the next attempt goes on where the recorded progress ends.
func TestEndReplies(t *testing.T) {
	comments := make([]string, 120)
	for i := range comments {
		comments[i] = fmt.Sprint(i)
	}
	in := workflows.EndReplies{Platform: instagram.Platform, Account: instagram.ID, Comments: comments, At: noon}
	tests := []struct {
		name    string
		from    int // the progress of the attempt before
		failing string
		told    int
		fails   bool
	}{
		{"all", 0, "", 120, false},
		{"the rest", 100, "", 20, false},
		{"nothing is left", 120, "", 0, false},
		{"the server is away", 0, "60", 100, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, "{}"))
			var mu sync.Mutex
			var told []string
			b.temporal.On("SignalWorkflow", mock.Anything, mock.Anything, "", "broadcast-ended", workflows.At{At: noon}).
				Return(func(_ context.Context, id, _, _ string, _ any) error {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, strings.TrimPrefix(id, "reply:instagram:17841400000000001:"))
					switch {
					case strings.HasSuffix(id, ":"+tt.failing):
						return errors.New("unavailable")
					case len(told)%2 == 0:
						return serviceerror.NewNotFound("it has ended")
					}
					return nil
				}).Maybe()
			if tt.from > 0 {
				b.SetHeartbeatDetails(tt.from)
			}
			_, err := run[struct{}](t, b, "EndReplies", in)
			if tt.fails != (err != nil) {
				t.Fatalf("ended with %v", err)
			}
			slices.Sort(told)
			if told = slices.Compact(told); len(told) != tt.told {
				t.Errorf("%d were told, want %d", len(told), tt.told)
			}
		})
	}
	b := newBench(t, says(200, "{}"))
	if _, err := run[struct{}](t, b, "EndReplies", workflows.EndReplies{Platform: privatereply.Instagram, Account: "a b", Comments: []string{"1"}}); err == nil {
		t.Error("an unusable id is no error")
	}
}

// Thousands of replies that wake up on one broadcast do not each ask whether it
// runs; that it is over each hears for itself.
func TestRunningBroadcastIsAskedForOnce(t *testing.T) {
	ask := func(answers string) (paths []string) {
		s := &script{answers: answers}
		b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				says(200, delivered)(w, r)
				return
			}
			resp, _ := s.RoundTrip(r)
			_, _ = io.Copy(w, resp.Body)
		})
		for range 3 {
			c := postComment(instagram)
			c.Source, c.MediaID = privatereply.SourceLive, video
			in := privateReply(c, 1)
			in.Waited, in.ByPerson = true, true
			if _, err := run[privatereply.SendResult](t, b, "SendPrivateReply", in); err != nil {
				t.Fatal(err)
			}
		}
		return b.paths()
	}
	if got, want := ask("r"), []string{"live_media", "messages", "messages", "messages"}; !slices.Equal(got, want) {
		t.Errorf("it runs: asked for %v", got)
	}
	if got, want := ask("-"), []string{"live_media", "live_media", "live_media"}; !slices.Equal(got, want) {
		t.Errorf("it is over: asked for %v", got)
	}
}
