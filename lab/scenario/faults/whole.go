package faults

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/proto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// wholeRun looks at everything once more when all cases are over: what goes wrong
// may come after its case was judged.
func (r *Runner) wholeRun(ctx context.Context) {
	for _, check := range []struct {
		name   string
		never  string
		breaks func(*trial, context.Context) []string
	}{
		{"one-private-reply", "no comment with two private replies", (*trial).doubled},
		{"never-late", "no private reply after its deadline", (*trial).late},
		{"follow-ups", "no follow-up twice or outside the window", (*trial).wrongFollowUps},
		{"no-secrets", "no token or secret in the history of a reply", (*trial).leaks},
	} {
		began := time.Now()
		var broken []string
		for _, t := range r.tried {
			broken = append(broken, check.breaks(t, ctx)...)
		}
		row := Row{Group: "whole-run", Case: check.name, Expected: check.never, Seen: check.never, OK: len(broken) == 0, Took: time.Since(began)}
		if !row.OK {
			row.Seen = strings.Join(broken, ", ")
		}
		r.row(row)
	}
}

// doubled are comments with more than one private reply.
func (t *trial) doubled(context.Context) (broken []string) {
	for _, c := range t.comments {
		if n := t.meta.RepliesDelivered(c.id); n > 1 {
			broken = append(broken, fmt.Sprintf("%s: %d", c.reply, n))
		}
	}
	return broken
}

// late are private replies of ours that were delivered after the deadline.
func (t *trial) late(context.Context) (broken []string) {
	for _, c := range t.comments {
		report, _ := t.meta.CommentReport(c.id)
		for _, m := range report.Delivered {
			if m.Sender == meta.SenderAPI && !m.At.Before(c.deadline()) {
				broken = append(broken, fmt.Sprintf("%s: at %v", c.reply, m.At))
			}
		}
	}
	return broken
}

// wrongFollowUps are follow-ups that a person received twice, or when the window was
// closed.
func (t *trial) wrongFollowUps(context.Context) (broken []string) {
	for _, p := range t.written {
		texts := map[string]bool{}
		var closes time.Time
		for _, m := range t.meta.Inbox(p) {
			switch {
			case m.Sender == meta.SenderPerson:
				closes = privatereply.WindowCloses(m.At).Add(-privatereply.WindowMargin)
			case m.Kind != meta.KindFollowUp:
			case texts[m.Text]:
				broken = append(broken, fmt.Sprintf("%s of %s/%s: twice", p.Username, t.group, t.Name))
			case !m.At.Before(closes):
				broken = append(broken, fmt.Sprintf("%s of %s/%s: at %v", p.Username, t.group, t.Name, m.At))
			default:
				texts[m.Text] = true
			}
		}
	}
	return broken
}

// leaks are replies in whose history something secret stands.
func (t *trial) leaks(ctx context.Context) (broken []string) {
	for _, c := range t.comments {
		if t.leak(ctx, c) {
			broken = append(broken, c.reply)
		}
	}
	return broken
}

func (t *trial) leak(ctx context.Context, c *comment) bool {
	history := t.client.GetWorkflowHistory(ctx, c.reply, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return false // a forged comment has no reply
		}
		b, err := proto.Marshal(event)
		if err != nil {
			return true
		}
		for _, secret := range []string{token, appSecret, instagramSecret, verifyToken, "appsecret_proof"} {
			if bytes.Contains(b, []byte(secret)) {
				return true
			}
		}
	}
	return false
}
