package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Guards: of an erased person nothing is left in Temporal, whatever state their
// replies were in; no send to them is cut off or follows; nobody answers their
// comments anew; and of other people everything is left.
func TestForget(t *testing.T) {
	needProduct(t)
	for name, tt := range map[string]struct {
		account  string
		platform privatereply.Platform
	}{"instagram": {instagram, privatereply.Instagram}, "page": {page, privatereply.Facebook}} {
		// One after the other: deletions hold each other up.
		t.Run(name, func(t *testing.T) { testForget(t, tt.platform, tt.account) })
	}
}

func testForget(t *testing.T, platform privatereply.Platform, account string) {
	username := "Hilda of " + account
	if platform == privatereply.Instagram {
		username = "hilda.to.forget"
	}
	who := meta.Person{Account: account, Username: username}
	other := meta.Person{Account: account, Username: "stays." + account}
	write := func(by meta.Person, text string) (id, reply string) {
		id = comment(t, meta.NewComment{Account: account, Username: by.Username, Text: text})
		return id, replyOf(t, privatereply.Comment{Platform: platform, Account: account, CommentID: id})
	}
	person, err := product.Sandbox.PersonID(who)
	if err != nil {
		t.Fatal(err)
	}

	_, ignored := write(who, "🙂")
	awaited, waiting := write(who, "Is hilda's secret board in stock?")
	answered, sent := write(who, "Does hilda's board float?")
	underWay, sending := write(who, "Does hilda's board sink?")
	_, others := write(other, "And mine, does it float?")
	eventually(t, func() error { return ended(t, ignored) })
	for _, id := range []string{waiting, sent, sending, others} {
		waitFor(t, id, privatereply.AwaitingApproval)
	}
	for _, id := range []string{sent, others} {
		starter(t, "approve", id, "--text", "Hi, it does float.").mustSucceed(t)
		waitFor(t, id, privatereply.Sent)
	}
	conversation, err := privatereply.ConversationID(platform, account, person)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		_, err := product.Client.DescribeWorkflowExecution(t.Context(), conversation, "")
		return err
	})
	intake := intakeBatch(t, sent, others)
	old := beyondReturn(t, platform, account, person)

	if _, err := product.Sandbox.AddFault(meta.Fault{Name: "slow", CommentID: underWay, DelayMilliseconds: 3000, Times: 1}); err != nil {
		t.Fatal(err)
	}
	starter(t, "approve", sending, "--text", "Hi, it does not.").mustSucceed(t)
	eventually(t, func() error { return sendUnderWay(t, sending) })

	all := []string{ignored, waiting, sent, sending, conversation, intake, old}
	// On a busy machine the bridge gathers comments, and hers came in batches of its own.
	for _, id := range holding(t, username) {
		if strings.HasPrefix(id, "intake:") && id != intake {
			all = append(all, id)
		}
	}
	var named struct{ Persons []erasure.NamedPerson }
	decodeJSON(t, starter(t, "forget", "--name", "@"+strings.ToUpper(username), "--json").mustSucceed(t).out, &named)
	if len(named.Persons) != 1 || len(named.Persons[0].Replies) != 4 || named.Persons[0].Account != account {
		t.Fatalf("the name means %+v", named.Persons)
	}
	var found erasure.Report
	decodeJSON(t, starter(t, "forget", named.Persons[0].Person, "--dry-run", "--json").mustSucceed(t).out, &found)
	mustBe(t, "found", found.Found, all)

	var report erasure.Report
	decodeJSON(t, starter(t, "forget", named.Persons[0].Person, "--json").mustSucceed(t).out, &report)
	delivered, _ := product.Sandbox.CommentReport(underWay)
	mustBe(t, "removed", report.Removed, all)
	if len(delivered.Delivered) != 1 {
		t.Errorf("the send under way was cut off: delivered %d", len(delivered.Delivered))
	}

	for _, needle := range []string{person, named.Persons[0].Person, username, "hilda's"} {
		if in := holding(t, needle); len(in) > 0 {
			t.Errorf("%q is still held by %v", needle, in)
		}
	}
	if _, err := product.Client.DescribeWorkflowExecution(t.Context(), old, ""); !isNotFound(err) {
		t.Errorf("the comment that cannot come again keeps its place: %v", err)
	}
	status := waitFor(t, others, privatereply.Sent)
	if status.Comment.Username != other.Username {
		t.Errorf("the other person's reply is %+v", status)
	}
	for _, c := range []string{awaited, answered, underWay} {
		in := workflows.PrivateReplyInput{
			Comment:  privatereply.Comment{Platform: platform, Account: account, CommentID: c, PersonID: person, Text: "again", ReceivedAt: time.Now(), Via: privatereply.ViaSweep},
			Decision: privatereply.Decision{Action: privatereply.ActionAuto, Text: "Hi again"},
		}
		options, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := product.Client.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			t.Errorf("a sweep that finds the comment again: %v", err)
		}
	}
	if again := starter(t, "forget", person).mustSucceed(t); !strings.Contains(again.out, "nothing is held of person "+person) {
		t.Errorf("the second time it told %s", again.out)
	}
}

