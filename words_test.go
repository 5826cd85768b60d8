package privatereply

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// constants reads from the package's source the values of every string constant of
// a type, in their order, so that a new one cannot be forgotten in a list.
func constants(t *testing.T, typeName string) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != typeName {
				return true
			}
			for _, v := range spec.Values {
				literal, ok := v.(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s: a %s is not written as a literal", entry.Name(), typeName)
				}
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("the source has no constant of the type %s", typeName)
	}
	return values
}

var oneWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// Every reason is one word, says itself in a sentence, and no two say the same.
func TestReasons(t *testing.T) {
	reasons := constants(t, "Reason")
	said := map[string]string{}
	for i, value := range reasons {
		sentence := Reason(value).Sentence()
		switch {
		case !oneWord.MatchString(value):
			t.Errorf("%q is not one word in snake_case", value)
		case slices.Index(reasons, value) != i:
			t.Errorf("%q stands twice", value)
		case sentence == value:
			t.Errorf("%s has no sentence", value)
		case !strings.HasSuffix(sentence, ".") || !unicode.IsUpper([]rune(sentence)[0]):
			t.Errorf("%s: %q is not a sentence", value, sentence)
		case said[sentence] != "":
			t.Errorf("%s and %s say the same: %s", said[sentence], value, sentence)
		}
		said[sentence] = value
	}
	for reason := range reasonSentences {
		if !slices.Contains(reasons, string(reason)) {
			t.Errorf("the sentence of %q belongs to no constant", reason)
		}
	}
}

// Every state, source, clock and kind of attachment has words for people, and no two
// states the same.
func TestWordsAreComplete(t *testing.T) {
	said := map[string]State{}
	for _, s := range States {
		for _, words := range []string{s.Label(), s.Sentence()} {
			switch {
			case words == "" || words == string(s) || !unicode.IsUpper([]rune(words)[0]):
				t.Errorf("%s has no words, or no capital letter: %q", s, words)
			case said[words] != "":
				t.Errorf("%s and %s say the same: %s", said[words], s, words)
			}
			said[words] = s
		}
		if !strings.HasSuffix(s.Sentence(), ".") {
			t.Errorf("%s: %q is not a sentence", s, s.Sentence())
		}
	}
	if len(stateWords) != len(States) {
		t.Errorf("there are words for %d states, of %d", len(stateWords), len(States))
	}
	if State("").Label() == "" || State("from_the_future").Label() != "from_the_future" {
		t.Error("a state that is not known has no label")
	}
	for _, c := range constants(t, "Clock") {
		if label := Clock(c).Label(); label == "" || label == c {
			t.Errorf("the clock %s has no label", c)
		}
	}
	for _, s := range Sources {
		if label := s.Label(); label == "" || strings.Contains(label, "_") {
			t.Errorf("the source %s has the label %q", s, label)
		}
	}
	for _, k := range AttachmentKinds {
		if label := k.Label(); !strings.EqualFold(label, string(k)) {
			t.Errorf("the attachment %s has the label %q", k, label)
		}
	}
	if label := AttachmentKind("hologram").Label(); label != "attachment" {
		t.Errorf("an unknown attachment has the label %q", label)
	}
}

// A reason from a newer version is shown as it is.
func TestSentenceOfUnknownReason(t *testing.T) {
	if got := Reason("from_the_future").Sentence(); got != "from_the_future" {
		t.Errorf("Sentence = %q", got)
	}
}

// The lists that tables and flags are made of leave nothing out.
func TestListsAreComplete(t *testing.T) {
	if got, want := words(States), constants(t, "State"); !slices.Equal(got, want) {
		t.Errorf("States = %q, the source has %q", got, want)
	}
	if got, want := words(Sources), constants(t, "Source"); !slices.Equal(got, want) {
		t.Errorf("Sources = %q, the source has %q", got, want)
	}
	if got, want := words(Platforms), constants(t, "Platform"); !slices.Equal(got, want) {
		t.Errorf("Platforms = %q, the source has %q", got, want)
	}
	for _, p := range constants(t, "Platform") {
		if !Platform(p).Valid() {
			t.Errorf("%s is not valid", p)
		}
	}
	if Platform("").Valid() || Platform("Instagram").Valid() {
		t.Error("what is not a platform is valid")
	}
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// What can still end a reply, and what has: both decide which timers run.
func TestStateKinds(t *testing.T) {
	kinds := map[State]string{
		Holding: "waiting", AwaitingApproval: "waiting", Sending: "waiting",
		Sent: "", Responded: "", DeliveryUnknown: "",
		WindowClosed: "final", NoResponse: "final", Undeliverable: "final", Ignored: "final",
		Rejected: "final", Withdrawn: "final", Expired: "final",
		"": "", "paused": "",
	}
	for s, kind := range kinds {
		if got := s.Waiting(); got != (kind == "waiting") {
			t.Errorf("%q.Waiting() = %v", s, got)
		}
		if got := s.Final(); got != (kind == "final") {
			t.Errorf("%q.Final() = %v", s, got)
		}
	}
	for _, s := range States {
		if _, ok := kinds[s]; !ok {
			t.Errorf("%s is missing here", s)
		}
	}
}
