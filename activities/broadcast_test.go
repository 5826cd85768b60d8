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
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
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
func watch(t *testing.T, s *script, stop chan struct{}) (workflows.WatchBroadcastResult, error) {
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
	var gone workflows.WatchBroadcastResult
	value, err := env.ExecuteActivity("WatchBroadcast", workflows.WatchBroadcastInput{
		Platform: instagram.Platform, Account: instagram.ID, Media: video,
	})
	if err == nil {
		err = value.Get(&gone)
	}
	synctest.Wait() // the environment's own goroutines end in their own time
	return gone, err
}

// Live replies that begin to wait together join their Broadcast in one signal, which
// starts it where none runs; another video has its own.
func TestJoinBroadcastActivity(t *testing.T) {
	type call struct {
		id, signal, kind string
		payload          workflows.LiveReplyJoined
		options          client.StartWorkflowOptions
		input            workflows.BroadcastInput
	}
	join := func(t *testing.T, fail error, all ...workflows.JoinBroadcastInput) (calls []call, errs []error) {
		temporal := mocks.NewClient(t)
		temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Run(func(args mock.Arguments) {
				calls = append(calls, call{
					args.String(1), args.String(2), args.String(5), args.Get(3).(workflows.LiveReplyJoined),
					args.Get(4).(client.StartWorkflowOptions), args.Get(6).(workflows.BroadcastInput),
				})
			}).Return(nil, fail)
		a := New(nil, book{}, nil, temporal, queue)
		errs = make([]error, len(all))
		var wait sync.WaitGroup
		for i, in := range all {
			time.Sleep(10 * time.Millisecond)
			wait.Go(func() { errs[i] = a.JoinBroadcast(t.Context(), in) })
		}
		wait.Wait()
		return calls, errs
	}
	of := func(media, reply string, writtenAt time.Time) workflows.JoinBroadcastInput {
		return workflows.JoinBroadcastInput{
			Platform: instagram.Platform, Account: instagram.ID, Media: media,
			Joined: workflows.LiveReplyJoined{Reply: "reply:instagram:17841400000000001:" + reply, At: writtenAt},
		}
	}
	synctest.Test(t, func(t *testing.T) {
		calls, errs := join(t, nil, of(video, "1", noon), of(video, "2", noon.Add(time.Second)), of("7", "4", noon), of(video, "3", noon.Add(-time.Second)))
		if err := errors.Join(errs...); err != nil || len(calls) != 2 {
			t.Fatalf("%d signals, %v", len(calls), err)
		}
		got := calls[slices.IndexFunc(calls, func(c call) bool { return c.input.Media == video })]
		want := "broadcast:instagram:17841400000000001:" + video
		if got.id != want || got.options.ID != want || got.signal != "reply-joined" || got.kind != "Broadcast" || got.options.TaskQueue != queue {
			t.Errorf("%s got %s as %s on %s", got.id, got.signal, got.kind, got.options.TaskQueue)
		}
		replies := []string{"reply:instagram:17841400000000001:1", "reply:instagram:17841400000000001:2", "reply:instagram:17841400000000001:3"}
		if !slices.Equal(got.payload.Replies, replies) || !got.payload.At.Equal(noon.Add(time.Second)) || !got.input.FirstSeen.Equal(noon.Add(-time.Second)) {
			t.Errorf("%+v joined, first seen %v", got.payload, got.input.FirstSeen)
		}
		if got.options.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE || got.options.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING {
			t.Errorf("policies %v, %v", got.options.WorkflowIDReusePolicy, got.options.WorkflowIDConflictPolicy)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if _, errs := join(t, errors.New("unavailable"), of(video, "1", noon), of(video, "2", noon)); errs[0] == nil || errs[1] == nil {
			t.Errorf("a signal that failed was told as %v", errs)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := New(nil, book{}, nil, nil, queue)
		for i := range maxJoins + 1 {
			a.joins.add(video, of(video, fmt.Sprint(i), noon).Joined)
		}
		if n := len(a.joins.batches[video].replies); n != 1 {
			t.Errorf("the second batch has %d replies, want what the first had no room for", n)
		}
	})
}

// Every reply is told, at most 50 at a time, and the next ones when a worker has
// taken up the last of these; those that ended are no trouble. After a failure the
// next attempt goes on where the recorded progress ends.
func TestEndReplies(t *testing.T) {
	comments := make([]string, 120)
	for i := range comments {
		comments[i] = fmt.Sprint(i)
	}
	in := workflows.EndRepliesInput{Platform: instagram.Platform, Account: instagram.ID, Comments: comments, At: noon}
	tests := []struct {
		name    string
		from    int // the progress of the attempt before
		failing string
		told    int
		looks   int
		fails   bool
	}{
		{"all", 0, "", 120, 9, false},
		{"the rest", 100, "", 20, 3, false},
		{"nothing is left", 120, "", 0, 0, false},
		{"the server is away", 0, "60", 100, 3, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, "{}"))
			var mu sync.Mutex
			var told []string
			b.temporal.On("SignalWorkflow", mock.Anything, mock.Anything, "", "broadcast-ended", workflows.EventTime{At: noon}).
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
			looks := 0 // three at the last of each batch
			b.temporal.On("DescribeWorkflowExecution", mock.Anything, mock.Anything, "").
				Return(func(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
					mu.Lock()
					defer mu.Unlock()
					if last := fmt.Sprint(tt.from + len(told) - 1); !strings.HasSuffix(id, ":"+last) {
						t.Errorf("%s was looked at when %s was the last one told", id, last)
					}
					looks++
					var reply workflowservice.DescribeWorkflowExecutionResponse
					if looks%3 != 0 {
						reply.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{}
					}
					return &reply, nil
				}).Maybe()
			if tt.from > 0 {
				b.SetHeartbeatDetails(tt.from)
			}
			_, err := run[struct{}](t, b, "EndReplies", in)
			if tt.fails != (err != nil) {
				t.Fatalf("ended with %v", err)
			}
			slices.Sort(told)
			if told = slices.Compact(told); len(told) != tt.told || looks != tt.looks {
				t.Errorf("%d were told, want %d; looked %d times, want %d", len(told), tt.told, looks, tt.looks)
			}
		})
	}
	b := newBench(t, says(200, "{}"))
	if _, err := run[struct{}](t, b, "EndReplies", workflows.EndRepliesInput{Platform: privatereply.Instagram, Account: "a b", Comments: []string{"1"}}); err == nil {
		t.Error("an unusable id is no error")
	}
}

// Thousands of replies that wake up on one broadcast do not each ask whether it
// runs; that it is over each hears for itself.
func TestRunningBroadcastIsPolledOnce(t *testing.T) {
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
