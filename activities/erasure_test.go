package activities

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

const erasureAccount = "17841400000000009"

// eraserTest is an erasure on a development server, with a task queue of its own.
type eraserTest struct {
	client.Client
	t      *testing.T
	server *devserver.Server
	codec  *codec.Codec // nil: nothing is encrypted
	queue  string
	person string // to erase
	other  string // wrote to the same account
}

func newEraserTest(t *testing.T, server *devserver.Server, n int, c *codec.Codec) *eraserTest {
	t.Helper()
	e := &eraserTest{t: t, server: server, codec: c, queue: fmt.Sprintf("erasure-%d", n),
		person: fmt.Sprintf("60000000000009%02d", n), other: fmt.Sprintf("60000000000008%02d", n)}
	e.Client = e.dial()
	return e
}

func (e *eraserTest) dial(interceptors ...grpc.UnaryClientInterceptor) client.Client {
	e.t.Helper()
	options := client.Options{HostPort: e.server.Address, Namespace: e.server.Namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))}
	for _, i := range interceptors {
		options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(i))
	}
	if e.codec != nil {
		e.codec.Apply(&options)
	}
	c, err := client.DialContext(e.t.Context(), options)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(c.Close)
	return c
}

func (e *eraserTest) data() converter.DataConverter {
	options := client.Options{DataConverter: converter.GetDefaultDataConverter()}
	if e.codec != nil {
		e.codec.Apply(&options)
	}
	return options.DataConverter
}

// work runs a worker of the erasures and replies. It ends with the test, or with stop.
func (e *eraserTest) work(c client.Client, connections Connections) (stop func()) {
	e.t.Helper()
	w := worker.New(c, e.queue, worker.Options{WorkflowTaskPollerBehavior: devservertest.TwoOfEachKind})
	w.RegisterWorkflowWithOptions(workflows.Erasure, workflow.RegisterOptions{Name: workflows.ErasureType})
	w.RegisterWorkflowWithOptions(workflows.PrivateReply, workflow.RegisterOptions{Name: workflows.PrivateReplyType})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx.Done().Receive(ctx, nil)
		return nil
	}, workflow.RegisterOptions{Name: workflows.ConversationType})
	w.RegisterWorkflowWithOptions(func(workflow.Context, workflows.IntakeInput) error { return nil }, workflow.RegisterOptions{Name: workflows.IntakeType})
	w.RegisterWorkflowWithOptions(func(workflow.Context, workflows.ReopenInput) error { return nil }, workflow.RegisterOptions{Name: workflows.ReopenType})
	NewEraser(erasure.Config{
		Temporal: c, Namespace: e.server.Namespace, Data: e.data(), Queue: e.queue, Keys: erasure.NewKeys(e.codec),
	}, connections).Register(w)
	if err := w.Start(); err != nil {
		e.t.Fatal(err)
	}
	var stopped atomic.Bool
	stop = func() {
		if !stopped.Swap(true) {
			w.Stop()
		}
	}
	e.t.Cleanup(stop)
	return stop
}

// start starts a workflow and returns its run.
func (e *eraserTest) start(id, name string, args ...any) workflowRun {
	e.t.Helper()
	run, err := e.ExecuteWorkflow(e.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: e.queue}, name, args...)
	if err != nil {
		e.t.Fatal(err)
	}
	return workflowRun{id, run.GetRunID()}
}

type workflowRun struct{ id, run string }

// reply starts the reply to a comment of a person.
func (e *eraserTest) reply(comment, person string, d privatereply.Decision) workflowRun {
	e.t.Helper()
	now := time.Now().UTC()
	in := workflows.PrivateReplyInput{Decision: d, Comment: privatereply.Comment{
		Platform: privatereply.Instagram, Account: erasureAccount, CommentID: comment + e.person[14:], PersonID: person, Username: "hilda",
		Text: "Hello?", EntryAt: now, ReceivedAt: now, Via: privatereply.ViaWebhook,
	}}
	options, in, err := workflows.PrivateReplyOptions(in, e.queue, now)
	if err != nil {
		e.t.Fatal(err)
	}
	run, err := e.ExecuteWorkflow(e.t.Context(), options, workflows.PrivateReplyType, in)
	if err != nil {
		e.t.Fatal(err)
	}
	return workflowRun{options.ID, run.GetRunID()}
}

