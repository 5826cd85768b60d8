package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards: a bare id is tried in every spelling that Meta has for it.
func TestCandidateIDs(t *testing.T) {
	accounts := []privatereply.Account{
		{Platform: privatereply.Instagram, ID: instagram},
		{Platform: privatereply.Facebook, ID: page},
	}
	tests := map[string]struct {
		arg  string
		want []string
		err  string
	}{
		"as Instagram gives it": {
			arg: "18000000000000001",
			want: []string{
				"reply:instagram:" + instagram + ":18000000000000001",
				"reply:facebook:" + page + ":18000000000000001",
				"reply:facebook:" + page + ":post-18000000000000001",
			},
		},
		"as Facebook gives it": {
			arg: "200000000000001_300000000000001",
			want: []string{
				"reply:instagram:" + instagram + ":200000000000001_300000000000001",
				"reply:facebook:" + page + ":300000000000001",
				"reply:facebook:" + page + ":post-300000000000001",
			},
		},
		"a canonical visitor post": {
			arg: "post-300000000000001",
			want: []string{
				"reply:instagram:" + instagram + ":post-300000000000001",
				"reply:facebook:" + page + ":post-300000000000001",
				"reply:facebook:" + page + ":post-post-300000000000001",
			},
		},
		"with a space": {arg: "1 2", err: `"1 2" cannot be a comment's id`},
		"empty":        {arg: "", err: "is empty"},
		"far too long": {arg: strings.Repeat("1", 300), err: "255 is the most"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := candidateIDs(accounts, tc.arg)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error = %v, want one with %q", err, tc.err)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("error %v, candidates (-want +got):\n%s", err, diff)
			}
		})
	}
}

// Guards: every way to name a reply finds it, and one that means two is refused
// with both.
func TestReplyID(t *testing.T) {
	needProduct(t)
	onPage := comment(t, meta.NewComment{Account: page, Username: "Tom", Text: "Is it broken?"})
	post := comment(t, meta.NewComment{Account: page, Username: "Ann", Source: privatereply.SourceVisitorPost, Text: "Are you open on Sunday?"})
	pageReply := replyOf(t, privatereply.Comment{Platform: privatereply.Facebook, Account: page, CommentID: onPage})
	postReply := replyOf(t, privatereply.Comment{Platform: privatereply.Facebook, Account: page, PostID: post})
	waitFor(t, pageReply, privatereply.AwaitingApproval)
	waitFor(t, postReply, privatereply.AwaitingApproval)
	_, bareComment, _ := strings.Cut(onPage, "_")
	_, barePost, _ := strings.Cut(post, "_")

	// A comment and a visitor post whose numbers happen to be the same.
	starter(t, "comment", "--account", page, "--id", "1_777", "--reply", "Hi").mustSucceed(t)
	starter(t, "comment", "--account", page, "--id", "2_777", "--post", "--reply", "Hi").mustSucceed(t)

	for name, tc := range map[string]struct {
		arg  string
		want string
		err  []string
	}{
		"whole id":                     {arg: pageReply, want: pageReply},
		"as received":                  {arg: onPage, want: pageReply},
		"canonical":                    {arg: bareComment, want: pageReply},
		"visitor post as received":     {arg: post, want: postReply},
		"visitor post by its number":   {arg: barePost, want: postReply},
		"visitor post, canonical":      {arg: "post-" + barePost, want: postReply},
		"two replies":                  {arg: "777", err: []string{"means several replies", "reply:facebook:" + page + ":777\n", "reply:facebook:" + page + ":post-777"}},
		"no reply":                     {arg: "18000000000000000", err: []string{"no reply to a comment 18000000000000000", "4 accounts", "starter list"}},
		"whole id that does not exist": {arg: "reply:instagram:" + instagram + ":1", err: []string{"does not exist"}},
		"broken whole id":              {arg: "reply:instagram:1", err: []string{"is not a whole workflow id"}},
		"a conversation":               {arg: "conversation:instagram:1:2", err: []string{"is the id of a conversation"}},
		"a space":                      {arg: "1 2", err: []string{"cannot be a comment's id"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := starter(t, "show", tc.arg)
			if tc.err != nil {
				r.mustFail(t, tc.err...)
				return
			}
			r.mustSucceed(t)
			if first, _, _ := strings.Cut(r.out, "\n"); first != tc.want {
				t.Errorf("showed %s, want %s", first, tc.want)
			}
		})
	}
}
