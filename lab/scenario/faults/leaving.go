package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	callbacks "github.com/privatereply/privatereply/webhookbridge/bridge"
	"github.com/privatereply/privatereply/workflows"
)

// renewalCases kill the worker while it renews a token. The one in force works all the time,
// and another worker renews it a minute later.
func renewalCases() []Case {
	var all []Case
	for _, s := range []struct {
		name     string
		renewals int // that Meta carries out
		fault    meta.Fault
	}{
		{"renewal-asked", 1, meta.Fault{Name: "hang", Calls: string(meta.OpTokenRefresh)}},
		{"renewal-answered", 2, meta.Fault{Name: "accept-then-hang", Calls: string(meta.OpTokenRefresh)}},
		{"renewal-unproven", 2, meta.Fault{Name: "hang", Calls: string(meta.OpAccount)}},
	} {
		all = append(all, Case{Name: s.name, holdsFolder: true, Expect: renewedAfter(wholeConnection, s.renewals), run: func(t *caseRun) {
			where := t.connectedBy("a person of " + t.Name)
			t.awaitReady()
			s.fault.Account = t.accounts[where].id
			strikes := t.addFault(s.fault)
			t.renewal(where, func() {
				strikes.awaitHit()
				t.killAndRestart(within(metaPatience))
			})
		}})
	}
	return append(all, Case{Name: "renewal-untold", Expect: renewedAfter(wholeConnection, 1), run: func(t *caseRun) {
		where := t.connectedBy("a person of " + t.Name)
		h := t.hold(t.Workers, gate.Before, completeActivity, `"outcome":"renewed"`) // no other renewal comes that far in this round
		t.renewal(where, func() {
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
		})
	}})
}

// renewalBeside kills another program while the worker renews a token.
func renewalBeside() Case {
	return Case{Name: "renewal-beside", holdsFolder: true, Expect: renewedAfter(wholeConnection, 1), run: func(t *caseRun) {
		where := t.connectedBy("a person of " + t.Name)
		t.awaitReady()
		strikes := t.addFault(meta.Fault{Name: "slow", DelayMilliseconds: 6000, Calls: string(meta.OpTokenRefresh), Account: t.accounts[where].id})
		t.renewal(where, func() {
			strikes.awaitHit()
			t.killAndRestart(within(5 * time.Second))
		})
	}}
}

func renewedAfter(between string, renewals int) Expect {
	return Expect{Observed: fmt.Sprintf("%s; then renewed, %s, %s at Meta", between, wholeConnection, plural(renewals, "renewal"))}
}

// renewal has the account's token renewed, with a death in it, and waits for the end of the
// run.
func (t *caseRun) renewal(where int, die func()) {
	was, err := t.tokenInForce(where)
	t.must(err)
	schedule := t.Client.ScheduleClient().GetHandle(t.ctx, t.awaitSchedule(where))
	t.must(schedule.Trigger(t.ctx, client.ScheduleTriggerOptions{}))
	die()
	t.observe("%s", t.connection(where))
	var run *client.ScheduleWorkflowExecution
	t.await("the run of the Schedule", func() (bool, error) {
		is, err := schedule.Describe(t.ctx)
		if err != nil || len(is.Info.RecentActions) == 0 {
			return false, err
		}
		run = is.Info.RecentActions[0].StartWorkflowResult
		return run != nil, nil
	})
	var result workflows.TokenRenewalResult
	t.must(t.Client.GetWorkflow(t.ctx, run.WorkflowID, run.FirstExecutionRunID).Get(t.ctx, &result))
	is, err := t.tokenInForce(where)
	t.must(err)
	if is.Value == was.Value || !is.IssuedAt.Equal(result.RenewedAt) {
		t.fail("the run says %+v, and the token in force was issued at %v, the old one at %v", result, is.IssuedAt, was.IssuedAt)
	}
	renewals := 0
	for _, e := range t.Sandbox.Events(0) {
		if e.Account == t.accounts[where].id && strings.Contains(e.Text, "was renewed") {
			renewals++
		}
	}
	t.observe("then %s, %s, %s at Meta", result.Outcome, t.connection(where), plural(renewals, "renewal"))
}

