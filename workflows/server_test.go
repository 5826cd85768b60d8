package workflows_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	. "github.com/privatereply/privatereply/workflows"
)

// stage is a real Temporal server with the workflows on it and a Meta that answers
// as each comment's script says.
type stage struct {
	client.Client
	t       *testing.T
	queue   string
	scripts sync.Map // comment id → *script
}

// script is what Meta does about one comment.
type script struct {
	mu    sync.Mutex
	sends []func(SendPrivateReplyInput) privatereply.SendResult
	made  int
	look  string
	facts LookUpCommentResult
	// unreadable is the conversation; others says that somebody else wrote into it.
	unreadable, others bool
	// lookUpTakes is how long Meta takes to tell about the comment.
	lookUpTakes time.Duration
	// answerWithin is how long the reply waits for an answer; 0: as usual.
	answerWithin time.Duration
	// begun is closed when the first send has begun; it goes on when goOn is closed.
	begun, goOn chan struct{}
}

func newStage(t *testing.T) *stage {
	t.Helper()
	server := devservertest.Start(t)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address, Logger: quiet{}, Identity: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := setup.Apply(t.Context(), c, client.DefaultNamespace); err != nil {
		t.Fatal(err)
	}
	return &stage{Client: c, t: t, queue: "test"}
}

// work starts workers and returns what stops them.
func (s *stage) work() (stop func()) {
	s.t.Helper()
	main := worker.New(s.Client, s.queue, worker.Options{WorkflowTaskPollerBehavior: devservertest.TwoOfEachKind})
	main.RegisterWorkflowWithOptions(PrivateReply, workflow.RegisterOptions{Name: PrivateReplyType})
	main.RegisterWorkflowWithOptions(Conversation, workflow.RegisterOptions{Name: ConversationType})
	main.RegisterWorkflowWithOptions(Broadcast, workflow.RegisterOptions{Name: BroadcastType})
	main.RegisterActivityWithOptions(func(_ context.Context, in FindMessageInput) (FindMessageResult, error) {
		id, _ := privatereply.ParseID(in.Reply)
		p := s.script(id.Subject[strings.LastIndexByte(id.Subject, '_')+1:])
		return FindMessageResult{MessageID: p.look, Readable: !p.unreadable, Others: p.others}, nil
	}, activity.RegisterOptions{Name: FindMessageActivity})
	main.RegisterActivityWithOptions(func(_ context.Context, in LookUpCommentInput) (LookUpCommentResult, error) {
		p := s.script(in.Comment.CommentID)
		time.Sleep(p.lookUpTakes)
		return p.facts, nil
	}, activity.RegisterOptions{Name: LookUpCommentActivity})
	main.RegisterActivityWithOptions(func(context.Context, JoinConversationInput) error { return nil },
		activity.RegisterOptions{Name: JoinConversationActivity})
	main.RegisterActivityWithOptions(s.joinBroadcast, activity.RegisterOptions{Name: JoinBroadcastActivity})
	main.RegisterActivityWithOptions(s.watchBroadcast, activity.RegisterOptions{Name: WatchBroadcastActivity})
	main.RegisterActivityWithOptions(s.endReplies, activity.RegisterOptions{Name: EndRepliesActivity})
	sends := worker.New(s.Client, SendQueue(s.queue), worker.Options{DisableWorkflowWorker: true})
	live := worker.New(s.Client, LiveSendQueue(s.queue), worker.Options{DisableWorkflowWorker: true})
	for _, w := range []worker.Worker{sends, live} {
		w.RegisterActivityWithOptions(s.send, activity.RegisterOptions{Name: SendPrivateReplyActivity})
		w.RegisterActivityWithOptions(func(context.Context, SendFollowUpInput) (privatereply.SendResult, error) {
			return privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}, nil
		}, activity.RegisterOptions{Name: SendFollowUpActivity})
	}
	workers := []worker.Worker{main, sends, live}
	for _, w := range workers {
		if err := w.Start(); err != nil {
			s.t.Fatal(err)
		}
	}
	return sync.OnceFunc(func() {
		for _, w := range workers {
			w.Stop()
		}
	})
}

func (s *stage) send(_ context.Context, in SendPrivateReplyInput) (privatereply.SendResult, error) {
	p := s.script(in.Comment.CommentID)
	p.mu.Lock()
	p.made++
	send := p.sends[min(p.made, len(p.sends))-1]
	first := p.made == 1
	p.mu.Unlock()
	if first && p.begun != nil {
		close(p.begun)
		<-p.goOn
	}
	return send(in), nil
}