// hold starts what is held of the person, and the reply of another one.
func (e *eraserTest) hold() (held []workflowRun, others workflowRun) {
	e.t.Helper()
	conversation, err := privatereply.ConversationID(privatereply.Instagram, erasureAccount, e.person)
	if err != nil {
		e.t.Fatal(err)
	}
	event := func(person string) workflows.InboundEvent {
		return workflows.InboundEvent{Event: privatereply.Event{Message: &privatereply.PersonMessage{Platform: privatereply.Instagram, Account: erasureAccount, PersonID: person}}}
	}
	held = []workflowRun{
		e.reply("180000000000001", e.person, privatereply.Decision{Action: privatereply.ActionAsk}),
		e.reply("180000000000002", e.person, privatereply.Decision{Action: privatereply.ActionIgnore}),
		e.start(conversation, workflows.ConversationType),
		e.start("intake:"+e.queue, workflows.IntakeType, workflows.IntakeInput{Events: []workflows.InboundEvent{event(e.person), event(e.other)}}),
		e.start(workflows.ReopenID(e.queue), workflows.ReopenType, workflows.ReopenInput{Input: workflows.PrivateReplyInput{Comment: privatereply.Comment{
			Platform: privatereply.Instagram, Account: erasureAccount, CommentID: "18000000000000009", PersonID: e.person, Text: "Hello?",
		}}}),
	}
	others = e.reply("180000000000003", e.other, privatereply.Decision{Action: privatereply.ActionAsk})
	e.await("the lists", func() error {
		for _, h := range append(held, others) {
			if !e.listed(h) {
				return fmt.Errorf("%s is not listed", h.id)
			}
		}
		for _, h := range []workflowRun{held[1], held[3], held[4]} {
			if !e.ended(h) {
				return fmt.Errorf("%s has not ended", h.id)
			}
		}
		return nil
	})
	return held, others
}

func (e *eraserTest) listed(h workflowRun) bool {
	n, err := e.CountWorkflow(e.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Query: visibility.Equals(visibility.RunID, h.run).String(),
	})
	return err == nil && n.GetCount() == 1
}

func (e *eraserTest) ended(h workflowRun) bool {
	d, err := e.DescribeWorkflowExecution(e.t.Context(), h.id, h.run)
	return err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

func (e *eraserTest) await(what string, check func() error) {
	e.t.Helper()
	deadline := time.After(4 * time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			e.t.Fatalf("waited in vain for %s: %v", what, err)
		}
	}
}

// erase starts the erasure of the person and returns its workflow id.
func (e *eraserTest) erase() (code, id string) {
	e.t.Helper()
	code = erasure.NewCode()
	if err := erasure.Request(e.t.Context(), e, code, e.queue, workflows.ErasureInput{
		Scope: workflows.ErasePerson, PersonKey: erasure.NewKeys(e.codec).Of(e.person), RequestedAt: time.Now().UTC(),
	}); err != nil {
		e.t.Fatal(err)
	}
	return code, "erasure:" + code
}

// history is the whole history of a workflow, and what the server says of it.
func (e *eraserTest) history(id string) []byte {
	e.t.Helper()
	var all bytes.Buffer
	add := func(m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			e.t.Fatal(err)
		}
		all.Write(b)
	}
	for events := e.GetWorkflowHistory(e.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		if err != nil {
			e.t.Fatal(err)
		}
		add(event)
	}
	d, err := e.DescribeWorkflowExecution(e.t.Context(), id, "")
	if err != nil {
		e.t.Fatal(err)
	}
	add(d)
	return all.Bytes()
}

// killSwitch ends a process at a call to the server, as kill -9 does: the worker of its
// client says nothing any more, not even that it stops.
type killSwitch struct {
	method string // of the server
	after  bool   // the call gets through, its answer does not
	dead   atomic.Bool
	died   chan struct{}
}

func (k *killSwitch) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if !k.dead.Load() && !strings.HasSuffix(method, "/"+k.method) {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	if !k.dead.Swap(true) {
		if k.after {
			_ = invoke(ctx, method, req, reply, cc, opts...)
		}
		close(k.died)
	}
	<-ctx.Done()
	return ctx.Err()
}