// erasureCases kill the worker while it erases what is held of a person, or disconnects what
// somebody had connected.
func erasureCases() []Case {
	var all []Case
	const forgotten = "done, 0 kept, the reply names nobody"
	person := func(name string, hold func(t *caseRun, c *comment, key string) *gate.Hold) {
		all = append(all, Case{Name: name, Expect: Expect{Observed: forgotten}, run: func(t *caseRun) {
			c := t.awaitingApproval(t.connectedBy("a person of " + t.Name))
			id := t.personID(c.person())
			key, code := erasure.NewKeys(nil).Of(id), erasure.NewCode()
			h := hold(t, c, key)
			t.must(erasure.Request(t.ctx, t.Client, code, t.TaskQueue(), workflows.ErasureInput{
				Scope: workflows.ErasePerson, PersonKey: key, AccountKey: workflows.AccountKey{Platform: c.account.platform, Account: c.account.id}, RequestedAt: time.Now().UTC(),
			}))
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
			status := t.erased(code)
			t.observe("%s, %d kept, %s", status.State, status.Kept, t.naming(c, id))
		}})
	}
	about := func(point gate.Point, method string) func(*caseRun, *comment, string) *gate.Hold {
		return func(t *caseRun, c *comment, _ string) *gate.Hold { return t.hold(t.Workers, point, method, c.reply) }
	}
	person("searching", about(gate.Before, "GetWorkflowExecutionHistory"))
	person("searched", func(t *caseRun, _ *comment, key string) *gate.Hold {
		return t.hold(t.Workers, gate.Before, completeActivity, key)
	})
	person("rejecting-its-reply", about(gate.After, updateWorkflow))
	person("removing", about(gate.Before, "DeleteWorkflowExecution"))
	person("removed", about(gate.After, "DeleteWorkflowExecution"))

	connection := func(name string, holds bool, between string, expect Expect, die func(t *caseRun, where int, c *comment, leave func())) {
		all = append(all, Case{Name: name, holdsFolder: holds, Expect: expect.and(between + "; then " + leftDone), run: func(t *caseRun) {
			person := "a person of " + t.Name + " " + t.newUsername()
			where := t.connectedBy(person)
			var c *comment
			if len(expect.Each) > 0 {
				c = t.comment(where, heldLong)
				t.deliver(c.id)
				t.awaitState(c, privatereply.Holding)
			}
			request := t.signedRequest(person)
			var answer leaveAnswer
			die(t, where, c, func() { answer = t.leave(callbacks.DataDeletionPath, request) })
			t.observe("%s", t.connection(where))
			t.observe("then %s", t.left(where, answer.Code))
		}})
	}
	disconnecting := func(fault string) func(*caseRun, int, *comment, func()) {
		return func(t *caseRun, where int, _ *comment, leave func()) {
			t.awaitReady()
			strikes := t.addFault(meta.Fault{Name: fault, Calls: string(meta.OpSubscription), Account: t.accounts[where].id})
			leave()
			strikes.awaitHit()
			t.killAndRestart(within(metaPatience))
		}
	}
	connection("disconnecting", true, wholeConnection, Expect{}, disconnecting("hang"))
	connection("webhooks-ended", true, "files [token yaml], token works, not subscribed", Expect{}, disconnecting("accept-then-hang"))
	connection("rejecting-automatic", false, noConnection, each(disconnected), func(t *caseRun, _ int, c *comment, leave func()) {
		h := t.hold(t.Workers, gate.Before, signalWorkflow, c.reply)
		leave()
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
	})
	return all
}

