package replies

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// What people do together stands in lists without a query per row and in the story, and a
// mistaken rejection is taken back once: two who do so at the same moment make one new run,
// which is sent once.
func TestTeamwork(t *testing.T) {
	b := newTestServer(t)
	b.startWorker(privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_1", RecipientID: "6000000000000001", Wrote: true})
	ctx := t.Context()
	id := b.start(1, func(in *workflows.PrivateReplyInput) { in.Comment.ParentID = "18000000000000009" })
	do := func(what string, _ workflows.DecisionResult, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	propose := func() (workflows.DecisionResult, error) {
		return b.Propose(ctx, id, "1", workflows.Propose{By: "ana", Text: "13 euros", Note: "the new price"})
	}
	first, err := propose()
	do("propose", first, err)
	again, err := propose()
	do("propose again", again, err)
	a, err := b.Note(ctx, id, "2", workflows.Note{By: "ben", Text: "she asked before"})
	do("note", a, err)
	a, err = b.Assign(ctx, id, "3", workflows.Assign{By: "ben", To: "ana"})
	do("assign", a, err)

	keys := b.PersonKeys(privatereply.Instagram, account, "6000000000000001")
	mine := Filter{PersonKeys: keys}
	var rows []Row
	b.await("the list follows", func() bool {
		rows, err = b.Earliest(ctx, mine, 10)
		return err == nil && len(rows) == 1 && rows[0].Assignee != ""
	})
	if r := rows[0]; r.Text != "13 euros" || r.ProposedBy != "ana" || r.Assignee != "ana" || r.ParentID != "18000000000000009" || r.PersonKey != keys[0] || r.Approver != "" {
		t.Errorf("the row is %+v", r)
	}
	if n, err := b.Count(ctx, Filter{PersonKeys: b.PersonKeys(privatereply.Instagram, account, "6000000000000002")}); err != nil || n != 0 {
		t.Errorf("somebody else has %d replies, %v", n, err)
	}
	h, err := b.History(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, e := range Story(nil, h) {
		titles = append(titles, e.Title+"|"+e.Text+"|"+e.Detail)
	}
	want := []string{"ana proposed a text|13 euros|the new price", "ben noted|she asked before|", "Assigned to ana by ben||"}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("the story (-want +got):\n%s", diff)
	}

	if err := b.Reopen(ctx, id, "ben", ""); !isRefusal(err, "there is nothing to reopen. A person must decide.") {
		t.Errorf("reopened while it waits: %v", err)
	}
	a, err = b.Reject(ctx, id, "4", workflows.Reject{Approver: "ben", Reason: "spam"})
	do("reject", a, err)
	old, err := b.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		t.Fatal(err)
	}

	// At once: one is told that the other was faster.
	var all sync.WaitGroup
	results := make([]error, 2)
	for i, who := range []string{"ben", "cem"} {
		all.Go(func() { results[i] = b.Reopen(ctx, id, who, "by mistake") })
	}
	all.Wait()
	if slices.IndexFunc(results, func(err error) bool { return err == nil }) < 0 ||
		!slices.ContainsFunc(results, func(err error) bool {
			return isRefusal(err, "took this rejection back") || isRefusal(err, "there is nothing to reopen")
		}) {
		t.Fatalf("two reopen: %v", results)
	}
	s, err := b.Status(ctx, id)
	if err != nil || s.State != privatereply.AwaitingApproval || s.Text != "13 euros" || s.ProposedBy != "ana" || s.Assignee != "ana" || len(s.Notes) != 1 ||
		s.Reopened == nil || s.Reopened.RejectReason != "spam" || s.Reopened.RunID != old.GetWorkflowExecutionInfo().GetExecution().GetRunId() {
		t.Fatalf("reopened: %+v, %v", s, err)
	}
	a, err = b.Approve(ctx, id, "5", workflows.Approve{Approver: "cem"})
	do("approve", a, err)
	b.await("it is sent", func() bool { s, err := b.Status(ctx, id); return err == nil && s.State == privatereply.Sent })
	if err := b.Reopen(ctx, id, "ben", ""); !isRefusal(err, "there is nothing to reopen. It was delivered") {
		t.Errorf("reopened after the send: %v", err)
	}
	// Whoever lists or counts has the new run only: this client, and one that did not reopen.
	for name, c := range map[string]*Client{"the same client": b.Client, "another client": New(b.temporal, b.namespace, b.queue, b.data).WithPersonKeys(b.keys)} {
		b.await(name+" lists the new run", func() bool {
			rows, err = c.Earliest(ctx, mine, 10)
			return err == nil && len(rows) == 1 && rows[0].State == privatereply.Sent && rows[0].Approver == "cem"
		})
		b.await(name+" counts it once", func() bool { n, err := c.Count(ctx, mine); return err == nil && n == 1 })
		rows, _, err := c.Newest(ctx, mine, Cursor{}, 10)
		if err != nil || len(rows) != 1 {
			t.Errorf("%s: the newest are %+v, %v", name, rows, err)
		}
		rejected := mine
		rejected.States = []privatereply.State{privatereply.Rejected}
		if rows, _, err = c.Page(ctx, rejected, 10, nil); err != nil || len(rows) != 0 {
			t.Errorf("%s: rejected are %+v, %v", name, rows, err)
		}
	}
	if s, err = b.Status(ctx, id); err != nil {
		t.Fatal(err)
	}
	if h, err = b.History(ctx, id); err != nil || len(h.Attempts) != 1 {
		t.Fatalf("%d attempts, %v", len(h.Attempts), err)
	}
	titles = nil
	for _, e := range Story(&s, h)[2:] {
		titles = append(titles, e.Title)
	}
	if !slices.Contains(titles, "ben rejected it") || !slices.Contains(titles, "ben noted") ||
		!slices.ContainsFunc(titles, func(s string) bool { return strings.HasSuffix(s, "took the rejection back") }) {
		t.Errorf("the story of the new run: %q", titles)
	}
	if err := b.Reopen(ctx, "reply:instagram:1:2", "ben", ""); err == nil {
		t.Error("what does not exist is reopened")
	}
}

func isRefusal(err error, words string) bool {
	var no *Error
	return errors.As(err, &no) && no.Code == Refused && strings.Contains(no.Message, words)
}

// A repeat that Meta refused because the reply had arrived is the proof of it, and no
// failure: also where the search proved it.
func TestStoryOfAProvedDelivery(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := History{Attempts: []Attempt{
		{Number: 1, At: at, EndedAt: at, Result: &privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}},
		{Number: 2, At: at.Add(time.Minute), EndedAt: at, Result: &privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.AlreadyReplied, Code: 10900}},
	}}
	for state, want := range map[privatereply.State]EventKind{
		privatereply.Sent: EventGood, privatereply.WindowClosed: EventGood, privatereply.Undeliverable: EventBad, privatereply.DeliveryUnknown: EventBad,
	} {
		story := Story(&workflows.PrivateReplyStatus{State: state}, h)
		last := story[len(story)-1]
		if last.Kind != want || want == EventGood && (last.Title != "Attempt 2: Meta had delivered it before" || !strings.Contains(last.Detail, "Meta's error 10900")) {
			t.Errorf("%s ends with %+v", state, last)
		}
	}
}
