// Package activities does what the workflows ask for: it talks to Meta, and tells
// conversations and broadcasts about replies.
package activities

import (
	"context"
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

// Accounts gives what is needed to act for an account. It fails with
// ErrUnknownAccount, or because a secret cannot be read; then the Account in the
// credentials is set all the same.
type Accounts interface {
	Credentials(p privatereply.Platform, id string) (graph.Credentials, error)
}

// Activities are the side effects of the product. Its methods are the activities
// and may run at the same time.
type Activities struct {
	graph      *graph.Client
	accounts   Accounts
	pacer      *pacing.Pacer
	broadcasts broadcastCache
	joins      joins
	yielding   yielding
	metrics    *Metrics
	temporal   client.Client
	queue      string // where conversations and broadcasts run
	now        func() time.Time
}

// New makes the activities. Conversations and broadcasts that they start run on
// queue; private replies go as the pacer lets them.
func New(g *graph.Client, accounts Accounts, pacer *pacing.Pacer, temporal client.Client, queue string) *Activities {
	return &Activities{graph: g, accounts: accounts, pacer: pacer, temporal: temporal, queue: queue, metrics: NewMetrics(nil), now: time.Now}
}

// WithMetrics makes a count in m.
func (a *Activities) WithMetrics(m *Metrics) *Activities {
	a.metrics = m
	return a
}

// Register registers everything but the sends.
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
}

// RegisterSends registers the sends, which have task queues of their own.
func (a *Activities) RegisterSends(r worker.ActivityRegistry) {
	register(r, workflows.SendPrivateReplyActivity, a.SendPrivateReply)
	register(r, workflows.SendFollowUpActivity, a.SendFollowUp)
}

func register(r worker.ActivityRegistry, name string, f any) {
	r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
}

// LookUpComment asks Meta when a comment was written and whether it may be
// answered. Only a plain "no" of Meta counts as no.
func (a *Activities) LookUpComment(ctx context.Context, in workflows.LookUpCommentInput) (workflows.LookUpCommentResult, error) {
	cred, err := a.accounts.Credentials(in.Comment.Platform, in.Comment.Account)
	if err != nil {
		return workflows.LookUpCommentResult{}, err
	}
	if at, ok := a.pacer.LookUp(ctx, cred.Account, pacing.MaxWait); !ok {
		return workflows.LookUpCommentResult{}, notYetError(at.Sub(a.now()))
	}
	info, err := a.graph.Comment(ctx, cred, in.Comment.TargetID())
	if err != nil {
		return workflows.LookUpCommentResult{}, readPacer{a.pacer, cred.Account, a.now}.retryError(ctx, err)
	}
	facts := workflows.LookUpCommentResult{
		CreatedAt:    info.CreatedAt,
		NotRepliable: info.CanReplyPrivately != nil && !*info.CanReplyPrivately,
	}
	if !facts.CreatedAt.IsZero() {
		facts.Deadline = privatereply.DeadlineFromCreation(facts.CreatedAt).At
	}
	return facts, nil
}
