package faults

import (
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// comment is a comment of a trial. What becomes of it is judged.
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

// write has somebody comment. No webhook goes out yet.
func (t *trial) write(where int, text string) *comment {
	return t.writeAs(where, meta.NewComment{Text: text})
}

// writeTwice has one person write the same twice.
func (t *trial) writeTwice(where int, text string) (first, second *comment) {
	first = t.write(where, text)
	return first, t.writeAs(where, meta.NewComment{Username: first.user, Text: text})
}

// sawCalls counts the calls that answered each of two comments.
func (t *trial) sawCalls(first, second *comment) {
	t.awaitState(first, privatereply.Sent)
	t.awaitState(second, privatereply.Sent)
	t.saw("%d and %d calls", t.meta.ReplyAttempts(first.id), t.meta.ReplyAttempts(second.id))
}

// writeAged has a comment that has only left until its deadline.
func (t *trial) writeAged(where int, text string, left time.Duration) *comment {
	age := privatereply.ReplyPeriod - privatereply.DeadlineMargin - left
	return t.writeAs(where, meta.NewComment{Text: text, Age: privatereply.Duration(age)})
}

func (t *trial) writeAs(where int, n meta.NewComment) *comment {
	a := t.accounts[where]
	n.Account, n.NoWebhook = a.id, true
	if n.Username == "" {
		n.Username = t.somebody()
	}
	id, err := t.meta.Comment(n)
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

// somebody is a person of whom nothing was heard before.
func (t *trial) somebody() string { return fmt.Sprintf("p%d-%s", t.people.Add(1), t.Name) }

// startByHand starts the reply as `starter comment` does.
func (t *trial) startByHand(c *comment, d privatereply.Decision) {
	d.Reason = privatereply.DecidedByHand
	in := workflows.PrivateReplyInput{Decision: d, Comment: privatereply.Comment{
		Platform: c.account.platform, Account: c.account.id, CommentID: c.id, Source: privatereply.SourcePost,
		PersonID: t.personID(c.person()), Username: c.user, Text: c.text, CreatedAt: c.created.UTC(), ReceivedAt: time.Now().UTC(), Via: privatereply.ViaHand,
	}}
	opts, in, err := workflows.PrivateReplyOptions(in, t.queue, time.Now())
	t.must(err)
	_, err = t.client.ExecuteWorkflow(t.ctx, opts, workflows.PrivateReplyType, in)
	t.must(err)
}

func (t *trial) personID(p meta.Person) string {
	id, err := t.meta.PersonID(p)
	t.must(err)
	return id
}

// strikes lets a fault strike the first call that answers c.
func (t *trial) strikes(c *comment, f meta.Fault) *fault {
	f.CommentID = c.id
	return t.addFault(f)
}

// fault is a fault of the sandbox that was asked for.
type fault struct {
	t  *trial
	id string
}

func (t *trial) addFault(f meta.Fault) *fault {
	if f.Times == 0 {
		f.Times = 1
	}
	id, err := t.meta.AddFault(f)
	t.must(err)
	strikes := &fault{t, id}
	t.cleanup(strikes.clear)
	return strikes
}

// struck waits until a call has met the fault as often as it strikes.
func (f *fault) struck() {
	t := f.t
	err := t.meta.Wait(t.ctx, func() bool {
		for _, active := range t.meta.ActiveFaults() {
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
func (f *fault) clear() { f.t.meta.ClearFault(f.id) }

// awaitState waits until Temporal says that the reply is in one of the states.
func (t *trial) awaitState(c *comment, states ...privatereply.State) {
	t.await(fmt.Sprintf("%s in %v", c.reply, states), func() (bool, error) {
		row, err := t.ask.Row(t.ctx, c.reply)
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
func (t *trial) awaitStatus(c *comment, what string, cond func(workflows.PrivateReplyStatus) bool) workflows.PrivateReplyStatus {
	var status workflows.PrivateReplyStatus
	t.await(what, func() (ok bool, err error) {
		status, err = t.ask.Status(t.ctx, c.reply)
		return err == nil && cond(status), err
	})
	return status
}

// signal sends a signal, whether a worker runs or not.
func (t *trial) signal(workflowID, name string, payload any) {
	t.await("the signal "+name, func() (bool, error) {
		err := t.client.SignalWorkflow(t.ctx, workflowID, "", name, payload)
		return err == nil, err
	})
}
