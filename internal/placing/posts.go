package placing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// removePost tells a visitor post's own reply that it is gone, and has a RemovedPost
// tell the replies to comments under it, which may be many.
func (p *Placer) removePost(ctx context.Context, r privatereply.Removal) (Effect, error) {
	if r.PostID != "" {
		id, err := privatereply.ReplyID(privatereply.Comment{Platform: r.Platform, Account: r.Account, PostID: r.PostID})
		if err != nil {
			return Effect{}, err
		}
		// Most removed posts are the Page's own and never had a reply.
		err = p.client.SignalWorkflow(ctx, id, "", workflows.CommentRemovedSignal, struct{}{})
		var none *serviceerror.NotFound
		if err != nil && !errors.As(err, &none) {
			return Effect{}, fmt.Errorf("%s: %w", id, err)
		}
	}
	options, in, err := workflows.RemovedPostOptions(r.Platform, r.Account, r.MediaID, p.queue)
	if errors.Is(err, privatereply.ErrUnusableID) || strings.ContainsAny(r.MediaID, workflows.UnquotableCharacters) {
		return Effect{Ignored, NothingKnown}, nil // Meta has no such post
	}
	if err != nil {
		return Effect{}, err
	}
	if _, err := p.client.ExecuteWorkflow(ctx, options, workflows.RemovedPostType, in); err != nil {
		return Effect{}, fmt.Errorf("%s: %w", options.ID, err)
	}
	return Effect{Signalled, ""}, nil
}