// erasureBeside kills another program while the worker disconnects an account. The public
// page says at last that it is done.
func erasureBeside() Case {
	return Case{Name: "erasure-beside", holdsFolder: true, Expect: Expect{Observed: leftDone + "; the page says Done"}, run: func(t *caseRun) {
		person := "a person of " + t.Name + " " + t.newUsername()
		where := t.connectedBy(person)
		t.awaitReady()
		strikes := t.addFault(meta.Fault{Name: "slow", DelayMilliseconds: 6000, Calls: string(meta.OpSubscription), Account: t.accounts[where].id})
		answer := t.leave(callbacks.DataDeletionPath, t.signedRequest(person))
		strikes.awaitHit()
		t.killAndRestart(within(5 * time.Second))
		t.observe("%s", t.left(where, answer.Code))
		t.observe("the page says %s", t.deletionPage(answer.URL))
	}}
}

// deletionPage is the heading of the public page of an erasure.
func (t *caseRun) deletionPage(address string) string {
	resp, err := poster.Get(address)
	t.must(err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	t.must(err)
	_, heading, _ := strings.Cut(string(page), "<h1>Data deletion: ")
	heading, _, found := strings.Cut(heading, "</h1>")
	if !found {
		return resp.Status
	}
	return heading
}

// disconnected is a reply that a rule would have sent from an account that is gone.
var disconnected = Verdict{State: privatereply.Rejected, Reason: privatereply.AccountDisconnected}

// leftDone is what left says when everything is over.
const leftDone = "done, 1 of 1 accounts, " + noConnection + ", its Schedule is paused"

// erased waits for the end of an erasure.
func (t *caseRun) erased(code string) (status workflows.ErasureStatus) {
	id, err := privatereply.ErasureID(code)
	t.must(err)
	t.must(t.Client.GetWorkflow(t.ctx, id, "").Get(t.ctx, &status))
	return status
}

// left says what an erasure has left of a connection.
func (t *caseRun) left(where int, code string) string {
	status := t.erased(code)
	id, err := privatereply.TokenRenewalID(t.accounts[where].platform, t.accounts[where].id)
	t.must(err)
	t.await("the pause of the token's Schedule", func() (bool, error) {
		is, err := t.Client.ScheduleClient().GetHandle(t.ctx, id).Describe(t.ctx)
		return err == nil && is.Schedule.State.Paused, err
	})
	return fmt.Sprintf("%s, %d of %d accounts, %s, its Schedule is paused", status.State, status.Removed, status.Found, t.connection(where))
}

// naming says whether what Temporal keeps under the reply's id names its person. There may be
// two empty runs that lock the id: the word that the first one is there dies with the worker.
func (t *caseRun) naming(c *comment, person string) string {
	list, err := t.Client.ListWorkflow(t.ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: visibility.Equals(visibility.WorkflowID, c.reply).String()})
	t.must(err)
	if len(list.GetExecutions()) == 0 {
		return "the reply's id is not locked"
	}
	for _, info := range list.GetExecutions() {
		events := t.Client.GetWorkflowHistory(t.ctx, c.reply, info.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			t.must(err)
			data, err := proto.Marshal(event)
			t.must(err)
			if bytes.Contains(data, []byte(c.user)) || bytes.Contains(data, []byte(person)) || bytes.Contains(data, []byte(c.text)) {
				return fmt.Sprintf("event %d of a run of the reply names the person", event.GetEventId())
			}
		}
	}
	return "the reply names nobody"
}

// signedRequest is Meta's word that a person leaves.
func (t *caseRun) signedRequest(person string) string {
	payload, err := json.Marshal(map[string]any{"algorithm": "HMAC-SHA256", "issued_at": time.Now().Unix(), "user_id": person})
	t.must(err)
	return meta.SignRequest(instagramSecret, payload)
}

// leaveAnswer is what the bridge answered to Meta's word.
type leaveAnswer struct {
	URL      string `json:"url"`
	Code     string `json:"confirmation_code"`
	statuses []int  // try by try; 0: no answer
}

