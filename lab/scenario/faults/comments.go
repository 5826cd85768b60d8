package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

// comment is a comment of a case. What becomes of it is judged.
type comment struct {
	id      string
	account account
	user    string
	text    string
	created time.Time
	reply   string // the workflow's id
}

func (c *comment) person() meta.Person {
	return meta.Person{Account: c.account.id, Username: c.user}
}

// deadline is the product's, two minutes before Meta's.
func (c *comment) deadline() time.Time { return privatereply.DeadlineFromCreation(c.created).At }

// comment has somebody comment. No webhook goes out yet.
func (t *caseRun) comment(where int, text string) *comment {
	return t.commentAs(where, meta.NewComment{Text: text})
}

// commentTwice has one person write the same twice.
func (t *caseRun) commentTwice(where int, text string) (first, second *comment) {
	first = t.comment(where, text)
	return first, t.commentAs(where, meta.NewComment{Username: first.user, Text: text})
}

// observeCalls counts the calls that answered each of two comments.
func (t *caseRun) observeCalls(first, second *comment) {
	t.awaitState(first, privatereply.Sent)
	t.awaitState(second, privatereply.Sent)
	t.observe("%d and %d calls", t.Sandbox.ReplyAttempts(first.id), t.Sandbox.ReplyAttempts(second.id))
}

// commentAged has a comment that has only left until its deadline.
func (t *caseRun) commentAged(where int, text string, left time.Duration) *comment {
	age := privatereply.ReplyPeriod - privatereply.DeadlineMargin - left
	return t.commentAs(where, meta.NewComment{Text: text, Age: privatereply.Duration(age)})
}

