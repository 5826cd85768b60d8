package replyworker_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

// replies is how many replies the tests on a real server lead at once. The figures
// in docs/development/performance.md are those of larger runs.
var replies = flag.Int("replies", 100, "how many replies the tests with a crowd start")

const (
	bigID   = "17841400000000001"
	smallID = "17841400000000002"
	queue   = "private-replies"
)

// stage is a Temporal server, a sandbox in Meta's place, and accounts.
type stage struct {
	client.Client
	t        *testing.T
	server   *devserver.Server
	meta     *meta.Sandbox
	graph    *graph.Client
	accounts *config.Accounts
}

// newStage has the two Instagram accounts with the settings given, in YAML.
func newStage(t *testing.T, limits meta.Limits, big, small string) *stage {
	t.Helper()
	s := &stage{t: t, server: devservertest.Start(t)}
	var err error
	if s.Client, err = client.DialContext(t.Context(), client.Options{HostPort: s.server.Address, Logger: temporalclient.NewLogger(zap.NewNop())}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := setup.Apply(t.Context(), s.Client, s.server.Namespace); err != nil {
		t.Fatal(err)
	}

	folder := t.TempDir()
	file := filepath.Join(folder, "accounts.yaml")
	for name, content := range map[string]string{
		"big.token": "IGbigtoken", "small.token": "IGsmalltoken",
		"accounts.yaml": fmt.Sprintf(`accounts:
  - {platform: instagram, id: %q, login: instagram, token_file: %q, sweep_every: 0, %s}
  - {platform: instagram, id: %q, login: instagram, token_file: %q, sweep_every: 0, %s}
`, bigID, filepath.Join(folder, "big.token"), big, smallID, filepath.Join(folder, "small.token"), small),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s.accounts, err = config.OpenAccounts(file); err != nil {
		t.Fatal(err)
	}

	s.meta = meta.New(meta.Config{Limits: limits, Accounts: []meta.Account{
		{Platform: privatereply.Instagram, ID: bigID, Login: privatereply.LoginInstagram, Token: "IGbigtoken", AppSecret: "s"},
		{Platform: privatereply.Instagram, ID: smallID, Login: privatereply.LoginInstagram, Token: "IGsmalltoken", AppSecret: "s"},
	}})
	web := httptest.NewServer(s.meta)
	t.Cleanup(func() { s.meta.Close(); web.Close() })
	if s.graph, err = graph.New(graph.Options{FacebookURL: web.URL + "/facebook", InstagramURL: web.URL + "/instagram", Timeout: workflows.HTTPTimeout}); err != nil {
		t.Fatal(err)
	}
	return s
}

// work starts one of so many workers. It stops with the test, if stop was not
// called before.
func (s *stage) work(of int) (stop func()) {
	s.t.Helper()
	w := replyworker.New(s.config(of))
	if err := w.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop = sync.OnceFunc(w.Stop)
	s.t.Cleanup(stop)
	return stop
}

func (s *stage) config(of int) replyworker.Config {
	return replyworker.Config{
		Client: s.Client, Namespace: s.server.Namespace, TaskQueue: queue,
		Accounts: s.accounts, Graph: s.graph, SendWorkers: of, Logger: zap.NewNop(),
	}
}

// start has n people comment, and starts their replies; it returns the ids of both.
func (s *stage) start(n int, where meta.NewComment, media string, d privatereply.Decision) (comments, ids []string) {
	s.t.Helper()
	where.NoWebhook = true
	comments, err := s.meta.Comments(where, n)
	if err != nil {
		s.t.Fatal(err)
	}
	ids = make([]string, n)
	var group errgroup.Group
	group.SetLimit(32)
	for i, comment := range comments {
		group.Go(func() (err error) {
			ids[i], err = s.startOne(comment, where, media, d)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		s.t.Fatal(err)
	}
	return comments, ids
}

// startOne starts the reply to a comment and returns its workflow id.
func (s *stage) startOne(comment string, where meta.NewComment, media string, d privatereply.Decision) (string, error) {
	now := time.Now().UTC()
	in := workflows.PrivateReplyInput{Decision: d, Comment: privatereply.Comment{
		Platform: privatereply.Instagram, Account: where.Account, CommentID: comment, MediaID: media, Source: where.Source,
		Username: "somebody", Text: where.Text, EntryAt: now, ReceivedAt: now, Via: privatereply.ViaWebhook,
	}}
	options, in, err := workflows.PrivateReplyOptions(in, queue, now)
	if err != nil {
		return "", err
	}
	_, err = s.ExecuteWorkflow(s.t.Context(), options, workflows.PrivateReplyType, in)
	return options.ID, err
}

// await waits until done says true.
func (s *stage) await(what string, patience time.Duration, done func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// ended asks visibility how many workflows of a type have ended as expired; -1 when
// it cannot say.
func (s *stage) ended(workflowType string) int {
	n, err := s.CountWorkflow(s.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf(`WorkflowType=%q AND ReplyState="expired" AND ExecutionStatus="Completed"`, workflowType),
	})
	if err != nil {
		return -1
	}
	return int(n.GetCount())
}

// status asks a reply or a broadcast for its status.
func (s *stage) status(id string, into any) error {
	value, err := s.QueryWorkflow(s.t.Context(), id, "", workflows.StatusQuery)
	if err != nil {
		return err
	}
	return value.Get(into)
}

func auto(text string) privatereply.Decision {
	return privatereply.Decision{Action: privatereply.ActionAuto, Rule: "price", Text: text}
}

func ask(text string) privatereply.Decision {
	return privatereply.Decision{Action: privatereply.ActionAsk, Rule: "complaints", Text: text}
}
