package saved

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/versions"
)

const ours = `# Our texts
- name: price list
  text: "Hi {{username|there}}, here it is: https://example.com"
  language: en

# for Berlin only
- name: Lieferung
  text: |
    Hallo {{username|du}},
    wir liefern morgen.
    {{account}}
  accounts: [Clean Slate, 17841400000000002]
  language: de
`

func open(t *testing.T, content string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saved-replies.yaml")
	if content != "" {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Open(path, zap.NewNop())
}

var (
	slate = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000001", Name: "Clean Slate"}
	fern  = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", Name: "Fern"}
)

// A text is for its accounts, and its placeholders have values whoever the person is.
func TestReply(t *testing.T) {
	f := open(t, ours)
	all := f.All()
	if f.Err() != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, f.Err())
	}
	if !all[0].For(slate) || !all[0].For(fern) || !all[1].For(slate) || all[1].For(fern) {
		t.Error("a reply is for the wrong accounts")
	}
	for username, want := range map[string]string{
		"lena":               "Hallo lena,\nwir liefern morgen.\nClean Slate",
		"":                   "Hallo du,\nwir liefern morgen.\nClean Slate",
		"a\u202e{{account}}": "Hallo a{{account}},\nwir liefern morgen.\nClean Slate",
	} {
		if got := all[1].Fill(slate, username); got != want {
			t.Errorf("%q: %q", username, got)
		}
	}
	long := Reply{Name: "long", Text: "{{username|x}} " + strings.Repeat("y", 990)}
	if got := long.Fill(slate, strings.Repeat("n", 30)); !strings.HasPrefix(got, "x y") {
		t.Errorf("a name with which it is too long: %s", got[:40])
	}
}

