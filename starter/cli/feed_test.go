package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/feed"
	"github.com/privatereply/privatereply/lab/meta"
)

// withoutToken checks that nothing printed shows a token.
func (r result) withoutToken(t *testing.T) result {
	t.Helper()
	for _, a := range product.Accounts.All() {
		secrets, err := product.Accounts.Secrets(a.Platform, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.out+r.err, secrets.Token) {
			t.Errorf("it shows the token of %s:\n%s%s", a.ID, r.out, r.err)
		}
	}
	return r
}

// Guards: a feed is read whole, visitors' posts, comments and replies, and fits the
// terminal; its ids and its JSON are what other commands take.
func TestFeed(t *testing.T) {
	needProduct(t)
	parent := comment(t, meta.NewComment{Account: page, Username: "Reader One", Text: "Is this feed " + strings.Repeat("long ", 50)})
	reply := comment(t, meta.NewComment{ParentID: parent, Username: "Reader Two", Text: "I wonder too"})
	visitor := comment(t, meta.NewComment{Account: page, Source: privatereply.SourceVisitorPost, Username: "Reader Three", Text: "May I post here?"})

	r := starter(t, "feed", page, "--limit", "1000").mustSucceed(t).withoutToken(t)
	for _, want := range []string{parent, reply, visitor, "- comment ", "- - reply ", "visitor post ", "Reader Two", "“I wonder too”"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	for line := range strings.Lines(r.out) {
		if n := console.Columns(strings.TrimSuffix(line, "\n")); n > console.Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}

	var posts []readPost
	out := starter(t, "feed", "Clean Slate Page", "--limit", "1000", "--json").mustSucceed(t).withoutToken(t).out
	if err := json.Unmarshal([]byte(out), &posts); err != nil {
		t.Fatal(err)
	}
	found := map[string]feed.Comment{}
	for _, p := range posts {
		for _, c := range p.Comments {
			found[c.CommentID] = c
		}
	}
	if c := found[reply]; c.ParentID != parent || c.Text != "I wonder too" || c.Username != "Reader Two" || c.Account != page || c.CanReplyPrivately == nil || !*c.CanReplyPrivately {
		t.Errorf("the reply is %+v", c)
	}

	starter(t, "feed", page, "--since", "1000h", "--limit", "0").mustFail(t, "--limit is 0")
	starter(t, "feed", page, "--since", "yesterday").mustFail(t, `--since: "yesterday" is neither a duration nor a time; write 48h`)
	starter(t, "feed", "404").mustFail(t, `account "404" is not in the accounts file`)
	starter(t, "feed").mustFail(t, "an ACCOUNT is missing")
}

// Guards: --since leaves out older posts on both platforms, and --limit ends the
// reading, newest first.
func TestFeedSince(t *testing.T) {
	needProduct(t)
	// The sandbox's accounts begin with a post of 72 hours ago and a reel of 48.
	for _, account := range []string{otherLogin, page} {
		count := func(args ...string) (n int, newest time.Time) {
			var posts []readPost
			out := starter(t, append([]string{"feed", account, "--json"}, args...)...).mustSucceed(t).out
			if err := json.Unmarshal([]byte(out), &posts); err != nil {
				t.Fatal(err)
			}
			for _, p := range posts {
				if p.Source != privatereply.SourceVisitorPost {
					n++
				}
			}
			return n, posts[0].CreatedAt
		}
		if n, _ := count("--limit", "1000"); n != 2 {
			t.Errorf("%s has %d posts, want 2", account, n)
		}
		if n, newest := count("--limit", "1000", "--since", "60h"); n != 1 || time.Since(newest) > 49*time.Hour {
			t.Errorf("%s has %d posts of the last 60 hours, the newest of %v", account, n, newest)
		}
		if n, _ := count("--limit", "1000", "--since", time.Now().AddDate(0, 0, -10).UTC().Format(time.DateOnly)); n != 2 {
			t.Errorf("%s has %d posts of the last 10 days, want 2", account, n)
		}
	}
	if n := strings.Count(starter(t, "feed", otherLogin, "--limit", "1", "--json").mustSucceed(t).out, `"source": "reel"`); n == 0 {
		t.Error("the newest post is not the first")
	}
	starter(t, "feed", otherLogin, "--since", "1h").mustSucceed(t)
	if out := starter(t, "feed", otherLogin, "--since", "1h").mustSucceed(t).out; out != "no posts\n" {
		t.Errorf("output = %q", out)
	}
}
