package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Only can_reply_privately: false is a no. Everything else leaves the reply to its
// deadline and to Meta's answer to the send.
func TestLookUpComment(t *testing.T) {
	created := noon.Add(-time.Hour)
	facts := func(notRepliable bool) workflows.LookUpCommentResult {
		return workflows.LookUpCommentResult{CreatedAt: created, Deadline: created.Add(7*24*time.Hour - 2*time.Minute), NotRepliable: notRepliable}
	}
	tests := []struct {
		name    string
		account privatereply.Account
		body    string
		want    workflows.LookUpCommentResult
	}{
		{"may be answered", page, `{"created_time":"2026-03-02T11:00:00+0000","can_reply_privately":true}`, facts(false)},
		{"may not", page, `{"created_time":"2026-03-02T11:00:00+0000","can_reply_privately":false}`, facts(true)},
		{"not said", page, `{"created_time":"2026-03-02T11:00:00+0000"}`, facts(false)},
		{"null", page, `{"can_reply_privately":null}`, workflows.LookUpCommentResult{}},
		{"nothing at all", page, `{}`, workflows.LookUpCommentResult{}},
		{"unreadable time", page, `{"created_time":"yesterday","can_reply_privately":false}`, workflows.LookUpCommentResult{NotRepliable: true}},
		{"Instagram", instagram, `{"timestamp":"2026-03-02T11:00:00+0000"}`, facts(false)},
		{"Instagram Login", instagramLogin, `{"timestamp":"2026-03-02T12:00:00+0100"}`, facts(false)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, tt.body))
			got, err := run[workflows.LookUpCommentResult](t, b, "LookUpComment", workflows.LookUpCommentInput{Comment: postComment(tt.account)})
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if paths := b.paths(); len(paths) != 1 || paths[0] != "200000000000001_300000000000001" {
				t.Errorf("asked for %v", paths)
			}
		})
	}
}

// A visitor post is looked up as it was received.
func TestLookUpVisitorPost(t *testing.T) {
	b := newBench(t, says(200, `{}`))
	c := postComment(page)
	c.CommentID, c.PostID = "", "100000000000001_200000000000001"
	_, err := run[workflows.LookUpCommentResult](t, b, "LookUpComment", workflows.LookUpCommentInput{Comment: c})
	if paths := b.paths(); err != nil || len(paths) != 1 || paths[0] != c.PostID {
		t.Errorf("asked for %v, %v", paths, err)
	}
}

// A refusal of the look-up is not a no of Meta's to the reply.
func TestLookUpCommentFails(t *testing.T) {
	missing, unreadable := page, tokenless
	missing.ID = "404"
	tests := []struct {
		name     string
		account  privatereply.Account
		status   int
		body     string
		mentions string
	}{
		{"gone, or no permission", page, 400, `{"error":{"code":100,"error_subcode":33}}`, "100/33"},
		{"token", page, 400, `{"error":{"code":190}}`, "access token"},
		{"outage", page, 500, ``, "not a JSON object"},
		{"a text for a bool", page, 200, `{"can_reply_privately":"false"}`, "expected form"},
		{"unknown account", missing, 200, `{}`, "unknown account"},
		{"unreadable token", unreadable, 200, `{}`, "token_env"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(tt.status, tt.body))
			got, err := run[workflows.LookUpCommentResult](t, b, "LookUpComment", workflows.LookUpCommentInput{Comment: postComment(tt.account)})
			if err == nil || !strings.Contains(err.Error(), tt.mentions) || got.NotRepliable {
				t.Errorf("got %+v, %v; want an error about %q", got, err, tt.mentions)
			}
		})
	}
}
