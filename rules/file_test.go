package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// mustParse is for rules that a test needs and does not test.
func mustParse(t testing.TB, data string) *Set {
	t.Helper()
	s, err := Parse("rules.yaml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The example that people copy loads, and does what its comments say.
func TestExampleFile(t *testing.T) {
	s, err := Load(filepath.Join("..", "rules.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Rule{
		{Name: "spam", When: `says(text, ["crypto", "bitcoin", "earn money"])`, Action: privatereply.ActionIgnore, Hide: true},
		{
			Name:   "list",
			When:   `source in ["post", "reel", "ad"] && says(text, "list")`,
			Action: privatereply.ActionAuto,
			Text:   "Hi {{username|there}}! Tap below, and our list of {{ad_title|the season}} is yours.",
			Variants: []string{
				"Hi {{username|there}}! Tap below, and our list of {{ad_title|the season}} is yours.",
				"Hello {{username|there}}, nice that you ask. One tap, and you have the list.",
			},
			Buttons: []privatereply.Button{
				{Title: "Send me the list", Then: "Here it is, {{username|as promised}}: https://example.com/list.pdf"},
				{Title: "Open the shop", URL: "https://example.com/shop"},
			},
			Public: []string{
				"Sent you a message, {{username|and thank you}} 💌",
				"Have a look at your messages 👀",
				"It is on its way to you. {{account}}",
			},
			Once: privatereply.OncePersonAndPost,
		},
		{
			Name:   "price",
			When:   `source in ["post", "reel", "ad"] && says(text, ["price", "how much"])`,
			Action: privatereply.ActionAuto,
			Text:   "Hi {{username|there}}, our price list: https://example.com/prices",
			Hold:   privatereply.Duration(2 * time.Minute),
		},
		{
			Name:   "complaints",
			When:   `text.matches(r"(?i)refund|broken")`,
			Action: privatereply.ActionAsk,
			Text:   "Sorry to hear that, {{username|there}}. What happened?",
		},
		{
			Name:   "closed",
			When:   `text.contains("?") && (hour < 9 || hour >= 18 || weekday in ["sat", "sun"] || date == "2026-12-25")`,
			Action: privatereply.ActionAuto,
			Text:   "Hi {{username|there}}, we are closed. You hear from us when we open, at 9 on weekdays.",
			Once:   privatereply.OncePerson,
		},
		{Name: "emoji-only", When: "letters(text) == 0 && !has_photo && !has_video", Action: privatereply.ActionIgnore},
	}
	if diff := cmp.Diff(want, s.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// The example leaves emoji alone, and no picture.
func TestExampleKeepsPictures(t *testing.T) {
	s, err := Load(filepath.Join("..", "rules.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text string
		kind privatereply.AttachmentKind
		want privatereply.Action
	}{
		{"🔥🔥", "", privatereply.ActionIgnore},
		{"", "", privatereply.ActionIgnore},
		{"", privatereply.GIF, privatereply.ActionIgnore},
		{"", privatereply.Sticker, privatereply.ActionIgnore},
		{"", privatereply.Photo, privatereply.ActionAsk},
		{"😡", privatereply.Photo, privatereply.ActionAsk},
		{"", privatereply.Video, privatereply.ActionAsk},
	} {
		got := s.Decide(comment(func(in *Input) { in.Comment.Text, in.Comment.Attachment.Kind = tt.text, tt.kind }))
		if got.Action != tt.want {
			t.Errorf("%q with %q: %+v", tt.text, tt.kind, got)
		}
	}
}

// Comments meet the rule of the example that is meant for them, by day and by night.
func TestExampleCampaign(t *testing.T) {
	s, err := Load(filepath.Join("..", "rules.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, at, want string }{
		{"LIST please!", "2026-12-01T10:00:00Z", "list"},
		{"the list?", "2026-12-01T22:00:00Z", "list"},
		{"How much is it?", "2026-12-01T22:00:00Z", "price"},
		{"Are you open?", "2026-12-01T16:59:59Z", ""},
		{"Are you open?", "2026-12-01T17:00:00Z", "closed"},
		{"Are you open?", "2026-07-01T16:00:00Z", "closed"}, // 18 o'clock in summer
		{"Are you open?", "2026-12-05T11:00:00Z", "closed"}, // a Saturday
		{"Are you open?", "2026-12-25T11:00:00Z", "closed"},
		{"Good morning", "2026-12-05T11:00:00Z", ""},
		{"Earn money with Bitcoin", "2026-12-01T10:00:00Z", "spam"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Decide(comment(func(in *Input) {
			in.Comment.Text, in.Comment.PersonID, in.Comment.CreatedAt, in.TimeZone = tt.text, "77", at, zone(t, "Europe/Berlin")
		}))
		if got.Rule != tt.want {
			t.Errorf("%q at %s: rule %q, want %q", tt.text, tt.at, got.Rule, tt.want)
		}
		if err := got.Validate(privatereply.Instagram); err != nil {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}

// What people write in YAML without thinking about YAML loads as they mean it.
func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		want       []Rule
	}{
		{"only a default", "default: ignore\n", []Rule{}},
		{"no rules yet", "default: ask\nrules:\n", []Rule{}},
		{"an empty list", "rules: []\n", []Rule{}},
		{"byte order mark and Windows lines", "\ufeffdefault: ask\r\nrules:\r\n  - name: a\r\n    ignore: true\r\n", []Rule{{Name: "a", Action: "ignore"}}},
		{"document marks", "---\nrules:\n  - name: a\n    ignore: true\n...\n", []Rule{{Name: "a", Action: "ignore"}}},
		{"flow style", `{rules: [{name: a, reply: "hi"}]}`, []Rule{{Name: "a", Action: "auto", Text: "hi"}}},
		{"a number for a name", "rules:\n  - name: 2024\n    ignore: true\n", []Rule{{Name: "2024", Action: "ignore"}}},
		{"no proposed text", "rules:\n  - name: a\n    ask: true\n", []Rule{{Name: "a", Action: "ask"}}},
		{"several lines", "rules:\n  - name: a\n    reply: |\n      Hi!\n\n      Bye #sale\n", []Rule{{Name: "a", Action: "auto", Text: "Hi!\n\nBye #sale"}}},
		{"a long condition", "rules:\n  - name: a\n    when: >\n      text == \"a\" ||\n      text == \"b\"\n    ignore: true\n", []Rule{{Name: "a", When: `text == "a" || text == "b"`, Action: "ignore"}}},
		{"an ordinary comment after a text", "rules:\n  - name: a\n    reply: Hi there # to everybody\n", []Rule{{Name: "a", Action: "auto", Text: "Hi there"}}},
		{"placeholder with spaces", "rules:\n  - name: a\n    reply: Hi {{ username | there }}\n", []Rule{{Name: "a", Action: "auto", Text: "Hi {{ username | there }}"}}},
		{"hold", "rules:\n  - name: a\n    reply: hi\n    hold: 1h30m\n", []Rule{{Name: "a", Action: "auto", Text: "hi", Hold: privatereply.Duration(90 * time.Minute)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mustParse(t, tt.data).Rules()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Decisions name the very bytes that were loaded.
func TestSHA256(t *testing.T) {
	// From: printf 'default: ask\n' | sha256sum
	const want = "c5acc3ffa9b6fb6c3c15bf2b9c1dac4bd065b9e01ea190ca25894a2d05e45a04"
	if got := mustParse(t, "default: ask\n").SHA256(); got != want {
		t.Errorf("SHA256() = %s, want %s", got, want)
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "rules.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want it to be fs.ErrNotExist", err)
	}
}

// The file's length is bounded before it is read into memory.
func TestLoadHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 * maxFileBytes); err != nil { // sparse
		t.Fatal(err)
	}
	_, err = Load(path)
	if err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Errorf("err = %v", err)
	}
}

// A text that loads can be sent, with every name and on every platform where its
// rule can match.
func TestTextLimits(t *testing.T) {
	// Of the limit, {{username|x}} takes 30 bytes on Instagram, 60 characters on Facebook.
	for _, tt := range []struct {
		name, when, text string
		wrong            string // empty: it loads
	}{
		{"the limit of Instagram", "", strings.Repeat("a", 1000), ""},
		{"one byte more", "", strings.Repeat("a", 1001), "it has 1001 bytes; instagram takes at most 1000"},
		{"bytes, not characters", "", strings.Repeat("価", 334), "it has 1002 bytes"},
		{"with a name", "", strings.Repeat("a", 970) + "{{username|x}}", ""},
		{"one byte more with a name", "", strings.Repeat("a", 971) + "{{username|x}}", "it has 1001 bytes"},
		{"with two names", "", strings.Repeat("a", 941) + "{{username|x}}{{username|x}}", "it has 1001 bytes"},
		{"with a long fallback", "", "{{username|" + strings.Repeat("a", 1001) + "}}", "it has 1001 bytes"},
		{"only Instagram", `platform == "instagram"`, strings.Repeat("a", 971) + "{{username|x}}", "it has 1001 bytes"},
		{"only Facebook", `platform == "facebook"`, strings.Repeat("価", 2000), ""},
		{"only Facebook, one character more", `platform == "facebook"`, strings.Repeat("価", 2001), "it has 2001 characters; facebook takes at most 2000"},
		{"only Facebook, with a name", `platform == "facebook"`, strings.Repeat("a", 1940) + "{{username|x}}", ""},
		{"only Facebook, one more with a name", `platform == "facebook"`, strings.Repeat("a", 1941) + "{{username|x}}", "it has 2001 characters"},
		{"only Facebook, turned round", `"facebook" == platform`, strings.Repeat("a", 2000), ""},
		{"only Facebook, among other demands", `text != "" && (is_reply && platform == "facebook") && age < duration("1h")`, strings.Repeat("a", 2000), ""},
		{"perhaps Facebook", `is_reply || platform == "facebook"`, strings.Repeat("a", 1001), "it has 1001 bytes"},
		{"not Facebook", `!(platform == "facebook")`, strings.Repeat("a", 1001), "it has 1001 bytes"},
	} {
		for _, field := range []string{"reply", "ask"} {
			t.Run(tt.name+", "+field, func(t *testing.T) {
				data := "rules:\n  - name: a\n"
				if tt.when != "" {
					data += "    when: '" + tt.when + "'\n"
				}
				_, err := Parse("rules.yaml", []byte(data+"    "+field+": \""+tt.text+"\"\n"))
				switch {
				case tt.wrong == "" && err != nil:
					t.Error(err)
				case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), field+": text cannot be sent: "+tt.wrong)):
					t.Errorf("err = %v, want %q", err, tt.wrong)
				}
			})
		}
	}
}

// A hostile file is refused, or loads, in about the time that its size takes.
func TestHostileFiles(t *testing.T) {
	rule := func(when string) string { return "rules:\n  - name: a\n    ignore: true\n    when: " + when + "\n" }
	for _, tt := range []struct{ name, data, wrong string }{
		{"brackets", strings.Repeat("[", maxFileBytes), "nested too deep"},
		{"braces", strings.Repeat("{a: ", maxFileBytes/4), "nested too deep"},
		{"dashes", strings.Repeat("- ", maxFileBytes/2), "nested too deep"},
		{"too large", strings.Repeat("#", maxFileBytes+1), "larger than"},
		{"aliases", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nrules: [*c, *c]\n", "there is no such field"},
		{"rules", "rules:\n" + strings.Repeat("  - name: a\n", maxRules+1), "501 rules; 500 is the most"},
		{"parentheses", rule(strings.Repeat("(", 5000)), "nested too deep; simplify it"},
		{"lists", rule("'" + strings.Repeat("[", 5000) + "'"), "nested too deep; simplify it"},
		{"a long condition", rule("'" + strings.Repeat("is_reply || ", 5000) + "is_reply'"), "split it into several rules"},
		{"a mistake far into a condition", rule("'" + strings.Repeat("is_reply || ", 500) + "nonsense'"), "(at line 1, column 6001 of the condition)"},
		{"loops", rule("'" + strings.Repeat("[1,2,3,4,5,6,7,8,9].all(x, ", 9) + "true" + strings.Repeat(")", 9) + "'"), "could take too long"},
		{"a text looked for in itself", rule("says(text + text, text)"), "could take too long"},
		{"a pattern", rule("text.matches('(?:.?){1000}x')"), "could take too long"},
		{"patterns together", rule("text.matches('(?:.?){500}x') || (text + text).matches('(?:.?){300}y')"), "could take too long"},
		{"a pattern in a loop", rule("'[1,2,3,4,5,6,7,8,9].all(x, text.matches(\"(?:.?){100}x\"))'"), "could take too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("rules.yaml", []byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("err = %.500v, want %q", err, tt.wrong)
			}
		})
	}
}

// Conditions that are fine one by one are refused when they take too long together,
// at the one that takes the most; as many rules as there may be can look for words.
func TestConditionsTogether(t *testing.T) {
	file := func(whens ...string) string {
		var b strings.Builder
		b.WriteString("rules:\n")
		for i, when := range whens {
			fmt.Fprintf(&b, "  - name: r%d\n    ask: true\n    when: '%s'\n", i, when)
		}
		return b.String()
	}
	var words, patterns []string
	for i := range maxRules {
		words = append(words, fmt.Sprintf(`says(text, ["price%d", "how much%d", "cost%d"])`, i, i, i))
		patterns = append(patterns, fmt.Sprintf(`text.matches(r"(?i)refund|broken|price|how much|word%d")`, i))
	}
	heavy := func(times, end string) string { return `text.matches(r"(?:.?){` + times + `}` + end + `")` }
	for _, tt := range []struct {
		name, data, wrong string
	}{
		{"words", file(words...), ""},
		{"a heavy pattern among words", file(slices.Insert(words[:300:300], 7, heavy("500", "x"))...), ""},
		{"patterns", file(patterns...), "together could take too long"},
		{"heavy patterns among words", file(append(words[:300:300], heavy("500", "x"), heavy("500", "y"), heavy("510", "z"), heavy("500", "z"))...),
			`line 910, rule "r302", when: all conditions together could take too long`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("rules.yaml", []byte(tt.data))
			if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("err = %.500v, want %q", err, tt.wrong)
			}
		})
	}
}

// Whatever stands in a file, it is either refused or can decide on any comment.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(filepath.Join("..", "rules.example.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example, "How much?", "ann")
	f.Add([]byte("rules:\n  - name: a\n    when: says(text, username) && text.matches(r\"\\bx\") || int(text) > 1\n    reply: '{{username|x}}'\n"), "12", "12")
	f.Add([]byte(campaign), "list", "ann")
	f.Add([]byte("{rules: [{name: a, ask: [x, '{{account}}'], buttons: [{title: T, then: '{{ad_title|x}}'}, *x], public: &p [y], hide: false, once: person, when: 'hour < 9 && date > \"2026-01-01\"'}]}"), "x", "")
	f.Add([]byte("{default: ignore, rules: [{name: a, ask: true, when: !!str \"true\"}, *x]}"), "", "")
	f.Add([]byte("? - a\n: &x |\n b\n"), "", "")
	f.Fuzz(func(t *testing.T, data []byte, text, username string) {
		s, err := Parse("rules.yaml", data)
		if err != nil {
			var wrong *LoadError
			if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
				t.Fatalf("err = %v is no LoadError with problems", err)
			}
			return
		}
		for _, p := range privatereply.Platforms {
			in := Input{Comment: privatereply.Comment{Platform: p, Text: text, Username: username}, Now: time.Now()}
			d := s.Decide(in)
			if err := d.Validate(p); err != nil {
				t.Errorf("%+v: %v", d, err)
			}
			if diff := cmp.Diff(d, s.Decide(in)); diff != "" {
				t.Errorf("a second decision differs:\n%s", diff)
			}
		}
	})
}

// Each thing that would go wrong later is refused at load, with the line, the rule,
// the field and what to write instead.
func TestRefusals(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "refusals.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, cases, _ := strings.Cut(string(golden), "\n=== ")
	for c := range strings.SplitSeq(cases, "\n=== ") {
		name, rest, _ := strings.Cut(c, "\n")
		file, want, ok := strings.Cut(rest, "-----\n")
		if !ok {
			t.Fatalf("case %q has no line of five dashes", name)
		}
		t.Run(name, func(t *testing.T) { refused(t, file, strings.TrimRight(want, "\n")) })
	}
}

// Files that an editor would not show as they are.
func TestRefusalsOfBytes(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"empty file", "", "the file is empty; the shortest one says default: ask"},
		{"not UTF-8", "default: ask # caf\xe9\n", "the file is not UTF-8; save it with the encoding UTF-8"},
		{"UTF-16", "\xff\xfed\x00e\x00f\x00", "the file is not UTF-8; save it with the encoding UTF-8"},
		{"control character", "default: ask\n# \x07\n", "line 2: there is an invisible control character (U+0007); remove it"},
		{"Windows", "default: ask\r\n# ours\r\nrules:\r\n  - name: a # b\r\n    replay: Hi\r\n    reply: Hi\r\n", "line 5, rule #1, replay: there is no such field; the fields are name, when, reply, ask, ignore, buttons, quick_replies, public, hide, once, hold, paused"},
		{"zero byte", "default: ask\x00\n", "line 1: there is an invisible control character (U+0000); remove it"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, tt.data, tt.want) })
	}
}

