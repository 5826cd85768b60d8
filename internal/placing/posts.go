package placing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	batchpb "go.temporal.io/api/batch/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// batchRetry is how soon a batch operation is tried again while another one runs.
const batchRetry = 100 * time.Millisecond

// unquotable are characters that not every server reads alike in a query. No id of
// Meta's has one, so nothing is looked for under a post that does.
const unquotable = "\"'`\\"

// removePosts tells every reply under the removed posts that its comment is gone: a
// visitor post's own reply directly, those to comments by one batch operation for
// each account. Visibility lags a little behind, so a reply may be missed; Meta then
// refuses to send it.
func (p *Placer) removePosts(ctx context.Context, arrivals []workflows.Arrival, posts []int, done func(int, Effect)) error {
	under := map[string][]int{} // by account
	for _, n := range posts {
		r := *arrivals[n].Removal
		if r.PostID != "" {
			id, err := privatereply.ReplyID(privatereply.Comment{Platform: r.Platform, Account: r.Account, PostID: r.PostID})
			if err != nil {
				return err
			}
			// Most removed posts are the Page's own and never had a reply.
			err = p.client.SignalWorkflow(ctx, id, "", workflows.CommentRemovedSignal, struct{}{})
			var none *serviceerror.NotFound
			if err != nil && !errors.As(err, &none) {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		if r.MediaID == "" || strings.ContainsAny(r.MediaID, unquotable) {
			done(n, Effect{Ignored, NothingKnown})
			continue
		}
		under[r.Account] = append(under[r.Account], n)
	}
	for _, account := range slices.Sorted(maps.Keys(under)) {
		var media []string
		for _, n := range under[account] {
			media = append(media, arrivals[n].Removal.MediaID)
		}
		if err := p.withdrawAll(ctx, account, media); err != nil {
			return fmt.Errorf("removed posts of account %s: %w", account, err)
		}
		for _, n := range under[account] {
			done(n, Effect{Signalled, ""})
		}
	}
	return nil
}

func (p *Placer) withdrawAll(ctx context.Context, account string, media []string) error {
	input, err := converter.GetDefaultDataConverter().ToPayloads(struct{}{})
	if err != nil {
		return err
	}
	request := &workflowservice.StartBatchOperationRequest{
		Namespace:       p.namespace,
		JobId:           "post-removed-" + uuid.NewString(),
		Reason:          "The post was removed",
		VisibilityQuery: underPosts(account, media),
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{
			SignalOperation: &batchpb.BatchOperationSignal{Signal: workflows.CommentRemovedSignal, Input: input, Identity: "placing"},
		},
	}
	// A namespace runs one batch operation at a time, unless its operator allows more.
	// Ours take a fraction of a second.
	for {
		_, err := p.client.WorkflowService().StartBatchOperation(ctx, request)
		var busy *serviceerror.ResourceExhausted
		if !errors.As(err, &busy) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(batchRetry):
		}
	}
}

// underPosts finds the replies to comments under the posts that can still be withdrawn.
func underPosts(account string, media []string) string {
	var states []string
	for _, s := range privatereply.States {
		if s.Waiting() {
			states = append(states, quote(string(s)))
		}
	}
	posts := make([]string, len(media))
	for i, m := range media {
		posts[i] = quote(m)
	}
	return fmt.Sprintf("%s IN (%s) AND %s = %s AND %s IN (%s)",
		workflows.MediaID.GetName(), strings.Join(posts, ", "),
		workflows.AccountID.GetName(), quote(account),
		workflows.ReplyState.GetName(), strings.Join(states, ", "))
}

func quote(s string) string { return `"` + s + `"` }