// A worker may die at each step of an erasure: another one goes on, nothing of the person is
// left, nobody else loses anything, no comment is answered anew, and the erasure names
// nobody.
func TestErasureOutlivesItsWorker(t *testing.T) {
	keys, err := codec.ParseKeys("a:" + codec.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := codec.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup // and not t.Parallel, which would run only a few at once: they mostly wait
	defer all.Wait()
	for n, tt := range []struct {
		name   string
		method string
		after  bool
		codec  *codec.Codec
	}{
		{"reads", "GetWorkflowExecutionHistory", false, nil},
		{"has read", "RespondActivityTaskCompleted", false, nil},
		{"rejects a reply", "UpdateWorkflowExecution", true, nil},
		{"ends a conversation", "TerminateWorkflowExecution", true, nil},
		{"locks a reply's place", "StartWorkflowExecution", true, nil},
		{"deletes", "DeleteWorkflowExecution", true, encrypted},
	} {
		all.Go(func() {
			t.Run(tt.name, func(t *testing.T) {
				server, _ := devservertest.StartSetUp(t) // of its own: one carries out one deletion after the other
				e := newEraserTest(t, server, n, tt.codec)
				stop := e.work(e.Client, nil)
				held, others := e.hold()
				stop()

				at := &killSwitch{method: tt.method, after: tt.after, died: make(chan struct{})}
				e.work(e.dial(at.intercept), nil)
				code, id := e.erase()
				select {
				case <-at.died:
				case <-time.After(time.Minute):
					t.Fatalf("no worker came to %s", at.method)
				}
				e.work(e.Client, nil)

				e.await("the erasure", func() error {
					p, err := erasure.Progress(t.Context(), e, e.data(), code)
					if err == nil && p.State != workflows.ErasureDone {
						err = fmt.Errorf("it is %+v", p)
					}
					return err
				})
				var status workflows.ErasureStatus
				if err := e.GetWorkflow(t.Context(), id, "").Get(t.Context(), &status); err != nil {
					t.Fatal(err)
				}
				if status.Removed != len(held) || status.Kept != 0 || status.Unreadable != 0 {
					t.Errorf("the result is %+v", status)
				}
				var gone *serviceerror.NotFound
				for _, h := range held {
					if _, err := e.DescribeWorkflowExecution(t.Context(), h.id, h.run); !errors.As(err, &gone) {
						t.Errorf("%s is still there: %v", h.id, err)
					}
				}
				for _, h := range held[:2] { // comments of today could come again
					if place := e.history(h.id); bytes.Contains(place, []byte(e.person)) || bytes.Contains(place, []byte("hilda")) {
						t.Errorf("what took the place of %s names the person", h.id)
					}
				}
				if e.ended(others) {
					t.Error("the reply of somebody else has ended")
				}
				if bytes.Contains(e.history(id), []byte(e.person)) {
					t.Error("the erasure names the person")
				}
			})
		})
	}
}

// A worker that stops in the middle hands the erasure over at once, without a wait for its
// heartbeat to be missed.
func TestErasureIsHandedOver(t *testing.T) {
	server, _ := devservertest.StartSetUp(t)
	e := newEraserTest(t, server, 0, nil)
	reading := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	stop := e.work(e.dial(reading.intercept), nil)
	e.hold()
	reading.method.Store("GetWorkflowExecutionHistory")
	code, id := e.erase()
	<-reading.reached
	e.work(e.Client, nil)
	began := time.Now()
	stop()
	e.await("the search by another worker", func() error {
		p, err := erasure.Progress(t.Context(), e, e.data(), code)
		if err == nil && p.State == workflows.ErasureSearching {
			err = errors.New("it still searches")
		}
		return err
	})
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("it took %v", took)
	}
	close(reading.open)
	if err := e.CancelWorkflow(t.Context(), id, ""); err != nil {
		t.Error(err)
	}
}

// gate holds the calls of a method until it is open, or their context ends.
type gate struct {
	method  atomic.Value // string
	held    atomic.Bool
	reached chan struct{}
	open    chan struct{}
}

