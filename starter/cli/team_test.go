package cli

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/export"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards: what one proposes another one sees, sends and finds in lists and in the export,
// with who did what; accounts go by their names.
func TestTeamwork(t *testing.T) {
	needProduct(t)
	id := comment(t, meta.NewComment{Account: instagram, Username: "=team", Text: "Does it come in ash?"})
	workflow := instagramReply(t, id)
	waitFor(t, workflow, privatereply.AwaitingApproval)

	starter(t, "propose", id).mustFail(t, "--text is missing")
	starter(t, "propose", id, "--text", strings.Repeat("ö", 501)).mustFail(t, "1002 bytes", "at most 1000")
	starter(t, "propose", id, "--text", "Yes, in ash too.", "--note", "is that so?", "--by", "ana").mustSucceed(t)
	starter(t, "note", id, "--text", "asked the workshop", "--by", "ben").mustSucceed(t)
	starter(t, "assign", id).mustFail(t, "--to is missing")
	starter(t, "assign", id, "--to", "ana", "--by", "ben").mustSucceed(t)
	shown := starter(t, "show", id).mustSucceed(t).out
	for _, want := range []string{"Reply", "“Yes, in ash too.”", "by ana, ", "“is that so?”", "Assigned", "to ana", "by ben, ", "“asked the workshop”"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
	starter(t, "reopen", id).mustFail(t, workflow+": there is nothing to reopen. A person must decide")
	starter(t, "reject", id, "--reason", "spam", "--approver", "ben").mustSucceed(t)
	if out := starter(t, "reopen", id, "--reason", "it was no spam", "--by", "ana").mustSucceed(t).out; !strings.HasPrefix(out, workflow+": awaiting_approval, until") {
		t.Errorf("reopen says %q", out)
	}
	if shown := starter(t, "show", id).mustSucceed(t).out; !strings.Contains(shown, "by ana, ") || !strings.Contains(shown, "ben had rejected it") || !strings.Contains(shown, "“Yes, in ash too.”") {
		t.Errorf("show after reopen:\n%s", shown)
	}
	starter(t, "approve", id, "--approver", "ben").mustSucceed(t)
	waitFor(t, workflow, privatereply.Sent)
	starter(t, "propose", id, "--text", "Hi").mustFail(t, workflow+": already decided: ben approved this reply")
	starter(t, "assign", id, "--to", "", "--by", "ana").mustSucceed(t)

	eventually(t, func() error {
		if !strings.Contains(starter(t, "list", "--account", "Clean Slate", "--state", "sent").mustSucceed(t).out, "→ “Yes, in ash too.”") {
			return errors.New("it is not listed")
		}
		return nil
	})
	now := time.Now()
	rows, err := csv.NewReader(strings.NewReader(starter(t, "export", "--account", "Clean Slate", "--from", now.AddDate(0, 0, -1).Format(time.DateOnly), "--to", now.Format(time.DateOnly)).mustSucceed(t).out)).ReadAll()
	if err != nil || len(rows) < 2 || rows[0][0] != "id" {
		t.Fatalf("%v, %v", rows, err)
	}
	lines := 0
	for _, row := range rows[1:] {
		if row[0] == workflow {
			lines++
		}
		if row[0] == workflow && (row[3] != "'=team" || row[10] != "Yes, in ash too." || row[11] != "ana" || row[12] != "ben" || row[13] != "no") {
			t.Errorf("the line is %q", row)
		}
	}
	if lines != 1 {
		t.Errorf("the reply has %d lines: the rejection that was taken back has none", lines)
	}
	line, _, _ := strings.Cut(starter(t, "export", "--state", "sent", "--json").mustSucceed(t).out, "\n")
	var first export.Record
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.State != privatereply.Sent {
		t.Errorf("%v in %s", err, line)
	}
	starter(t, "export", "--from", "yesterday").mustFail(t, `--from: "yesterday" is neither a day`)
	if got := starter(t, "export", "--to", "2020-01-01").mustSucceed(t).out; strings.Count(got, "\n") != 1 {
		t.Errorf("nothing is exported as %q", got)
	}
}
