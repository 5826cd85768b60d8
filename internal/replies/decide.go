package replies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// acceptTimeout limits the wait for a worker to accept or refuse an Update.
	acceptTimeout = 10 * time.Second
	// effectTimeout limits the wait for the effect of an accepted Update: a reject waits
	// for a send, and a follow-up for up to a minute of tries.
	effectTimeout = 4 * workflows.SendTimeout
)

// Approve sends a reply. A repeat with the same update id gets the same answer.
func (c *Client) Approve(ctx context.Context, id, updateID string, m workflows.Approve) (workflows.DecisionResult, error) {
	return update[workflows.DecisionResult](ctx, c, id, updateID, workflows.ApproveMessage, m)
}

// Reject prevents a reply from being sent. It returns when the effect is known; for a reply
// in sending, when its send has ended.
func (c *Client) Reject(ctx context.Context, id, updateID string, m workflows.Reject) (workflows.DecisionResult, error) {
	return update[workflows.DecisionResult](ctx, c, id, updateID, workflows.RejectMessage, m)
}

// Resolve says whether an unknown delivery arrived.
func (c *Client) Resolve(ctx context.Context, id, updateID string, m workflows.Resolve) (workflows.DecisionResult, error) {
	return update[workflows.DecisionResult](ctx, c, id, updateID, workflows.ResolveMessage, m)
}

// Propose puts a text before those who approve. It never sends.
func (c *Client) Propose(ctx context.Context, id, updateID string, m workflows.Propose) (workflows.DecisionResult, error) {
	return update[workflows.DecisionResult](ctx, c, id, updateID, workflows.ProposeMessage, m)
}

// Note adds a remark of the team.
func (c *Client) Note(ctx context.Context, id, updateID string, m workflows.Note) (workflows.DecisionResult, error) {
	return update[workflows.DecisionResult](ctx, c, id, updateID, workflows.NoteMessage, m)
}

// Assign says who takes care of a reply; nobody, if To is empty.
func (c *Client) Assign(ctx context.Context, id, updateID string, m workflows.Assign) (workflows.DecisionResult, error) {
	return update[workflows.DecisionResult](ctx, c, id, updateID, workflows.AssignMessage, m)
}

// FollowUp writes to the person of a conversation while its window is open. It returns when
// the send has ended.
func (c *Client) FollowUp(ctx context.Context, conversationID, updateID string, m workflows.FollowUp) (workflows.FollowUpResult, error) {
	return update[workflows.FollowUpResult](ctx, c, conversationID, updateID, workflows.FollowUpUpdate, m)
}

// update sends an Update and waits for its result. What a person can be told is an Error.
func update[T any](ctx context.Context, c *Client, id, updateID, name string, message any) (answer T, err error) {
	if parsed, ok := privatereply.ParseID(id); !ok || (parsed.Kind == "reply") == (name == workflows.FollowUpUpdate) {
		return answer, c.errNotFound(id)
	}
	accepting, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	handle, err := c.temporal.UpdateWorkflow(accepting, client.UpdateWorkflowOptions{
		WorkflowID:   id,
		UpdateID:     updateID,
		UpdateName:   name,
		Args:         []any{message},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		if isTimeout(err) && ctx.Err() == nil {
			return answer, c.errNoWorker(ctx)
		}
		return answer, c.wrapError(ctx, id, name, err)
	}
	finishing, cancel := context.WithTimeout(ctx, effectTimeout)
	defer cancel()
	err = handle.Get(finishing, &answer)
	if err != nil && isTimeout(err) && ctx.Err() == nil {
		return answer, newError(EffectUnknown, "accepted, but its effect is not known after %v; look here again", effectTimeout)
	}
	return answer, c.wrapError(ctx, id, name, err)
}

// isTimeout reports whether err is a time-out. The SDK and gRPC notice theirs a moment
// before the context does, each with an error of its own.
func isTimeout(err error) bool {
	var server *serviceerror.DeadlineExceeded
	var sdk *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &server) || errors.As(err, &sdk)
}

func (c *Client) wrapError(ctx context.Context, id, name string, err error) error {
	if err = c.convertUpdateError(ctx, id, err); err == nil {
		return nil
	}
	if _, ok := err.(*Error); ok {
		return err
	}
	return fmt.Errorf("%s %s: %w", name, id, err)
}
