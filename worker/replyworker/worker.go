// Package replyworker runs the workflows and activities.
package replyworker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/events"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/renewals"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/workflows"
)

// Config is what a worker needs.
type Config struct {
	Client        client.Client
	Namespace     string                  // of Client
	DataConverter converter.DataConverter // of Client; nil: Temporal's own
	Codec         *codec.Codec            // of Client; nil: nothing is encrypted
	TaskQueue     string
	Accounts      *config.Accounts
	Apps          config.Connect   // at Meta, of connected accounts
	Rules         activities.Rules // for what sweeps find
	Graph         *graph.Client
	SendWorkers   int // processes that share each account's rate; 0 is 1
	// IntakeConcurrency is how many events of batches this process routes at once; 0 is 1.
	IntakeConcurrency int
	// RepairInterval is the time between two tries of a send while a person has to repair its
	// account; 0 is five minutes.
	RepairInterval time.Duration
	// Events are where replies report what happens to them; without an address they do not.
	Events config.Events
	// Version opts into Worker Deployment Versioning: see docs/operations/upgrades.md.
	Version worker.WorkerDeploymentVersion
	// Telemetry is what the Client counts and traces in; nil: no metrics.
	Telemetry *telemetry.Telemetry
	Logger    *zap.Logger
	// Fatal is called when a worker cannot go on, for example because its namespace
	// is gone.
	Fatal func(error)
}

// WorkflowCacheSize is the number of workflows that one process keeps in memory between their
// tasks, at about 60 KB each. A reply that waits for a person needs one more task,
// perhaps in days: then it is replayed from a dozen events. The SDK's 10,000 would
// be 600 MB.
const WorkflowCacheSize = 2000

// workflowPollers are two pollers for the tasks of workflows that this process has in
// memory, and two for those that any may take. The SDK's default, two for both, can
// ask for a minute for the former while the latter wait: when many tasks of the
// former kind have timed out, which they do after 5 seconds.
var workflowPollers = worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{
	InitialNumberOfPollers: 2, MinimumNumberOfPollers: 2, MaximumNumberOfPollers: 2,
})

// How many sends one process has under way at once. A send waits for a permit at most
// two seconds and for Meta at most 15.
//
// Of posts, an account has one or two in that wait at its 700 an hour; the number
// is for an hour in which Meta answers nobody: 500 time-outs of 15 seconds still
// are 33 sends a second, the rate of 170 accounts.
//
// Of a live, an account at 90 a second has 180 waiting and some 90 on their way to
// Meta: 2,000 hold seven broadcasts, so that none waits because of another. A place
// is a goroutine and some kilobytes.
const (
	maxPostSends = 500
	maxLiveSends = 2000
)

// maxDispatches is how many batches one process has open. The others wait in their queue,
// those with live comments before them, and cost the server nothing there. To accept a
// comment and to start its reply cost the same server, and Meta waits five seconds only
// for the first.
const maxDispatches = 1

// maxDeliveries is how many events one process delivers at once. A receiver that does not
// answer holds each for 15 seconds, and nothing but other events.
const maxDeliveries = 20

// Worker polls five task queues: one for workflows and reads, two for sends, so that
// neither a backlog of posts nor of reads delays a live reply, one for events, and one for
// Intakes, both workflows and activities. It also keeps the
// Schedules of the accounts' sweeps and token renewals.
type Worker struct {
	queueWorkers   []queueWorker
	version        worker.WorkerDeploymentVersion
	background     []func(context.Context)
	stopBackground func()
	logger         *zap.Logger
}

type queueWorker struct {
	queue  string
	worker worker.Worker
}

// New makes a worker. It does nothing before Start.
func New(c Config) *Worker {
	worker.SetStickyWorkflowCacheSize(WorkflowCacheSize)
	return newWorker(c, registerWorkflows)
}

