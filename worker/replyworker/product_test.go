package replyworker_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// replies is how many replies the tests on a real server lead at once. The figures
// in docs/development/performance.md are those of larger runs.
var replies = flag.Int("replies", 100, "how many replies the tests with a crowd start")

const (
	bigID   = "17841400000000001"
	smallID = "17841400000000002"
)

// product is the product with two Instagram accounts; its workers run when a test starts
// them.
type product struct {
	client.Client
	*harness.Product
	t *testing.T
}

// newProduct has so many workers, and settings in YAML for each of the accounts.
func newProduct(t *testing.T, workers int, limits meta.Limits, big, small string) *product {
	t.Helper()
	account := func(id, token, settings string) harness.Account {
		return harness.Account{Settings: settings, Account: meta.Account{
			Platform: privatereply.Instagram, ID: id, Login: privatereply.LoginInstagram, Token: token, AppSecret: "s",
		}}
	}
	p := harnesstest.New(t, harness.Config{
		Workers: workers, Meta: meta.Config{Limits: limits},
		Accounts: []harness.Account{account(bigID, "IGbigtoken", big), account(smallID, "IGsmalltoken", small)},
	})
	return &product{Client: p.Client, Product: p, t: t}
}

// start has n people comment, and starts their replies; it returns the ids of both.
func (s *product) start(n int, where meta.NewComment, media string, d privatereply.Decision) (comments, ids []string) {
	s.t.Helper()
	where.NoWebhook = true
	comments, err := s.Sandbox.Comments(where, n)
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
func (s *product) startOne(comment string, where meta.NewComment, media string, d privatereply.Decision) (string, error) {
	now := time.Now().UTC()
	in := workflows.PrivateReplyInput{Decision: d, Comment: privatereply.Comment{
		Platform: privatereply.Instagram, Account: where.Account, CommentID: comment, MediaID: media, Source: where.Source,
		Username: "somebody", Text: where.Text, EntryAt: now, ReceivedAt: now, Via: privatereply.ViaWebhook,
	}}
	options, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, now)
	if err != nil {
		return "", err
	}
	_, err = s.ExecuteWorkflow(s.t.Context(), options, workflows.PrivateReplyType, in)
	return options.ID, err
}

// await waits until done says true.
func (s *product) await(what string, patience time.Duration, done func() bool) {
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
func (s *product) ended(workflowType string) int {
	n, err := s.CountWorkflow(s.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf(`WorkflowType=%q AND ReplyState="expired" AND ExecutionStatus="Completed"`, workflowType),
	})
	if err != nil {
		return -1
	}
	return int(n.GetCount())
}

// status asks a reply or a broadcast for its status.
func (s *product) status(id string, into any) error {
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
