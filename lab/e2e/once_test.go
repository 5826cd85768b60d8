package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

const onceYAML = `
default: ask
rules:
  - name: giveaway
    when: says(text, "win")
    reply: "Hi {{username|there}}, you are in. Good luck!"
    once: person_and_post
`

// fifty is how many comments one person writes under one post.
const fifty = 50

// Of fifty comments that one person writes under one post in the same moment one is
// answered, however they come: the others are ignored, and nobody is asked. Their comment
// under another post is answered again.
func TestOnce(t *testing.T) {
	t.Parallel()
	p := prepare(t, harness.Config{Workers: 1, Bridges: 1, Rules: onceYAML})
	p.startBridge()
	stop := p.startWorker()
	if err := p.scheduleSweeps(t.Context()); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name    string
		account string
		deliver func(t *testing.T, ids []string)
	}{
		{"webhook", instagram, func(t *testing.T, ids []string) { p.deliverEach(t, ids) }},
		{"batch", page, func(t *testing.T, ids []string) { p.deliverOne(t, ids...) }},
		{"sweep", instagramLogin, func(t *testing.T, ids []string) {
			if started := p.sweep(t, p.account(instagramLogin)).Started; started != len(ids) {
				t.Errorf("the sweep started %d replies, want %d", started, len(ids))
			}
		}},
		{"restart", instagram, func(t *testing.T, ids []string) {
			p.deliverEach(t, ids[:fifty/2])
			p.awaitAnyEnd(t, instagram, ids)
			stop()
			p.deliverOne(t, ids[fifty/2:]...)
			stop = p.startWorker()
		}},
	}
	p.sweep(t, p.account(instagramLogin)) // what is older than the first sweep waits for a person
	time.Sleep(time.Second)               // Meta gives times in whole seconds
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			post, err := p.Sandbox.PublishPost(meta.NewPost{Account: tt.account, Caption: "Win a table"})
			if err != nil {
				t.Fatal(err)
			}
			comment := meta.NewComment{Account: tt.account, PostID: post, Username: "eager-" + tt.name, Text: "I want to win!", NoWebhook: true}
			ids := make([]string, fifty)
			for i := range ids {
				_, ids[i] = p.comment(comment)
			}
			tt.deliver(t, ids)
			p.checkOnce(t, tt.account, comment.Username, ids)

			comment.PostID, err = p.Sandbox.PublishPost(meta.NewPost{Account: tt.account, Caption: "Win a chair"})
			if err != nil {
				t.Fatal(err)
			}
			reply, other := p.comment(comment)
			p.deliverOne(t, other)
			p.untilState(t, reply, privatereply.Sent)
		})
	}
	stop()
}

// deliverEach delivers a webhook for each comment, all at once.
func (p *product) deliverEach(t *testing.T, ids []string) {
	t.Helper()
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() { p.deliverOne(t, id) })
	}
	all.Wait()
}

// deliverOne delivers one webhook about comments until the bridge takes it, as Meta does.
func (p *product) deliverOne(t *testing.T, ids ...string) {
	t.Helper()
	body, header, err := p.Sandbox.SignedWebhook(ids...)
	if err != nil {
		t.Error(err)
		return
	}
	for t.Context().Err() == nil {
		status, err := p.post(body, header)
		if err == nil && status == http.StatusOK {
			return
		}
	}
}

// awaitAnyEnd waits until one of the replies has ended: the rule has answered the person.
func (p *product) awaitAnyEnd(t *testing.T, account string, ids []string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		for _, id := range ids {
			if status, err := p.Replies.Status(t.Context(), p.replyID(account, id)); err == nil && status.State.Final() {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no reply has ended within a minute")
		}
	}
}

// checkOnce checks that one of the comments was answered, by Meta's count, and what became
// of the others.
func (p *product) checkOnce(t *testing.T, account, username string, ids []string) {
	t.Helper()
	states := map[string]int{}
	delivered, attempts := 0, 0
	for _, id := range ids {
		s := p.until(t, p.replyID(account, id), func(s workflows.PrivateReplyStatus) bool {
			return s.State == privatereply.Sent || s.State.Final()
		})
		states[fmt.Sprintf("%s %s", s.State, s.Reason)]++
		delivered += p.Sandbox.RepliesDelivered(id)
		attempts += p.Sandbox.ReplyAttempts(id)
	}
	if want := map[string]int{"sent ": 1, "ignored once": fifty - 1}; fmt.Sprint(states) != fmt.Sprint(want) {
		t.Errorf("the replies are %v, want %v", states, want)
	}
	if delivered != 1 || attempts != 1 {
		t.Errorf("Meta delivered %d private replies, asked %d times; want 1 and 1", delivered, attempts)
	}
	if got, want := p.received(account, username), []string{"Hi " + username + ", you are in. Good luck!"}; !slices.Equal(got, want) {
		t.Errorf("%s received %q, want %q", username, got, want)
	}
}

// account is an account of the accounts file.
func (p *product) account(id string) privatereply.Account {
	for _, a := range p.Accounts.All() {
		if a.ID == id {
			return a
		}
	}
	p.t.Fatalf("there is no account %s", id)
	return privatereply.Account{}
}