// Everything that is wrong is said, by line; hostile YAML is refused before it costs anything.
func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"all at once": {"- name: a\n  text: \"{{user|x}}\"\n  lang: en\n- name: A\n  text: x\n  language: english!\n- text: 12\n",
			"line 2: text: there is no placeholder {{user|x}}; " + placeholderHelp +
				"; line 3: there is no field \"lang\"; the fields are name, text, accounts, language" +
				"; line 4: the reply in line 1 is called \"A\" already; every reply needs a name of its own" +
				"; line 6: language: \"english!\" is not a language; write one such as en, de or pt-BR" +
				"; line 7: text: it is not a text to YAML; put it in quotes" +
				"; line 7: name: it is missing; give the reply a name by which people find it"},
		"no fallback":  {"- name: a\n  text: Hi {{username}}\n", "says nothing for a person whose name Meta does not give"},
		"not closed":   {"- name: a\n  text: Hi {{username|you}\n", "is not closed"},
		"too long":     {"- name: a\n  text: " + strings.Repeat("é", 2001) + "\n", "line 2: text: "},
		"twice":        {"- name: a\n  text: x\n  text: y\n", "line 3: text stands here for the second time"},
		"no list":      {"name: a\ntext: x\n", shape},
		"no fields":    {"- a\n", "line 1: it has no fields"},
		"alias":        {"- &a {name: a, text: x}\n- *a\n", "line 1: & and * have a special meaning"},
		"depth":        {"- name: " + strings.Repeat("[", 100_000) + "\n", "nested too deep"},
		"dashes":       {strings.Repeat("- ", 100_000) + "\n", "nested too deep"},
		"size":         {strings.Repeat("# x\n", maxFileBytes/4+1), "larger than 1024 KiB"},
		"number":       {strings.Repeat("- {name: a, text: b}\n", maxReplies+1), "500 are the most"},
		"no UTF-8":     {"- name: \xff\n", "not UTF-8"},
		"control":      {"- name: a\n  text: \x1b\n", "line 2: there is an invisible control character"},
		"two files":    {"- {name: a, text: b}\n---\n- {name: c, text: d}\n", "a second document"},
		"bad YAML":     {"- name: a\n text: x\n", "not valid YAML"},
		"hidden":       {"- name: \"a\\u202eb\"\n  text: x\n", "a character that nobody sees"},
		"account":      {"- name: a\n  text: \"{{account|x}}\"\n", "every account has a name"},
		"two accounts": {"- name: a\n  text: x\n  accounts: [b, b]\n", "there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("file", []byte(tt.file))
			var wrong *LoadError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
	for name, file := range map[string]string{"empty": "", "comments": "# nothing yet\n", "no replies": "[]\n"} {
		if all, err := Parse("file", []byte(file)); err != nil || len(all) != 0 {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	if f := open(t, "- nothing"); f.Err() == nil || len(f.All()) != 0 {
		t.Errorf("a file that does not load at first: %v", f.Err())
	}
}

// What is added, changed and deleted at the desk leaves all else as people wrote it, and is in
// force at once.
func TestEdits(t *testing.T) {
	f := open(t, ours)
	price, delivery := f.All()[0], f.All()[1]
	content := func() string {
		t.Helper()
		c, err := f.Read()
		if err != nil {
			t.Fatal(err)
		}
		return string(c.Data)
	}
	changed := price
	changed.Text = "Hi!\n- \"x\": # y\n  {{account}}"
	if err := f.Put(t.Context(), "ana", price.Name, price.SHA256(), changed); err != nil {
		t.Fatal(err)
	}
	if got := f.All(); len(got) != 2 || !got[0].Equal(changed) || !got[1].Equal(delivery) {
		t.Errorf("in force: %+v", got)
	}
	for _, kept := range []string{"# Our texts\n", "\n\n# for Berlin only\n", "  accounts: [Clean Slate, 17841400000000002]\n"} {
		if !strings.Contains(content(), kept) {
			t.Errorf("%q is gone:\n%s", kept, content())
		}
	}
	var other *ChangedError
	if err := f.Put(t.Context(), "ben", price.Name, price.SHA256(), delivery); !errors.As(err, &other) || !other.Now.Equal(changed) {
		t.Errorf("a change of what was changed meanwhile: %v", err)
	}
	added := Reply{Name: "thanks: \"you\"", Text: "Danke!", Accounts: []string{"Fern"}}
	if err := f.Put(t.Context(), "ana", "", "", added); err != nil || !f.All()[2].Equal(added) {
		t.Errorf("%v, %+v", err, f.All())
	}
	var wrong *LoadError
	if err := f.Put(t.Context(), "ana", "", "", Reply{Name: "PRICE list", Text: "x"}); !errors.As(err, &wrong) {
		t.Errorf("a name that is there: %v", err)
	}
	if err := f.Delete(t.Context(), "ana", delivery.Name, delivery.SHA256()); err != nil || len(f.All()) != 2 {
		t.Errorf("%v, %+v", err, f.All())
	}
	if err := f.Delete(t.Context(), "ana", delivery.Name, delivery.SHA256()); !errors.Is(err, ErrGone) {
		t.Errorf("deleted twice: %v", err)
	}
	if all, err := f.Versions(); err != nil || len(all) != 4 || all[0].By != "ana" || all[0].Why != "delete Lieferung" {
		t.Errorf("versions: %+v, %v", all, err)
	}
	// A file that is written in another way is written anew.
	braces := open(t, "[{name: a, text: x}, {name: b, text: y}]\n")
	if err := braces.Put(t.Context(), "ana", "b", braces.All()[1].SHA256(), Reply{Name: "b", Text: "z"}); err != nil || len(braces.All()) != 2 || braces.All()[1].Text != "z" {
		t.Errorf("%v, %+v", err, braces.All())
	}
	broken := open(t, "- nothing")
	if err := broken.Put(t.Context(), "ana", "", "", added); !errors.As(err, &wrong) {
		t.Errorf("a file that does not load is changed: %v", err)
	}
	first := open(t, "")
	if err := first.Put(t.Context(), "ana", "", "", added); err != nil || len(first.All()) != 1 {
		t.Errorf("a file that was missing: %v, %+v", err, first.All())
	}
	lost := Open(filepath.Join(t.TempDir(), "none", "saved.yaml"), zap.NewNop())
	_ = os.WriteFile(filepath.Dir(lost.Path()), nil, 0o600)
	var unwritable *versions.UnwritableError
	if err := lost.Put(t.Context(), "ana", "", "", added); !errors.As(err, &unwritable) {
		t.Errorf("a folder that cannot be written: %v", err)
	}
}

// What is saved can be sent for every account that it is for.
func TestCheckFor(t *testing.T) {
	accounts := []privatereply.Account{slate, fern}
	long := strings.Repeat("x", 980) // with the longest name too long for Instagram
	for name, tt := range map[string]struct {
		reply Reply
		want  string
	}{
		"short":         {Reply{Name: "a", Text: "x {{account}}"}, ""},
		"too long":      {Reply{Name: "a", Text: long + "{{username|x}}"}, "text: for Clean Slate: "},
		"long enough":   {Reply{Name: "a", Text: long + "{{username|x}}", Accounts: []string{"Fern"}}, ""},
		"with the name": {Reply{Name: "a", Text: long + "{{account}}{{account}}", Accounts: []string{slate.ID}}, "text: for Clean Slate: "},
		"no account":    {Reply{Name: "a", Text: "x", Accounts: []string{"Nobody"}}, `there is no account "Nobody"`},
		"no text":       {Reply{Name: "a"}, "text: it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.reply.CheckFor(accounts)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