// Guards: an id that two accounts know is not taken for one person.
func TestForgetInTwoAccounts(t *testing.T) {
	needProduct(t)
	const person = "6000000000000802"
	for _, account := range []string{instagram, otherLogin} {
		in := workflows.PrivateReplyInput{
			Comment:  privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: "18000000000000802", PersonID: person, Text: "Hello", ReceivedAt: time.Now()},
			Decision: privatereply.Decision{Action: privatereply.ActionIgnore},
		}
		options, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		run, err := product.Client.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in)
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		if r := starter(t, "forget", person); strings.Contains(r.err, "--account instagram:"+instagram) && strings.Contains(r.err, "--account instagram:"+otherLogin) && r.code != 0 {
			return nil
		} else {
			return fmt.Errorf("it told %s%s", r.out, r.err)
		}
	})
	one := starter(t, "forget", person, "--account", "instagram:"+otherLogin, "--dry-run").mustSucceed(t).out
	if !strings.Contains(one, "1 found; nothing was removed") || !strings.Contains(one, "reply:instagram:"+otherLogin) || strings.Contains(one, "reply:instagram:"+instagram) {
		t.Errorf("of one account it told %s", one)
	}
}

// beyondReturn is the reply to a comment so old that neither Meta nor a sweep brings it
// again.
func beyondReturn(t *testing.T, platform privatereply.Platform, account, person string) string {
	t.Helper()
	in := workflows.PrivateReplyInput{
		Comment:  privatereply.Comment{Platform: platform, Account: account, CommentID: "18000000000000803", PersonID: person, Text: "hilda's first", ReceivedAt: time.Now().AddDate(0, 0, -9)},
		Decision: privatereply.Decision{Action: privatereply.ActionAsk},
	}
	options, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	run, err := product.Client.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return options.ID
}

// intakeBatch is a batch in which the comments of two replies came, already placed.
func intakeBatch(t *testing.T, replies ...string) string {
	t.Helper()
	var in workflows.IntakeInput
	for _, id := range replies {
		input, err := product.Client.QueryWorkflow(t.Context(), id, "", workflows.StatusQuery)
		if err != nil {
			t.Fatal(err)
		}
		var status workflows.PrivateReplyStatus
		if err := input.Get(&status); err != nil {
			t.Fatal(err)
		}
		in.Events = append(in.Events, workflows.InboundEvent{Event: privatereply.Event{Comment: &status.Comment}, Decision: &status.Decision})
	}
	id := "intake:of-" + replies[0]
	run, err := product.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.IntakeQueue(harness.TaskQueue)}, workflows.IntakeType, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return id
}

func ended(t *testing.T, id string) error {
	d, err := product.Client.DescribeWorkflowExecution(t.Context(), id, "")
	if err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		err = fmt.Errorf("%s runs", id)
	}
	return err
}

// sendUnderWay has no error when a worker has the send.
func sendUnderWay(t *testing.T, id string) error {
	d, err := product.Client.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		return err
	}
	for _, a := range d.GetPendingActivities() {
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED && strings.HasPrefix(a.GetActivityType().GetName(), "Send") {
			return nil
		}
	}
	return fmt.Errorf("%s has %v", id, d.GetPendingActivities())
}

// holding lists the workflows of which a history, a memo or a search attribute holds
// a text. Nothing is encrypted here.
func holding(t *testing.T, text string) []string {
	t.Helper()
	var found []string
	var token []byte
	for {
		page, err := product.Client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range page.GetExecutions() {
			holds := contains(t, info, text)
			for it := product.Client.GetWorkflowHistory(t.Context(), info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
				event, err := it.Next()
				if isNotFound(err) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				holds = holds || contains(t, event, text)
			}
			if holds {
				found = append(found, info.GetExecution().GetWorkflowId())
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return found
		}
	}
}

func contains(t *testing.T, m proto.Message, text string) bool {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, []byte(text))
}

