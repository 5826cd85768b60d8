package desk_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

const (
	taskQueue = "desk-test"
	instagram = "17841400000000001"
	page      = "100000000000002"
)

const accountsYAML = `accounts:
  - {platform: instagram, id: "17841400000000001", name: Clean Slate, login: facebook, page_id: "100000000000001", token_file: TOKEN, posts_per_hour: 100000}
  - {platform: facebook, id: "100000000000002", name: Oak Corner, token_file: OTHER}
`

// stage is a desk on a real Temporal server, with the worker and the simulated Meta.
type stage struct {
	t       testing.TB
	server  *devserver.Server
	client  client.Client
	sandbox *meta.Sandbox
	replies *replies.Client
	queue   *queue.Queue
	url     string
	tokens  map[string]string // by user

	signedIn *signin.Authenticator
}

// newStage starts everything but the worker.
func newStage(t testing.TB) *stage {
	t.Helper()
	return newStageWith(t, nil)
}

// newStageWith starts a stage whose payloads are encrypted, if there is a codec.
func newStageWith(t testing.TB, encryption *codec.Codec) *stage {
	t.Helper()
	s := &stage{t: t, server: devservertest.Start(t), tokens: map[string]string{}}
	options := client.Options{HostPort: s.server.Address, Logger: discardLogger{}, DataConverter: converter.GetDefaultDataConverter()}
	if encryption != nil {
		encryption.Apply(&options)
	}
	var err error
	if s.client, err = client.DialContext(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	if _, err := setup.Apply(t.Context(), s.client, s.server.Namespace); err != nil {
		t.Fatal(err)
	}
	s.replies = replies.New(s.client, s.server.Namespace, taskQueue, options.DataConverter)
	s.queue = queue.New(s.replies, zap.NewNop())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { s.queue.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })

	s.sandbox = meta.New(meta.Config{Accounts: []meta.Account{
		{Platform: privatereply.Instagram, ID: instagram, Name: "Clean Slate", Login: privatereply.LoginFacebook, PageID: "100000000000001", Token: "EAAtoken"},
		{Platform: privatereply.Facebook, ID: page, Name: "Oak Corner", Login: privatereply.LoginFacebook, Token: "EAAother"},
	}})
	s.signedIn = s.newAuthenticator()
	d := desk.New(desk.Config{
		Replies: s.replies, Queue: s.queue, Authenticator: s.signedIn, Accounts: s.accounts(),
		WebUI: s.server.UIURL, Namespace: s.server.Namespace, Logger: zap.NewNop(),
		Codec: encryption, CodecOrigin: s.server.UIURL,
	})
	web := httptest.NewServer(d.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(web.CloseClientConnections)
	s.url = web.URL
	return s
}

// startWorker starts a worker that sends to the simulated Meta.
func (s *stage) startWorker() {
	s.t.Helper()
	meta := httptest.NewServer(s.sandbox)
	s.t.Cleanup(func() { s.sandbox.Close(); meta.Close() })
	g, err := graph.New(graph.Options{FacebookURL: meta.URL + "/facebook", InstagramURL: meta.URL + "/instagram", Timeout: 2 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	w := replyworker.New(replyworker.Config{
		Client: s.client, Namespace: s.server.Namespace, TaskQueue: taskQueue, Accounts: s.accounts(), Graph: g, Logger: zap.NewNop(),
	})
	if err := w.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(w.Stop)
}

func (s *stage) accounts() *config.Accounts {
	s.t.Helper()
	tokens := strings.NewReplacer("TOKEN", s.writeFile("token", "EAAtoken\n"), "OTHER", s.writeFile("other", "EAAother\n"))
	accounts, err := config.OpenAccounts(s.writeFile("accounts.yaml", tokens.Replace(accountsYAML)))
	if err != nil {
		s.t.Fatal(err)
	}
	return accounts
}

// newAuthenticator knows ana and ben, who decide, vera, who only reads, and adam, the
// admin.
func (s *stage) newAuthenticator() *signin.Authenticator {
	s.t.Helper()
	var file strings.Builder
	for name, role := range map[string]signin.Role{"ana": signin.Approver, "ben": signin.Approver, "vera": signin.Viewer, "adam": signin.Admin} {
		token, lines, err := signin.NewUser(name, role)
		if err != nil {
			s.t.Fatal(err)
		}
		s.tokens[name] = token
		file.WriteString(lines)
	}
	users, err := signin.OpenUsers(s.writeFile("users.yaml", file.String()))
	if err != nil {
		s.t.Fatal(err)
	}
	guard, err := signin.NewAuthenticator(signin.Options{Users: users})
	if err != nil {
		s.t.Fatal(err)
	}
	return guard
}

func (s *stage) writeFile(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// newComment is a comment that a person must decide, and the proposed reply.
type newComment struct {
	account, username, text, reply, rule string
	source                               privatereply.Source
	action                               privatereply.Action
	hold                                 time.Duration
	age                                  time.Duration
	lost                                 bool // Meta answers no send of it
}

// start writes a comment as a person, and starts its reply as the bridge would.
func (s *stage) start(a newComment) (comment, id string) {
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
	written := meta.NewComment{Account: c.Account, Username: a.username, Text: a.text, Age: privatereply.Duration(a.age), NoWebhook: true}
	var err error
	if c.OnLive() {
		if c.MediaID, err = s.sandbox.StartLive(c.Account); err != nil {
			s.t.Fatal(err)
		}
		written.PostID = c.MediaID
	}
	c.CommentID, err = s.sandbox.Comment(written)
	if err != nil {
		s.t.Fatal(err)
	}
	if c.PersonID, err = s.sandbox.PersonID(meta.Person{Account: c.Account, Username: a.username}); err != nil {
		s.t.Fatal(err)
	}
	if a.lost {
		if _, err := s.sandbox.AddFault(meta.Fault{Name: "hang", CommentID: c.CommentID, Times: 2}); err != nil {
			s.t.Fatal(err)
		}
	}
	d := privatereply.Decision{Action: privatereply.ActionAsk, Rule: a.rule, Text: a.reply, Hold: privatereply.Duration(a.hold)}
	if a.action != "" {
		d.Action = a.action
	}
	in := workflows.PrivateReplyInput{Comment: c, Decision: d}
	opts, in, err := workflows.PrivateReplyOptions(in, taskQueue, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.client.ExecuteWorkflow(s.t.Context(), opts, workflows.PrivateReplyType, in); err != nil {
		s.t.Fatal(err)
	}
	return c.CommentID, opts.ID
}

// awaitState waits until a reply is in a state.
func (s *stage) awaitState(id string, state privatereply.State) workflows.PrivateReplyStatus {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 40*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := s.replies.Status(ctx, id)
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
func (s *stage) personAnswers(id string) {
	s.t.Helper()
	status := s.awaitState(id, privatereply.Sent)
	conversation, ok := replies.ConversationID(status)
	if !ok {
		s.t.Fatal("nobody knows whom the conversation is with")
	}
	if _, err := s.sandbox.WriteMessage(meta.NewMessage{Account: status.Comment.Account, Username: status.Comment.Username, Text: "Thanks!", NoWebhook: true}); err != nil {
		s.t.Fatal(err)
	}
	account := privatereply.Account{Platform: status.Comment.Platform, ID: status.Comment.Account}
	parsed, _ := privatereply.ParseID(conversation)
	opts, in, err := workflows.ConversationOptions(account, parsed.Subject, taskQueue)
	if err != nil {
		s.t.Fatal(err)
	}
	message := workflows.PersonMessage{At: time.Now().UTC(), MessageID: fmt.Sprintf("m_%s", parsed.Subject)}
	if _, err := s.client.SignalWithStartWorkflow(s.t.Context(), conversation, workflows.PersonMessageSignal, message, opts, workflows.ConversationType, in); err != nil {
		s.t.Fatal(err)
	}
}

// discardLogger drops what Temporal's SDK logs.
type discardLogger struct{}

func (discardLogger) Debug(string, ...any) {}
func (discardLogger) Info(string, ...any)  {}
func (discardLogger) Warn(string, ...any)  {}
func (discardLogger) Error(string, ...any) {}

var _ sdklog.Logger = discardLogger{}
