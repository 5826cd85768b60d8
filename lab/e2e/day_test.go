package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// A day of everything that Meta sends, doubled and out of order, is counted
// exactly; what a stopped bridge missed a sweep finds, and nothing twice.
func TestDay(t *testing.T) {
	p := start(t)
	t.Cleanup(p.startWorker())
	written := 0
	for _, d := range []meta.WebhookSettings{
		{},
		{Batch: 7, Duplicates: 2, Shuffle: true, Receipts: true},
		{Batch: 3, Documented: true, Echo: "before"},
	} {
		if err := p.Sandbox.SetWebhookSettings(d); err != nil {
			t.Fatal(err)
		}
		written += p.liveADay(t)
	}
	if err := p.Sandbox.DrainWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.checkCounts(t)
	p.awaitListed(t, written)
	if got := len(p.replied()); got != written {
		t.Errorf("%d comments have a reply, %d were written", got, written)
	}

	p.stopBridge()
	if err := p.Sandbox.SetWebhookSettings(meta.WebhookSettings{}); err != nil {
		t.Fatal(err)
	}
	missed := p.missADay(t)
	if err := p.scheduleSweeps(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := 0
	for range 2 { // the second pass finds nothing
		for _, account := range p.Accounts.All() {
			started += p.sweep(t, account).Started
		}
	}
	if started != missed {
		t.Errorf("the sweeps started %d replies; %d webhooks were lost", started, missed)
	}
	p.startBridge()
	p.Sandbox.RetryWebhooks()
	if err := p.Sandbox.DrainWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := p.count(routing.Started); n != 0 {
		t.Errorf("the late webhooks started %d replies again", n)
	}
	p.awaitListed(t, written+missed)
	if got, want := len(p.replied()), written+missed; got != want {
		t.Errorf("%d comments have a reply, want %d", got, want)
	}
	for _, id := range p.replied() {
		if n := p.Sandbox.RepliesDelivered(id); n > 1 {
			t.Errorf("%s was answered %d times", id, n)
		}
	}
}

// liveADay does once, on every account, each thing that Meta reports, and says how
// many comments and visitor posts there were to answer.
func (p *product) liveADay(t *testing.T) (comments int) {
	t.Helper()
	comment := func(n meta.NewComment) string {
		t.Helper()
		id, err := p.Sandbox.Comment(n)
		if err != nil {
			t.Fatal(err)
		}
		comments++
		return id
	}
	must := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, account := range []string{instagram, instagramLogin, page} {
		sources := []privatereply.Source{privatereply.SourcePost, privatereply.SourceReel, privatereply.SourceAd}
		if account == page {
			sources = []privatereply.Source{privatereply.SourcePost, privatereply.SourceReel, privatereply.SourceVisitorPost}
		}
		for _, source := range sources {
			for _, text := range []string{"price?", "more followers", "Hello?"} {
				comment(meta.NewComment{Account: account, Source: source, Username: "day", Text: text})
			}
		}
		id := comment(meta.NewComment{Account: account, Username: "parent", Text: "price?"})
		comment(meta.NewComment{ParentID: id, Username: "child", Text: "Me too"})
		comment(meta.NewComment{Account: account, Anonymous: true, Text: "Hello?"})
		must(p.Sandbox.Comment(meta.NewComment{Account: account, ByAccount: true, Text: "Thank you!"}))
		for _, kind := range meta.MessageKinds {
			must(p.Sandbox.WriteMessage(meta.NewMessage{Account: account, Username: "talker", Kind: kind, Text: "hi"}))
		}
		must(p.Sandbox.HumanMessage(meta.Person{Account: account, Username: "talker"}, "Hello from a human"))
		if account == page {
			for _, hidden := range []bool{true, false} {
				must("", p.Sandbox.HideComment(id, hidden))
			}
			must("", p.Sandbox.RemoveComment(id))
		}
		field := "comments"
		if account == page {
			field = "feed"
		}
		for _, test := range []string{field, "messages"} {
			must("", p.Sandbox.SendTestWebhook(account, test))
		}
	}
	return comments
}

// missADay writes comments whose webhooks nobody takes, and says how many.
func (p *product) missADay(t *testing.T) int {
	t.Helper()
	n := 0
	for _, account := range []string{instagram, instagramLogin, page} {
		for i := range 5 {
			n++
			if _, err := p.Sandbox.Comment(meta.NewComment{Account: account, Username: fmt.Sprintf("missed%d", i), Text: "price?"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

func (p *product) scheduleSweeps(ctx context.Context) error {
	return sweeps.Schedules{Client: p.Client, Accounts: p.Accounts, TaskQueue: "private-replies", Logger: zap.NewNop()}.Sync(ctx)
}

func (p *product) sweep(t *testing.T, a privatereply.Account) workflows.SweepStatus {
	t.Helper()
	id, err := privatereply.SweepID(a.Platform, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	pass, err := sweeps.Trigger(t.Context(), p.Client, id, func(sweeps.Pass) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var status workflows.SweepStatus
	if err := p.Client.GetWorkflow(t.Context(), pass.WorkflowID, "").Get(t.Context(), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

// replied are the comments and visitor posts that have a workflow, by Meta's id.
func (p *product) replied() []string {
	p.t.Helper()
	var ids []string
	for _, run := range p.list(`WorkflowType="PrivateReply"`) {
		value, err := p.Client.QueryWorkflow(p.t.Context(), run, "", workflows.StatusQuery)
		if err != nil {
			p.t.Fatal(err)
		}
		var status workflows.PrivateReplyStatus
		if err := value.Get(&status); err != nil {
			p.t.Fatal(err)
		}
		ids = append(ids, status.Comment.TargetID())
	}
	return ids
}

func (p *product) list(query string) []string {
	p.t.Helper()
	var ids []string
	var next []byte
	for failures := 0; ; {
		list, err := p.Client.ListWorkflow(p.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: next})
		if err != nil {
			if failures++; failures < 5 {
				continue // a busy server needs longer than a call may take
			}
			p.t.Fatal(err)
		}
		for _, run := range list.GetExecutions() {
			ids = append(ids, run.GetExecution().GetWorkflowId())
		}
		if next = list.GetNextPageToken(); len(next) == 0 {
			return ids
		}
	}
}

// awaitListed waits until visibility, which follows, knows so many replies; whoever
// wants no more of them counts them then.
func (p *product) awaitListed(t *testing.T, replies int) {
	t.Helper()
	await(t, func() bool { return len(p.list(`WorkflowType="PrivateReply"`)) >= replies })
}

// await waits a minute for what comes by itself; what then is not there, the caller says.
func await(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// checkCounts waits until the batches are placed, and checks that every event of
// every delivery was counted once, with what became of it.
func (p *product) checkCounts(t *testing.T) {
	t.Helper()
	batched, placed := p.count("batched"), 0
	await(t, func() bool { placed = p.placed(t); return placed >= batched })
	// On a busy machine Temporal can take longer for a commit than the bridge waits.
	// Meta then delivers the events again, and some of them are in a batch already.
	again := p.sum("privatereply_bridge_events_sent_back_total", "", "")
	if placed < batched || placed > batched+again {
		t.Errorf("%d events went into batches, %d came out; %d were sent back", batched, placed, again)
	}
	failures := p.sum("privatereply_bridge_commit_failures_total", "", "")
	if slow := p.sum("privatereply_bridge_commit_failures_total", "class", "too_slow"); failures != slow || (failures == 0) != (again == 0) {
		t.Errorf("%d deliveries with %d events were sent back, %d of them because Temporal was slow", failures, again, slow)
	}
	received := p.sum("privatereply_bridge_events_received_total", "", "")
	if got := p.sum("privatereply_bridge_events_total", "", ""); got != received || received == 0 {
		t.Errorf("received %d events, counted what became of %d", received, got)
	}
	if unexplained := p.sum("privatereply_bridge_events_total", "effect", routing.Ignored) - p.explained(); unexplained != 0 {
		t.Errorf("%d events were ignored without a reason", unexplained)
	}
	if n := p.sum("privatereply_bridge_unreadable_total", "", ""); n != 0 {
		t.Errorf("unreadable_total is %d", n)
	}
}

// placed is how many events have come out of batches, as far as visibility knows.
func (p *product) placed(t *testing.T) int {
	t.Helper()
	n := 0
	for _, id := range p.list(`WorkflowType="Intake"`) {
		var result workflows.IntakeResult
		if err := p.Client.GetWorkflow(t.Context(), id, "").Get(t.Context(), &result); err != nil {
			t.Fatal(err)
		}
		n += result.Started + result.Duplicate + result.Signalled
		for _, ignored := range result.Ignored {
			n += ignored
		}
	}
	return n
}

// count is how many events had an effect.
func (p *product) count(effect string) int {
	return p.sum("privatereply_bridge_events_total", "effect", effect)
}

// explained are the ignored events that have a reason.
func (p *product) explained() int {
	return p.sum("privatereply_bridge_events_total", "reason", anything)
}

// anything stands for every value of a label but the empty one.
const anything = "*"

// sum adds the series of a metric whose label has the value; without a label all.
func (p *product) sum(metric, label, value string) int {
	p.t.Helper()
	families, err := p.Registry.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, series := range family.GetMetric() {
			matches := label == ""
			for _, pair := range series.GetLabel() {
				if pair.GetName() == label {
					matches = pair.GetValue() == value || value == anything && pair.GetValue() != ""
				}
			}
			if matches {
				total += series.GetCounter().GetValue()
			}
		}
	}
	return int(total)
}

// A token that Meta revokes loses nothing: the account's replies wait, and say why and
// when they are tried again. That is minutes later; how they go on when the token is
// repaired is for TestCooldown in activities/pacing.
func TestRevokedToken(t *testing.T) {
	p := start(t)
	t.Cleanup(p.startWorker())
	if err := p.Sandbox.UpdateAccount(page, meta.AccountUpdate{TokenState: ptr(meta.TokenRevoked)}); err != nil {
		t.Fatal(err)
	}
	var replies []string
	for i := range 5 {
		reply, _ := p.comment(meta.NewComment{Account: page, Username: fmt.Sprintf("waits%d", i), Text: "price?"})
		replies = append(replies, reply)
	}
	for _, reply := range replies {
		status := p.until(t, reply, func(s workflows.PrivateReplyStatus) bool { return s.Send != nil && !s.Send.RetryAt.IsZero() })
		if status.State != privatereply.Sending || status.Send.Reason != privatereply.TokenRejected {
			t.Errorf("%s is %s %s", reply, status.State, status.Send.Reason)
		}
		if wait := time.Until(status.Send.RetryAt); wait > 8*time.Minute {
			t.Errorf("%s tries again only after %v", reply, wait)
		}
		if !strings.Contains(p.details(t, reply), "Next try") {
			t.Errorf("the Web UI does not say when %s is tried again", reply)
		}
	}
}

func (p *product) details(t *testing.T, workflowID string) string {
	t.Helper()
	value, err := p.Client.QueryWorkflow(t.Context(), workflowID, "", "__temporal_workflow_metadata")
	if err != nil {
		t.Fatal(err)
	}
	var metadata sdkpb.WorkflowMetadata
	if err := value.Get(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.GetCurrentDetails()
}

func ptr[T any](v T) *T { return &v }
