package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

const campaign = `default: ignore
rules:
  - name: list
    when: says(text, "list")
    once: person_and_post
    reply: "Hi {{username|there}}, {{account}} has it for you."
    buttons:
      - title: Send me the list
        then: "Here it is, {{username|friend}}: {{ad_title|our list}}"
      - {title: Shop, url: "https://example.com/a?b=c#d"}
    public: "Sent, {{username|friend}}! 💌"
  - name: question
    when: text.contains("?") && platform == "instagram"
    ask: true
    quick_replies:
      - title: "Yes"
      - title: "No"
        then: Then not.
  - name: spam
    when: says(text, "bitcoin")
    ignore: true
    hide: true
  - name: rude
    when: says(text, "rude")
    ask: Please be kind.
    hide: true
    once: person
`

// All that a rule says travels in the decision, with its placeholders filled.
func TestDecideParts(t *testing.T) {
	s := mustParse(t, campaign)
	for _, tt := range []struct {
		text   string
		change func(*Input)
		want   privatereply.Decision
	}{
		{"The list!", nil, privatereply.Decision{
			Action: privatereply.ActionAuto, Rule: "list", Text: "Hi ann, Clean Slate has it for you.",
			Buttons: []privatereply.Button{
				{Title: "Send me the list", Then: "Here it is, ann: our list"},
				{Title: "Shop", URL: "https://example.com/a?b=c#d"},
			},
			PublicText: "Sent, ann! 💌", Once: privatereply.OncePersonAndPost, Reason: privatereply.DecidedByRule,
		}},
		{"The list!", func(in *Input) {
			in.Comment.Username, in.Comment.AdTitle, in.AccountName = "", " Summer\u202e\nsale ", ""
		}, privatereply.Decision{
			Action: privatereply.ActionAuto, Rule: "list", Text: "Hi there, 17841400000000001 has it for you.",
			Buttons: []privatereply.Button{
				{Title: "Send me the list", Then: "Here it is, friend: Summer sale"},
				{Title: "Shop", URL: "https://example.com/a?b=c#d"},
			},
			PublicText: "Sent, friend! 💌", Once: privatereply.OncePersonAndPost, Reason: privatereply.DecidedByRule,
		}},
		{"The list!", func(in *Input) { in.Comment.PersonID = "" }, privatereply.Decision{
			Action: privatereply.ActionAsk, Rule: "list", Text: "Hi ann, Clean Slate has it for you.",
			Buttons: []privatereply.Button{
				{Title: "Send me the list", Then: "Here it is, ann: our list"},
				{Title: "Shop", URL: "https://example.com/a?b=c#d"},
			},
			PublicText: "Sent, ann! 💌", Once: privatereply.OncePersonAndPost, Reason: privatereply.OnceUnknown,
		}},
		{"Hm?", nil, privatereply.Decision{
			Action: privatereply.ActionAsk, Rule: "question",
			QuickReplies: []privatereply.QuickReply{{Title: "Yes"}, {Title: "No", Then: "Then not."}}, Reason: privatereply.DecidedByRule,
		}},
		{"bitcoin", nil, privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam", Hide: true, Reason: privatereply.DecidedByRule}},
		{"rude", nil, privatereply.Decision{Action: privatereply.ActionAsk, Rule: "rude", Text: "Please be kind.", Hide: true, Once: privatereply.OncePerson, Reason: privatereply.DecidedByRule}},
		{"rude", func(in *Input) { in.Comment.PersonID = "" }, privatereply.Decision{ // a person decides anyway
			Action: privatereply.ActionAsk, Rule: "rude", Text: "Please be kind.", Hide: true, Once: privatereply.OncePerson, Reason: privatereply.DecidedByRule}},
	} {
		t.Run(tt.text, func(t *testing.T) {
			in := comment(func(in *Input) { in.Comment.PersonID, in.Comment.Text = "77", tt.text })
			if tt.change != nil {
				tt.change(&in)
			}
			tt.want.RulesSHA256 = s.SHA256()
			got := s.Decide(in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := got.Validate(in.Comment.Platform); err != nil {
				t.Error(err)
			}
		})
	}
	// What one decision fills in is not seen by the next.
	s.Decide(comment(func(in *Input) { in.Comment.Text, in.Comment.Username = "list", "bob" }))
	if got := s.Rules()[0].Buttons[0].Then; got != "Here it is, {{username|friend}}: {{ad_title|our list}}" {
		t.Errorf("the rule's button became %q", got)
	}
}

// A pause outweighs once: there is one reason, and it is the account's.
func TestPausedOnce(t *testing.T) {
	s := mustParse(t, campaign)
	got := s.Decide(comment(func(in *Input) { in.Comment.Text, in.AutomaticPaused = "list", true }))
	if got.Action != privatereply.ActionAsk || got.Reason != privatereply.AutomaticPaused || len(got.Buttons) != 2 || got.PublicText == "" {
		t.Errorf("%+v", got)
	}
}

// Variants take turns by the comment's id; the same comment has the same ones each time,
// whichever prefix Meta writes its id with.
func TestVariants(t *testing.T) {
	s := mustParse(t, "rules:\n  - name: a\n    reply: [r0, r1, 'r2 {{username|x}}']\n    public:\n      - p0\n      - p1\n      - p2\n")
	if diff := cmp.Diff([]Rule{{Name: "a", Action: "auto", Text: "r0", Variants: []string{"r0", "r1", "r2 {{username|x}}"}, Public: []string{"p0", "p1", "p2"}}}, s.Rules()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	seen := map[string]int{}
	for i := range 900 {
		in := comment(func(in *Input) {
			in.Comment.Platform, in.Comment.CommentID = privatereply.Facebook, fmt.Sprintf("100_%d", 5000+i)
		})
		e := s.Explain(in)
		d := e.Decision
		if !strings.HasPrefix(d.Text, fmt.Sprintf("r%d", e.TextVariant.Number-1)) || d.PublicText != fmt.Sprintf("p%d", e.PublicVariant.Number-1) ||
			e.TextVariant.Of != 3 || e.PublicVariant.Of != 3 {
			t.Fatalf("%+v", e)
		}
		in.Comment.CommentID = fmt.Sprintf("200_%d", 5000+i)
		in.Comment.Text, in.FoundBySweep, in.Now = "edited", true, in.Now.Add(time.Hour)
		if diff := cmp.Diff(d, s.Decide(in)); diff != "" {
			t.Fatalf("a repeat differs:\n%s", diff)
		}
		seen[d.Text[:2]]++
		seen[d.PublicText]++
		seen[d.Text[:2]+d.PublicText]++
	}
	for _, one := range []string{"r0", "r1", "r2", "p0", "p1", "p2"} {
		if n := seen[one]; n < 200 || n > 400 {
			t.Errorf("%s was chosen %d times of 900", one, n)
		}
	}
	if len(seen) != 3+3+9 { // the public reply does not follow the private one
		t.Errorf("%v", seen)
	}
	// The choice is part of what running replies and repeats rely on: it never changes.
	// From: printf '18000000000000001\nreply' | sha256sum, its first 8 bytes modulo 3.
	if got := s.Decide(comment(nil)); got.Text != "r1" || got.PublicText != "p1" {
		t.Errorf("comment 18000000000000001 has %q and %q", got.Text, got.PublicText)
	}
}

// Programs see which variant was chosen, and what people should know of quick replies.
func TestExplainParts(t *testing.T) {
	s := mustParse(t, "rules:\n  - name: a\n    reply: [one, two]\n    quick_replies: [{title: Yes please}]\n")
	e := s.Explain(comment(nil))
	if diff := cmp.Diff([]string{privatereply.MessageRequestsRemark}, e.Remarks); diff != "" {
		t.Errorf("on Instagram (-want +got):\n%s", diff)
	}
	got, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(got), `"text_variant":{"number":`) || strings.Contains(string(got), "public_variant") {
		t.Errorf("%s, %v", got, err)
	}
	if e := s.Explain(comment(func(in *Input) { in.Comment.Platform = privatereply.Facebook })); e.Remarks != nil {
		t.Errorf("on Facebook: %q", e.Remarks)
	}
}

// People who choose quick replies for Instagram are told of its Message Requests folder.
func TestRemarks(t *testing.T) {
	quick := "    quick_replies: [{title: A}]\n"
	s := mustParse(t, "rules:\n"+
		"  - name: both\n    when: text == 'a'\n    reply: x\n"+quick+
		"  - name: facebook\n    when: platform == 'facebook'\n    reply: x\n"+quick+
		"  - name: plain\n    when: text == 'b'\n    reply: x\n"+
		"  - name: rest\n    ask: true\n"+quick)
	want := []string{`rule "both", quick_replies: ` + privatereply.MessageRequestsRemark, `rule "rest", quick_replies: ` + privatereply.MessageRequestsRemark}
	if diff := cmp.Diff(want, s.Remarks()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever Meta gives for a name or a title, the decision can be sent: the fallbacks stand
// in, and a name of the account that is too long is cut.
func TestLongValues(t *testing.T) {
	fill := func(n int, placeholder string) string { return strings.Repeat("a", n) + placeholder }
	for _, tt := range []struct {
		name, file string
		change     func(*Input)
		want       privatereply.Decision
	}{
		{"a title", "reply: '" + fill(900, "{{ad_title|x}}") + "'", func(in *Input) { in.Comment.AdTitle = strings.Repeat("t", 101) },
			privatereply.Decision{Text: fill(900, "x")}},
		{"a title that fits", "reply: '" + fill(900, "{{ad_title|x}}") + "'", func(in *Input) { in.Comment.AdTitle = strings.Repeat("t", 100) },
			privatereply.Decision{Text: fill(900, strings.Repeat("t", 100))}},
		{"an account", "reply: '" + fill(900, "{{account}}") + "'", func(in *Input) { in.AccountName = strings.Repeat("価", 40) },
			privatereply.Decision{Text: fill(900, strings.Repeat("価", 33))}},
		{"an account that fits", "reply: '{{account}}!'", func(in *Input) { in.AccountName = strings.Repeat("価", 40) },
			privatereply.Decision{Text: strings.Repeat("価", 40) + "!"}},
		{"with buttons", "reply: '" + fill(540, "{{ad_title|x}}") + "'\n    buttons: [{title: B, then: '" + fill(900, "{{ad_title|y}}") + "'}]",
			func(in *Input) { in.Comment.AdTitle = strings.Repeat("t", 101) },
			privatereply.Decision{Text: fill(540, "x"), Buttons: []privatereply.Button{{Title: "B", Then: fill(900, "y")}}}},
		{"in public", "ask: true\n    public: '" + fill(2100, "{{ad_title|x}}") + "'", func(in *Input) { in.Comment.AdTitle = strings.Repeat("t", 101) },
			privatereply.Decision{Action: privatereply.ActionAsk, PublicText: fill(2100, "x")}},
		{"no account at all", "reply: '{{account}}'", func(in *Input) { in.AccountName, in.Comment.Account = "", "" },
			privatereply.Decision{Text: "account"}},
		{"an account with a fallback", "reply: '{{account|us}}'", func(in *Input) { in.AccountName, in.Comment.Account = "", "" },
			privatereply.Decision{Text: "us"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, "rules:\n  - name: a\n    "+tt.file+"\n").Decide(comment(tt.change))
			if err := got.Validate(privatereply.Instagram); err != nil {
				t.Error(err)
			}
			if tt.want.Action == "" {
				tt.want.Action = privatereply.ActionAuto
			}
			tt.want.Rule, tt.want.Reason, tt.want.RulesSHA256 = "a", privatereply.DecidedByRule, got.RulesSHA256
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A message that loads can be sent with the longest values, and is refused a character
// above.
func TestPartsLimits(t *testing.T) {
	title := func(n int) string { return strings.Repeat("é", n) }
	text := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct{ name, file, wrong string }{
		{"text with buttons", "reply: '" + text(640) + "'\n    buttons: [{title: B, then: x}]", ""},
		{"text with buttons, one more", "reply: '" + text(641) + "'\n    buttons: [{title: B, then: x}]", "reply: text cannot be sent: it has 641 characters; with buttons at most 640; shorten it"},
		{"a variant with buttons", "reply: [ok, '" + text(641) + "']\n    buttons: [{title: B, then: x}]", "reply[1]: text cannot be sent: it has 641 characters"},
		{"with a name, on Instagram", "when: platform == \"instagram\"\n    ask: '" + text(611) + "{{username|x}}'\n    buttons: [{title: B, then: x}]", "ask: text cannot be sent: it has 641 characters; with buttons at most 640, counted with the longest values of its placeholders; shorten it"},
		{"then", "reply: x\n    buttons: [{title: B, then: '" + text(900) + "{{ad_title|x}}'}]", ""},
		{"then, one more", "reply: x\n    buttons: [{title: B, then: '" + text(901) + "{{ad_title|x}}'}]", "buttons[0].then: text cannot be sent: it has 1001 bytes; instagram takes at most 1000, counted with"},
		{"then of a quick reply", "reply: x\n    quick_replies: [{title: A}, {title: B, then: '" + text(1001) + "'}]", "quick_replies[1].then: text cannot be sent: it has 1001 bytes"},
		{"title", "reply: x\n    buttons: [{title: " + title(20) + ", then: x}]", ""},
		{"public", "reply: x\n    public: '" + text(2200) + "'", ""},
		{"public, one more", "reply: x\n    public: [x, '" + text(2101) + "{{account}}']", "public[1]: text cannot be sent: it has 2201 characters; a comment on Instagram has at most 2200, counted with the longest"},
		{"public on Facebook", "when: platform == \"facebook\"\n    reply: x\n    public: '" + text(8000) + "'", ""},
		{"both on Facebook", "when: platform == \"facebook\"\n    reply: x\n    buttons: [{title: B, then: x}]\n    quick_replies: [{title: A}]", ""},
		{"as many as may be", "reply: x\n    quick_replies: [{title: a}, {title: b}, {title: c}, {title: d}, {title: e}, {title: f}, {title: g}, {title: h}, {title: i}, {title: j}, {title: k}, {title: l}, {title: m}]", ""},
		{"twenty variants", "reply: [" + strings.TrimSuffix(strings.Repeat("x, ", maxVariants), ", ") + "]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("rules.yaml", []byte("rules:\n  - name: a\n    "+tt.file+"\n"))
			if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("err = %v, want %q", err, tt.wrong)
			}
		})
	}
}

// Lists without end are refused in about the time that it takes to read them, and with a few
// words.
func TestHostileParts(t *testing.T) {
	rule := func(fields string) string { return "rules:\n  - name: a\n    reply: hi\n" + fields }
	for _, tt := range []struct{ name, data, wrong string }{
		{"variants", "rules:\n  - name: a\n    reply: [" + strings.Repeat("x,", 300_000) + "x]\n", "reply: there are 300001 variants; at most 20"},
		{"public variants", rule("    public:\n" + strings.Repeat("      - x\n", 50_000)), "public: there are 50000 variants; at most 20"},
		{"buttons", rule("    buttons:\n" + strings.Repeat("      - title: x\n", 50_000)), "buttons: message cannot be sent: there are 50000; at most 3"},
		{"quick replies", rule("    quick_replies: [" + strings.Repeat("{title: x},", 80_000) + "]\n"), "quick_replies: message cannot be sent: there are 80000; at most 13"},
		{"nested buttons", rule("    buttons: " + strings.Repeat("[", 100_000) + "\n"), "nested too deep"},
		{"buttons in a button", rule("    buttons:\n      - title: x\n        then: [[[[[[[{a: [b]}]]]]]]]\n"), `buttons[0].then: "[[[[[[[{a: [b]}]]]]]]]" is not a text to YAML`},
		{"placeholders", "rules:\n  - name: a\n    reply: '" + strings.Repeat("{{account}}", 90_000) + "'\n", "bytes; instagram takes at most 1000"},
		{"a long address", rule("    buttons: [{title: x, url: 'https://example.com/" + strings.Repeat("x", 500_000) + "'}]\n"), "buttons[0].url: message cannot be sent"},
		{"aliases", "rules:\n  - name: a\n    reply: &a [x, x]\n  - name: b\n    reply: [*a, *a]\n", `reply: "&a [x, x]" is not a text to YAML`},
		{"an alias of buttons", rule("    buttons: *b\n"), "buttons: it must be a list"},
		{"an alias of a button", rule("    buttons: [*b]\n"), "buttons[0]: it has no fields"},
		{"a merged button", rule("    buttons: [{title: x, <<: *b}]\n"), "buttons[0].<<: there is no such field; the fields are title, url, then"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			_, err := Parse("rules.yaml", []byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("err = %.500v, want %q", err, tt.wrong)
			}
			if err != nil && len(err.Error()) > 5000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			// It takes a second at most; only a hang takes this long.
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
