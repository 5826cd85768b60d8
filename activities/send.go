package activities

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

// broadcastCheckTimeout bounds the poll whether a broadcast runs. With the
// wait for a permit before it and the send after it, the attempt must still end within
// workflows.SendTimeout.
const broadcastCheckTimeout = workflows.SendTimeout - workflows.HTTPTimeout - pacing.MaxWait - time.Second

// SendPrivateReply makes one attempt to send a private reply. The outcome is a value: an
// error would only say that something failed, not what it proves.
func (a *Activities) SendPrivateReply(ctx context.Context, in workflows.SendPrivateReplyInput) (privatereply.SendResult, error) {
	result := a.sendPrivateReply(ctx, in)
	a.metrics.countReply(in, result)
	if result.Outcome == privatereply.OutcomeSent {
		result.Joined = a.joinSent(ctx, in, result)
	}
	return result, nil
}

func (a *Activities) sendPrivateReply(ctx context.Context, in workflows.SendPrivateReplyInput) privatereply.SendResult {
	c := in.Comment
	backoff := backoff{attempt: in.Attempt, live: c.OnLive(), repair: a.repair, now: a.now}
	cred, err := a.accounts.Credentials(c.Platform, c.Account)
	if err != nil {
		return backoff.withoutCredentials(ctx, err)
	}
	// The workflow has checked the deadline; the task may have waited in its queue since.
	passed := func() bool { return !a.now().Before(in.Deadline) }
	tooLate := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.DeadlineWhileSending, RetryAt: in.Deadline}
	if passed() {
		return tooLate
	}
	request := permitRequest(ctx, cred.Account, in)
	if slot, ok := a.pacer.Wait(ctx, request); !ok {
		return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: slot.Reason, RetryAt: retryAt(slot)}
	}
	if c.OnLive() && (in.Attempt > 1 || in.Waited) {
		if state := a.checkBroadcast(ctx, cred, c.MediaID); state != broadcastMayRun {
			a.pacer.Unused(request)
			return a.broadcastEndedResult(state)
		}
	}
	if passed() {
		a.pacer.Unused(request)
		return tooLate
	}
	a.metrics.observeMargin(in, a.now())
	receipt, err := a.graph.SendPrivateReply(ctx, cred, graph.Recipient{CommentID: c.CommentID, PostID: c.PostID}, outgoing(in.Message, c.TapKey()))
	return a.reportToPacer(request, receipt, err, a.result(ctx, backoff, receipt, err))
}

// SendFollowUp makes one attempt to write to a person in an open window. It is not
// paced: people write follow-ups one by one, and Meta allows 100 a second at least.
func (a *Activities) SendFollowUp(ctx context.Context, in workflows.SendFollowUpInput) (privatereply.SendResult, error) {
	result := a.sendFollowUp(ctx, in)
	kind := kindFollowUp
	if in.Tap {
		kind = kindTapAnswer
	}
	a.metrics.countSend(kind, result)
	return result, nil
}

func (a *Activities) sendFollowUp(ctx context.Context, in workflows.SendFollowUpInput) privatereply.SendResult {
	backoff := backoff{attempt: 1, live: true, repair: a.repair, now: a.now} // an agent waits for the answer
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return backoff.withoutCredentials(ctx, err)
	}
	if !a.now().Before(in.NotAfter) {
		return privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}
	}
	receipt, err := a.graph.SendMessage(ctx, cred, in.Person, outgoing(in.Message, in.TapKey), in.HumanAgent)
	return unguarded(a.result(ctx, backoff, receipt, err))
}

// unguarded is the outcome of a write of which Meta would take a second copy: what may have
// been done is not repeated.
func unguarded(result privatereply.SendResult) privatereply.SendResult {
	if result.Outcome == privatereply.OutcomeNotSent && result.Doubtful {
		result.Outcome, result.RetryAt, result.Doubtful = privatereply.OutcomeUnknown, time.Time{}, false
	}
	return result
}

// outgoing is m with the payloads of its taps.
func outgoing(m privatereply.Message, key string) graph.OutgoingMessage {
	out, taps := graph.OutgoingMessage{Text: m.Text}, m.Taps(key)
	payload := func() string {
		next := taps[0].Payload
		taps = taps[1:]
		return next
	}
	for _, b := range m.Buttons {
		button := graph.MessageButton{Title: b.Title, URL: b.URL}
		if b.URL == "" {
			button.Payload = payload()
		}
		out.Buttons = append(out.Buttons, button)
	}
	for _, q := range m.QuickReplies {
		out.QuickReplies = append(out.QuickReplies, graph.MessageQuickReply{Title: q.Title, Payload: payload()})
	}
	return out
}

// result turns Meta's answer into an outcome.
func (a *Activities) result(ctx context.Context, backoff backoff, receipt graph.SendResult, err error) privatereply.SendResult {
	if err == nil {
		return privatereply.SendResult{
			Outcome:     privatereply.OutcomeSent,
			MessageID:   receipt.MessageID,
			RecipientID: receipt.RecipientID,
			Wrote:       true,
			SentAt:      receipt.SentAt,
		}
	}
	var failed *graph.Error
	if !errors.As(err, &failed) {
		// The client classifies everything; what it does not may have been sent.
		failed = &graph.Error{Class: graph.Unknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: a.now().UTC()}
	}
	activity.GetLogger(ctx).Info("not sent", "class", failed.Class, "error", err)
	result := privatereply.SendResult{
		Reason:  failed.Reason,
		Code:    failed.Code,
		Subcode: failed.Subcode,
		TraceID: failed.TraceID,
		Wrote:   failed.Wrote,
		SentAt:  failed.SentAt,
	}
	switch {
	case failed.Class == graph.Unknown:
		result.Outcome = privatereply.OutcomeUnknown
	case failed.Class.Retryable():
		result.Outcome, result.RetryAt = privatereply.OutcomeNotSent, backoff.retryAt(failed)
		// An undocumented code does not prove that nothing was delivered.
		result.Doubtful = failed.MayHaveDelivered || failed.Class == graph.Unlisted
	default:
		result.Outcome = privatereply.OutcomeRefused
	}
	return result
}

// withoutCredentials is the outcome of a send that has no token. It is tried again: a person
// can repair the accounts file or the secret.
func (b backoff) withoutCredentials(ctx context.Context, err error) privatereply.SendResult {
	activity.GetLogger(ctx).Warn("not sent: no credentials", "error", err)
	reason := privatereply.TokenRejected
	if errors.Is(err, ErrUnknownAccount) {
		reason = privatereply.AccountUnknown
	}
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeNotSent,
		Reason:  reason,
		RetryAt: b.now().Add(withJitter(repairInterval)).UTC().Truncate(time.Millisecond),
	}
}

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

// reportToPacer reports Meta's answer to the pacer. Where Meta holds back the whole account the next
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
		result.RetryAt = retryAt(a.pacer.Refused(r, failed.Reason, throttleTime(failed)))
	case graph.AccountFault:
		if failed.Subcode == restrictedPostSubcode {
			a.pacer.Unused(r)
			break
		}
		result.RetryAt = retryAt(a.pacer.Rejected(r, failed.Reason, withJitter(cmp.Or(a.repair, repairInterval))))
	case graph.NotWritten, graph.Unknown, graph.Temporary, graph.Unlisted:
		a.pacer.Unused(r)
	default:
		a.pacer.Answered(r, failed.Usage)
	}
	return result
}
