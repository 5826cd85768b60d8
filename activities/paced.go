package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

// restrictedPost is the subcode of 200/2534066. Meta's word for it is a missing
// permission, but operators see it for single posts: the account goes on.
const restrictedPost = 2534066

func askFor(ctx context.Context, account privatereply.Account, in workflows.SendPrivateReplyInput) pacing.Ask {
	return pacing.Ask{
		Account:  account,
		Live:     in.Comment.OnLive(),
		Reply:    activity.GetInfo(ctx).WorkflowExecution.ID,
		Since:    in.Since,
		ByPerson: in.ByPerson,
	}
}

func retryAt(slot pacing.Slot) time.Time { return slot.At.UTC().Truncate(time.Millisecond) }

// learn tells the pacer what Meta said. Where Meta holds back the whole account the
// next try of this reply is a slot among those of all its replies.
func (a *Activities) learn(ask pacing.Ask, receipt graph.SendResult, err error, result privatereply.SendResult) privatereply.SendResult {
	var failed *graph.Error
	if err == nil {
		a.pacer.Answered(ask, receipt.Usage)
		return result
	}
	if !errors.As(err, &failed) {
		a.pacer.Unused(ask)
		return result
	}
	switch failed.Class {
	case graph.Throttled:
		rest := failed.RetryAfter
		if rest == 0 {
			rest = max(failed.Cooldown, failed.Usage.RegainAfter)
		}
		result.RetryAt = retryAt(a.pacer.Refused(ask, failed.Reason, rest))
	case graph.AccountFault:
		if failed.Subcode == restrictedPost {
			a.pacer.Unused(ask)
			break
		}
		result.RetryAt = retryAt(a.pacer.Rejected(ask, failed.Reason, jitter(repairInterval)))
	case graph.NotWritten, graph.Unknown, graph.Temporary, graph.Unlisted:
		a.pacer.Unused(ask)
	default:
		a.pacer.Answered(ask, failed.Usage)
	}
	return result
}
