package workflows_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	. "github.com/privatereply/privatereply/workflows"
)

const (
	conversationQueue = "conversations"
	listPayload       = "privatereply:1:b0"
	pricePayload      = "privatereply:1:b1"
)

var campaignTaps = []privatereply.Tap{
	{Payload: listPayload, Title: "The list", Then: "Here it is"},
	{Payload: pricePayload, Title: "Price", Then: "12 euros"},
}

// tapServer is a real server with Conversation, a Meta that answers each send to a person as
// told, and replies that only listen.
type tapServer struct {
	*testServer
	mu    sync.Mutex
	sends map[string][]privatereply.SendResult // by person; the last one repeats
	sent  map[string][]string                  // the texts, by person
}

// heard is what a reply heard.
type heard struct {
	Taps    []string // payloads of person-responded
	Answers []TapAnswered
}

// listener stands for a reply: it notes what a Conversation signals.
func listener(ctx workflow.Context) error {
	var h heard
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (heard, error) { return h, nil }); err != nil {
		return err
	}
	responded, answered := workflow.GetSignalChannel(ctx, PersonRespondedSignal), workflow.GetSignalChannel(ctx, TapAnsweredSignal)
	s := workflow.NewSelector(ctx)
	s.AddReceive(responded, func(c workflow.ReceiveChannel, _ bool) {
		var m PersonResponded
		c.Receive(ctx, &m)
		if m.Payload != "" {
			h.Taps = append(h.Taps, m.Payload)
		}
	})
	s.AddReceive(answered, func(c workflow.ReceiveChannel, _ bool) {
		var m TapAnswered
		c.Receive(ctx, &m)
		h.Answers = append(h.Answers, m)
	})
	s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	for ctx.Err() == nil {
		s.Select(ctx)
	}
	return ctx.Err()
}

func (s *tapServer) work(t *testing.T) (stop func()) {
	t.Helper()
	main := worker.New(s.Client, conversationQueue, worker.Options{})
	main.RegisterWorkflowWithOptions(Conversation, workflow.RegisterOptions{Name: ConversationType})
	main.RegisterWorkflowWithOptions(listener, workflow.RegisterOptions{Name: PrivateReplyType})
	sends := worker.New(s.Client, SendQueue(conversationQueue), worker.Options{DisableWorkflowWorker: true})
	sends.RegisterActivityWithOptions(s.sendFollowUp, activity.RegisterOptions{Name: SendFollowUpActivity})
	// Meta shows what was sent.
	main.RegisterActivityWithOptions(func(_ context.Context, in FindMessageInput) (FindMessageResult, error) {
		if s.texts(in.Person) == in.Text {
			return FindMessageResult{MessageID: "m_9", Readable: true}, nil
		}
		return FindMessageResult{Readable: true}, nil
	}, activity.RegisterOptions{Name: FindMessageActivity})
	for _, w := range []worker.Worker{main, sends} {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
	}
	return sync.OnceFunc(func() { sends.Stop(); main.Stop() })
}

func (s *tapServer) sendFollowUp(_ context.Context, in SendFollowUpInput) (privatereply.SendResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[in.Person] = append(s.sent[in.Person], in.Message.Text)
	result := privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}
	if left := s.sends[in.Person]; len(left) > 0 {
		result, s.sends[in.Person] = left[0], left[1:]
	}
	return result, nil
}

// texts are what was sent to a person so far, one after the other.
func (s *tapServer) texts(person string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.sent[person], ", ")
}

// converse starts the listener of a reply and the Conversation of a person that it joins.
func (s *tapServer) converse(t *testing.T, person, comment string) (conversation, reply client.WorkflowRun) {
	t.Helper()
	reply, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "reply:instagram:17841400000000001:" + comment, TaskQueue: conversationQueue,
	}, PrivateReplyType)
	if err != nil {
		t.Fatal(err)
	}
	account := privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000001"}
	options, in, err := ConversationOptions(account, person, conversationQueue)
	if err != nil {
		t.Fatal(err)
	}
	conversation, err = s.SignalWithStartWorkflow(t.Context(), options.ID, PersonMessageSignal, PersonMessage{At: time.Now(), MessageID: "first"},
		options, ConversationType, in)
	if err != nil {
		t.Fatal(err)
	}
	return conversation, reply
}

