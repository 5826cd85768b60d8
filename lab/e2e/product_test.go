package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
	"github.com/privatereply/privatereply/worker/replyworker"
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

// accountsYAML lets replies to posts go at once: these tests are not about pacing.
const accountsYAML = `
accounts:
  - {platform: instagram, id: "17841400000000001", name: Clean Slate, login: facebook, page_id: "100000000000001", token_file: DIR/page, app_secret_file: DIR/app, human_agent: true, posts_per_hour: 360000, sweep_every: 0}
  - {platform: instagram, id: "17841400000000002", name: Oak Corner, login: instagram, token_file: DIR/instagram, posts_per_hour: 360000, sweep_every: 0}
  - {platform: facebook, id: "100000000000001", name: Clean Slate Page, token_file: DIR/page, app_secret_file: DIR/app, posts_per_hour: 360000, sweep_every: 0}
`

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
	t       *testing.T
	server  *devserver.Server
	client  client.Client
	meta    *meta.Sandbox
	webhook string

	accounts *config.Accounts
	rules    *rules.Watcher
	graph    *graph.Client
	counts   *prometheus.Registry // of the bridge
	stop     func()               // ends the bridge
	secrets  string               // the folder of the token files
}

func start(t *testing.T) *product {
	t.Helper()
	p := &product{t: t, server: devservertest.Start(t)}
	var err error
	if p.client, err = client.DialContext(t.Context(), client.Options{HostPort: p.server.Address, Logger: temporalclient.NewLogger(zap.NewNop())}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	if _, err := setup.Apply(t.Context(), p.client, p.server.Namespace); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"page": pageToken, "instagram": instagramToken, "app": appSecret,
		"accounts.yaml": strings.ReplaceAll(accountsYAML, "DIR", dir), "rules.yaml": rulesYAML,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p.accounts, err = config.OpenAccounts(filepath.Join(dir, "accounts.yaml")); err != nil {
		t.Fatal(err)
	}
	p.secrets = dir
	if p.rules, err = rules.Watch(t.Context(), filepath.Join(dir, "rules.yaml"), zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	p.startSandbox()
	p.startBridge()
	return p
}

func (p *product) startSandbox() {
	p.t.Helper()
	p.meta = meta.New(meta.Config{
		Accounts: []meta.Account{
			{Platform: privatereply.Instagram, ID: instagram, Name: "Clean Slate", Login: privatereply.LoginFacebook, PageID: page, Token: pageToken, AppSecret: appSecret, HumanAgent: true, RequireProof: true},
			{Platform: privatereply.Instagram, ID: instagramLogin, Name: "Oak Corner", Login: privatereply.LoginInstagram, Token: instagramToken, AppSecret: appSecret, InstagramAppSecret: instagramSecret},
			{Platform: privatereply.Facebook, ID: page, Name: "Clean Slate Page", Token: pageToken, AppSecret: appSecret, RequireProof: true},
		},
		// The tests do in a minute what takes a day.
		Limits: meta.Limits{PostsPerHour: -1},
	})
	srv := httptest.NewServer(p.meta)
	p.t.Cleanup(func() { p.meta.Close(); srv.Close() })
	var err error
	if p.graph, err = graph.New(graph.Options{
		FacebookURL: srv.URL + "/facebook", InstagramURL: srv.URL + "/instagram", Timeout: httpTimeout,
	}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *product) startBridge() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	p.counts = prometheus.NewRegistry()
	b, err := bridge.New(bridge.Config{
		Settings: config.Bridge{
			Common:      config.Common{TaskQueue: "private-replies"},
			VerifyToken: verifyToken, AppSecrets: []string{appSecret, instagramSecret},
		},
		Accounts: p.accounts, Rules: p.rules, Client: p.client, Namespace: p.server.Namespace,
		Logger: zap.NewNop(), Registry: p.counts,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- b.Run(ctx, ln) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-stopped; err != nil {
			p.t.Errorf("the bridge ended with %v", err)
		}
	})
	p.t.Cleanup(p.stop)
	p.webhook = "http://" + ln.Addr().String() + bridge.Path
	if err := p.meta.SetCallback(p.t.Context(), p.webhook, verifyToken); err != nil {
		p.t.Fatal(err)
	}
}

// work starts a worker and returns what stops it.
func (p *product) work() *replyworker.Worker {
	p.t.Helper()
	w := replyworker.New(replyworker.Config{
		Client: p.client, Namespace: p.server.Namespace, TaskQueue: "private-replies",
		Accounts: p.accounts, Rules: p.rules, Graph: p.graph, Logger: zap.NewNop(),
	})
	if err := w.Start(); err != nil {
		p.t.Fatal(err)
	}
	return w
}

// comment has somebody write a comment at Meta, and returns the workflow id of its
// reply and the comment's id.
func (p *product) comment(n meta.NewComment) (replyID, commentID string) {
	p.t.Helper()
	commentID, err := p.meta.Comment(n)
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
		value, err := p.client.QueryWorkflow(ctx, replyID, "", workflows.StatusQuery)
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
	d, err := p.client.DescribeWorkflowExecution(ctx, workflowID, "")
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
		value, err := p.client.QueryWorkflow(ctx, conversationID, "", workflows.StatusQuery)
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
	handle, err := p.client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
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
	for _, m := range p.meta.Inbox(meta.Person{Account: account, Username: username}) {
		if m.Sender != meta.SenderPerson {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// post posts a delivery to the bridge.
func (p *product) post(body []byte, header http.Header) (int, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.webhook, strings.NewReader(string(body)))
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