// newWorker makes a worker of a build, whose workflows register registers.
func newWorker(c Config, register func(worker.WorkflowRegistry)) *Worker {
	pacer := pacing.New(c.SendWorkers, time.Now)
	metrics, background := newMetrics(c, pacer)
	acts := activities.New(c.Graph, credentialSource{c.Accounts}, pacer, c.Client, c.TaskQueue).WithMetrics(metrics).WithRepairInterval(c.RepairInterval)
	options := worker.Options{
		WorkerStopTimeout:           workflows.WorkerStopTimeout,
		DisableRegistrationAliasing: true,
		OnFatalError:                c.Fatal,
		DeploymentOptions:           deploymentOptions(c.Version),
		// The pollers stay two of a kind. More of them, as with autoscaling, gave a server
		// on SQLite more to do for each reply: see docs/development/performance.md.
		WorkflowTaskPollerBehavior: workflowPollers,
	}
	main := worker.New(c.Client, c.TaskQueue, options)
	register(main)
	acts.Register(main)
	activities.NewSweeper(c.Graph, credentialSource{c.Accounts}, c.Rules, pacer, c.Client, c.TaskQueue, personkey.New(c.Codec)).WithEvents(c.Events.EventScope()).WithMetrics(metrics).Register(main)

	data := c.DataConverter
	if data == nil {
		data = converter.GetDefaultDataConverter()
	}
	activities.NewEraser(erasure.Config{
		Temporal: c.Client, Namespace: c.Namespace, Data: data, Queue: c.TaskQueue, Keys: erasure.NewKeys(c.Codec),
	}, connections{c.Accounts, connect.New(connect.Config{Settings: c.Apps, Graph: c.Graph, Accounts: c.Accounts}), c.Logger}).Register(main)
	activities.NewRenewer(c.Graph, c.Accounts, c.Apps).Register(main)

	options.DisableWorkflowWorker = true
	options.MaxConcurrentActivityExecutionSize = maxPostSends
	posts := worker.New(c.Client, workflows.SendQueue(c.TaskQueue), options)
	acts.RegisterSends(posts)
	options.MaxConcurrentActivityExecutionSize = maxLiveSends
	live := worker.New(c.Client, workflows.LiveSendQueue(c.TaskQueue), options)
	acts.RegisterSends(live)

	options.MaxConcurrentActivityExecutionSize = maxDeliveries
	options.MaxConcurrentActivityTaskPollers = 1
	deliveries := worker.New(c.Client, workflows.EventQueue(c.TaskQueue), options)
	activities.NewEventDeliverer(eventSender(c), c.Events.EventsTexts).WithMetrics(metrics).Register(deliveries)
	options.MaxConcurrentActivityTaskPollers = 0

	options.DisableWorkflowWorker = false
	options.MaxConcurrentActivityExecutionSize = maxDispatches
	options.MaxConcurrentWorkflowTaskExecutionSize = 2
	intake := worker.New(c.Client, workflows.IntakeQueue(c.TaskQueue), options)
	intake.RegisterWorkflowWithOptions(workflows.Intake, workflow.RegisterOptions{Name: workflows.IntakeType})
	activities.NewDispatcher(c.Client, data, c.TaskQueue, personkey.New(c.Codec), max(1, c.IntakeConcurrency)).WithEvents(c.Events.EventScope()).WithMetrics(metrics).Register(intake)

	sweepSchedules := sweeps.Schedules{Client: c.Client, Accounts: c.Accounts, TaskQueue: c.TaskQueue, KeyID: c.Codec.KeyID(), Logger: c.Logger}
	tokenSchedules := renewals.Schedules{Client: c.Client, Accounts: c.Accounts, TaskQueue: c.TaskQueue, KeyID: c.Codec.KeyID(), Logger: c.Logger}
	return &Worker{logger: c.Logger, version: c.Version, background: append(background, sweepSchedules.Run, tokenSchedules.Run), stopBackground: func() {}, queueWorkers: []queueWorker{
		{c.TaskQueue, main},
		{workflows.SendQueue(c.TaskQueue), posts},
		{workflows.LiveSendQueue(c.TaskQueue), live},
		{workflows.IntakeQueue(c.TaskQueue), intake},
		{workflows.EventQueue(c.TaskQueue), deliveries},
	}}
}

// eventSender is the sender of events; nil: there is no address for them, or no usable
// secret, which config.Worker has refused.
func eventSender(c Config) activities.EventSender {
	if c.Events.EventsURL == "" {
		return nil
	}
	sender, err := events.NewSender(string(c.Events.EventsURL), string(c.Events.EventsSecret))
	if err != nil {
		c.Logger.Error("events are not delivered", zap.Error(err))
		return nil
	}
	return sender
}

// registerWorkflows registers the workflows under the names of the contract: a renamed
// function must not rename what runs.
func registerWorkflows(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(workflows.PrivateReply, workflow.RegisterOptions{Name: workflows.PrivateReplyType})
	r.RegisterWorkflowWithOptions(workflows.Conversation, workflow.RegisterOptions{Name: workflows.ConversationType})
	r.RegisterWorkflowWithOptions(workflows.Broadcast, workflow.RegisterOptions{Name: workflows.BroadcastType})
	r.RegisterWorkflowWithOptions(workflows.TokenRenewal, workflow.RegisterOptions{Name: workflows.TokenRenewalType})
	r.RegisterWorkflowWithOptions(workflows.Sweep, workflow.RegisterOptions{Name: workflows.SweepType})
	r.RegisterWorkflowWithOptions(workflows.RemovedPost, workflow.RegisterOptions{Name: workflows.RemovedPostType})
	r.RegisterWorkflowWithOptions(workflows.LocateMessage, workflow.RegisterOptions{Name: workflows.LocateMessageType})
	r.RegisterWorkflowWithOptions(workflows.Erasure, workflow.RegisterOptions{Name: workflows.ErasureType})
	r.RegisterWorkflowWithOptions(workflows.Reopen, workflow.RegisterOptions{Name: workflows.ReopenType})
	r.RegisterWorkflowWithOptions(workflows.CommentVisibility, workflow.RegisterOptions{Name: workflows.CommentVisibilityType})
	r.RegisterWorkflowWithOptions(workflows.Once, workflow.RegisterOptions{Name: workflows.OnceType})
}

