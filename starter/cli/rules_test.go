package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/backtest"
)

const testRules = `default: ask
rules:
  - name: price
    when: source == "reel" && says(text, "price")
    reply: "Hi {{username|there}}!"
    hold: 2m
  - name: late
    when: age > duration("24h")
    ignore: true
  - name: shop
    when: account == "Shop" || found_by_sweep
    ask: "Hello?"
  - name: photo
    when: has_photo || has_video
    ask: "A picture?"
  - name: oak
    when: says(text, "oak")
    reply: "Yes, in oak."
    paused: true
  - name: list
    when: says(text, "list")
    reply: ["One, {{username|you}}", "Two, {{username|you}}"]
    buttons:
      - {title: Send it, then: "Here, {{username|you}}"}
      - {title: Shop, url: "https://example.com"}
    public: ["Sent!", "Look!"]
    once: person_and_post
  - name: closed
    when: says(text, "open") && (hour < 9 || hour >= 18)
    ask: "Tomorrow?"
    quick_replies: [{title: "Yes", then: "At nine."}, {title: "No"}]
  - name: spam
    when: says(text, "bitcoin")
    ignore: true
    hide: true
`

func rulesFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Guards: what a rule would do, and why, can be seen before it does it, with
// nothing running.
func TestRulesTest(t *testing.T) {
	path := rulesFile(t, testRules)
	tests := map[string]struct {
		args []string
		want []string
	}{
		"matches":        {[]string{"what's the PRICE?", "--source", "reel", "--username", "lena"}, []string{"“what's the PRICE?”\n", "price  matched\n", "answered automatically after a hold of 2m, by rule price", "“Hi lena!”"}},
		"none matches":   {[]string{"price"}, []string{"price  not matched", "shop   not matched", "a person decides, by the default, because no rule matched"}},
		"by age":         {[]string{"hm", "--age", "25h"}, []string{"late   matched", "left alone, by rule late"}},
		"by account":     {[]string{"hm", "--account", "Shop"}, []string{"shop   matched", "“Hello?”"}},
		"only the file":  {nil, []string{"is all right: 8 rules", `rule "closed", quick_replies: Instagram does not show quick replies in the Message Requests folder`}},
		"file, as JSON":  {[]string{"--json"}, []string{`"name": "price"`, `"hold": "2m0s"`}},
		"found by sweep": {[]string{"hm", "--found-by-sweep"}, []string{"shop   matched"}},
		"photo":          {[]string{"", "--photo"}, []string{"photo  matched", "“A picture?”"}},
		"paused":         {[]string{"in oak?"}, []string{"oak    matched, paused", "a person decides, by rule oak, but automatic replies of the rule or the account are paused", "“Yes, in oak.”"}},
		"variants":       {[]string{"the list", "--username", "lena", "--comment-id", "18000000000000001"}, []string{"list    matched", "“One, lena” (variant 1 of 2)", "button  [Send it] sends “Here, lena”", "button  [Shop] opens https://example.com", " of 2)", "answered automatically, once per person and post, by rule list"}},
		"all variants":   {[]string{"the list"}, []string{"variant  1. “One, {{username|you}}”", "variant  2. “Two", "public   1. “Sent!”"}},
		"no person":      {[]string{"the list", "--person", ""}, []string{"a person decides, once per person and post, by rule list, which answers a person once, but Meta did not name the person"}},
		"closed":         {[]string{"open?", "--at", "2026-07-01T18:00", "--time-zone", "Europe/Berlin"}, []string{"closed  matched", "quick reply  [Yes] sends “At nine.”", "quick reply  [No] sends nothing", "Message Requests folder"}},
		"open":           {[]string{"open?", "--at", "2026-07-01T15:59:59Z", "--time-zone", "Europe/Berlin"}, []string{"closed  not matched"}},
		"hidden":         {[]string{"bitcoin"}, []string{"left alone, and the comment hidden, by rule spam"}},
		"video":          {[]string{"", "--video"}, []string{"photo  matched", "“A picture?”"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := starter(t, append([]string{"rules", "test", "--rules", path}, tc.args...)...).mustSucceed(t)
			flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
			for _, want := range tc.want {
				if !strings.Contains(flat(r.out), flat(want)) {
					t.Errorf("output lacks %q:\n%s", want, r.out)
				}
			}
		})
	}
}

// Guards: many comments can be tried at once, and a program reads one answer a line.
func TestRulesTestFile(t *testing.T) {
	path := rulesFile(t, testRules)
	lines := `{"text":"price please","source":"reel"}

{"text":"old","age":"48h"}
{"text":"hi","platform":"facebook","account_name":"Shop"}
`
	var out, errOut bytes.Buffer
	if code := Main([]string{"rules", "test", "--rules", path, "--file", "-", "--json"}, strings.NewReader(lines), &out, &errOut); code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var rules []string
	for line := range strings.Lines(out.String()) {
		var got struct {
			Text     string
			Decision struct{ Rule string }
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		rules = append(rules, got.Text+": "+got.Decision.Rule)
	}
	if got, want := strings.Join(rules, "; "), "price please: price; old: late; hi: shop"; got != want {
		t.Errorf("decisions = %s, want %s", got, want)
	}

	for name, tc := range map[string]struct{ line, want string }{
		"no zone":       {`{"text":"x","time_zone":"Mars"}`, `standard input, line 1: time_zone: "Mars" is not a time zone; write one such as Europe/Berlin`},
		"unknown field": {`{"tex":"x"}`, `standard input, line 1: json: unknown field "tex"`},
		"no JSON":       {`price`, "standard input, line 1"},
		"no platform":   {`{"text":"x","platform":"myspace"}`, `"myspace" is not a platform`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := Main([]string{"rules", "test", "--rules", path, "--file", "-"}, strings.NewReader(tc.line), &out, &errOut)
			result{out.String(), errOut.String(), code}.mustFail(t, tc.want)
		})
	}
}

// Guards: a rules file with mistakes fails, with each mistake and its line.
func TestRulesTestBadFile(t *testing.T) {
	path := rulesFile(t, "default: maybe\nrules:\n  - name: a\n    when: text.nope()\n    reply: hi\n")
	starter(t, "rules", "test", "--rules", path).mustFail(t, "line 1", "maybe", "line 4")
	starter(t, "rules", "test", "--rules", path+".none").mustFail(t, "no such file")
	good := rulesFile(t, testRules)
	starter(t, "rules", "test", "x", "--rules", good, "--at", "noon").mustFail(t, `--at: "noon" is not a time; write one such as 2026-11-29T20:30`)
	starter(t, "rules", "test", "x", "--rules", good, "--time-zone", "Local").mustFail(t, `"Local" is not a time zone`)
	starter(t, "rules", "tset").mustFail(t, `there is no command "tset"; did you mean test?`)
}

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
	var got backtest.Report
	var changed *backtest.Difference
	eventually(t, func() error { // visibility follows
		r := starter(t, "rules", "backtest", file, "--account", instagram, "--json").mustSucceed(t)
		got = backtest.Report{}
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
