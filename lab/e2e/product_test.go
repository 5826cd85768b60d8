package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// The accounts: each way to be connected to Meta.
const (
	instagram      = "17841400000000001" // Facebook Login: its Page sends
	instagramLogin = "17841400000000002"
	page           = "100000000000001"
)

// What must never be found in a history.
const (
	pageToken       = "EAAe2epagetokenneverinhistory"
	instagramToken  = "IGe2einstagramtokenneverinhistory"
	appSecret       = "e2eappsecretneverinhistory"
	instagramSecret = "e2einstagramsecretneverinhistory"
	verifyToken     = "e2everifytokenneverinhistory"
)

// accounts let replies to posts go at once: these tests are not about pacing.
var accounts = []harness.Account{
	{Settings: "posts_per_hour: 360000", Account: meta.Account{
		Platform: privatereply.Instagram, ID: instagram, Name: "Clean Slate", Login: privatereply.LoginFacebook, PageID: page,
		Token: pageToken, AppSecret: appSecret, HumanAgent: true, RequireProof: true,
	}},
	{Settings: "posts_per_hour: 360000", Account: meta.Account{
		Platform: privatereply.Instagram, ID: instagramLogin, Name: "Oak Corner", Login: privatereply.LoginInstagram,
		Token: instagramToken, AppSecret: appSecret, InstagramAppSecret: instagramSecret,
	}},
	{Settings: "posts_per_hour: 360000", Account: meta.Account{
		Platform: privatereply.Facebook, ID: page, Name: "Clean Slate Page", Token: pageToken, AppSecret: appSecret, RequireProof: true,
	}},
}

const rulesYAML = `
default: ask
rules:
  - name: price
    when: says(text, "price")
    reply: "Hi {{username|there}}, our price list: https://example.com/prices"
  - name: spam
    when: says(text, "followers")
    ignore: true
`

// httpTimeout is how long the client waits for Meta in these tests: long enough for
// an answer that comes a byte every millisecond, on a busy machine too.
const httpTimeout = 8 * time.Second

// product is everything that runs.
type product struct {
	*harness.Product
	t *testing.T
}

// start starts the product with a bridge, and without a worker.
func start(t *testing.T) *product {
	t.Helper()
	p := prepare(t, harness.Config{Workers: 1, Bridges: 1})
	p.startBridge()
	return p
}

// prepare prepares the product. Nothing of it runs yet.
func prepare(t *testing.T, cfg harness.Config) *product {
	t.Helper()
	cfg.VerifyToken, cfg.GraphTimeout = verifyToken, httpTimeout
	if cfg.Rules == "" {
		cfg.Rules = rulesYAML
	}
	if cfg.Accounts == nil {
		cfg.Accounts = accounts
	}
	// The tests do in a minute what takes a day.
	cfg.Meta.Limits = meta.Limits{PostsPerHour: -1}
	return &product{Product: harnesstest.New(t, cfg), t: t}
}

func (p *product) startBridge() {
	p.t.Helper()
	if err := errors.Join(p.Bridges.Start(p.t.Context()), p.Subscribe(p.t.Context())); err != nil {
		p.t.Fatal(err)
	}
}

func (p *product) stopBridge() {
	p.t.Helper()
	if err := p.Bridges.Stop(); err != nil {
		p.t.Errorf("the bridge ended with %v", err)
	}
}

// startWorker starts a worker, as a new process would be.
func (p *product) startWorker() (stop func()) {
	p.t.Helper()
	if err := p.Workers.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return func() { _ = p.Workers.Stop() } // a worker's stop has no error
}

// comment has somebody write a comment at Meta, and returns the workflow id of its
// reply and the comment's id.
func (p *product) comment(n meta.NewComment) (replyID, commentID string) {
	p.t.Helper()
	commentID, err := p.Sandbox.Comment(n)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.replyID(n.Account, commentID), commentID
}

func (p *product) replyID(account, commentID string) string {
	p.t.Helper()
	c := privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: commentID}
	if account == page {
		c.Platform = privatereply.Facebook
	}
	id, err := privatereply.ReplyID(c)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// until waits until the reply is in a state in which cond holds.
func (p *product) until(t *testing.T, replyID string, cond func(workflows.PrivateReplyStatus) bool) workflows.PrivateReplyStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var status workflows.PrivateReplyStatus
	for {
		value, err := p.Client.QueryWorkflow(ctx, replyID, "", workflows.StatusQuery)
		if err == nil {
			status = workflows.PrivateReplyStatus{}
			err = value.Get(&status)
		}
		if err == nil && cond(status) {
			return status
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is still %s %s (%+v): %v; under way: %s", replyID, status.State, status.Reason, status.Send, err, p.underWay(replyID))
		}
	}
}

// underWay are the activities of a workflow that have not ended, with what they failed of.
func (p *product) underWay(workflowID string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d, err := p.Client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, a := range d.GetPendingActivities() {
		all = append(all, fmt.Sprintf("%s, attempt %d, next at %v: %s", a.GetActivityType().GetName(), a.GetAttempt(), a.GetScheduledTime().AsTime(), a.GetLastFailure().GetMessage()))
	}
	return strings.Join(all, "; ")
}

// untilJoined waits until a reply has joined the conversation.
func (p *product) untilJoined(t *testing.T, conversationID string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var status workflows.ConversationStatus
		value, err := p.Client.QueryWorkflow(ctx, conversationID, "", workflows.StatusQuery)
		if err == nil {
			err = value.Get(&status)
		}
		if err == nil && len(status.Replies) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no reply joined %s: %v", conversationID, err)
		}
	}
}

func (p *product) untilState(t *testing.T, replyID string, states ...privatereply.State) workflows.PrivateReplyStatus {
	t.Helper()
	return p.until(t, replyID, func(s workflows.PrivateReplyStatus) bool {
		for _, state := range states {
			if s.State == state {
				return true
			}
		}
		return false
	})
}

// update is what any tool does that speaks Temporal: plain JSON, no types of ours.
func (p *product) update(t *testing.T, workflowID, name string, payload map[string]any) (map[string]any, error) {
	t.Helper()
	handle, err := p.Client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: name, Args: []any{payload}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	return answer, handle.Get(t.Context(), &answer)
}

// received is what a person got from an account, without their own messages.
func (p *product) received(account, username string) []string {
	var texts []string
	for _, m := range p.Sandbox.Inbox(meta.Person{Account: account, Username: username}) {
		if m.Sender != meta.SenderPerson {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// post posts a delivery to the bridge.
func (p *product) post(body []byte, header http.Header) (int, error) {
	return p.postTo(p.WebhookURL, body, header)
}

func (p *product) postTo(address string, body []byte, header http.Header) (int, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, address, strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	req.Header = header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}
