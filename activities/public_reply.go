package activities

import (
	"context"
	"errors"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

var errNotYet = errors.New("not implemented")

// PostPublicReply makes one attempt to answer a comment in public.
func (a *Activities) PostPublicReply(ctx context.Context, in workflows.PostPublicReplyInput) (privatereply.SendResult, error) {
	return privatereply.SendResult{}, errNotYet
}

// FindPublicReply reads the replies to a comment for one of the account with the same text.
func (a *Activities) FindPublicReply(ctx context.Context, in workflows.FindPublicReplyInput) (workflows.FindPublicReplyResult, error) {
	return workflows.FindPublicReplyResult{}, errNotYet
}

// SetCommentHidden makes one attempt to hide a comment, or to show it again.
func (a *Activities) SetCommentHidden(ctx context.Context, in workflows.SetCommentHiddenInput) (privatereply.SendResult, error) {
	return privatereply.SendResult{}, errNotYet
}