func refused(t *testing.T, data, want string) {
	t.Helper()
	_, err := Parse("rules.yaml", []byte(data))
	var wrong *LoadError
	if !errors.As(err, &wrong) {
		t.Fatalf("err = %v, want a *LoadError", err)
	}
	var got []string
	for _, p := range wrong.Problems {
		got = append(got, p.String())
	}
	if diff := cmp.Diff([]string{want}, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// Everything that is wrong is said at once, from the top of the file to its end.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("rules.yaml", []byte(`defualt: ask
rules:
  - name: Price List
    when: source in ["posts"] && says(text, ["price", ""])
    reply: "Hi {{username}}"
    hold: 10
  - name: a
    ask: hi
    hold: 2m
  - name: a
    reply: hi
    ignore: true
`))
	const want = `rules.yaml has 10 problems:
  line 1, defualt: there is no such field; the fields are default, rules
  line 3, rule #1, name: "Price List" is not a name; use small letters, digits, - and _, at most 64, as in price-list
  line 4, rule #1, when: source is never "posts"; it is one of post, reel, ad, live, story, visitor_post, other
     | source in ["posts"] && says(text, ["price", ""])
     | ...........^
  line 4, rule #1, when: says needs a word with at least one letter, digit or symbol; for punctuation write text.contains("")
     | source in ["posts"] && says(text, ["price", ""])
     | ............................................^
  line 5, rule #1, reply: the placeholder {{username}} has no fallback; write {{username|there}}, where "there" stands in when Meta gives no name
  line 6, rule #1, hold: "10" is not a time; write a time such as 2m, 90s or 1h
  line 9, rule "a", hold: only a rule with reply can have a hold: it is the time to stop an automatic reply; remove it
  line 10, rule "a": it has reply and ignore; give it exactly one of reply (send this text), ask (a person decides) and ignore (leave the comment alone)
  line 10, rule "a", name: the rule in line 7 has this name already; every rule needs its own
  line 10, rule "a": it is never reached, because rule "a" (line 7) decides every comment; move that one to the end`
	if err == nil {
		t.Fatal("it loads")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
