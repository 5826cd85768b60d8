package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// followUpKey begins the keys of follow-ups. Ids of comments begin with a digit, or with
	// "post-".
	followUpKey = "f-"
	// maxTaps is how many taps a status shows.
	maxTaps = 20
	// maxTappables and maxTappableBytes bound what a conversation knows of its messages: the
	// next run takes all of it over, and Temporal takes 2 MiB at once.
	maxTappables     = 200
	maxTappableBytes = 256 << 10
	// maxTapPause is the longest pause between tries to send the text of a tap that need not
	// wait. Nobody waits for the answer, so it is tried until the window closes.
	maxTapPause = 15 * time.Minute
)

// Tappable is something that the person can tap in a message of the account. Then is empty
// once it was tapped: its text is sent once.
type Tappable struct {
	privatereply.Tap
	Reply string `json:"reply,omitempty"` // the reply whose message it is in; empty: a follow-up
}

func (t Tappable) size() int { return len(t.Payload) + len(t.Title) + len(t.Then) + len(t.Reply) }

// newTapKey is the key of what can be tapped in m; empty if nothing can. It counts on from run
// to run, because the beginnings of two run ids can be the same.
func (c *conversation) newTapKey(m privatereply.Message) string {
	if len(m.Taps("")) == 0 {
		return ""
	}
	c.TapKeys++
	return fmt.Sprintf(followUpKey+"%.8s-%d", workflow.GetInfo(c.ctx).WorkflowExecution.RunID, c.TapKeys)
}

// addTappables notes what can be tapped in a message of reply. What the person has tapped
// already is answered now: the tap was faster than Meta's answer, or proves a delivery that
// nobody had acknowledged.
func (c *conversation) addTappables(reply string, taps []privatereply.Tap) {
	for _, tap := range taps {
		if c.tappable(tap.Payload) != nil {
			continue
		}
		c.Tappables = append(c.Tappables, Tappable{tap, reply})
		if c.tap(tap.Payload) != nil {
			c.takeTap(&c.Tappables[len(c.Tappables)-1])
		}
	}
	size := 0
	for i := len(c.Tappables) - 1; i >= 0; i-- {
		if size += c.Tappables[i].size(); size > maxTappableBytes || len(c.Tappables)-i > maxTappables {
			c.Tappables = slices.Delete(c.Tappables, 0, i+1)
			return
		}
	}
}

func (c *conversation) tappable(payload string) *Tappable {
	i := slices.IndexFunc(c.Tappables, func(t Tappable) bool { return t.Payload == payload })
	if i < 0 {
		return nil
	}
	return &c.Tappables[i]
}

// tap is the status of the taps with a payload, or nil.
func (c *conversation) tap(payload string) *TapStatus {
	i := slices.IndexFunc(c.Taps, func(t TapStatus) bool { return t.Payload == payload })
	if i < 0 {
		return nil
	}
	return &c.Taps[i]
}

// recordTap notes a tap of the person at at, and gives the reply that must hear of it: the one
// whose message was tapped. A reply that has not joined is named by the payload.
func (c *conversation) recordTap(payload string, at time.Time) (reply string) {
	if payload == "" {
		return ""
	}
	if c.tap(payload) == nil {
		c.Taps = append(c.Taps, TapStatus{Payload: payload, At: at, Reason: privatereply.UnknownButton})
		c.trimTaps()
	}
	status := c.tap(payload)
	status.Times++
	status.At = earlier(status.At, at)
	tapped := c.tappable(payload)
	if tapped == nil {
		return c.replyNamedBy(payload)
	}
	c.takeTap(tapped)
	if tapped.Reply == "" {
		c.confirmFollowUp(privatereply.PayloadKey(payload))
		return ""
	}
	if !slices.ContainsFunc(c.Replies, func(r ReplyJoined) bool { return r.Reply == tapped.Reply }) {
		return "" // it has ended
	}
	return tapped.Reply
}

// trimTaps keeps the status of the last taps, and of those whose text is on its way.
func (c *conversation) trimTaps() {
	for i := 0; len(c.Taps) > maxTaps && i < len(c.Taps)-1; {
		if c.Taps[i].UnderWay() {
			i++
			continue
		}
		c.Taps = slices.Delete(c.Taps, i, i+1)
	}
}