func (s *stage) joinBroadcast(ctx context.Context, in JoinBroadcastInput) error {
	options, start, err := BroadcastOptions(in.Platform, in.Account, in.Media, in.Joined.At, s.queue)
	if err != nil {
		return err
	}
	_, err = s.SignalWithStartWorkflow(ctx, options.ID, ReplyJoinedSignal, in.Joined, options, BroadcastType, start)
	return err
}

// watchBroadcast lets a broadcast run whose media id says so, and no other.
func (s *stage) watchBroadcast(ctx context.Context, in WatchBroadcastInput) (WatchBroadcastResult, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for strings.HasPrefix(in.Media, "runs") {
		activity.RecordHeartbeat(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return WatchBroadcastResult{}, ctx.Err()
		case <-activity.GetWorkerStopChannel(ctx):
			return WatchBroadcastResult{}, errors.New("the worker stops")
		}
	}
	return WatchBroadcastResult{At: time.Now().UTC()}, nil
}

func (s *stage) endReplies(ctx context.Context, in EndRepliesInput) error {
	for _, comment := range in.Comments {
		id, err := privatereply.ReplyID(privatereply.Comment{Platform: in.Platform, Account: in.Account, CommentID: comment})
		if err == nil {
			err = s.SignalWorkflow(ctx, id, "", BroadcastEndedSignal, EventTime{At: in.At})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) script(comment string) *script {
	p, ok := s.scripts.Load(comment)
	if !ok {
		return &script{sends: []func(SendPrivateReplyInput) privatereply.SendResult{deliveredNow}}
	}
	return p.(*script)
}

// start starts the reply to a comment whose id is name.
func (s *stage) start(name string, c privatereply.Comment, d privatereply.Decision, p *script) client.WorkflowRun {
	s.t.Helper()
	c.CommentID, c.ReceivedAt = name, time.Now().UTC()
	c.EntryAt = c.ReceivedAt
	if p != nil {
		if p.sends == nil {
			p.sends = []func(SendPrivateReplyInput) privatereply.SendResult{deliveredNow}
		}
		s.scripts.Store(name, p)
	}
	return s.startInput(PrivateReplyInput{Comment: c, Decision: d}, func(in *PrivateReplyInput) {
		if p != nil && p.answerWithin > 0 {
			in.InitialState.Limits.ResponseWait = privatereply.Duration(p.answerWithin)
		}
	})
}

func (s *stage) startInput(in PrivateReplyInput, change func(*PrivateReplyInput)) client.WorkflowRun {
	s.t.Helper()
	options, in, err := PrivateReplyOptions(in, s.queue, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	change(&in)
	run, err := s.ExecuteWorkflow(s.t.Context(), options, PrivateReplyType, in)
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}

// update sends an Update as any tool does, once.
func (s *stage) update(id, updateID, name string, payload any) (*DecisionResult, error) {
	s.t.Helper()
	handle, err := s.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateID: updateID, UpdateName: name, Args: []any{payload},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return nil, err
	}
	var answer DecisionResult
	return &answer, handle.Get(s.t.Context(), &answer)
}

func (s *stage) signal(id, name string, payload any) {
	s.t.Helper()
	if err := s.SignalWorkflow(s.t.Context(), id, "", name, payload); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) status(id string) (PrivateReplyStatus, error) {
	var status PrivateReplyStatus
	value, err := s.QueryWorkflow(s.t.Context(), id, "", StatusQuery)
	if err != nil {
		return status, err
	}
	return status, value.Get(&status)
}

// until waits until the reply's status is as cond says.
func (s *stage) until(id string, cond func(PrivateReplyStatus) bool) PrivateReplyStatus {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := s.status(id)
		if err == nil && cond(status) {
			return status
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: still %s %s, error %v", id, status.State, status.Reason, err)
		}
	}
}

func (s *stage) untilState(id string, state privatereply.State) PrivateReplyStatus {
	s.t.Helper()
	return s.until(id, func(status PrivateReplyStatus) bool { return status.State == state })
}

func deliveredNow(in SendPrivateReplyInput) privatereply.SendResult {
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeSent, MessageID: "m_" + in.Comment.CommentID, RecipientID: in.Comment.PersonID,
		Wrote: true, SentAt: time.Now().UTC(),
	}
}

// quiet keeps the SDK's lines out of the test's output: the tests say what is wrong.
type quiet struct{}

var _ sdklog.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
