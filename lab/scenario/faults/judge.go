package faults

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// lookAgain is how long the judge waits between two looks at one comment.
	lookAgain = 500 * time.Millisecond
	// lastLook is how long the last look may take.
	lastLook = 15 * time.Second
)

// judge waits until every comment has come to what is expected of it, or to an end
// that is not, and then counts at Meta.
func (t *trial) judge() seen {
	s := seen{also: t.also}
	if len(t.Expect.Each) == 0 {
		return s
	}
	for _, c := range t.comments {
		s.each = append(s.each, t.verdict(c))
	}
	return s
}

func (t *trial) verdict(c *comment) Verdict {
	for {
		v, ended := t.look(t.ctx, c)
		if slices.Contains(t.Expect.Each, v) || ended {
			return v
		}
		if !scenario.Sleep(t.ctx, lookAgain) {
			break
		}
	}
	// The time is over, perhaps because of another comment.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), lastLook)
	defer cancel()
	v, _ := t.look(ctx, c)
	return v
}

// look says what has become of a comment so far, and whether nothing can change any
// more.
func (t *trial) look(ctx context.Context, c *comment) (v Verdict, ended bool) {
	status, err := t.ask.Status(ctx, c.reply)
	var no *replies.Error
	switch {
	case errors.As(err, &no) && no.Code == replies.NotFound:
	case err != nil:
		return Verdict{State: privatereply.State("unanswered: " + err.Error())}, false
	default:
		v.State, v.Reason = status.State, reasonOf(status)
	}
	v.Delivered, v.Calls = t.meta.RepliesDelivered(c.id), t.meta.ReplyAttempts(c.id)
	return v, status.State.Final()
}

// reasonOf is the reason of a state; of a send that sleeps, why the last try was in vain.
func reasonOf(s workflows.PrivateReplyStatus) privatereply.Reason {
	if s.State == privatereply.Sending && s.Send != nil && !s.Send.RetryAt.IsZero() {
		return s.Send.Reason
	}
	return s.Reason
}

// keepEvidence writes what is known of a failed case beside the logs.
func (t *trial) keepEvidence(ctx context.Context) {
	type evidence struct {
		Reply  string
		Status any
		AtMeta meta.CommentReport
		Inbox  []meta.Message
	}
	if len(t.comments) == 0 {
		return
	}
	var all []evidence
	for _, c := range t.comments {
		e := evidence{Reply: c.reply, Inbox: t.meta.Inbox(c.person())}
		e.AtMeta, _ = t.meta.CommentReport(c.id)
		if status, err := t.ask.Status(ctx, c.reply); err != nil {
			e.Status = err.Error()
		} else {
			e.Status = status
		}
		all = append(all, e)
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.WriteFile(t.file(strings.Join([]string{"failed", t.group, t.Name}, "-")+".json"), b, 0o600)
	}
	if err != nil {
		t.note(err.Error())
	}
}
