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

// restrictedPostSubcode is the subcode of 200/2534066. Meta's word for it is a missing
// permission, but operators see it for single posts: the account goes on.
const restrictedPostSubcode = 2534066

func permitRequest(ctx context.Context, account privatereply.Account, in workflows.SendPrivateReplyInput) pacing.Request {
	return pacing.Request{
		Account:  account,
		Live:     in.Comment.OnLive(),
		Reply:    activity.GetInfo(ctx).WorkflowExecution.ID,
		Waited:   in.Waited,
		ByPerson: in.ByPerson,
	}
}

func retryAt(slot pacing.Slot) time.Time { return slot.At.UTC().Truncate(time.Millisecond) }

// reportToPacer tells the pacer what Meta said. Where Meta holds back the whole account the next
// try of this reply is a slot among those of all its replies.
func (a *Activities) reportToPacer(r pacing.Request, receipt graph.SendResult, err error, result privatereply.SendResult) privatereply.SendResult {
	var failed *graph.Error
	if err == nil {
		a.pacer.Answered(r, receipt.Usage)
		return result
	}
	if !errors.As(err, &failed) {
		a.pacer.Unused(r)
		return result
	}
	switch failed.Class {
	case graph.Throttled:
		pause := failed.RetryAfter
		if pause == 0 {
			pause = max(failed.Cooldown, failed.Usage.RegainAfter)
		}
		result.RetryAt = retryAt(a.pacer.Refused(r, failed.Reason, pause))
	case graph.AccountFault:
		if failed.Subcode == restrictedPostSubcode {
			a.pacer.Unused(r)
			break
		}
		result.RetryAt = retryAt(a.pacer.Rejected(r, failed.Reason, withJitter(repairInterval)))
	case graph.NotWritten, graph.Unknown, graph.Temporary, graph.Unlisted:
		a.pacer.Unused(r)
	default:
		a.pacer.Answered(r, failed.Usage)
	}
	return result
}
