// Package activities has the side effects of the workflows: calls to Meta, and signals and
// starts of other workflows. Each activity is idempotent or says in its result what happened.
package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

// ErrUnknownAccount says that an account is not in the accounts file.
var ErrUnknownAccount = errors.New("unknown account")

// Accounts finds the credentials of an account. It fails with ErrUnknownAccount, or because
// a secret cannot be read; in the second case the Account in the credentials is set.
type Accounts interface {
	Credentials(p privatereply.Platform, id string) (graph.Credentials, error)
}

// Activities has the activities of one worker process as methods. They may run at the same
// time.
type Activities struct {
	graph      *graph.Client
	accounts   Accounts
	pacer      *pacing.Pacer
	broadcasts broadcastCache
	joins      joins
	metrics    *Metrics
	temporal   client.Client
	queue      string        // where conversations and broadcasts run
	repair     time.Duration // between tries while an account has to be repaired; 0: five minutes
	now        func() time.Time
}

// WithRepairInterval sets the time between two tries of a send whose account a person has to
// repair.
func (a *Activities) WithRepairInterval(d time.Duration) *Activities {
	a.repair = d
	return a
}

// The workflows know the activities by these interfaces.
var (
	_ workflows.Activities        = (*Activities)(nil)
	_ workflows.SweepActivities   = (*Sweeper)(nil)
	_ workflows.IntakeActivities  = (*Dispatcher)(nil)
	_ workflows.ErasureActivities = (*Eraser)(nil)
)

// New makes the activities. Conversations and broadcasts that they start run on queue; the
// pacer limits the rate of private replies.
func New(g *graph.Client, accounts Accounts, pacer *pacing.Pacer, temporal client.Client, queue string) *Activities {
	return &Activities{graph: g, accounts: accounts, pacer: pacer, temporal: temporal, queue: queue, metrics: NewMetrics(nil), now: time.Now}
}

// WithMetrics makes the activities count in m.
func (a *Activities) WithMetrics(m *Metrics) *Activities {
	a.metrics = m
	return a
}

// Register registers all activities but the sends.
func (a *Activities) Register(r worker.ActivityRegistry) {
	register(r, workflows.FindMessageActivity, a.FindMessage)
	register(r, workflows.ReadMessagesActivity, a.ReadMessages)
	register(r, workflows.LookUpCommentActivity, a.LookUpComment)
	register(r, workflows.JoinConversationActivity, a.JoinConversation)
	register(r, workflows.JoinBroadcastActivity, a.JoinBroadcast)
	register(r, workflows.WatchBroadcastActivity, a.WatchBroadcast)
	register(r, workflows.EndRepliesActivity, a.EndReplies)
	register(r, workflows.WithdrawRepliesActivity, a.WithdrawReplies)
	register(r, workflows.LocateMessageActivity, a.LocateMessage)
	register(r, workflows.FindPublicReplyActivity, a.FindPublicReply)
}

// RegisterSends registers the sends, and what is written under comments. They have their
// own task queues.
func (a *Activities) RegisterSends(r worker.ActivityRegistry) {
	register(r, workflows.SendPrivateReplyActivity, a.SendPrivateReply)
	register(r, workflows.SendFollowUpActivity, a.SendFollowUp)
	register(r, workflows.PostPublicReplyActivity, a.PostPublicReply)
	register(r, workflows.SetCommentHiddenActivity, a.SetCommentHidden)
}

func register(r worker.ActivityRegistry, name string, f any) {
	r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
}
