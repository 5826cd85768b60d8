package activities

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// isBroadcasting is a visibility store that shows a reply for some reads after it was told.
type listed struct {
	lag int // reads of the list

	mu      sync.Mutex
	queries []string
	order   []string
	left    map[string]int // reads until it is not listed any more; -1: it waits
	told    map[string]int
	under   int // signals under way
	most    int
	refuse  map[string]error
}

func newListed(ids ...string) *listed {
	l := &listed{order: ids, left: map[string]int{}, told: map[string]int{}, refuse: map[string]error{}}
	for _, id := range ids {
		l.left[id] = -1
	}
	return l
}

func (b *bench) listing(l *listed) {
	b.temporal.On("ListWorkflow", mock.Anything, mock.Anything).Return(l.list).Maybe()
	b.temporal.On("SignalWorkflow", mock.Anything, mock.Anything, "", workflows.CommentRemovedSignal, struct{}{}).Return(l.signal).Maybe()
}

func (l *listed) list(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	after := string(in.GetNextPageToken())
	if after == "" {
		l.queries = append(l.queries, in.GetQuery())
	}
	var page workflowservice.ListWorkflowExecutionsResponse
	for _, id := range l.order {
		if id <= after || l.left[id] == 0 {
			continue
		}
		if len(page.GetExecutions()) == int(in.GetPageSize()) {
			page.NextPageToken = []byte(page.GetExecutions()[len(page.GetExecutions())-1].GetExecution().GetWorkflowId())
			break
		}
		if l.left[id] > 0 {
			l.left[id]--
		}
		page.Executions = append(page.Executions, &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id}})
	}
	return &page, nil
}

func (l *listed) signal(_ context.Context, id, _, _ string, _ any) error {
	l.mu.Lock()
	l.under++
	l.most = max(l.most, l.under)
	err := l.refuse[id]
	l.mu.Unlock()
	time.Sleep(100 * time.Microsecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under--
	if err == nil {
		l.told[id]++
		l.left[id] = l.lag
	}
	return err
}

func repliesUnder(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("reply:facebook:%s:%06d", page.ID, i)
	}
	return ids
}

var removedPost = workflows.RemovedPostInput{Platform: privatereply.Facebook, Account: page.ID, Media: page.ID + "_200000000000001"}

// Every waiting reply under the post is told once, a few at a time, also those that the
// list still shows afterwards; a reply that has ended and one of the other platform are
// no obstacle.
func TestWithdrawReplies(t *testing.T) {
	ids := repliesUnder(3*withdrawPageSize + 7)
	other := "reply:instagram:" + page.ID + ":1"
	l := newListed(append(ids, other)...)
	l.lag = 1
	l.refuse[ids[5]] = serviceerror.NewNotFound("it has ended")
	b := newBench(t, says(500, ""))
	b.listing(l)
	got, err := run[workflows.WithdrawRepliesResult](t, b, workflows.WithdrawRepliesActivity, removedPost)
	if err != nil || got.Signalled != len(ids) {
		t.Fatalf("%+v, %v; want %d told", got, err, len(ids))
	}
	for i, id := range ids {
		if want := 1; i != 5 && l.told[id] != want {
			t.Errorf("%s was told %d times", id, l.told[id])
		}
	}
	if l.told[other] != 0 {
		t.Error("a reply of the other platform was told")
	}
	if l.most > maxConcurrentWithdrawals {
		t.Errorf("%d were told at once", l.most)
	}
	want := `MediaId = "100000000000001_200000000000001" AND AccountId = "100000000000001" AND ReplyState IN ("holding", "awaiting_approval", "sending")`
	for _, q := range l.queries {
		if q != want {
			t.Errorf("query = %s\nwant    %s", q, want)
		}
	}
	if len(l.queries) < 2 {
		t.Errorf("%d passes; the last one must find nobody", len(l.queries))
	}
}

// Replies that stay listed, as long as they like, do not keep an attempt for ever.
func TestWithdrawRepliesThatStayListed(t *testing.T) {
	for _, n := range []int{3, maxRemembered + 10} {
		l := newListed(repliesUnder(n)...)
		l.lag = 1 << 30
		b := newBench(t, says(500, ""))
		b.listing(l)
		got, err := run[workflows.WithdrawRepliesResult](t, b, workflows.WithdrawRepliesActivity, removedPost)
		if err != nil || got.Signalled < n || got.Signalled > 2*n {
			t.Errorf("%d replies: %+v, %v", n, got, err)
		}
	}
}

// A server that refuses a signal makes another attempt, which finds only the others.
func TestWithdrawRepliesGoesOn(t *testing.T) {
	ids := repliesUnder(100)
	l := newListed(ids...)
	l.refuse[ids[60]] = serviceerror.NewUnavailable("not now")
	b := newBench(t, says(500, ""))
	b.listing(l)
	if _, err := run[workflows.WithdrawRepliesResult](t, b, workflows.WithdrawRepliesActivity, removedPost); err == nil {
		t.Fatal("the refusal was swallowed")
	}
	delete(l.refuse, ids[60])
	if _, err := run[workflows.WithdrawRepliesResult](t, b, workflows.WithdrawRepliesActivity, removedPost); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if l.told[id] != 1 {
			t.Errorf("%s was told %d times", id, l.told[id])
		}
	}
}

// An id that could change the query is never looked for.
func TestWithdrawRepliesUnusableIDs(t *testing.T) {
	for _, media := range []string{"", "a b", `1"OR"1`, `x\`, "x'", "x`"} {
		l := newListed("reply:facebook:" + page.ID + ":1")
		b := newBench(t, says(500, ""))
		b.listing(l)
		in := removedPost
		in.Media = media
		_, err := run[workflows.WithdrawRepliesResult](t, b, workflows.WithdrawRepliesActivity, in)
		if err == nil || !strings.Contains(err.Error(), "retryable: false") || len(l.queries) != 0 {
			t.Errorf("%q: %v, queries %q", media, err, l.queries)
		}
	}
}