// UnderWay reports whether the text of the tap is on its way, or waits for its next try.
func (t TapStatus) UnderWay() bool {
	return t.EndedAt.IsZero() && t.Reason != privatereply.UnknownButton && t.Reason != privatereply.NothingFollows
}

// replyNamedBy is the workflow id of the reply that a payload of this product names; empty if
// it names none.
func (c *conversation) replyNamedBy(payload string) string {
	id := fmt.Sprintf("reply:%s:%s:%s", c.in.Platform, c.in.Account, privatereply.PayloadKey(payload))
	if _, ok := privatereply.ParseID(id); !ok || strings.HasPrefix(privatereply.PayloadKey(payload), followUpKey) {
		return ""
	}
	return id
}

// confirmFollowUp notes that a follow-up whose delivery nobody knew has arrived: it was tapped.
func (c *conversation) confirmFollowUp(key string) {
	for i, sent := range c.FollowUps {
		if sent.TapKey == key && sent.State == privatereply.OutcomeUnknown {
			c.FollowUps[i].State, c.FollowUps[i].Reason = privatereply.OutcomeSent, privatereply.ConfirmedByTap
		}
	}
}

// takeTap begins to send the text of what was tapped. The text is taken out of the table, so
// that no other tap sends it again.
func (c *conversation) takeTap(tapped *Tappable) {
	status := c.tap(tapped.Payload)
	status.Title = tapped.Title
	if status.Reason != privatereply.UnknownButton {
		return // not the first tap
	}
	status.Reason = ""
	if tapped.Reply == "" {
		tapsMetric.count(c.ctx, "tapped") // a reply counts the taps on its own message
	}
	answer := *tapped
	tapped.Then = ""
	if answer.Then == "" {
		status.Reason = privatereply.NothingFollows
		return
	}
	c.answering++
	workflow.Go(c.ctx, func(ctx workflow.Context) {
		defer func() { c.answering-- }()
		c.answerTap(ctx, answer)
	})
}

// answerTap sends the text of a tap, and signals to the reply how that ended.
func (c *conversation) answerTap(ctx workflow.Context, tapped Tappable) {
	result, err := c.sendTapAnswer(ctx, tapped.Tap)
	if err != nil {
		return // the conversation was cancelled
	}
	ended := TapAnswered{Payload: tapped.Payload, At: c.now(), State: result.State, MessageID: result.MessageID, Reason: result.Reason}
	if status := c.tap(tapped.Payload); status != nil {
		status.State, status.Reason, status.MessageID, status.EndedAt = ended.State, ended.Reason, ended.MessageID, ended.At
	}
	c.describe()
	if tapped.Reply == "" {
		tapsMetric.count(ctx, string(ended.State))
		return
	}
	if err := workflow.SignalExternalWorkflow(ctx, tapped.Reply, "", TapAnsweredSignal, ended).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Info("cannot signal to a reply what came of a tap", "reply", tapped.Reply, "error", err)
	}
}