func (s *tapServer) join(conversation, reply client.WorkflowRun, comment string) {
	s.t.Helper()
	var taps []privatereply.Tap
	for _, tap := range campaignTaps {
		tap.Payload = strings.Replace(tap.Payload, ":1:", ":"+comment+":", 1)
		taps = append(taps, tap)
	}
	s.signal(conversation.GetID(), ReplyJoinedSignal, ReplyJoined{Reply: reply.GetID(), SentAt: time.Now(), MessageID: "m_" + comment, Taps: taps})
}

func (s *tapServer) tap(conversation client.WorkflowRun, payload string) {
	s.t.Helper()
	s.signal(conversation.GetID(), PersonMessageSignal, PersonMessage{At: time.Now(), MessageID: "m_tapped", Payload: payload})
}

// query asks the newest run of a workflow until its status is as cond says.
func query[Status any](t *testing.T, s *tapServer, id string, cond func(Status) bool) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var status Status
		value, err := s.QueryWorkflow(ctx, id, "", StatusQuery)
		if err == nil {
			err = value.Get(&status)
		}
		if err == nil && cond(status) {
			return status
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: still %+v, %v", id, status, err)
		}
	}
}

// answered reports whether the taps have come to an end, and how often each was tapped.
func answered(times ...int) func(ConversationStatus) bool {
	return func(s ConversationStatus) bool {
		for i, n := range times {
			if len(s.Taps) != len(times) || s.Taps[i].Times != n || s.Taps[i].State == "" {
				return false
			}
		}
		return true
	}
}

