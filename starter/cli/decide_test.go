package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Guards: what a person approves is what Meta delivers, once, and a second
// decision is refused in words.
func TestApprove(t *testing.T) {
	needProduct(t)
	id := comment(t, meta.NewComment{Account: instagram, Username: "lena", Text: "Does it come in oak?"})
	workflow := instagramReply(t, id)
	waitFor(t, workflow, privatereply.AwaitingApproval)

	starter(t, "approve", id).mustFail(t, workflow+": --text is missing: no rule and nobody proposed a text")
	starter(t, "approve", id, "--text", strings.Repeat("ö", 501)).mustFail(t, "1002 bytes", "at most 1000")
	starter(t, "approve", id, "--text", "").mustFail(t, "--text is empty")
	r := starter(t, "approve", id, "--text", "Yes, it does.", "--approver", "ana").mustSucceed(t)
	if !strings.Contains(r.out, workflow+": sending, until ") || !strings.Contains(r.out, "(in 6d") {
		t.Errorf("output = %q", r.out)
	}

	status := waitFor(t, workflow, privatereply.Sent)
	if status.Approver != "ana" || status.Text != "Yes, it does." {
		t.Errorf("approved by %q: %q", status.Approver, status.Text)
	}
	report, _ := product.Sandbox.CommentReport(id)
	if len(report.Delivered) != 1 || report.Delivered[0].Text != "Yes, it does." {
		t.Errorf("Meta delivered %v", report.Delivered)
	}
	starter(t, "approve", id, "--text", "No.").mustFail(t, "already decided: ana approved this reply")
	starter(t, "resolve", id, "--delivered=true").mustFail(t, "there is nothing to resolve")
}

// Guards: several IDs are decided in one call, one that fails does not keep the
// others from it, and programs can tell which.
func TestRejectSeveral(t *testing.T) {
	needProduct(t)
	first := comment(t, meta.NewComment{Account: instagram, Username: "spam-1", Text: "Look at my page"})
	second := comment(t, meta.NewComment{Account: page, Username: "Spam Two", Text: "Look at my page"})
	waitFor(t, instagramReply(t, first), privatereply.AwaitingApproval)
	onPage := replyOf(t, privatereply.Comment{Platform: privatereply.Facebook, Account: page, CommentID: second})
	waitFor(t, onPage, privatereply.AwaitingApproval)

	r := starter(t, "reject", first, "18000000000000404", second, "--reason", "spam", "--json")
	if r.code == 0 {
		t.Error("exit code 0, though one ID does not exist")
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	if len(got) != 3 || got[0]["accepted"] != true || got[0]["state"] != "rejected" ||
		got[1]["accepted"] != false || !strings.Contains(got[1]["error"].(string), "no reply to a comment") ||
		got[2]["id"] != onPage || got[2]["accepted"] != true {
		t.Errorf("results = %s", r.out)
	}
	starter(t, "reject", first, "--reason", "again").mustFail(t, "already decided: ", "rejected this reply at")
	starter(t, "reject", first).mustFail(t, "--reason is missing")
	if n := product.Sandbox.ReplyAttempts(first) + product.Sandbox.ReplyAttempts(second); n != 0 {
		t.Errorf("%d attempts to send reached Meta", n)
	}
}

// Guards: a delivery that Meta never confirmed is settled by a person, and nothing
// is sent by it.
func TestResolve(t *testing.T) {
	needProduct(t)
	id := comment(t, meta.NewComment{Account: instagram, Username: "noah", Text: "Is it solid wood?"})
	workflow := instagramReply(t, id)
	waitFor(t, workflow, privatereply.AwaitingApproval)
	fault, err := product.Sandbox.AddFault(meta.Fault{Name: "reset", CommentID: id})
	if err != nil {
		t.Fatal(err)
	}
	defer product.Sandbox.ClearFault(fault)
	starter(t, "approve", id, "--text", "Yes.").mustSucceed(t)
	waitFor(t, workflow, privatereply.DeliveryUnknown)
	attempts := product.Sandbox.ReplyAttempts(id)

	starter(t, "resolve", id).mustFail(t, "--delivered is missing")
	starter(t, "resolve", id, "--delivered=maybe").mustFail(t, `--delivered: "maybe" is neither true nor false`)
	r := starter(t, "resolve", id, "--delivered=false").mustSucceed(t)
	if want := workflow + ": undeliverable\n"; r.out != want {
		t.Errorf("output = %q, want %q", r.out, want)
	}
	if n := product.Sandbox.ReplyAttempts(id); n != attempts {
		t.Errorf("resolve made %d attempts to send", n-attempts)
	}
}

// Guards: without a worker nobody is left waiting, and the words say what is missing.
func TestApproveWithoutWorker(t *testing.T) {
	needProduct(t)
	in := workflows.PrivateReplyInput{
		Comment:  privatereply.Comment{Platform: privatereply.Instagram, Account: instagram, CommentID: "18000000000000501"},
		Decision: privatereply.Decision{Action: privatereply.ActionAsk, Text: "Hi!"},
	}
	workflow := instagramReply(t, in.Comment.CommentID)
	_, err := product.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflow, TaskQueue: "nobody-polls-this"}, workflows.PrivateReplyType, in)
	if err != nil {
		t.Fatal(err)
	}
	starter(t, "approve", workflow).mustFail(t, workflow+": no worker answers: start one", "starter show "+workflow)
	starter(t, "show", workflow).mustFail(t, "no worker answers: start one")
}