// sendTapAnswer tries until an attempt may have arrived, or the window has closed. As with a
// follow-up, only an attempt that was proven not sent is repeated. Between attempts others may
// send.
func (c *conversation) sendTapAnswer(ctx workflow.Context, tapped privatereply.Tap) (FollowUpResult, error) {
	message := privatereply.Message{Text: tapped.Then}
	var proved evidence
	if wasReset(ctx, "tap-after-reset "+tapped.Payload) {
		since := c.now()
		if status := c.tap(tapped.Payload); status != nil {
			since = status.At
		}
		switch found, err := c.findTapAnswer(ctx, message, since); {
		case err != nil:
			return FollowUpResult{}, err
		case found.MessageID != "":
			return FollowUpResult{State: privatereply.OutcomeSent, MessageID: found.MessageID, Reason: privatereply.FoundInConversation}, nil
		case !found.Readable:
			return FollowUpResult{State: privatereply.OutcomeUnknown, Reason: privatereply.WorkflowReset}, nil
		}
	}
	for pause := time.Second; ; pause = min(2*pause, maxTapPause) {
		startedAt, result, err := c.attemptTapAnswer(ctx, message)
		if err != nil {
			return FollowUpResult{}, err
		}
		proved = proved.after(result, c.now())
		switch proved.decide(false) {
		case stepDelivered:
			return FollowUpResult{State: privatereply.OutcomeSent, MessageID: result.MessageID, Reason: result.Reason}, nil
		case stepReconcile:
			found, err := c.findTapAnswer(ctx, message, startedAt)
			switch {
			case err != nil:
				return FollowUpResult{}, err
			case found.MessageID != "":
				return FollowUpResult{State: privatereply.OutcomeSent, MessageID: found.MessageID, Reason: privatereply.FoundInConversation}, nil
			}
			return FollowUpResult{State: privatereply.OutcomeUnknown, Reason: result.Reason}, nil
		case stepRetry:
			if status := c.tap(tapped.Payload); status != nil {
				status.Reason = result.Reason
			}
			c.describe()
			if err := c.sleepInWindow(ctx, later(result.RetryAt, c.now().Add(pause))); err != nil {
				return FollowUpResult{}, err
			}
		default:
			return FollowUpResult{State: privatereply.OutcomeRefused, Reason: result.Reason}, nil
		}
	}
}

// findTapAnswer reads the conversation for a text that may have been sent at since or later,
// once an attempt is surely over.
func (c *conversation) findTapAnswer(ctx workflow.Context, m privatereply.Message, since time.Time) (FindMessageResult, error) {
	if err := workflow.Sleep(ctx, attemptTimeout); err != nil {
		return FindMessageResult{}, err
	}
	return c.findFollowUp(ctx, findMessageTimeout, m, since), nil
}

// wasReset reports whether an operator reset the workflow to a moment before change: what the
// history does not have may have been sent all the same.
func wasReset(ctx workflow.Context, change string) bool {
	run := workflow.GetInfo(ctx)
	return run.OriginalRunID != "" && run.OriginalRunID != run.WorkflowExecution.RunID &&
		workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// attemptTapAnswer makes one attempt when it is its turn. One that no worker took is tried
// again.
func (c *conversation) attemptTapAnswer(ctx workflow.Context, m privatereply.Message) (startedAt time.Time, result privatereply.SendResult, err error) {
	if err := c.awaitTurn(ctx); err != nil {
		return startedAt, result, err
	}
	defer func() { c.sending = false }()
	startedAt = c.now()
	if !c.windowOpen() {
		return startedAt, privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}, nil
	}
	result, started := c.attemptFollowUp(ctx, SendFollowUpInput{Message: m, Tap: true}, privatereply.ChannelStandard)
	if !started {
		result = privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.NoWorker}
	}
	return startedAt, result, nil
}

// windowOpen reports whether something may be sent without the tag of human agents.
func (c *conversation) windowOpen() bool {
	return c.limits.FollowUpChannel(c.now(), c.LastMessageAt, false) == privatereply.ChannelStandard
}

// sleepInWindow sleeps until at, or until the window closes, which another message of the
// person may put off.
func (c *conversation) sleepInWindow(ctx workflow.Context, at time.Time) error {
	for c.windowOpen() && c.now().Before(at) {
		until := earlier(at, c.limits.SendUntil(privatereply.ChannelStandard, c.LastMessageAt))
		timer := workflow.NewTimerWithOptions(ctx, until.Sub(c.now()), workflow.TimerOptions{Summary: "Next try to send the text of a tap"})
		if err := timer.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// describe says in words what was tapped and what came of it.
func (t TapStatus) describe() string {
	what := "something"
	if t.Title != "" {
		what = quote(t.Title)
	}
	text := fmt.Sprintf("**Tapped** %s at %s", what, formatTime(t.At))
	if t.Times > 1 {
		text += fmt.Sprintf(", and %d times more", t.Times-1)
	}
	switch {
	case t.State != "":
		return text + fmt.Sprintf(": `%s` %s", t.State, t.Reason.Sentence())
	case t.UnderWay() && t.Reason == "":
		return text + ": its text is on its way"
	case t.UnderWay():
		return text + ": its text waits. " + t.Reason.Sentence()
	}
	return text + ". " + t.Reason.Sentence()
}