// leave posts a signed request, always the same, until the bridge answers 200.
func (t *caseRun) leave(path, request string) (a leaveAnswer) {
	to := strings.TrimSuffix(t.WebhookURL, callbacks.Path) + path
	for {
		status, body := 0, []byte(nil)
		resp, err := poster.PostForm(to, url.Values{"signed_request": {request}})
		if err == nil {
			status = resp.StatusCode
			body, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if a.statuses = append(a.statuses, status); err == nil && status == http.StatusOK {
			_ = json.Unmarshal(body, &a) // a deauthorization's answer says nothing
			return a
		}
		if !scenario.Sleep(t.ctx, redeliveryInterval) {
			t.fail("the bridge did not take the request; it answered %v", a.statuses)
		}
	}
}

// leaveCases kill the bridge while it records that somebody leaves. The same request, sent
// again, is the same erasure.
func leaveCases() []Case {
	var all []Case
	for _, s := range []struct {
		name, path string
		point      gate.Point
	}{
		{"deletion-received", callbacks.DataDeletionPath, gate.Before},
		{"deletion-recorded", callbacks.DataDeletionPath, gate.After},
		{"deauthorization-received", callbacks.DeauthorizePath, gate.Before},
		{"deauthorization-recorded", callbacks.DeauthorizePath, gate.After},
	} {
		answer := "the same code twice"
		if s.path == callbacks.DeauthorizePath {
			answer = "no code"
		}
		all = append(all, Case{Name: s.name, Expect: Expect{Observed: "refused first; " + answer + "; " + leftDone + "; 1 erasure"}, run: func(t *caseRun) {
			person := "a person of " + t.Name + " " + t.newUsername()
			where := t.connectedBy(person)
			request, key := t.signedRequest(person), erasure.NewKeys(nil).Of(person)
			h := t.hold(t.Bridges, s.point, startWorkflow, key)
			t.awaitReady()
			var first leaveAnswer
			var answered sync.WaitGroup
			answered.Add(1)
			t.background.Go(func() {
				defer answered.Done()
				first = t.leave(s.path, request)
			})
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
			answered.Wait()
			if first.statuses[0] != http.StatusOK {
				t.observe("refused first")
			} else {
				t.observe("taken at once")
			}
			again := t.leave(s.path, request)
			switch {
			case first.Code == "" && again.Code == "":
				t.observe("no code")
			case first.Code == again.Code && strings.HasSuffix(again.URL, "/"+again.Code):
				t.observe("the same code twice")
			default:
				t.observe("codes %q and %q, address %q", first.Code, again.Code, again.URL)
			}
			codes := t.erasuresOf(key)
			if first.Code != "" && !slices.Contains(codes, first.Code) {
				t.fail("the code %q is of no erasure; there are %q", first.Code, codes)
			}
			t.observe("%s", t.left(where, codes[0]))
			t.observe("%s", plural(len(t.erasuresOf(key)), "erasure"))
		}})
	}
	return all
}

// erasuresOf lists the codes of all erasures of a person, of which there must be one.
func (t *caseRun) erasuresOf(key string) (codes []string) {
	t.await("an erasure", func() (bool, error) {
		codes = nil
		list, err := t.Client.ListWorkflow(t.ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: visibility.Equals(visibility.WorkflowType, workflows.ErasureType).String()})
		if err != nil {
			return false, err
		}
		for _, info := range list.GetExecutions() {
			id := info.GetExecution().GetWorkflowId()
			started, err := t.Client.GetWorkflowHistory(t.ctx, id, info.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
			if err != nil {
				return false, err
			}
			if data, err := proto.Marshal(started); err == nil && bytes.Contains(data, []byte(key)) {
				codes = append(codes, strings.TrimPrefix(id, "erasure:"))
			}
		}
		return len(codes) > 0, nil
	})
	return codes
}