// Taps are answered once on a real server, over restarts of the worker and in new runs, and
// the histories replay, also that of a text that waits.
func TestHistoriesOfConversation(t *testing.T) {
	s := &tapServer{testServer: newTestServer(t), sends: map[string][]privatereply.SendResult{}, sent: map[string][]string{}}
	throttled := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, Code: 613}
	stop := s.work(t)
	t.Cleanup(func() { stop() })

	t.Run("tapped", func(t *testing.T) {
		conversation, reply := s.converse(t, "11", "1")
		s.join(conversation, reply, "1")
		s.tap(conversation, listPayload)
		s.tap(conversation, listPayload)
		s.tap(conversation, pricePayload)
		query(t, s, conversation.GetID(), answered(2, 1))
		s.tap(conversation, "GET_STARTED")
		status := query(t, s, conversation.GetID(), func(s ConversationStatus) bool { return len(s.Taps) == 3 })
		if foreign := status.Taps[2]; foreign.Reason != privatereply.UnknownButton || foreign.State != "" {
			t.Errorf("a payload of somebody else: %+v", foreign)
		}
		got := query(t, s, reply.GetID(), func(h heard) bool { return len(h.Answers) == 2 })
		for _, answer := range got.Answers {
			if answer.State != privatereply.OutcomeSent || answer.MessageID != "m_9" {
				t.Errorf("the reply heard %+v", answer)
			}
		}
		if texts := s.texts("11"); texts != "Here it is, 12 euros" {
			t.Errorf("sent %s", texts)
		}
		s.keep(t, "conversation-tapped", conversation, Conversation, ConversationType)
	})

	t.Run("before the join", func(t *testing.T) {
		conversation, reply := s.converse(t, "12", "2")
		payload := "privatereply:2:b0"
		s.tap(conversation, payload)
		query(t, s, reply.GetID(), func(h heard) bool { return len(h.Taps) == 1 && h.Taps[0] == payload })
		if texts := s.texts("12"); texts != "" {
			t.Errorf("sent %s before anybody knew what was tapped", texts)
		}
		s.join(conversation, reply, "2")
		query(t, s, reply.GetID(), func(h heard) bool { return len(h.Answers) == 1 })
		if texts := s.texts("12"); texts != "Here it is" {
			t.Errorf("sent %s", texts)
		}
		s.keep(t, "conversation-tapped-before-join", conversation, Conversation, ConversationType)
	})

	t.Run("after the window", func(t *testing.T) {
		account := privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000001"}
		options, in, err := ConversationOptions(account, "13", conversationQueue)
		if err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-25 * time.Hour)
		joined := ReplyJoined{Reply: "reply:instagram:17841400000000001:3", SentAt: long, Taps: []privatereply.Tap{{Payload: "privatereply:3:b0", Title: "The list", Then: "Here it is"}}}
		conversation, err := s.SignalWithStartWorkflow(t.Context(), options.ID, ReplyJoinedSignal, joined, options, ConversationType, in)
		if err != nil {
			t.Fatal(err)
		}
		s.signal(conversation.GetID(), PersonMessageSignal, PersonMessage{At: long.Add(time.Minute), MessageID: "late", Payload: "privatereply:3:b0"})
		status := query(t, s, conversation.GetID(), answered(1))
		if tap := status.Taps[0]; tap.State != privatereply.OutcomeRefused || tap.Reason != privatereply.OutsideWindow || s.texts("13") != "" {
			t.Errorf("%+v, sent %s", tap, s.texts("13"))
		}
	})

	t.Run("a restart in the middle", func(t *testing.T) {
		wait := throttled
		wait.RetryAt = time.Now().Add(3 * time.Second)
		s.sends["14"] = []privatereply.SendResult{wait}
		conversation, reply := s.converse(t, "14", "4")
		s.join(conversation, reply, "4")
		s.tap(conversation, "privatereply:4:b0")
		waiting := func(s ConversationStatus) bool { return len(s.Taps) == 1 && s.Taps[0].Reason == privatereply.Throttled }
		query(t, s, conversation.GetID(), waiting)
		s.keep(t, "conversation-tap-waits", conversation, Conversation, ConversationType)
		stop()
		s.tap(conversation, "privatereply:4:b0") // nobody is there
		stop = s.work(t)
		query(t, s, conversation.GetID(), answered(2))
		got := query(t, s, reply.GetID(), func(h heard) bool { return len(h.Answers) == 1 })
		if texts := s.texts("14"); texts != "Here it is, Here it is" || len(got.Taps) != 2 { // the first was not sent
			t.Errorf("sent %s, the reply heard %+v", texts, got)
		}
	})

	t.Run("a new run in the middle", func(t *testing.T) {
		wait := throttled
		wait.RetryAt = time.Now().Add(5 * time.Second)
		s.sends["15"] = []privatereply.SendResult{wait}
		conversation, reply := s.converse(t, "15", "5")
		s.join(conversation, reply, "5")
		s.tap(conversation, "privatereply:5:b0")
		// The server suggests a new run after 4 MiB.
		for range 5 {
			s.signal(conversation.GetID(), PersonMessageSignal, map[string]any{"mid": strings.Repeat("x", 1<<20)})
		}
		s.tap(conversation, "privatereply:5:b0")
		newRun := func() string {
			described, err := s.DescribeWorkflowExecution(t.Context(), conversation.GetID(), "")
			if err != nil {
				t.Fatal(err)
			}
			return described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
		}
		query(t, s, conversation.GetID(), func(ConversationStatus) bool { return newRun() != conversation.GetRunID() })
		query(t, s, conversation.GetID(), answered(2))
		s.tap(conversation, "privatereply:5:b0")
		s.tap(conversation, "privatereply:5:b1")
		query(t, s, conversation.GetID(), answered(3, 1))
		query(t, s, reply.GetID(), func(h heard) bool { return len(h.Answers) == 2 })
		if texts := s.texts("15"); texts != "Here it is, Here it is, 12 euros" {
			t.Errorf("sent %s", texts)
		}
		next := s.GetWorkflow(t.Context(), conversation.GetID(), newRun())
		s.keep(t, "conversation-goes-on", next, Conversation, ConversationType)
	})

	// A conversation that an operator resets to its start has forgotten what it sent.
	t.Run("a reset", func(t *testing.T) {
		conversation, reply := s.converse(t, "16", "6")
		s.join(conversation, reply, "6")
		s.tap(conversation, "privatereply:6:b0")
		query(t, s, conversation.GetID(), answered(1))
		_, err := s.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace:         client.DefaultNamespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: conversation.GetID(), RunId: conversation.GetRunID()},
			Reason:            "a test", RequestId: "reset",
			WorkflowTaskFinishEventId: 4, // the first workflow task
		})
		if err != nil {
			t.Fatal(err)
		}
		status := query(t, s, conversation.GetID(), func(s ConversationStatus) bool { return answered(1)(s) && s.Taps[0].Reason != "" })
		if tap := status.Taps[0]; tap.State != privatereply.OutcomeSent || tap.Reason != privatereply.FoundInConversation || s.texts("16") != "Here it is" {
			t.Errorf("%+v, sent %s", tap, s.texts("16"))
		}
		// What is tapped afterwards was not sent before.
		s.tap(conversation, "privatereply:6:b1")
		query(t, s, conversation.GetID(), answered(1, 1))
		if texts := s.texts("16"); texts != "Here it is, 12 euros" {
			t.Errorf("sent %s", texts)
		}
	})
}