func decodeJSON(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func mustBe(t *testing.T, what string, got []erasure.Run, want []string) {
	t.Helper()
	have := map[string]bool{}
	for _, h := range got {
		have[h.WorkflowID] = true
	}
	for _, id := range want {
		if !have[id] {
			t.Errorf("%s is not %s", id, what)
		}
		delete(have, id)
	}
	for id := range have {
		t.Errorf("%s is %s", id, what)
	}
}

// Guards: whoever is meant is said exactly, and a mistake removes nothing.
func TestForgetRefuses(t *testing.T) {
	needProduct(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody":             {[]string{"forget"}, "a PERSON is missing"},
		"a name":             {[]string{"forget", "lena"}, "`starter forget --name NAME` finds it"},
		"a reply":            {[]string{"forget", "reply:instagram:" + instagram + ":18000000000000404"}, "is the id of a reply; give a person's"},
		"an unknown account": {[]string{"forget", "6000000000000404", "--account", "nowhere"}, `account "nowhere" is not in the accounts file`},
		"another account's":  {[]string{"forget", "conversation:facebook:" + page + ":6000000000000404", "--account", instagram}, "is of account " + page},
		"both":               {[]string{"forget", "6000000000000404", "--name", "lena"}, "not both"},
	} {
		t.Run(name, func(t *testing.T) { starter(t, tt.args...).mustFail(t, tt.want) })
	}
	if r := starter(t, "forget", "6000000000000404").mustSucceed(t); !strings.Contains(r.out, "nothing is held of person 6000000000000404") {
		t.Errorf("of somebody unknown it told %s", r.out)
	}
	if r := starter(t, "forget", "--name", "nobody.at.all").mustSucceed(t); !strings.Contains(r.out, "nobody who wrote under this name") {
		t.Errorf("of an unknown name it told %s", r.out)
	}
}

// Guards: without a worker the command says so instead of waiting for ever, and names the
// erasure, which goes on by itself.
func TestForgetNeedsWorker(t *testing.T) {
	needProduct(t)
	s := &Session{Client: product.Client, data: converter.GetDefaultDataConverter()}
	s.settings.TaskQueue = "nobody-erases"
	code := erasure.NewCode()
	var told bytes.Buffer
	_, err := s.erase(t.Context(), &told, code, workflows.ErasureInput{Scope: workflows.ErasePerson, PersonKey: erasure.NewKeys(nil).Of("6000000000000405"), RequestedAt: time.Now()})
	if err == nil || !strings.Contains(err.Error(), "no worker is running for task queue nobody-erases: start one; erasure:"+code) {
		t.Errorf("it says %v", err)
	}
	if !strings.Contains(told.String(), "erasure:"+code+"; it goes on if this command is stopped") {
		t.Errorf("before that it told %q", told.String())
	}
	p, err := erasure.Progress(t.Context(), product.Client, s.data, code)
	if err != nil || p.State != workflows.ErasureSearching {
		t.Errorf("the erasure is %+v, %v", p, err)
	}
	if err := product.Client.TerminateWorkflow(t.Context(), "erasure:"+code, "", "the test is over"); err != nil {
		t.Error(err)
	}
}

// Guards: what an erasure kept is named for whoever asked for it, with why and when it is
// tried again, and is no success.
func TestForgetReportsWhatIsKept(t *testing.T) {
	found := erasure.Findings{
		Runs:       []erasure.Run{{Kind: erasure.Reply, WorkflowID: "reply:a", RunID: "1"}, {Kind: erasure.Conversation, WorkflowID: "conversation:b", RunID: "2"}},
		Unreadable: []erasure.Unreadable{{WorkflowID: "reply:c", RunID: "3"}},
	}
	status := workflows.ErasureStatus{
		State: workflows.ErasureStuck, NextAt: time.Date(2026, 11, 29, 14, 5, 0, 0, time.UTC),
		RemovedRuns:    []workflows.HeldRun{{Kind: "reply", RunID: "1", Tombstoned: true}, {Kind: "reply", RunID: "4"}},
		KeptRuns:       []workflows.HeldRun{{Kind: "conversation", RunID: "2", KeptReason: "a message is under way"}},
		UnreadableRuns: []workflows.UnreadableRun{{RunID: "3", Why: "its key is not configured"}},
	}
	report := reportOf(erasure.Person{ID: "6000000000000406"}, "CODE", found, status)
	var out bytes.Buffer
	if err := printReport(&out, report, false); !errors.Is(err, ErrReported) {
		t.Errorf("err = %v", err)
	}
	for _, words := range []string{
		"reply:a", "its place is locked", "reply, run 4", "KEPT", "conversation:b", "a message is under way",
		"2 removed, 1 kept", "tried again at 14:05 on 29 Nov", "reply:c: its key is not configured",
	} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("the report lacks %q:\n%s", words, out.String())
		}
	}
}