// Start begins to poll. After an error nothing runs.
func (w *Worker) Start() error {
	for i, p := range w.queueWorkers {
		if err := p.worker.Start(); err != nil {
			for _, started := range w.queueWorkers[:i] {
				started.worker.Stop()
			}
			return fmt.Errorf("poll task queue %s: %w", p.queue, err)
		}
		w.logger.Info("polling", zap.String("queue", p.queue))
	}
	w.logVersion()
	w.runBackground()
	return nil
}

// runBackground keeps the Schedules up to date, and counts what waits, until
// stopBackground is called.
func (w *Worker) runBackground() {
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range w.background {
		all.Go(func() { run(ctx) })
	}
	w.stopBackground = func() {
		end()
		all.Wait()
	}
}

// Stop stops polling and waits for what runs, at most WorkerStopTimeout: a send
// that is cut off would leave a delivery unknown.
func (w *Worker) Stop() {
	w.stopBackground()
	done := make(chan struct{})
	for _, p := range w.queueWorkers {
		go func() {
			p.worker.Stop()
			done <- struct{}{}
		}()
	}
	for range w.queueWorkers {
		<-done
	}
}

// credentialSource finds the credentials of accounts in the accounts file.
type credentialSource struct{ accounts *config.Accounts }

// Credentials finds the account and reads its secrets, which may have changed.
func (c credentialSource) Credentials(p privatereply.Platform, id string) (graph.Credentials, error) {
	account, ok := c.accounts.Get(p, id)
	if !ok {
		return graph.Credentials{}, fmt.Errorf("%w: %s %s is not in the accounts file", activities.ErrUnknownAccount, p, id)
	}
	secrets, err := c.accounts.Secrets(p, id)
	return graph.Credentials{Account: account, Token: secrets.Token, AppSecret: secrets.AppSecret}, err
}

// connections are the connected accounts of the accounts folder.
type connections struct {
	accounts  *config.Accounts
	connector *connect.Connector
	logger    *zap.Logger
}

// Connected lists the accounts with the persons who connected them. That a token cannot be
// read hides no account.
func (c connections) Connected() []activities.Connection {
	var all []activities.Connection
	for _, a := range c.accounts.All() {
		if facts, _ := c.accounts.Token(a.Platform, a.ID); facts.Connected {
			all = append(all, activities.Connection{AccountKey: workflows.AccountKey{Platform: a.Platform, Account: a.ID}, By: facts.ConnectedBy})
		}
	}
	return all
}

// Disconnect ends the webhooks of a connected account and removes its files. An account that
// has left may not let its webhooks be ended any more.
func (c connections) Disconnect(ctx context.Context, account workflows.AccountKey) error {
	err := c.connector.Disconnect(ctx, connect.Key{Platform: account.Platform, ID: account.Account})
	if errors.Is(err, connect.ErrStillSubscribed) {
		c.logger.Warn("Meta did not end the webhooks of an account that is disconnected", zap.String("platform", string(account.Platform)), zap.String("account", account.Account), zap.Error(err))
		return nil
	}
	return err
}

// deploymentOptions opts into Worker Deployment Versioning if v is set.
//
// Every workflow, also the short ones, goes on with the current build at its next
// task and is pinned to none. A reply lives up to 37 days: the old workers would
// have to be kept for weeks, and a batch of acknowledged events that is pinned to a
// worker that somebody ended would be lost.
func deploymentOptions(v worker.WorkerDeploymentVersion) worker.DeploymentOptions {
	if v == (worker.WorkerDeploymentVersion{}) {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{UseVersioning: true, Version: v, DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}
}

// logVersion logs how to make the build of a versioned worker the current one. Until an
// operator does, the worker gets no tasks.
func (w *Worker) logVersion() {
	if w.version == (worker.WorkerDeploymentVersion{}) {
		return
	}
	w.logger.Info("this build gets work once it is the current one of its deployment",
		zap.String("deployment", w.version.DeploymentName), zap.String("build", w.version.BuildID),
		zap.String("command", "temporal worker deployment set-current-version --deployment-name "+w.version.DeploymentName+" --build-id "+w.version.BuildID))
}

// newMetrics registers the metrics of the worker. The functions that it returns update them
// and must run in the background.
func newMetrics(c Config, pacer *pacing.Pacer) (*activities.Metrics, []func(context.Context)) {
	if c.Telemetry == nil {
		return activities.NewMetrics(nil), nil
	}
	registry := c.Telemetry.Registry
	metrics := activities.NewMetrics(registry)
	registry.MustRegister(&accountCollector{accounts: c.Accounts, pacer: pacer, metrics: metrics, since: time.Now()})
	workflows.InitMetrics(c.Telemetry.Metrics)
	return metrics, []func(context.Context){newBacklogGauges(c, registry).Run}
}
