package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Verdict is what became of a comment: the workflow's word, and Meta's count.
type Verdict struct {
	State     privatereply.State
	Reason    privatereply.Reason // of a reply that waits for its next try, that of its last one
	Delivered int                 // private replies that the author received
	Calls     int                 // to answer the comment that reached Meta, taken or not
}

func (v Verdict) String() string {
	s := string(v.State)
	if s == "" {
		s = "no workflow"
	}
	if v.Reason != "" {
		s += " (" + string(v.Reason) + ")"
	}
	return fmt.Sprintf("%s, %d delivered, %s", s, v.Delivered, plural(v.Calls, "call"))
}

// Expect is what must come of a case.
type Expect struct {
	Each     []Verdict // of every comment of the case, any of these; none: it is about other things
	Observed string    // what the case says it saw beside them
}

// each is the expectation that every comment ends in one of the verdicts.
func each(any ...Verdict) Expect { return Expect{Each: any} }

// and adds what the case must say it saw.
func (e Expect) and(also string) Expect {
	e.Observed = also
	return e
}

func (e Expect) String() string {
	var parts []string
	if len(e.Each) > 0 {
		var any []string
		for _, v := range e.Each {
			any = append(any, v.String())
		}
		parts = append(parts, strings.Join(any, " or "))
	}
	if e.Observed != "" {
		parts = append(parts, e.Observed)
	}
	return strings.Join(parts, "; ")
}

// result is what was seen of a case.
type result struct {
	each     []Verdict
	observed []string
}

func (s result) String() string {
	var parts []string
	var kinds []Verdict
	counts := map[Verdict]int{}
	for _, v := range s.each {
		if counts[v]++; counts[v] == 1 {
			kinds = append(kinds, v)
		}
	}
	for _, v := range kinds {
		if counts[v] == 1 {
			parts = append(parts, v.String())
		} else {
			parts = append(parts, fmt.Sprintf("%d × %s", counts[v], v))
		}
	}
	return strings.Join(append(parts, s.observed...), "; ")
}

// meets reports whether s is what was expected.
func (s result) meets(e Expect) bool {
	for _, v := range s.each {
		if !slices.Contains(e.Each, v) {
			return false
		}
	}
	return (len(s.each) > 0) == (len(e.Each) > 0) && strings.Join(s.observed, "; ") == e.Observed
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Verdicts that many cases expect.
var (
	delivered = Verdict{State: privatereply.Sent, Delivered: 1, Calls: 1}
	// found is a send that nobody answered. Meta refuses its repeat, and the conversation
	// shows whose message it is.
	found          = Verdict{State: privatereply.Sent, Reason: privatereply.FoundInConversation, Delivered: 1, Calls: 2}
	secondTry      = Verdict{State: privatereply.Sent, Delivered: 1, Calls: 2}
	responded      = Verdict{State: privatereply.Responded, Delivered: 1, Calls: 1}
	respondedFound = Verdict{State: privatereply.Responded, Reason: privatereply.FoundInConversation, Delivered: 1, Calls: 2}
	rejected       = Verdict{State: privatereply.Rejected, Reason: privatereply.RejectedByApprover}
	withdrawn      = Verdict{State: privatereply.Withdrawn, Reason: privatereply.CommentRemoved}
	liveOver       = Verdict{State: privatereply.Expired, Reason: privatereply.BroadcastEnded}
	nobodyDecided  = Verdict{State: privatereply.Expired, Reason: privatereply.NobodyDecided}
	whileSending   = Verdict{State: privatereply.Expired, Reason: privatereply.DeadlineWhileSending}
	whileHolding   = Verdict{State: privatereply.Expired, Reason: privatereply.DeadlineWhileHolding}
	pastDeadline   = Verdict{State: privatereply.Expired, Reason: privatereply.PastDeadline}
	decidedTooLate = Verdict{State: privatereply.Expired, Reason: privatereply.DecidedTooLate}
	noWorkflow     = Verdict{}
)

// after is v when so many calls had reached Meta.
func (v Verdict) after(calls int) Verdict {
	v.Calls = calls
	return v
}

const (
	// inspectInterval is how often the judge asks about one comment.
	inspectInterval = 500 * time.Millisecond
	// lastInspection is how long the last question may take.
	lastInspection = 15 * time.Second
)

// judge waits until every comment has come to what is expected of it, or to an end
// that is not, and then counts at Meta.
func (t *caseRun) judge() result {
	s := result{observed: t.observed}
	if len(t.Expect.Each) == 0 {
		return s
	}
	for _, c := range t.comments {
		s.each = append(s.each, t.verdict(c))
	}
	return s
}

func (t *caseRun) verdict(c *comment) Verdict {
	for {
		v, ended := t.inspect(t.ctx, c)
		if slices.Contains(t.Expect.Each, v) || ended {
			return v
		}
		if !scenario.Sleep(t.ctx, inspectInterval) {
			break
		}
	}
	// The time is over, perhaps because of another comment.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), lastInspection)
	defer cancel()
	v, _ := t.inspect(ctx, c)
	return v
}

// inspect says what has become of a comment so far, and whether nothing can change any
// more.
func (t *caseRun) inspect(ctx context.Context, c *comment) (v Verdict, ended bool) {
	status, err := t.Replies.Status(ctx, c.reply)
	var no *replies.Error
	switch {
	case errors.As(err, &no) && no.Code == replies.NotFound:
	case err != nil:
		return Verdict{State: privatereply.State("unanswered: " + err.Error())}, false
	default:
		v.State, v.Reason = status.State, reasonOf(status)
	}
	v.Delivered, v.Calls = t.Sandbox.RepliesDelivered(c.id), t.Sandbox.ReplyAttempts(c.id)
	return v, status.State.Final()
}

// reasonOf is the reason of a state; of a send that sleeps, why the last try was in vain.
func reasonOf(s workflows.PrivateReplyStatus) privatereply.Reason {
	if s.State == privatereply.Sending && s.Send != nil && !s.Send.RetryAt.IsZero() {
		return s.Send.Reason
	}
	return s.Reason
}

// writeEvidence writes what is known of a failed case beside the logs.
func (t *caseRun) writeEvidence(ctx context.Context) {
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
		e := evidence{Reply: c.reply, Inbox: t.Sandbox.Inbox(c.person())}
		e.AtMeta, _ = t.Sandbox.CommentReport(c.id)
		if status, err := t.Replies.Status(ctx, c.reply); err != nil {
			e.Status = err.Error()
		} else {
			e.Status = status
		}
		all = append(all, e)
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.WriteFile(t.File(strings.Join([]string{"failed", t.scenario, t.Name}, "-")+".json"), b, 0o600)
	}
	if err != nil {
		t.recordProblem(err.Error())
	}
}
