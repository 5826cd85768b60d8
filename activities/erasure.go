package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// erasureHeartbeatInterval is the time between two heartbeats of an erasure.
	erasureHeartbeatInterval = 5 * time.Second
	// eraser is the approver of the rejections of an erasure.
	eraser = "an erasure"
)

// Connections are the accounts that people connected with a login of Meta's.
type Connections interface {
	// Connected lists them, each with the app-scoped id of the person who connected it.
	Connected() []Connection
	// Disconnect unsubscribes an account and removes what the product has of it, its token
	// above all. A repeat, and an account that is not connected, are no error.
	Disconnect(context.Context, workflows.AccountKey) error
}

// Connection is a connected account.
type Connection struct {
	workflows.AccountKey
	By string // app-scoped id of the person; empty: not known
}

// Eraser has the activities of the Erasure workflow.
type Eraser struct {
	config      erasure.Config
	connections Connections
}

// NewEraser makes an eraser. Connections may be nil: nothing is connected.
func NewEraser(c erasure.Config, connections Connections) *Eraser {
	c.Operator = eraser
	return &Eraser{config: c, connections: connections}
}

// Register registers the activities.
func (e *Eraser) Register(r worker.ActivityRegistry) {
	register(r, workflows.SearchPersonActivity, e.SearchPerson)
	register(r, workflows.RemoveRunsActivity, e.RemoveRuns)
	register(r, workflows.FindConnectionsActivity, e.FindConnections)
	register(r, workflows.DisconnectAccountActivity, e.DisconnectAccount)
	register(r, workflows.RejectAutomaticActivity, e.RejectAutomatic)
}

// SearchPerson reads every run for what it holds of a person. The next attempt goes on
// behind the page of the last recorded heartbeat.
func (e *Eraser) SearchPerson(ctx context.Context, in workflows.SearchPersonInput) (workflows.SearchPersonResult, error) {
	ctx, progress, end := resume[erasure.SearchState](ctx)
	defer end()
	found, err := e.eraser(ctx).Search(ctx, erasure.Subject{AccountKey: in.AccountKey, Keys: in.Keys}, progress.last, progress.record)
	var refused *serviceerror.InvalidArgument
	if errors.As(err, &refused) { // the server may not know the page any more
		progress.record(erasure.SearchState{})
	}
	return found, progress.err(ctx, err)
}

// RemoveRuns ends and deletes runs that a search has found. The next attempt does not end
// again what the last recorded heartbeat says has ended.
func (e *Eraser) RemoveRuns(ctx context.Context, in workflows.RemoveRunsInput) (result workflows.RemoveRunsResult, err error) {
	ctx, progress, end := resume[[]workflows.HeldRun](ctx)
	defer end()
	runs := in.Runs
	if len(progress.last) == len(runs) {
		runs = progress.last
	}
	result.Removed, result.Kept, err = e.eraser(ctx).Remove(ctx, erasure.Subject{AccountKey: in.AccountKey, Keys: in.Keys}, runs, progress.record)
	return result, progress.err(ctx, err)
}

func (e *Eraser) eraser(ctx context.Context) *erasure.Eraser {
	c := e.config
	c.UpdateID = activity.GetInfo(ctx).WorkflowExecution.ID
	return erasure.New(c)
}

// FindConnections lists the accounts that a person connected. With Instagram Login operators
// disagree which of a person's ids Meta names: the account's own is taken, too.
func (e *Eraser) FindConnections(_ context.Context, in workflows.FindConnectionsInput) (workflows.FindConnectionsResult, error) {
	var found workflows.FindConnectionsResult
	if e.connections == nil {
		return found, nil
	}
	for _, c := range e.connections.Connected() {
		if c.By != "" && e.config.Keys.Match(c.By, in.PersonKey) || e.config.Keys.Match(c.Account, in.PersonKey) {
			found.Accounts = append(found.Accounts, c.AccountKey)
		}
	}
	return found, nil
}

// DisconnectAccount disconnects an account.
func (e *Eraser) DisconnectAccount(ctx context.Context, account workflows.AccountKey) error {
	defer startTicker(erasureHeartbeatInterval, func() { activity.RecordHeartbeat(ctx) })()
	if e.connections == nil {
		return nil
	}
	return e.connections.Disconnect(ctx, account)
}

// RejectAutomatic rejects the replies of an account that rules send by themselves and have
// not sent yet. A rejected one leaves the list, so that another attempt finds the others.
func (e *Eraser) RejectAutomatic(ctx context.Context, account workflows.AccountKey) (workflows.RejectAutomaticResult, error) {
	if _, err := privatereply.SweepID(account.Platform, account.Account); err != nil {
		return workflows.RejectAutomaticResult{}, temporal.NewNonRetryableApplicationError(err.Error(), "UnusableID", nil)
	}
	defer startTicker(erasureHeartbeatInterval, func() { activity.RecordHeartbeat(ctx) })()
	w := withdrawal{
		temporal: e.config.Temporal,
		query: visibility.And(visibility.Equals(workflows.AccountID, account.Account), visibility.Running,
			visibility.In(workflows.ReplyState, privatereply.Holding, privatereply.Sending)).String(),
		prefix:    fmt.Sprintf("reply:%s:%s:", account.Platform, account.Account),
		signal:    workflows.RejectMessage,
		argument:  workflows.Reject{Approver: eraser, Cause: privatereply.AccountDisconnected},
		signalled: map[string]bool{},
	}
	err := w.pass(ctx)
	return workflows.RejectAutomaticResult{Rejected: w.count}, err
}

// progress is the heartbeat of an activity that another worker goes on with.
type progress[T any] struct {
	last   T // of the attempt before; zero: there was none
	record func(T)
}

// err is errStopping for an attempt that ended because its worker stops.
func (progress[T]) err(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		return errStopping
	}
	return err
}

// resume reads the heartbeat of the attempt before, and keeps sending the newest one. The
// context ends when the worker stops, so that another one goes on at once.
func resume[T any](ctx context.Context) (context.Context, progress[T], func()) {
	p := progress[T]{}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &p.last); err != nil {
			p.last = *new(T)
		}
	}
	newest := make(chan T, 1)
	newest <- p.last
	p.record = func(v T) {
		<-newest
		newest <- v
		activity.RecordHeartbeat(ctx, v)
	}
	working, stop := context.WithCancelCause(ctx)
	endTicker := startTicker(erasureHeartbeatInterval, func() {
		v := <-newest
		newest <- v
		activity.RecordHeartbeat(ctx, v)
	})
	go func() {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			stop(errStopping)
		case <-working.Done():
		}
	}()
	return working, p, func() { endTicker(); stop(nil) }
}
