package desk_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

const (
	instagram = "17841400000000001"
	page      = "100000000000002"
)

// product is the product with one desk; its worker runs when a test starts it.
type product struct {
	*harness.Product
	t testing.TB
}

func newProduct(t testing.TB) *product {
	t.Helper()
	return newProductWith(t, nil)
}

// newProductWith encrypts payloads, unless encryption is nil. At the desk ana and ben
// decide, vera only reads, and adam is the admin.
func newProductWith(t testing.TB, encryption *codec.Codec) *product {
	t.Helper()
	tokens := map[string]string{}
	var users strings.Builder
	for name, role := range map[string]signin.Role{"ana": signin.Approver, "ben": signin.Approver, "vera": signin.Viewer, "adam": signin.Admin} {
		token, lines, err := signin.NewUser(name, role)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token
		users.WriteString(lines)
	}
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte(users.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &product{t: t, Product: harnesstest.New(t, harness.Config{
		Workers: 1, Desks: 1, UsersFile: file, Codec: encryption, GraphTimeout: 2 * time.Second,
		Accounts: []harness.Account{
			{Settings: "posts_per_hour: 100000", Account: meta.Account{Platform: privatereply.Instagram, ID: instagram, Name: "Clean Slate", Login: privatereply.LoginFacebook, PageID: "100000000000001", Token: "EAAtoken"}},
			{Account: meta.Account{Platform: privatereply.Facebook, ID: page, Name: "Oak Corner", Login: privatereply.LoginFacebook, Token: "EAAother"}},
		},
	})}
	s.Tokens = tokens
	harnesstest.Start(t, s.Desks)
	return s
}

// newComment is a comment that a person must decide, and the proposed reply.
type newComment struct {
	account, username, text, reply, rule string
	source                               privatereply.Source
	action                               privatereply.Action
	hold                                 time.Duration
	age                                  time.Duration
	lost                                 bool   // Meta answers no send of it
	post, parent, attachment             string // ids of the sandbox, and a kind
}

// start writes a comment as a person, and starts its reply as the bridge would.
func (s *product) start(a newComment) (comment, id string) {
	s.t.Helper()
	c := privatereply.Comment{
		Platform: privatereply.Instagram, Account: instagram, Username: a.username, Text: a.text,
		Source: privatereply.SourcePost, MediaID: "17900000000000001", ReceivedAt: time.Now().UTC(), Via: privatereply.ViaWebhook,
	}
	if a.account != "" {
		c.Platform, c.Account, c.MediaID = privatereply.Facebook, a.account, a.account+"_200000000000001"
	}
	if a.source != "" {
		c.Source = a.source
	}
	c.CreatedAt = c.ReceivedAt.Add(-a.age)
	if a.post != "" {
		c.MediaID = a.post
	}
	c.ParentID, c.Attachment.Kind = a.parent, privatereply.AttachmentKind(a.attachment)
	written := meta.NewComment{Account: c.Account, PostID: a.post, ParentID: a.parent, Username: a.username, Text: a.text, Attachment: a.attachment, Age: privatereply.Duration(a.age), NoWebhook: true}
	var err error
	if c.OnLive() {
		if c.MediaID, err = s.Sandbox.StartLive(c.Account); err != nil {
			s.t.Fatal(err)
		}
		written.PostID = c.MediaID
	}
	c.CommentID, err = s.Sandbox.Comment(written)
	if err != nil {
		s.t.Fatal(err)
	}
	if c.PersonID, err = s.Sandbox.PersonID(meta.Person{Account: c.Account, Username: a.username}); err != nil {
		s.t.Fatal(err)
	}
	if a.lost {
		if _, err := s.Sandbox.AddFault(meta.Fault{Name: "hang", CommentID: c.CommentID, Times: 2}); err != nil {
			s.t.Fatal(err)
		}
	}
	d := privatereply.Decision{Action: privatereply.ActionAsk, Rule: a.rule, Text: a.reply, Hold: privatereply.Duration(a.hold)}
	if a.action != "" {
		d.Action = a.action
	}
	in := workflows.PrivateReplyInput{Comment: c, Decision: d}
	opts, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Client.ExecuteWorkflow(s.t.Context(), opts, workflows.PrivateReplyType, in); err != nil {
		s.t.Fatal(err)
	}
	return c.CommentID, opts.ID
}

// awaitState waits until a reply is in a state.
func (s *product) awaitState(id string, state privatereply.State) workflows.PrivateReplyStatus {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 40*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := s.Replies.Status(ctx, id)
		if err == nil && status.State == state {
			return status
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("%s does not become %s: it is %q (%v)", id, state, status.State, err)
		case <-tick.C:
		}
	}
}

// personAnswers writes back as the person of a delivered reply, as the bridge reports it.
func (s *product) personAnswers(id string) {
	s.t.Helper()
	s.awaitState(id, privatereply.Sent)
	s.personWrites(id, meta.NewMessage{Text: "Thanks!"})
}

// personWrites writes a message as the person of a delivered reply, as the bridge reports it.
func (s *product) personWrites(id string, n meta.NewMessage) {
	s.t.Helper()
	status, err := s.Replies.Status(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	conversation, ok := replies.ConversationID(status)
	if !ok {
		s.t.Fatal("nobody knows whom the conversation is with")
	}
	n.Account, n.Username, n.NoWebhook = status.Comment.Account, status.Comment.Username, true
	mid, err := s.Sandbox.WriteMessage(n)
	if err != nil {
		s.t.Fatal(err)
	}
	account := privatereply.Account{Platform: status.Comment.Platform, ID: status.Comment.Account}
	parsed, _ := privatereply.ParseID(conversation)
	opts, in, err := workflows.ConversationOptions(account, parsed.Subject, harness.TaskQueue)
	if err != nil {
		s.t.Fatal(err)
	}
	message := workflows.PersonMessage{At: time.Now().UTC(), MessageID: mid}
	if _, err := s.Client.SignalWithStartWorkflow(s.t.Context(), conversation, workflows.PersonMessageSignal, message, opts, workflows.ConversationType, in); err != nil {
		s.t.Fatal(err)
	}
}
