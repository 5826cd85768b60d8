package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
)

// Guards: a new rules file is tried on the comments that are kept, and changes none
// of their replies.
func TestRulesBacktest(t *testing.T) {
	needProduct(t)
	ids := map[string]string{}
	for id, text := range map[string]string{"1800000000000901": "backtest this please", "1800000000000902": "backtest nothing here"} {
		starter(t, "comment", "--account", instagram, "--id", id, "--text", text, "--username", "lena", "--reply", "Hello").mustSucceed(t)
		ids[text] = "reply:instagram:" + instagram + ":" + id
	}
	file := filepath.Join(t.TempDir(), "new.yaml")
	rulesFile := "default: ask\nrules:\n  - name: fresh\n    when: says(text, \"backtest this\")\n    reply: \"Fresh, {{username|there}}\"\n"
	if err := os.WriteFile(file, []byte(rulesFile), 0o600); err != nil {
		t.Fatal(err)
	}
	var got backtest
	var changed *backtestDifference
	eventually(t, func() error { // visibility follows
		r := starter(t, "rules", "backtest", file, "--account", instagram, "--json").mustSucceed(t)
		got = backtest{}
		if err := json.Unmarshal([]byte(r.out), &got); err != nil {
			return err
		}
		for i, c := range got.Changed {
			if c.ID == ids["backtest this please"] {
				changed = &got.Changed[i]
				return nil
			}
		}
		return errors.New("the comment is not among those that would change")
	})
	if changed.Was.Action != privatereply.ActionAsk || changed.Would.Action != privatereply.ActionAuto ||
		changed.Would.Rule != "fresh" || changed.Would.Text != "Fresh, lena" {
		t.Errorf("changed: %+v", changed)
	}
	if got.Comments < 2 {
		t.Errorf("%d comments were looked at", got.Comments)
	}
	table := starter(t, "rules", "backtest", file, "--account", instagram).mustSucceed(t).out
	for _, want := range []string{"WOULD BE", "Fresh, lena", "1800000000000901", "nothing was sent"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if shown := starter(t, "show", "1800000000000901").mustSucceed(t).out; !strings.Contains(shown, "awaiting_approval") {
		t.Errorf("the reply changed:\n%s", shown)
	}
	starter(t, "rules", "backtest", filepath.Join(t.TempDir(), "none.yaml")).mustFail(t, "none.yaml")
}
