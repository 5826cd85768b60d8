package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// comment is a usual one.
func comment(change func(*Input)) Input {
	in := Input{
		Comment: privatereply.Comment{
			Platform:   privatereply.Instagram,
			Account:    "17841400000000001",
			CommentID:  "18000000000000001",
			MediaID:    "18000000000000050",
			Source:     privatereply.SourcePost,
			Username:   "ann",
			Text:       "How much is it?",
			ReceivedAt: now.Add(-time.Minute),
		},
		AccountName: "Clean Slate",
		Now:         now,
	}
	if change != nil {
		change(&in)
	}
	return in
}

// Every variable that the contract names says what the contract says.
func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		name, when string
		change     func(*Input)
		want       bool
	}{
		{"platform", `platform == "instagram"`, nil, true},
		{"source", `source in ["reel", "post"]`, nil, true},
		{"another source", `source in ["reel", "ad"]`, nil, false},
		{"text", `text == "How much is it?"`, nil, true},
		{"no text", `text == ""`, func(in *Input) { in.Comment.Text = "" }, true},
		{"text contains", `text.contains("much")`, nil, true},
		{"text matches", `text.matches(r"(?i)how\s+MUCH\b")`, nil, true},
		{"text does not match", `text.matches(r"^much")`, nil, false},
		{"text says", `says(text, "how much")`, nil, true},
		{"text says one of", `says(text, ["price", "how much"])`, nil, true},
		{"text says none of", `says(text, ["price", "how many"])`, nil, false},
		{"text says a computed word", `["price", "much"].exists(w, says(text, w))`, nil, true},
		{"text says nothing", `says(text, ad_title)`, nil, false},
		{"letters", `letters(text) == 11`, nil, true},
		{"no letters", `letters(text) == 0`, func(in *Input) { in.Comment.Text = "🔥 100 !" }, true},
		{"username", `username == "ann"`, nil, true},
		{"media", `media_id == "18000000000000050"`, nil, true},
		{"the post behind an ad", `media_id == "18000000000000051"`, func(in *Input) { in.Comment.OriginalMediaID = "18000000000000051" }, true},
		{"no ad", `ad_id == "" && ad_title == ""`, nil, true},
		{"ad", `ad_id == "120200000000000001" && says(ad_title, "summer")`, func(in *Input) {
			in.Comment.AdID, in.Comment.AdTitle = "120200000000000001", "Summer sale"
		}, true},
		{"account", `account == "Clean Slate"`, nil, true},
		{"webhook", `found_by_sweep`, nil, false},
		{"sweep", `found_by_sweep`, func(in *Input) { in.FoundBySweep = true }, true},
		{"first comment", `is_reply`, nil, false},
		{"reply", `is_reply`, func(in *Input) { in.Comment.ParentID = "18000000000000009" }, true},
		{"first comment on Facebook", `is_reply`, func(in *Input) {
			in.Comment.Platform, in.Comment.ParentID, in.Comment.MediaID = privatereply.Facebook, "100_200", "100_200"
		}, false},
		{"first comment on Facebook with another prefix", `is_reply`, func(in *Input) {
			in.Comment.Platform, in.Comment.ParentID, in.Comment.MediaID = privatereply.Facebook, "100_200", "200"
		}, false},
		{"reply on Facebook", `is_reply`, func(in *Input) {
			in.Comment.Platform, in.Comment.ParentID, in.Comment.MediaID = privatereply.Facebook, "200_300", "100_200"
		}, true},
		{"visitor post", `is_reply`, func(in *Input) {
			in.Comment.Platform, in.Comment.PostID, in.Comment.CommentID, in.Comment.MediaID = privatereply.Facebook, "100_200", "", ""
		}, false},
		{"age by receipt", `age == duration("1m")`, nil, true},
		{"age by entry", `age == duration("2m")`, func(in *Input) { in.Comment.EntryAt = now.Add(-2 * time.Minute) }, true},
		{"age by the earlier of both", `age == duration("1m")`, func(in *Input) { in.Comment.EntryAt = now }, true},
		{"age by entry alone", `age == duration("2m")`, func(in *Input) {
			in.Comment.EntryAt, in.Comment.ReceivedAt = now.Add(-2*time.Minute), time.Time{}
		}, true},
		{"age by creation", `age == duration("48h")`, func(in *Input) {
			in.Comment.CreatedAt, in.Comment.EntryAt = now.Add(-48*time.Hour), now.Add(-49*time.Hour)
		}, true},
		{"age by a clock ahead", `age == duration("0s")`, func(in *Input) { in.Comment.CreatedAt = now.Add(time.Second) }, true},
		{"age by no clock", `age == duration("0s")`, func(in *Input) { in.Comment.ReceivedAt = time.Time{} }, true},
		{"constant", `true`, nil, true},
		{"nothing shown", `has_photo || has_video`, nil, false},
		{"photo", `has_photo && !has_video`, attached(privatereply.Photo), true},
		{"video", `has_video && !has_photo`, attached(privatereply.Video), true},
		{"sticker", `has_photo || has_video`, attached(privatereply.Sticker), false},
		{"GIF", `has_photo || has_video`, attached(privatereply.GIF), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustParse(t, "rules:\n  - name: a\n    ask: true\n    when: |\n      "+tt.when+"\n")
			e := s.Explain(comment(tt.change))
			want := NotMatched
			if tt.want {
				want = Matched
			}
			if diff := cmp.Diff([]RuleResult{{Name: "a", Result: want}}, e.Rules); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func attached(kind privatereply.AttachmentKind) func(*Input) {
	return func(in *Input) { in.Comment.Attachment.Kind = kind }
}

const orderedRules = `
default: ignore
rules:
  - name: price
    when: says(text, "price")
    reply: "Hi {{username|there}}!"
    hold: 2m
  - name: broken
    when: int(ad_id) > 10
    reply: "An ad, {{username|there}}!"
  - name: question
    when: text.contains("?")
    ask: "{{username|There}}, what do you mean?"
  - name: unsure
    when: text.contains("!")
    ask: true
  - name: short
    when: size(text) < 3
    ignore: true
`

// The first rule that matches decides, and its decision has all that the workflow needs.
func TestDecide(t *testing.T) {
	s := mustParse(t, orderedRules)
	for _, tt := range []struct {
		name, text, adID string
		want             privatereply.Decision
	}{
		{"reply", "price? !", "1", privatereply.Decision{
			Action: privatereply.ActionAuto, Rule: "price", Text: "Hi ann!", Hold: privatereply.Duration(2 * time.Minute), Reason: privatereply.DecidedByRule,
		}},
		{"the second reply has no hold", "hm", "11", privatereply.Decision{
			Action: privatereply.ActionAuto, Rule: "broken", Text: "An ad, ann!", Reason: privatereply.DecidedByRule,
		}},
		{"ask with a text", "what? !", "1", privatereply.Decision{
			Action: privatereply.ActionAsk, Rule: "question", Text: "ann, what do you mean?", Reason: privatereply.DecidedByRule,
		}},
		{"ask without a text", "oh!", "1", privatereply.Decision{
			Action: privatereply.ActionAsk, Rule: "unsure", Reason: privatereply.DecidedByRule,
		}},
		{"ignore", "hm", "1", privatereply.Decision{
			Action: privatereply.ActionIgnore, Rule: "short", Reason: privatereply.DecidedByRule,
		}},
		{"default", "hello", "1", privatereply.Decision{
			Action: privatereply.ActionIgnore, Reason: privatereply.DecidedByDefault,
		}},
		{"a rule that fails", "hello?", "no number", privatereply.Decision{
			Action: privatereply.ActionAsk, Reason: "rule_error:broken",
		}},
		{"a rule before the one that fails", "price", "no number", privatereply.Decision{
			Action: privatereply.ActionAuto, Rule: "price", Text: "Hi ann!", Hold: privatereply.Duration(2 * time.Minute), Reason: privatereply.DecidedByRule,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.RulesSHA256 = s.SHA256()
			got := s.Decide(comment(func(in *Input) { in.Comment.Text, in.Comment.AdID = tt.text, tt.adID }))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// One Set decides on many comments at the same time.
func TestDecideConcurrently(t *testing.T) {
	s := mustParse(t, orderedRules)
	var group sync.WaitGroup
	for i := range 8 {
		text, rule := "price?", "price"
		if i%2 == 0 {
			text, rule = "prıcey? 価格", "question"
		}
		group.Go(func() {
			for range 20 {
				if got := s.Decide(comment(func(in *Input) { in.Comment.Text, in.Comment.AdID = text, "1" })); got.Rule != rule {
					t.Errorf("%q was decided by %q, want %q", text, got.Rule, rule)
				}
			}
		})
	}
	group.Wait()
}

// A person decides unless the file says otherwise.
func TestDefault(t *testing.T) {
	for data, want := range map[string]privatereply.Action{
		"rules: []\n":       privatereply.ActionAsk,
		"default: ask\n":    privatereply.ActionAsk,
		"default: ignore\n": privatereply.ActionIgnore,
	} {
		s := mustParse(t, data)
		if diff := cmp.Diff(privatereply.Decision{Action: want, Reason: privatereply.DecidedByDefault, RulesSHA256: s.SHA256()}, s.Decide(comment(nil))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", data, diff)
		}
	}
}

// Programs read an explanation as JSON.
func TestExplain(t *testing.T) {
	s := mustParse(t, orderedRules)
	for _, tt := range []struct{ name, text, adID, want string }{
		{
			"matched", "what?", "1",
			`{"rules":[{"name":"price","result":"not_matched"},{"name":"broken","result":"not_matched"},{"name":"question","result":"matched"}],` +
				`"decision":{"action":"ask","rule":"question","text":"ann, what do you mean?","rules_sha256":"SHA","reason":"rule"}}`,
		},
		{
			"failed", "what?", "",
			`{"rules":[{"name":"price","result":"not_matched"},{"name":"broken","result":"failed","error":"type conversion error from 'string' to 'int'"}],` +
				`"decision":{"action":"ask","rules_sha256":"SHA","reason":"rule_error:broken"}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(s.Explain(comment(func(in *Input) { in.Comment.Text, in.Comment.AdID = tt.text, tt.adID })))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Replace(tt.want, "SHA", s.SHA256(), 1), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got, err := json.Marshal(mustParse(t, "default: ask\n").Explain(comment(nil)).Rules); err != nil || string(got) != "[]" {
		t.Errorf("without rules: %s, %v, want an empty list", got, err)
	}
}

// A comment that is meant to do harm is decided, or given to a person, without delay.
func TestHostileComments(t *testing.T) {
	s := mustParse(t, `
default: ignore
rules:
  - name: words
    when: says(text, ["price", "how much", "価格", "🔥🔥", "가격"]) || says(username, "shop")
    ask: true
  - name: pattern
    when: text.matches(r"(?i)(x+x+)+y|refund")
    ask: true
  - name: letters
    when: letters(text) < 0
    ask: true
`)
	for _, tt := range []struct {
		name, text, username string
		wantReason           string
	}{
		{"10,000 characters", strings.Repeat("x", 10_000), "", privatereply.DecidedByDefault},
		{"10,000 emoji", strings.Repeat("🔥 ", 10_000), "", privatereply.DecidedByDefault},
		{"accents without end", strings.Repeat("e\u0301\u0301\u0301\u0301", 7_000), "", privatereply.DecidedByDefault},
		{"characters that decompose into many", strings.Repeat("ﷺ", 20_000), "", privatereply.DecidedByDefault},
		{"invisible characters", strings.Repeat("\u200d\u200b", 10_000), "", privatereply.DecidedByDefault},
		{"characters of no space", strings.Repeat("価", 20_000), "", privatereply.DecidedByDefault},
		{"not UTF-8", strings.Repeat("\xff\xc0", 10_000), "\xff", privatereply.DecidedByDefault},
		{"control characters", "\x00\x1b[2J" + strings.Repeat("\x00", 10_000), "\x00", privatereply.DecidedByDefault},
		{"longer than any comment", strings.Repeat("x", maxTextBytes+1), "", "rule_error:words"},
		{"a name longer than any name", "", strings.Repeat("x", maxOtherBytes+1), "rule_error:words"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			got := s.Decide(comment(func(in *Input) { in.Comment.Text, in.Comment.Username = tt.text, tt.username }))
			if got.Reason != tt.wantReason {
				t.Errorf("reason = %q, want %q", got.Reason, tt.wantReason)
			}
			// It takes milliseconds; only a hang takes this long.
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A rule without a condition decides on a comment that conditions cannot look at.
func TestUnconditionalRule(t *testing.T) {
	s := mustParse(t, "rules:\n  - name: all\n    reply: hi\n")
	if got := s.Decide(comment(func(in *Input) { in.Comment.Text = strings.Repeat("x", maxTextBytes+1) })); got.Rule != "all" {
		t.Errorf("decision = %+v", got)
	}
}

// A condition that runs for too long fails, even where its cost was underestimated.
func TestCostLimit(t *testing.T) {
	s := mustParse(t, "rules:\n  - name: a\n    when: text == \"\"\n    ask: true\n")
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	loop := strings.Repeat("[1,2,3,4,5,6,7,8,9].all(x, ", 7) + "true" + strings.Repeat(")", 7)
	checked, issues := env.Compile(loop)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	if s.rules[0].condition.program, err = plan(env, checked); err != nil {
		t.Fatal(err)
	}
	e := s.Explain(comment(nil))
	if e.Decision.Reason != "rule_error:a" || !strings.Contains(e.Rules[0].Error, "cost limit exceeded") {
		t.Errorf("explanation = %+v", e)
	}
}

// When the time is over, a person decides what is not decided yet, and a rule that was
// interrupted is not said to be wrong.
func TestDecideWithin(t *testing.T) {
	loop := strings.Repeat("[1,2,3,4,5,6,7,8,9].all(x, ", 6) + "true" + strings.Repeat(")", 6)
	s := mustParse(t, "default: ignore\nrules:\n  - name: a\n    when: text == \"\"\n    reply: hi\n  - name: b\n    reply: bye\n")
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	tooSlow := privatereply.Decision{Action: privatereply.ActionAsk, Reason: "rule_error:too_slow", RulesSHA256: s.SHA256()}
	byB := privatereply.Decision{Action: privatereply.ActionAuto, Rule: "b", Text: "bye", Reason: privatereply.DecidedByRule, RulesSHA256: s.SHA256()}
	if diff := cmp.Diff(byB, s.DecideWithin(t.Context(), comment(nil))); diff != "" {
		t.Errorf("in time (-want +got):\n%s", diff)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if diff := cmp.Diff(tooSlow, s.DecideWithin(over, comment(nil))); diff != "" {
		t.Errorf("when the time is over (-want +got):\n%s", diff)
	}
	want := Explanation{Rules: []RuleResult{{Name: "a", Result: Failed, Error: "there was no time for it"}}, Decision: tooSlow}
	if diff := cmp.Diff(want, s.explain(over, comment(nil))); diff != "" {
		t.Errorf("explained (-want +got):\n%s", diff)
	}
	checked, issues := env.Compile(loop)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	if s.rules[0].condition.program, err = plan(env, checked); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // of some hundreds
	defer cancel()
	if diff := cmp.Diff(tooSlow, s.DecideWithin(soon, comment(nil))); diff != "" {
		t.Errorf("while a condition runs (-want +got):\n%s", diff)
	}
	if got := mustParse(t, "default: ignore\n").DecideWithin(over, comment(nil)); got.Reason != privatereply.DecidedByDefault {
		t.Errorf("without a rule: %+v", got)
	}
}

// The longest comment that Meta takes does not take a file of the greatest cost long: the
// bridge's budget is for a whole delivery, and a condition is worked out to its end.
func TestCostliestFile(t *testing.T) {
	var words []string
	for i := range 60 {
		words = append(words, fmt.Sprintf("%q", fmt.Sprintf("wordnumber%d", i)))
	}
	file := func(n int) string {
		var f strings.Builder
		f.WriteString("default: ask\nrules:\n")
		for i := range n {
			fmt.Fprintf(&f, "  - name: r%d\n    when: says(text, [%s, \"x%d\"])\n    ignore: true\n", i, strings.Join(words, ", "), i)
		}
		return f.String()
	}
	n := 1
	for ; n < 400; n++ {
		if _, err := Parse("rules.yaml", []byte(file(n+1))); err != nil {
			break
		}
	}
	if n == 400 {
		t.Fatal("no file costs too much")
	}
	s := mustParse(t, file(n))
	for name, text := range map[string]string{
		"letters":       strings.Repeat("a ", 4000),
		"ligatures":     strings.Repeat("\ufdfa", 8000),
		"combining":     "a" + strings.Repeat("\u0301", 7999),
		"joined emoji":  strings.Repeat("\U0001F468\u200d", 4000),
		"Arabic digits": strings.Repeat("\u0661 ", 4000),
	} {
		began := time.Now()
		if d := s.Decide(comment(func(in *Input) { in.Comment.Text = text })); d.Reason != privatereply.DecidedByDefault {
			t.Errorf("%s: %+v", name, d)
		}
		// It takes up to 0.3 seconds, and ten times that with the race detector.
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: %d rules took %v", name, n, took)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	var data strings.Builder
	data.WriteString("rules:\n")
	for i := range 50 {
		name := string(rune('a'+i/10)) + string(rune('0'+i%10))
		data.WriteString("  - name: " + name + "\n    ask: true\n    when: ")
		if i%2 == 0 {
			data.WriteString(`source in ["post", "reel"] && says(text, ["` + name + ` price", "` + name + ` much", "価格"])` + "\n")
		} else {
			data.WriteString(`text.matches(r"(?i)refund|` + name + `")` + "\n")
		}
	}
	s := mustParse(b, data.String())
	in := comment(func(in *Input) { in.Comment.Text = "Love it 😍 what would it cost to send one to Zürich, please?" })
	b.ReportAllocs()
	for b.Loop() {
		if got := s.Decide(in); got.Reason != privatereply.DecidedByDefault {
			b.Fatal(got)
		}
	}
}