func (g *gate) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if name, _ := g.method.Load().(string); name != "" && strings.HasSuffix(method, "/"+name) {
		if !g.held.Swap(true) {
			close(g.reached)
		}
		select {
		case <-g.open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// connectionList are connected accounts.
type connectionList struct {
	all          []Connection
	disconnected []workflows.AccountKey
}

func (c *connectionList) Connected() []Connection { return c.all }

func (c *connectionList) Disconnect(_ context.Context, account workflows.AccountKey) error {
	c.disconnected = append(c.disconnected, account)
	return nil
}

// Of a connection the accounts of exactly this person are disconnected, and what rules
// would still send is rejected, with the reason; what a person must decide waits.
func TestErasureOfAConnection(t *testing.T) {
	server, _ := devservertest.StartSetUp(t)
	e := newEraserTest(t, server, 0, nil)
	mine := workflows.AccountKey{Platform: privatereply.Instagram, Account: erasureAccount}
	connected := &connectionList{all: []Connection{
		{mine, "10200000000000001"},
		{workflows.AccountKey{Platform: privatereply.Facebook, Account: erasureAccount}, "10200000000000002"},
		{workflows.AccountKey{Platform: privatereply.Facebook, Account: "2"}, ""},
	}}
	e.work(e.Client, connected)
	held := e.reply("180000000000001", e.person, privatereply.Decision{Action: privatereply.ActionAuto, Rule: "price", Text: "Hi", Hold: privatereply.Duration(time.Hour)})
	waiting := e.reply("180000000000002", e.person, privatereply.Decision{Action: privatereply.ActionAsk})
	e.await("the lists", func() error {
		if !e.listed(held) || !e.listed(waiting) {
			return errors.New("not listed")
		}
		return nil
	})
	code := erasure.NewCode()
	if err := erasure.Request(t.Context(), e, code, e.queue, workflows.ErasureInput{
		Scope: workflows.EraseConnection, PersonKey: erasure.NewKeys(nil).Of("10200000000000001"), RequestedAt: time.Now().UTC(),
	}); err != nil {
		t.Fatal(err)
	}
	var status workflows.ErasureStatus
	if err := e.GetWorkflow(t.Context(), "erasure:"+code, "").Get(t.Context(), &status); err != nil {
		t.Fatal(err)
	}
	if status.State != workflows.ErasureDone || status.Removed != 1 || status.Rejected != 1 {
		t.Errorf("the result is %+v", status)
	}
	if len(connected.disconnected) != 1 || connected.disconnected[0] != mine {
		t.Errorf("disconnected are %v", connected.disconnected)
	}
	var reply workflows.PrivateReplyStatus
	if err := e.GetWorkflow(t.Context(), held.id, "").Get(t.Context(), &reply); err != nil {
		t.Fatal(err)
	}
	if reply.State != privatereply.Rejected || reply.Reason != privatereply.AccountDisconnected {
		t.Errorf("the automatic reply is %s: %s", reply.State, reply.Reason)
	}
	if e.ended(waiting) {
		t.Error("the reply that a person must decide has ended")
	}
	if history := e.history("erasure:" + code); bytes.Contains(history, []byte("10200000000000001")) {
		t.Error("the erasure names the person")
	}
}

// A connection is found by whoever made it, and by the account's own id, and by no empty one.
func TestFindConnections(t *testing.T) {
	account := func(id string) workflows.AccountKey {
		return workflows.AccountKey{Platform: privatereply.Instagram, Account: id}
	}
	connected := &connectionList{all: []Connection{{account("1"), "71"}, {account("2"), "72"}, {account("3"), ""}, {account("4"), "71"}}}
	keys := erasure.NewKeys(nil)
	for id, want := range map[string]string{"71": "1 4", "72": "2", "2": "2", "3": "3", "": "", "73": ""} {
		found, err := NewEraser(erasure.Config{Keys: keys}, connected).FindConnections(t.Context(), workflows.FindConnectionsInput{PersonKey: keys.Of(id)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range found.Accounts {
			got = append(got, a.Account)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("of %q: %q, want %q", id, got, want)
		}
	}
	if found, err := NewEraser(erasure.Config{Keys: keys}, nil).FindConnections(t.Context(), workflows.FindConnectionsInput{PersonKey: keys.Of("71")}); err != nil || len(found.Accounts) > 0 {
		t.Errorf("without connections: %v, %v", found, err)
	}
}
