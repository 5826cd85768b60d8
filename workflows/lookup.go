package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// lookUpTimeout is how long Meta may take to tell about a comment. The look-up
	// is a help, not a condition: later than this it is skipped.
	lookUpTimeout = 10 * time.Second
	// lateNotice is the age of a webhook from which an automatic reply looks too.
	lateNotice = time.Hour
)

// notifiedLate reports whether Meta's notification came late, so that the comment may be
// much older than it seems.
func (r *reply) notifiedLate() bool {
	c := r.in.Comment
	at := c.ReceivedAt
	if !c.EntryAt.IsZero() {
		at = earlier(c.EntryAt, at)
	}
	return r.now().Sub(at) > lateNotice
}

// lookUpInBackground asks Meta about the comment while people can already decide.
func (r *reply) lookUpInBackground() {
	if r.commentLookedUp {
		return
	}
	workflow.Go(r.ctx, func(ctx workflow.Context) {
		if err := r.lookUp(ctx); err != nil {
			r.log.Warn("cannot look up the comment", "error", err)
		}
	})
}

// lookUp asks Meta once when the comment was written and whether it may be
// answered. The answer can bring the deadline nearer and end the reply; no answer
// changes nothing. A live comment's deadline is the broadcast's, so it is spared.
func (r *reply) lookUp(ctx workflow.Context) error {
	if r.in.Comment.OnLive() {
		return nil
	}
	r.commentLookedUp = true
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: lookUpTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                "Ask Meta about the comment",
	})
	future := workflow.ExecuteActivity(ctx, LookUpCommentActivity, LookUpCommentInput{Comment: sendTarget(r.in.Comment)})
	r.trackActivity(future)
	if err := workflow.Await(ctx, func() bool { return future.IsReady() || r.stopRequested() || !r.state.Waiting() }); err != nil {
		return err
	}
	if !future.IsReady() {
		return nil
	}
	var facts LookUpCommentResult
	if err := future.Get(ctx, &facts); err != nil {
		r.log.Info("Meta told nothing about the comment", "error", err)
		return nil
	}
	if !r.state.Waiting() {
		return nil
	}
	if !facts.Deadline.IsZero() {
		r.deadline = r.deadline.Nearer(privatereply.Deadline{At: facts.Deadline, From: privatereply.ClockCreated})
		r.publish()
	}
	if facts.NotRepliable && r.send.Attempts == 0 {
		r.requestStop(privatereply.Undeliverable, privatereply.NotRepliable, "")
	}
	return nil
}

// trackActivity counts an activity whose result nobody may wait for. The workflow does not
// complete while one is under way.
func (r *reply) trackActivity(f workflow.Future) {
	r.backgroundActivities++
	workflow.Go(r.ctx, func(ctx workflow.Context) {
		_ = f.Get(ctx, nil)
		r.backgroundActivities--
	})
}

// joinConversation tells the conversation of the person about the reply, so that
// an answer finds its way back. It is tried until it works; the reply's own
// clocks do not wait for it.
func (r *reply) joinConversation() {
	people := []string{}
	for _, id := range []string{r.send.RecipientID, r.in.Comment.PersonID} {
		if id != "" && (len(people) == 0 || people[0] != id) {
			people = append(people, id)
		}
	}
	if len(people) == 0 {
		return
	}
	ctx := workflow.WithActivityOptions(r.ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    JoinTimeout,
		ScheduleToCloseTimeout: time.Duration(r.limits.ResponseWait),
		RetryPolicy:            &temporal.RetryPolicy{MaximumInterval: 5 * time.Minute},
		Summary:                "Join the person's conversation",
	})
	workflow.ExecuteActivity(ctx, JoinConversationActivity, JoinConversationInput{
		Platform: r.in.Comment.Platform,
		Account:  r.in.Comment.Account,
		People:   people,
		Joined: ReplyJoined{
			Reply:     workflow.GetInfo(r.ctx).WorkflowExecution.ID,
			SentAt:    r.send.SentAt,
			MessageID: r.send.MessageID, TextSHA256: privatereply.TextSHA256(r.text),
		},
	})
}
