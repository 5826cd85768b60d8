package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
