package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/workflows"
)

// pagedList is a server that lists one conversation of each person on a page of its own.
type pagedList struct {
	client.Client
	persons  []string
	breaksAt int // the page that does not come; -1: all do
	pages    []int
}

func (l *pagedList) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(l.persons))}, nil
}

func (l *pagedList) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	page := 0
	if len(r.GetNextPageToken()) > 0 {
		page = int(r.GetNextPageToken()[0])
	}
	if page == l.breaksAt {
		return nil, serviceerror.NewUnavailable("no answer")
	}
	l.pages = append(l.pages, page)
	answer := &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{{
		Execution: &commonpb.WorkflowExecution{WorkflowId: "conversation:instagram:" + account + ":" + l.persons[page], RunId: fmt.Sprint(page)},
		Type:      &commonpb.WorkflowType{Name: workflows.ConversationType},
	}}}
	if page+1 < len(l.persons) {
		answer.NextPageToken = []byte{byte(page + 1)}
	}
	return answer, nil
}

func (l *pagedList) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{}, nil
}

// A search that broke off goes on with the page that did not come, and has what it found
// before; neither its state nor its result names the person.
func TestSearchGoesOn(t *testing.T) {
	const person = "6000000000000001"
	list := &pagedList{persons: []string{person, "6000000000000002", person, person}, breaksAt: 2}
	e := New(Config{Temporal: list})
	subject := Subject{Keys: []workflows.PersonKey{{Key: e.Keys.Of(person)}}}
	var last SearchState
	_, err := e.Search(t.Context(), subject, SearchState{}, func(s SearchState) { last = s })
	var unavailable *serviceerror.Unavailable
	if !errors.As(err, &unavailable) {
		t.Fatalf("err = %v", err)
	}
	recorded, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	var state SearchState
	if err := json.Unmarshal(recorded, &state); err != nil {
		t.Fatal(err)
	}
	list.breaksAt = -1
	found, err := e.Search(t.Context(), subject, state, func(SearchState) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list.pages); got != "[0 1 2 3]" {
		t.Errorf("the pages that were read are %s", got)
	}
	var runs []string
	for _, h := range found.Runs {
		runs = append(runs, h.RunID)
	}
	if got := strings.Join(runs, ","); got != "0,2,3" || found.More {
		t.Errorf("found are the runs %s, %+v", got, found)
	}
	result, err := json.Marshal(found)
	if err != nil || strings.Contains(string(recorded)+string(result), person) {
		t.Errorf("%v; the person is named in %s or in %s", err, recorded, result)
	}
}

// Of more runs than a history should have, the first to be removed are found first.
func TestSearchIsBounded(t *testing.T) {
	f := &search{searchLimits: searchLimits{runs: 2, unreadable: 1}}
	for _, h := range []Run{{Kind: Conversation, RunID: "c"}, {Kind: Reply, RunID: "r"}, {Kind: Intake, RunID: "i"}} {
		f.add(h)
		f.addUnreadable(Unreadable{RunID: "u" + h.RunID})
	}
	result := f.result()
	if len(result.Runs) != 2 || result.Runs[0].RunID != "i" || result.Runs[1].RunID != "r" || !result.More {
		t.Errorf("the result is %+v", result)
	}
	if result.Unreadable != 3 || len(result.UnreadableRuns) != 1 {
		t.Errorf("unreadable are %d, %v", result.Unreadable, result.UnreadableRuns)
	}
}

// An error that reaches a history does not name a person by the conversation's id.
func TestErrorsNameNobody(t *testing.T) {
	const person = "6000000000000001"
	h := Run{Kind: Conversation, WorkflowID: "conversation:instagram:" + account + ":" + person, RunID: "run-1"}
	err := callError("end", h, serviceerror.NewInternal("cannot end "+h.WorkflowID))
	if err == nil || strings.Contains(err.Error(), person) || !strings.Contains(err.Error(), "run-1") {
		t.Errorf("err = %v", err)
	}
	reply := Run{Kind: Reply, WorkflowID: "reply:instagram:" + account + ":18000000000000001"}
	if err := callError("end", reply, serviceerror.NewInternal("why")); err == nil || !strings.Contains(err.Error(), reply.WorkflowID) || !strings.Contains(err.Error(), "why") {
		t.Errorf("err = %v", err)
	}
	if callError("end", h, nil) != nil || !isNotFound(callError("end", h, serviceerror.NewNotFound("gone"))) {
		t.Error("what is gone is an error like others")
	}
}

// Of a reply that was reopened, the open run is ended before anything takes its id: what
// takes it would cut a send off. A reopening ends before the reply that it may start.
func TestOrderOfRemoval(t *testing.T) {
	const id = "reply:instagram:" + account + ":18000000000000001"
	runs := []Run{
		{Kind: Conversation, RunID: "c"}, {Kind: Reply, WorkflowID: id, RunID: "1"}, {Kind: Reply, WorkflowID: id, RunID: "2", Open: true}, {Kind: Reopening, RunID: "o"},
	}
	slices.SortFunc(runs, Run.compare)
	var order []string
	for _, r := range runs {
		order = append(order, r.RunID)
	}
	if got := strings.Join(order, " "); got != "o 2 1 c" {
		t.Errorf("the order is %s", got)
	}
}
