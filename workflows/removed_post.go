package workflows

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// visibilityLag is how long after a pass the next one is made: a reply that has just
	// begun is not listed at once.
	visibilityLag = 10 * time.Second
	// maxPasses bounds the passes of one run. A reply that cannot take its signals, because
	// its workflow task fails, stays listed as waiting; a further signal would not help it.
	maxPasses = 6
)

// UnquotableCharacters are characters that not every server reads alike in a query. No id of Meta's
// has one, so nothing is looked for by an id that does.
const UnquotableCharacters = "\"'`\\"

// RemovedPostInput starts RemovedPost, and asks for one pass over the replies.
type RemovedPostInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Media    string                `json:"media"` // the removed post
}

// WithdrawRepliesResult counts the replies that were signalled that their comment is gone.
type WithdrawRepliesResult struct {
	Signalled int `json:"told"`
}

// RemovedPostOptions are the options and the input to start RemovedPost. A run that is
// under way takes the removal as well.
func RemovedPostOptions(p privatereply.Platform, account, media, queue string) (client.StartWorkflowOptions, RemovedPostInput, error) {
	id, err := privatereply.RemovedPostID(p, account, media)
	if err != nil {
		return client.StartWorkflowOptions{}, RemovedPostInput{}, err
	}
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Removed post " + media + " of " + string(p) + " account " + account,
		Priority:                 temporal.Priority{FairnessKey: fairnessKey(p, account)},
	}, RemovedPostInput{Platform: p, Account: account, Media: media}, nil
}

// RemovedPost signals every waiting reply under a removed post that its comment is gone. A
// viral post has tens of thousands, and the list of them lags: so it has a workflow of
// its own, which no other event waits for, and passes until one after the first finds
// nobody.
func RemovedPost(ctx workflow.Context, in RemovedPostInput) (*WithdrawRepliesResult, error) {
	var all WithdrawRepliesResult
	for pass := 1; ; pass++ {
		found, err := withdrawReplies(ctx, in, pass)
		if err != nil {
			return nil, err
		}
		all.Signalled += found.Signalled
		if pass > 1 && found.Signalled == 0 || pass == maxPasses {
			return &all, nil
		}
		timer := workflow.NewTimerWithOptions(ctx, visibilityLag, workflow.TimerOptions{Summary: "Replies that are not listed yet"})
		if err := timer.Get(ctx, nil); err != nil {
			return nil, err
		}
	}
}

func withdrawReplies(ctx workflow.Context, in RemovedPostInput, pass int) (WithdrawRepliesResult, error) {
	return execute(ctx, workflow.ActivityOptions{
		// Long enough for any post on a busy server; a dead worker is noticed by the
		// heartbeat. It is tried until every reply is signalled.
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
		Summary:             fmt.Sprintf("Pass %d over the replies under the post", pass),
	}, Activities.WithdrawReplies, in).result(ctx)
}
