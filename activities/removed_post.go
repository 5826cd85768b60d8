package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// withdrawPageSize is the size of a page of the list of replies.
	withdrawPageSize = 500
	// maxConcurrentWithdrawals bounds the signals at the same time: a fraction of what a server
	// allows a namespace, so that other work continues.
	maxConcurrentWithdrawals = 8
	// maxRemembered bounds the replies that one attempt remembers as signalled, at about 100
	// bytes each. Beyond it some are signalled twice, which changes nothing.
	maxRemembered = 50_000
	// withdrawHeartbeatInterval is the time between two heartbeats.
	withdrawHeartbeatInterval = 5 * time.Second
)

// WithdrawReplies signals to the waiting replies under a removed post that their comment is
// gone, until the list shows no new one. A signalled reply leaves the waiting states, so
// that another attempt finds only the others.
func (a *Activities) WithdrawReplies(ctx context.Context, in workflows.RemovedPostInput) (workflows.WithdrawRepliesResult, error) {
	query, err := withdrawableQuery(in)
	if err != nil {
		return workflows.WithdrawRepliesResult{}, temporal.NewNonRetryableApplicationError(err.Error(), "UnusableID", nil)
	}
	defer startTicker(withdrawHeartbeatInterval, func() { activity.RecordHeartbeat(ctx) })()
	w := withdrawal{
		temporal: a.temporal, query: query, prefix: fmt.Sprintf("reply:%s:%s:", in.Platform, in.Account),
		signal: workflows.CommentRemovedSignal, argument: struct{}{}, signalled: map[string]bool{},
	}
	for {
		before := w.count
		if err := w.pass(ctx); err != nil {
			return workflows.WithdrawRepliesResult{}, err
		}
		// A pass that has dropped its memory does not know which replies are new.
		if w.count == before || w.count-before > maxRemembered {
			return workflows.WithdrawRepliesResult{Signalled: w.count}, nil
		}
	}
}

// withdrawableQuery finds the replies to comments under a post that can still be withdrawn.
func withdrawableQuery(in workflows.RemovedPostInput) (string, error) {
	if _, err := privatereply.RemovedPostID(in.Platform, in.Account, in.Media); err != nil {
		return "", err
	}
	if strings.ContainsAny(in.Account+in.Media, workflows.UnquotableCharacters) {
		return "", fmt.Errorf("%w: account or media has a character that a query cannot carry", privatereply.ErrUnusableID)
	}
	waiting := slices.DeleteFunc(slices.Clone(privatereply.States), func(s privatereply.State) bool { return !s.Waiting() })
	return visibility.And(visibility.Equals(workflows.MediaID, in.Media), visibility.Equals(workflows.AccountID, in.Account),
		visibility.In(workflows.ReplyState, waiting...)).String(), nil
}

// withdrawal is one attempt to signal to all replies of a query that they end.
type withdrawal struct {
	temporal  client.Client
	query     string
	prefix    string // of the workflow ids: two platforms may have an account with the same id
	signal    string
	argument  any // of the signal
	count     int
	signalled map[string]bool
}

// pass signals the replies of the whole list once, page by page.
func (w *withdrawal) pass(ctx context.Context) error {
	var token []byte
	for {
		page, err := w.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: w.query, PageSize: withdrawPageSize, NextPageToken: token,
		})
		if err != nil {
			return fmt.Errorf("list the replies: %w", err)
		}
		var ids []string
		for _, info := range page.GetExecutions() {
			id := info.GetExecution().GetWorkflowId()
			if strings.HasPrefix(id, w.prefix) && !w.signalled[id] {
				ids = append(ids, id)
			}
		}
		if err := w.send(ctx, ids); err != nil {
			return err
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			return errStopping
		default:
		}
	}
}

func (w *withdrawal) send(ctx context.Context, ids []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrentWithdrawals)
	for _, id := range ids {
		group.Go(func() error {
			err := w.temporal.SignalWorkflow(ctx, id, "", w.signal, w.argument)
			var ended *serviceerror.NotFound
			if err != nil && !errors.As(err, &ended) {
				return fmt.Errorf("signal %s: %w", id, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if len(w.signalled)+len(ids) > maxRemembered {
		w.signalled = map[string]bool{}
	}
	for _, id := range ids {
		w.signalled[id] = true
	}
	w.count += len(ids)
	return nil
}
