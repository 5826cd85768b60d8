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

// invariant is something that must never be, whatever the cases do.
type invariant struct {
	name   string
	never  string
	breaks func(context.Context, *Runner) []string
}

// commentInvariants are those of comments, follow-ups and histories.
var commentInvariants = []invariant{
	{"one-private-reply", "no comment with two private replies", ofEach((*caseRun).sentTwice)},
	{"never-late", "no private reply after its deadline", ofEach((*caseRun).sentLate)},
	{"follow-ups", "no follow-up twice or outside the window", ofEach((*caseRun).wrongFollowUps)},
	{"public-replies", "no comment with two public replies", ofEach((*caseRun).publicTwice)},
	{"taps", "nobody who received the text of a tap twice", ofEach((*caseRun).answeredTapTwice)},
	{"once", "nobody whom a rule that answers once answered twice", ofEach((*caseRun).answeredAgain)},
	{"no-secrets", "no token or secret in the history of a reply", ofEach((*caseRun).withSecrets)},
}

// ofEach asks each case that has run.
func ofEach(breaks func(*caseRun, context.Context) []string) func(context.Context, *Runner) []string {
	return func(ctx context.Context, r *Runner) (broken []string) {
		for _, t := range r.runs {
			broken = append(broken, breaks(t, ctx)...)
		}
		return broken
	}
}

// checkInvariants checks once more when all cases are over: what goes wrong may come after
// its case was judged.
func (r *Runner) checkInvariants(ctx context.Context) {
	for _, check := range r.invariants {
		began := time.Now()
		broken := check.breaks(ctx, r)
		row := Row{Scenario: "invariants", Case: check.name, Expected: check.never, Seen: check.never, OK: len(broken) == 0, Took: time.Since(began)}
		if !row.OK {
			row.Seen = strings.Join(broken, ", ")
		}
		r.row(row)
	}
}

// sentTwice are comments with more than one private reply.
func (t *caseRun) sentTwice(context.Context) (broken []string) {
	for _, c := range t.comments {
		if n := t.Sandbox.RepliesDelivered(c.id); n > 1 {
			broken = append(broken, fmt.Sprintf("%s: %d", c.reply, n))
		}
	}
	return broken
}

// sentLate are private replies of ours that were delivered after the deadline.
func (t *caseRun) sentLate(context.Context) (broken []string) {
	for _, c := range t.comments {
		report, _ := t.Sandbox.CommentReport(c.id)
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
func (t *caseRun) wrongFollowUps(context.Context) (broken []string) {
	for _, p := range t.messaged {
		texts := map[string]bool{}
		var closes time.Time
		for _, m := range t.Sandbox.Inbox(p) {
			switch {
			case m.Sender == meta.SenderPerson:
				closes = privatereply.WindowCloses(m.At).Add(-privatereply.WindowMargin)
			case m.Kind != meta.KindFollowUp:
			case texts[m.Text]:
				broken = append(broken, fmt.Sprintf("%s of %s/%s: twice", p.Username, t.scenario, t.Name))
			case !m.At.Before(closes):
				broken = append(broken, fmt.Sprintf("%s of %s/%s: at %v", p.Username, t.scenario, t.Name, m.At))
			default:
				texts[m.Text] = true
			}
		}
	}
	return broken
}

// publicTwice are comments under which the account's public reply is there twice.
func (t *caseRun) publicTwice(context.Context) (broken []string) {
	for _, c := range t.comments {
		if n := len(t.Sandbox.PublicReplies(c.id)); n > 1 {
			broken = append(broken, fmt.Sprintf("%s: %d", c.reply, n))
		}
	}
	return broken
}

// answeredTapTwice are people who received the text of a tap twice.
func (t *caseRun) answeredTapTwice(context.Context) (broken []string) {
	for _, c := range t.comments {
		if n := t.received(c.person(), listText); n > 1 {
			broken = append(broken, fmt.Sprintf("%s: %d", c.reply, n))
		}
	}
	return broken
}

// answeredAgain are people whom a rule that answers once has answered twice.
func (t *caseRun) answeredAgain(context.Context) (broken []string) {
	answered := map[meta.Person]int{}
	for _, c := range t.comments {
		if c.text == wins {
			answered[c.person()] += t.Sandbox.RepliesDelivered(c.id)
		}
	}
	for p, n := range answered {
		if n > 1 {
			broken = append(broken, fmt.Sprintf("%s of %s/%s: %d", p.Username, t.scenario, t.Name, n))
		}
	}
	return broken
}

// withSecrets are replies in whose history something secret stands.
func (t *caseRun) withSecrets(ctx context.Context) (broken []string) {
	for _, c := range t.comments {
		if t.hasSecret(ctx, c) {
			broken = append(broken, c.reply)
		}
	}
	return broken
}

func (t *caseRun) hasSecret(ctx context.Context, c *comment) bool {
	history := t.Client.GetWorkflowHistory(ctx, c.reply, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
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