func (t *caseRun) commentAs(where int, n meta.NewComment) *comment {
	a := t.accounts[where]
	n.Account, n.NoWebhook = a.id, true
	if n.Username == "" {
		n.Username = t.newUsername()
	}
	id, err := t.Sandbox.Comment(n)
	t.must(err)
	// A Page's webhook says when, in whole seconds.
	c := &comment{id: id, account: a, user: n.Username, text: n.Text, created: time.Now().Add(-time.Duration(n.Age)).Truncate(time.Second)}
	c.reply, err = privatereply.ReplyID(privatereply.Comment{Platform: a.platform, Account: a.id, CommentID: id})
	t.must(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.comments = append(t.comments, c)
	return c
}

// newUsername is a person of whom nothing was heard before.
func (t *caseRun) newUsername() string { return fmt.Sprintf("p%d-%s", t.persons.Add(1), t.Name) }

// startByHand starts the reply as `starter comment` does.
func (t *caseRun) startByHand(c *comment, d privatereply.Decision) { t.start(c, d, workflows.NoEvents) }

// start starts the reply, which reports what events says.
func (t *caseRun) start(c *comment, d privatereply.Decision, events workflows.EventScope) {
	d.Reason = privatereply.DecidedByHand
	in := workflows.PrivateReplyInput{Decision: d, Comment: privatereply.Comment{
		Platform: c.account.platform, Account: c.account.id, CommentID: c.id, Source: privatereply.SourcePost,
		PersonID: t.personID(c.person()), Username: c.user, Text: c.text, CreatedAt: c.created.UTC(), ReceivedAt: time.Now().UTC(), Via: privatereply.ViaHand,
	}}
	opts, in, err := workflows.PrivateReplyOptions(in, t.TaskQueue(), time.Now())
	t.must(err)
	in.InitialState.Events = events
	_, err = t.Client.ExecuteWorkflow(t.ctx, opts, workflows.PrivateReplyType, in)
	t.must(err)
}

func (t *caseRun) personID(p meta.Person) string {
	id, err := t.Sandbox.PersonID(p)
	t.must(err)
	return id
}

// injectFault lets a fault strike the first call that answers c.
func (t *caseRun) injectFault(c *comment, f meta.Fault) *injectedFault {
	f.CommentID = c.id
	return t.addFault(f)
}

// injectedFault is a fault of the sandbox that was asked for.
type injectedFault struct {
	t  *caseRun
	id string
}

func (t *caseRun) addFault(f meta.Fault) *injectedFault {
	if f.Times == 0 {
		f.Times = 1
	}
	id, err := t.Sandbox.AddFault(f)
	t.must(err)
	strikes := &injectedFault{t, id}
	t.cleanup(strikes.clear)
	return strikes
}

// awaitHit waits until a call has met the fault as often as it strikes.
func (f *injectedFault) awaitHit() {
	t := f.t
	err := t.Sandbox.Wait(t.ctx, func() bool {
		for _, active := range t.Sandbox.ActiveFaults() {
			if active.ID == f.id {
				return false
			}
		}
		return true
	})
	if err != nil {
		t.fail("no call met the fault: %v", err)
	}
}

// clear breaks the calls that hang in the fault.
func (f *injectedFault) clear() { f.t.Sandbox.ClearFault(f.id) }

// awaitState waits until Temporal says that the reply is in one of the states.
func (t *caseRun) awaitState(c *comment, states ...privatereply.State) {
	t.await(fmt.Sprintf("%s in %v", c.reply, states), func() (bool, error) {
		row, err := t.Replies.Row(t.ctx, c.reply)
		for _, state := range states {
			if err == nil && row.State == state {
				return true, nil
			}
		}
		if err == nil {
			err = fmt.Errorf("it is %s", row.State)
		}
		return false, err
	})
}

// awaitStatus waits until cond holds of the reply's status.
func (t *caseRun) awaitStatus(c *comment, what string, cond func(workflows.PrivateReplyStatus) bool) workflows.PrivateReplyStatus {
	var status workflows.PrivateReplyStatus
	t.await(what, func() (ok bool, err error) {
		status, err = t.Replies.Status(t.ctx, c.reply)
		return err == nil && cond(status), err
	})
	return status
}

// signal sends a signal, whether a worker runs or not.
func (t *caseRun) signal(workflowID, name string, payload any) {
	t.await("the signal "+name, func() (bool, error) {
		err := t.Client.SignalWorkflow(t.ctx, workflowID, "", name, payload)
		return err == nil, err
	})
}

const (
	// redeliveryInterval is Meta's patience in the time of a test: it repeats a webhook
	// that was not answered with 200 at once, and then for 36 hours.
	redeliveryInterval = 300 * time.Millisecond
	// webhookTimeout is how long Meta waits for the answer to a webhook.
	webhookTimeout = 5 * time.Second
)

var poster = &http.Client{Timeout: webhookTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// delivery is a webhook on its way.
type delivery struct {
	accepted chan struct{} // closed when it was answered with 200

	mu       sync.Mutex
	statuses []int // 0: no answer
}

// answers are what the bridge answered, try by try.
func (d *delivery) answers() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int(nil), d.statuses...)
}

func (d *delivery) isAccepted() bool {
	select {
	case <-d.accepted:
		return true
	default:
		return false
	}
}

// deliver delivers one webhook about comments or messages, and waits until the
// bridge has taken it.
func (t *caseRun) deliver(ids ...string) *delivery {
	d := t.startDelivery(ids...)
	t.awaitAccepted(d)
	return d
}

func (t *caseRun) awaitAccepted(d *delivery) {
	select {
	case <-d.accepted:
	case <-t.ctx.Done():
		t.fail("the bridge did not take the webhook; it answered %v", d.answers())
	}
}

// startDelivery delivers one webhook until the bridge answers 200, as Meta does, and
// does not wait for it.
func (t *caseRun) startDelivery(ids ...string) *delivery {
	body, header, err := t.Sandbox.SignedWebhook(ids...)
	t.must(err)
	d := &delivery{accepted: make(chan struct{})}
	t.background.Go(func() {
		for {
			status, err := t.post(t.ctx, body, header)
			if err != nil {
				status = 0
			}
			d.mu.Lock()
			d.statuses = append(d.statuses, status)
			d.mu.Unlock()
			if status == http.StatusOK {
				close(d.accepted)
				return
			}
			if !scenario.Sleep(t.ctx, redeliveryInterval) {
				return
			}
		}
	})
	return d
}

// post posts a webhook once.
func (s *Stack) post(ctx context.Context, body []byte, header http.Header) (int, error) {
	return harness.Delivery{Body: body, Header: header}.Post(ctx, poster, s.WebhookURL)
}
