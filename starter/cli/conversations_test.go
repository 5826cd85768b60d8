package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// say lets somebody write to an account, and returns the person's id.
func say(t *testing.T, m meta.NewMessage) string {
	t.Helper()
	m.NoWebhook = true
	if _, err := product.Sandbox.WriteMessage(m); err != nil {
		t.Fatal(err)
	}
	id, err := product.Sandbox.PersonID(meta.Person{Account: m.Account, Username: m.Username})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// conversationWith is the conversation of an account with a person, as --json shows it.
func conversationWith(t *testing.T, account, person string) conversation {
	t.Helper()
	var all []conversation
	out := starter(t, "conversations", account, "--person", person, "--json").mustSucceed(t).withoutToken(t).out
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	return all[0]
}

// Guards: conversations are shown with who wrote what, on both platforms and both
// logins, and a Page's can be written to by Meta's id, which the product never does
// twice.
func TestConversations(t *testing.T) {
	needProduct(t)
	for _, account := range []string{page, instagram, otherLogin} {
		t.Run(account, func(t *testing.T) {
			person := say(t, meta.NewMessage{Account: account, Username: "Uma", Text: "Hello there"})
			if _, err := product.Sandbox.HumanMessage(meta.Person{Account: account, Username: "Uma"}, "Hello Uma"); err != nil {
				t.Fatal(err)
			}
			c := conversationWith(t, account, person)
			if len(c.People) != 1 || c.People[0] != (participant{person, "Uma"}) {
				t.Errorf("people: %+v", c.People)
			}
			if len(c.Messages) != 2 || c.Messages[0].Text != "Hello Uma" || !c.Messages[0].FromAccount ||
				c.Messages[1].Text != "Hello there" || c.Messages[1].FromAccount || c.Messages[1].At.IsZero() {
				t.Errorf("messages: %+v", c.Messages)
			}
			shown := starter(t, "conversations", account, "--person", person).mustSucceed(t).withoutToken(t).out
			if question, answer := strings.Index(shown, "Uma: “Hello there”"), strings.Index(shown, "the account: “Hello Uma”"); question < 0 || answer < question {
				t.Errorf("shown as\n%s", shown)
			}
			r := starter(t, "conversations", account).mustSucceed(t).withoutToken(t)
			if !strings.Contains(r.out, "the account: “Hello Uma”") || !strings.Contains(r.out, person) {
				t.Errorf("listed as\n%s", r.out)
			}
			for line := range strings.Lines(r.out + shown) {
				if n := console.Columns(strings.TrimSuffix(line, "\n")); n > console.Width {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
	if out := starter(t, "conversations", page, "--person", "404").mustSucceed(t).out; out != "no conversation with 404\n" {
		t.Errorf("output = %q", out)
	}
	starter(t, "conversations", page, "--limit", "-1").mustFail(t, "--limit is -1")
	t.Run("reply", testReplyInConversation)
}

func testReplyInConversation(t *testing.T) {
	vera := meta.Person{Account: page, Username: "Vera"}
	id := conversationWith(t, page, say(t, meta.NewMessage{Account: page, Username: "Vera", Text: "Hi"})).ID
	reply := func(args ...string) result {
		return starter(t, append([]string{"reply", id, "--text", "On Monday."}, args...)...).withoutToken(t)
	}
	if r := reply("--account", page).mustSucceed(t); !strings.HasPrefix(r.out, id+": sent, message m_") {
		t.Errorf("output = %q", r.out)
	}
	var answer workflows.FollowUpResult
	if err := json.Unmarshal([]byte(reply("--account", "Clean Slate Page", "--json").mustSucceed(t).out), &answer); err != nil || answer.State != privatereply.OutcomeSent || answer.MessageID == "" {
		t.Errorf("%+v, %v", answer, err)
	}
	box := product.Sandbox.Inbox(vera)
	if len(box) != 3 || box[1].Text != "On Monday." {
		t.Errorf("the person has %+v", box)
	}

	reply().mustFail(t, "--account is missing")
	reply("--account", instagram).mustFail(t, "only a Facebook Page's conversation can be written to by Meta's id")
	reply("--account", page, "--human-agent").mustFail(t, "--human-agent needs the conversation's workflow id")
	reply("--account", page, "--text", strings.Repeat("x", 2001)).mustFail(t, "--text: text cannot be sent: it has 2001 characters")
	reply("--account", page, "--text", "").mustFail(t, "--text is missing")
	starter(t, "reply", "t_404", "--account", page, "--text", "x").withoutToken(t).mustFail(t, "not sent: graph: reply in a conversation: ")

	late := conversationWith(t, page, say(t, meta.NewMessage{Account: page, Username: "Late", Text: "Hi", At: time.Now().Add(-25 * time.Hour)})).ID
	starter(t, "reply", late, "--account", page, "--text", "x").withoutToken(t).mustFail(t, "not sent: ", "the messaging window is closed")
	r := starter(t, "reply", late, "--account", page, "--text", "x", "--json")
	if r.code == 0 || !strings.Contains(r.out, `"state": "refused"`) || !strings.Contains(r.out, `"reason": "outside_window"`) {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}

	if _, err := product.Sandbox.AddFault(meta.Fault{Name: "accept-then-drop", Calls: "thread-reply", Times: 1}); err != nil {
		t.Fatal(err)
	}
	reply("--account", page).mustFail(t, "it is not known whether Meta delivered it", "Look into the Page's inbox")
	if n := len(product.Sandbox.Inbox(vera)); n != 4 {
		t.Errorf("the person has %d messages, want 4: the lost one was repeated", n)
	}
}

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

	if _, err := product.Sandbox.WriteMessage(meta.NewMessage{Account: person.Account, Username: person.Username, Text: "Thanks!", Attachment: "photo"}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, workflow, privatereply.Responded)
	shown := starter(t, "show", id).mustSucceed(t).out
	if !strings.Contains(shown, "starter reply "+conversation) {
		t.Errorf("show does not name the conversation:\n%s", shown)
	}
	r := starter(t, "reply", id, "--text", "It ships on Monday.", "--agent", "ana").mustSucceed(t)
	if !strings.HasPrefix(r.out, conversation+": sent, message ") {
		t.Errorf("output = %q", r.out)
	}
	box := product.Sandbox.Inbox(person)
	if last := box[len(box)-1]; last.Kind != meta.KindFollowUp || last.Text != "It ships on Monday." {
		t.Errorf("the person received %+v", last)
	}
	showsThread(t, id, person.Username, sent.Send.RecipientID)
	starter(t, "reply", "123", "--text", "x").mustFail(t, "no reply to a comment 123 exists")
	starter(t, "reply", conversation).mustFail(t, "--text is missing")
	starter(t, "reply", "conversation:instagram:"+otherLogin+":404", "--text", "x").mustFail(t, "does not exist")
}

// showsThread expects the conversation in its own words from `show`, with who wrote what, and
// why it is not there where it is not.
func showsThread(t *testing.T, id, person, personID string) {
	t.Helper()
	shown := starter(t, "show", id).mustSucceed(t).out
	for _, want := range []string{person + ": “Thanks!”", "with a photo http://", "the account, by rule ", "the account, by ana: “It ships"} {
		if !strings.Contains(strings.Join(strings.Fields(shown), " "), want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
	var status struct {
		State  privatereply.State
		Thread struct {
			Messages []struct {
				FromPerson  bool `json:"from_person"`
				By, Text    string
				Attachments []struct{ Kind, URL string }
			}
		}
	}
	r := starter(t, "show", id, "--json").mustSucceed(t)
	if err := json.Unmarshal([]byte(r.out), &status); err != nil {
		t.Fatal(err)
	}
	if m := status.Thread.Messages; status.State != privatereply.Responded || len(m) != 4 || !m[1].FromPerson || m[2].Attachments[0].Kind != "photo" || m[3].By != "ana" {
		t.Errorf("status: %s", r.out)
	}
	if shown := starter(t, "show", id, "--thread=false").mustSucceed(t).out; strings.Contains(shown, "Thanks!") {
		t.Errorf("--thread=false reads the thread:\n%s", shown)
	}
	fault, err := product.Sandbox.AddFault(meta.Fault{Name: "token-revoked", Calls: "conversations", Account: otherLogin, Recipient: personID})
	if err != nil {
		t.Fatal(err)
	}
	defer product.Sandbox.ClearFault(fault)
	shown = strings.Join(strings.Fields(starter(t, "show", id).mustSucceed(t).out), " ")
	if !strings.Contains(shown, "Thread not read. Meta rejects the account's access token") || !strings.Contains(shown, "https://www.instagram.com/direct/inbox/") {
		t.Errorf("show does not say why there is no thread:\n%s", shown)
	}
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
	for _, want := range []string{"ignored: Nobody answers this comment.", "A rule leaves this comment alone. (ignored_by_rule)", product.Server.UIURL + "/namespaces/default/workflows/reply:instagram:"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
}
