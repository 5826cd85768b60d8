package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Guards: a list shows the replies of the states and account asked for, the
// earliest deadline first, with what a person needs to decide.
func TestList(t *testing.T) {
	needProduct(t)
	// An account that only this test uses; by hand the times can be chosen.
	for i, age := range []time.Duration{time.Hour, 72 * time.Hour, 24 * time.Hour} {
		created := time.Now().Add(-age).UTC().Format(time.RFC3339)
		starter(t, "comment", "--account", otherLogin, "--id", fmt.Sprint("1800000000000060", i), "--created", created,
			"--username", fmt.Sprint("person", i), "--text", "Is it \x1b[31mred?", "--reply", "Hello").mustSucceed(t)
	}
	r := waitListed(t, 3, "--account", otherLogin, "--state", "awaiting_approval")
	var rows []replies.Row
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, row := range rows {
		order = append(order, row.Person)
		if row.Comment != "Is it \x1b[31mred?" || row.Text != "Hello" || row.Account != otherLogin || row.State != privatereply.AwaitingApproval ||
			row.Platform != privatereply.Instagram || row.Source != "post" || row.StartedAt.IsZero() {
			t.Errorf("row = %+v", row)
		}
	}
	if want := []string{"person1", "person2", "person0"}; !slices.Equal(order, want) {
		t.Errorf("order = %v, want %v", order, want)
	}

	table := starter(t, "list", "--account", otherLogin, "--state", "awaiting_approval", "--limit", "2").mustSucceed(t).out
	for _, want := range []string{"STATE ", "awaiting_approval", "in 3d 23h", "person1", "18000000000000601", "“Is it [31mred?” → “Hello”", "2 of 3; more with --limit"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if strings.Contains(table, "\x1b") {
		t.Error("a comment reached the terminal's controls")
	}
	if got := starter(t, "list", "--account", otherLogin, "--state", "expired,withdrawn").mustSucceed(t).out; got != "no replies\n" {
		t.Errorf("empty list = %q", got)
	}
	if got := starter(t, "list", "--account", otherLogin, "--state", "expired", "--json").mustSucceed(t).out; got != "[]\n" {
		t.Errorf("empty JSON list = %q", got)
	}
	starter(t, "list", "--state", "sleeping").mustFail(t, `"sleeping" is not a state`, "awaiting_approval")
	starter(t, "list", "--limit", "0").mustFail(t, "--limit is 0")
	starter(t, "list", "--account", `x" OR AccountId != "`).mustFail(t, "is not in the accounts file, which has "+instagram)
	starter(t, "list", "--account", "17841499999999999").mustFail(t, "is not in the accounts file, which has "+instagram)
}

// Guards: whatever people write, no line is wider than a terminal and both texts
// are seen.
func TestListTable(t *testing.T) {
	now := time.Now()
	long := strings.Repeat("word ", 60)
	rows := []replies.Row{
		{ID: "reply:instagram:1:18000000000000001", CommentID: "18000000000000001", State: privatereply.AwaitingApproval, Deadline: now.Add(3 * time.Hour), Person: strings.Repeat("名", 60), Comment: long, Text: long, Rule: strings.Repeat("r", 40)},
		{ID: "reply:instagram:1:2", CommentID: "2", State: privatereply.Sent, Comment: "short", Text: long},
		{ID: "reply:instagram:3:2", CommentID: "2", State: privatereply.Sent, Comment: long, Text: "short"},
	}
	var b strings.Builder
	if err := listTable(rows, now).Write(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for _, line := range lines {
		if n := console.Columns(line); n > console.Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(lines[1], "18000000000000001") || !strings.Contains(lines[1], "in 3h") {
		t.Errorf("row = %q", lines[1])
	}
	if !strings.Contains(lines[3], "reply:instagram:1:2") || !strings.Contains(lines[5], "reply:instagram:3:2") {
		t.Errorf("the same comment id in two accounts is not told apart:\n%s", b.String())
	}
	if !strings.HasPrefix(lines[4], "  “short” → “word word") || !strings.HasSuffix(lines[6], "…” → “short”") {
		t.Errorf("texts are cut in the wrong place:\n%s\n%s", lines[4], lines[6])
	}
}

// Guards: an edit and what a comment shows beside its words are said before it, and
// stay within the line.
func TestListRemarks(t *testing.T) {
	now := time.Now()
	long := strings.Repeat("word ", 60)
	edited := now.Add(-5 * time.Minute)
	for name, tc := range map[string]struct {
		row  replies.Row
		want string
	}{
		"neither":          {replies.Row{Comment: "How much?", Text: "Hi"}, "  “How much?” → “Hi”\n"},
		"no text":          {replies.Row{Text: "Hi"}, "  “(no text)” → “Hi”\n"},
		"a photo alone":    {replies.Row{Attachment: privatereply.Attachment{Kind: privatereply.Photo}, Text: "Hi"}, "  “(photo)” → “Hi”\n"},
		"a GIF with words": {replies.Row{Attachment: privatereply.Attachment{Kind: privatereply.GIF}, Comment: "Ha", Text: "Hi"}, "  GIF: “Ha” → “Hi”\n"},
		"edited":           {replies.Row{EditedAt: edited, Comment: "How much?"}, "  edited 5m ago: “How much?”\n"},
		"both":             {replies.Row{EditedAt: edited, Attachment: privatereply.Attachment{Kind: privatereply.Video}, Comment: long, Text: long}, "  video, edited 5m ago: “word word"},
		"a kind of no one": {replies.Row{Attachment: privatereply.Attachment{Kind: "\x1b[31m" + privatereply.AttachmentKind(long)}, Comment: long}, "  attachment: “word word"},
		"with all that goes with it": {
			replies.Row{Comment: "List?", Text: "Hi", Message: workflows.MessageMemo{Buttons: "Yes, please\nShop", Public: true, Hide: true}, Effects: []string{workflows.EffectTapped, workflows.EffectPublicReply}},
			"  “List?” → “Hi” [Yes, please] [Shop] + in public + hide · ",
		},
		"answers, and what happened": {
			replies.Row{Comment: long, Text: long, Message: workflows.MessageMemo{QuickReplies: "Small"}, Effects: []string{workflows.EffectTapped}}, "” (Small) · tapped\n",
		},
		"edited, photo alone": {replies.Row{EditedAt: edited, Attachment: privatereply.Attachment{Kind: privatereply.Photo}}, "  edited 5m ago: “(photo)”\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := listTable([]replies.Row{tc.row}, now).Write(&b); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), tc.want) {
				t.Errorf("want %q in\n%s", tc.want, b.String())
			}
			for line := range strings.Lines(b.String()) {
				if n := console.Columns(strings.TrimSuffix(line, "\n")); n > console.Width {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

// Guards: a reply that waits before its send shows when it is tried, and that it is
// too late; lists without one have no column for it.
func TestListNextTry(t *testing.T) {
	now := time.Now()
	sending := replies.Row{ID: "reply:instagram:1:1", CommentID: "1", State: privatereply.Sending, Deadline: now.Add(3 * time.Hour), Person: "lena"}
	soon, never, due := sending, sending, sending
	soon.NextTry, never.NextTry, due.NextTry = now.Add(5*time.Minute+time.Second), now.Add(4*time.Hour), now.Add(-time.Second)
	for name, tc := range map[string]struct {
		row  replies.Row
		want string
	}{
		"waits":              {soon, "in 5m 1s"},
		"after its deadline": {never, "too late"},
		"on its way":         {due, ""},
		"no wait":            {sending, ""},
	} {
		var b strings.Builder
		if err := listTable([]replies.Row{tc.row}, now).Write(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "NEXT TRY"); got != (tc.want != "") || !strings.Contains(b.String(), tc.want) {
			t.Errorf("%s: want %q in\n%s", name, tc.want, b.String())
		}
	}
}
