package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards: a comment that no webhook brought gets its one reply by hand, and a
// second start is reported and does nothing.
func TestComment(t *testing.T) {
	needProduct(t)
	id := comment(t, meta.NewComment{Account: instagram, Username: "zoe", Text: "How much is it?", NoWebhook: true})
	args := []string{"comment", "--account", "Clean Slate", "--id", id, "--text", "How much is it?", "--username", "zoe", "--source", "reel"}
	r := starter(t, args...).mustSucceed(t)
	workflow := instagramReply(t, id)
	if want := workflow + ": started; answered automatically, by rule price\n"; r.out != want {
		t.Errorf("output = %q, want %q", r.out, want)
	}
	status := waitFor(t, workflow, privatereply.Sent)
	if status.Comment.Via != privatereply.ViaHand || status.Comment.Source != privatereply.SourceReel || !strings.HasPrefix(status.Text, "Hi zoe, ") {
		t.Errorf("status = %+v", status)
	}
	var again startReport
	if err := json.Unmarshal([]byte(starter(t, append(args, "--json")...).mustSucceed(t).out), &again); err != nil {
		t.Fatal(err)
	}
	if again.Started || !again.Duplicate || again.ID != workflow {
		t.Errorf("second start = %+v", again)
	}
	if n := product.Sandbox.RepliesDelivered(id); n != 1 {
		t.Errorf("Meta delivered %d private replies, want 1", n)
	}
}

// Guards: with --reply the rules are not asked, and only --auto sends without a person.
func TestCommentReply(t *testing.T) {
	needProduct(t)
	proposed := comment(t, meta.NewComment{Account: instagram, Username: "kim", Text: "How much is it?", NoWebhook: true})
	starter(t, "comment", "--account", instagram, "--id", proposed, "--text", "How much is it?", "--reply", "Hello Kim").mustSucceed(t)
	if s := waitFor(t, instagramReply(t, proposed), privatereply.AwaitingApproval); s.Text != "Hello Kim" || s.Decision.Reason != privatereply.DecidedByHand {
		t.Errorf("status = %+v", s)
	}
	at := comment(t, meta.NewComment{Account: instagram, Username: "kim", Text: "And this?", NoWebhook: true})
	starter(t, "comment", "--account", instagram, "--id", at, "--reply", "12 euros", "--auto").mustSucceed(t)
	if s := waitFor(t, instagramReply(t, at), privatereply.Sent); s.Text != "12 euros" {
		t.Errorf("status = %+v", s)
	}
	post := comment(t, meta.NewComment{Account: page, Username: "Ann", Source: privatereply.SourceVisitorPost, Text: "Open on Sunday?", NoWebhook: true})
	starter(t, "comment", "--account", page, "--id", post, "--post", "--reply", "From ten to four.", "--auto").mustSucceed(t)
	waitFor(t, replyOf(t, privatereply.Comment{Platform: privatereply.Facebook, Account: page, PostID: post}), privatereply.Sent)
	if n := product.Sandbox.RepliesDelivered(post); n != 1 {
		t.Errorf("Meta delivered %d private replies to the visitor's post, want 1", n)
	}
}

// Guards: what is missing or wrong is named, with the flag.
func TestCommentErrors(t *testing.T) {
	needProduct(t)
	tests := map[string]struct {
		args []string
		want string
	}{
		"no account":          {[]string{"--id", "1"}, "--account is missing"},
		"no id":               {[]string{"--account", instagram}, "--id is missing"},
		"unknown account":     {[]string{"--account", "1", "--id", "1"}, "which has 17841400000000001 (Clean Slate)"},
		"auto alone":          {[]string{"--account", instagram, "--id", "1", "--auto"}, "--auto needs --reply"},
		"bad time":            {[]string{"--account", instagram, "--id", "1", "--created", "yesterday"}, `--created: "yesterday" is not a time`},
		"bad source":          {[]string{"--account", instagram, "--id", "1", "--source", "tweet"}, `"tweet" is not a source`},
		"visitor post on it":  {[]string{"--account", instagram, "--id", "1", "--post"}, "only Facebook Pages have visitor posts"},
		"text too long":       {[]string{"--account", instagram, "--id", "1", "--reply", strings.Repeat("a", 1001)}, "--reply: text cannot be sent: it has 1001 bytes"},
		"title too long":      {[]string{"--account", instagram, "--id", "1", "--reply", "Hi", "--button", "A title of 21 letters=x"}, "--button: buttons[0].title: message cannot be sent: \"A title of 21 letters\" has 21 characters; at most 20"},
		"no https":            {[]string{"--account", instagram, "--id", "1", "--reply", "Hi", "--button", "Shop=http://example.com"}, "--button: buttons[0].url: "},
		"both on Instagram":   {[]string{"--account", instagram, "--id", "1", "--reply", "Hi", "--button", "A=b", "--quick-reply", "C"}, "--quick-reply: quick_replies: message cannot be sent: Instagram shows buttons or quick replies"},
		"hidden and public":   {[]string{"--account", instagram, "--id", "1", "--reply", "Hi", "--public", "Hi", "--hide"}, "--hide: hide: a hidden comment shows no public reply"},
		"button alone":        {[]string{"--account", instagram, "--id", "1", "--button", "A=b"}, "--reply is missing: buttons"},
		"hide alone":          {[]string{"--account", instagram, "--id", "1", "--hide"}, "--hide needs --reply"},
		"an argument as well": {[]string{"18000000000000001"}, "is one argument too many"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			starter(t, append([]string{"comment"}, tc.args...)...).mustFail(t, tc.want)
		})
	}
}
