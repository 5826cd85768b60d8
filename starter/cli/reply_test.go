package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Guards: a follow-up goes out in an open window and not before it, and `show`
// names the conversation that it needs.
func TestReply(t *testing.T) {
	needProduct(t)
	person := meta.Person{Account: otherLogin, Username: fmt.Sprint("jonas", time.Now().UnixNano())} // new to the product, also when the test is repeated
	id := comment(t, meta.NewComment{Account: person.Account, Username: person.Username, Text: "How much is it?"})
	workflow := replyOf(t, privatereply.Comment{Platform: privatereply.Instagram, Account: person.Account, CommentID: id})
	sent := waitFor(t, workflow, privatereply.Sent)
	conversation, err := privatereply.ConversationID(privatereply.Instagram, person.Account, sent.Send.RecipientID)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // the reply joins once it knows that it was delivered
		_, err := product.Client.DescribeWorkflowExecution(t.Context(), conversation, "")
		return err
	})
	starter(t, "reply", conversation, "--text", "Too early").mustFail(t, "window")

	if _, err := product.Sandbox.WriteMessage(meta.NewMessage{Account: person.Account, Username: person.Username, Text: "Thanks!"}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, workflow, privatereply.Responded)
	shown := starter(t, "show", id).mustSucceed(t).out
	if !strings.Contains(shown, "starter reply "+conversation) {
		t.Errorf("show does not name the conversation:\n%s", shown)
	}
	r := starter(t, "reply", conversation, "--text", "It ships on Monday.", "--agent", "ana").mustSucceed(t)
	if !strings.HasPrefix(r.out, conversation+": sent, message ") {
		t.Errorf("output = %q", r.out)
	}
	box := product.Sandbox.Inbox(person)
	if last := box[len(box)-1]; last.Kind != meta.KindFollowUp || last.Text != "It ships on Monday." {
		t.Errorf("the person received %+v", last)
	}
	starter(t, "reply", "123", "--text", "x").mustFail(t, "is not a conversation's workflow id")
	starter(t, "reply", conversation).mustFail(t, "--text is missing")
	starter(t, "reply", "conversation:instagram:"+otherLogin+":404", "--text", "x").mustFail(t, "does not exist")
}

// Guards: --json is the workflow's own status, from its result when it has ended.
func TestShowJSON(t *testing.T) {
	needProduct(t)
	id := comment(t, meta.NewComment{Account: instagram, Username: "emoji", Text: "🎉🎉"})
	waitFor(t, instagramReply(t, id), privatereply.Ignored)
	r := starter(t, "show", instagramReply(t, id), "--json").mustSucceed(t)
	var status workflows.PrivateReplyStatus
	if err := json.Unmarshal([]byte(r.out), &status); err != nil {
		t.Fatal(err)
	}
	if status.State != privatereply.Ignored || status.Comment.Text != "🎉🎉" || status.Decision.Rule != "emoji-only" {
		t.Errorf("status = %+v", status)
	}
	shown := starter(t, "show", id).mustSucceed(t).out
	for _, want := range []string{"ignored: left alone", "A rule leaves this comment alone. (ignored_by_rule)", product.Server.UIURL + "/namespaces/default/workflows/reply:instagram:"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
}
