package rules

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// While an account's automatic replies are paused, a rule that would reply by itself asks a
// person with the same text; other rules decide as they did.
func TestAutomaticPaused(t *testing.T) {
	set, err := Parse("rules.yaml", []byte(`default: ignore
rules:
  - name: price
    when: text == "price"
    reply: "It is 12 euros."
    hold: 2m
  - name: refund
    when: text == "refund"
    ask: "Sorry."
`))
	if err != nil {
		t.Fatal(err)
	}
	decide := func(text string, paused bool) privatereply.Decision {
		return set.Decide(Input{Comment: privatereply.Comment{Platform: privatereply.Instagram, Text: text}, AutomaticPaused: paused})
	}
	if d := decide("price", false); d.Action != privatereply.ActionAuto || time.Duration(d.Hold) != 2*time.Minute {
		t.Fatalf("not paused: %+v", d)
	}
	if d := decide("price", true); d.Action != privatereply.ActionAsk || d.Reason != privatereply.AutomaticPaused || d.Rule != "price" || d.Text != "It is 12 euros." || d.Hold != 0 {
		t.Errorf("paused: %+v", d)
	}
	for _, text := range []string{"refund", "else"} {
		if got, want := decide(text, true), decide(text, false); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v while paused, %+v else", text, got, want)
		}
	}
}

// A paused rule still matches, and asks a person with its text; one that asks or ignores is
// not changed by the field.
func TestPausedRule(t *testing.T) {
	set, err := Parse("rules.yaml", []byte(`rules:
  - name: price
    when: text == "price"
    reply: "It is 12 euros."
    hold: 2m
    paused: true
  - name: refund
    when: text == "refund"
    ask: "Sorry."
    paused: true
  - name: spam
    when: text == "spam"
    ignore: true
    paused: false
`))
	if err != nil {
		t.Fatal(err)
	}
	explain := func(text string) Explanation {
		return set.Explain(Input{Comment: privatereply.Comment{Platform: privatereply.Instagram, Text: text}})
	}
	e := explain("price")
	if d := e.Decision; d.Action != privatereply.ActionAsk || d.Reason != privatereply.AutomaticPaused || d.Rule != "price" || d.Text != "It is 12 euros." || d.Hold != 0 {
		t.Errorf("price: %+v", d)
	}
	if r := e.Rules[0]; r.Result != Matched || !r.Paused {
		t.Errorf("the explanation says %+v", r)
	}
	if d := explain("refund").Decision; d.Action != privatereply.ActionAsk || d.Reason != privatereply.DecidedByRule {
		t.Errorf("refund: %+v", d)
	}
	if d := explain("spam").Decision; d.Action != privatereply.ActionIgnore {
		t.Errorf("spam: %+v", d)
	}
}

// Pausing changes a line and keeps what people wrote; resuming gives the file back.
func TestSetPaused(t *testing.T) {
	const file = `# ours
default: ask # a person

rules:
  # the price list
  - name: price   # do not rename
    when: says(text, "price")
    reply: "Hi {{username|there}}: 12 €"

  - when: says(text, "ship")
    name: "delivery"
    reply: Tomorrow.
`
	for name, tt := range map[string]struct{ was, rule, want string }{
		"first":     {file, "price", strings.Replace(file, "do not rename\n", "do not rename\n    paused: true\n", 1)},
		"not first": {file, "delivery", strings.Replace(file, "\"delivery\"\n", "\"delivery\"\n    paused: true\n", 1)},
		"Windows":   {strings.ReplaceAll(file, "\n", "\r\n"), "price", strings.ReplaceAll(strings.Replace(file, "do not rename\n", "do not rename\n    paused: true\n", 1), "\n", "\r\n")},
		"with buttons": {strings.Replace(file, "12 €\"\n", "12 €\"\n    buttons:\n      - title: B # b\n        then: x\n    public: [a, b]\n", 1), "price",
			strings.Replace(strings.Replace(file, "12 €\"\n", "12 €\"\n    buttons:\n      - title: B # b\n        then: x\n    public: [a, b]\n", 1), "do not rename\n", "do not rename\n    paused: true\n", 1)},
		"no last end": {"rules:\n- reply: Hi\n  name: price", "price", "rules:\n- reply: Hi\n  name: price\n  paused: true\n"},
	} {
		t.Run(name, func(t *testing.T) {
			paused, err := SetPaused([]byte(tt.was), tt.rule, true)
			if err != nil || string(paused) != tt.want {
				t.Fatalf("%v\n%s", err, paused)
			}
			again, err := SetPaused(paused, tt.rule, true)
			if err != nil || string(again) != tt.want {
				t.Errorf("paused twice: %v\n%s", err, again)
			}
			back, err := SetPaused(paused, tt.rule, false)
			if err != nil || strings.TrimRight(string(back), "\n") != strings.TrimRight(tt.was, "\n") {
				t.Errorf("resumed: %v\n%s", err, back)
			}
		})
	}
	for name, tt := range map[string]struct {
		was, want string
		paused    bool
	}{
		"with a comment": {"rules:\n- name: a\n  paused: true # since Monday\n  reply: é true\n", "rules:\n- name: a\n  paused: false # since Monday\n  reply: é true\n", false},
		"first field":    {"rules:\n- paused: true\n  name: a\n  reply: true story\n", "rules:\n- paused: false\n  name: a\n  reply: true story\n", false},
		"false before":   {"rules:\n- name: a\n  paused: false\n  reply: Hi\n", "rules:\n- name: a\n  paused: true\n  reply: Hi\n", true},
		"in braces":      {"rules: [{name: a, reply: ü, paused: true}]\n", "rules: [{name: a, reply: ü, paused: false}]\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := SetPaused([]byte(tt.was), "a", tt.paused); err != nil || string(got) != tt.want {
				t.Errorf("%v\n%s", err, got)
			}
		})
	}
	for name, tt := range map[string]struct{ file, want string }{
		"no such rule":   {file, "no rule of this name"},
		"does not load":  {"rules:\n- name: none\n", "has a problem"},
		"cannot be done": {"rules: [{name: none, reply: Hi}]\n", "write paused: true into the rule none yourself"},
		"name below":     {"rules:\n- name:\n    none\n  reply: Hi\n", "write paused: true into the rule none yourself"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := SetPaused([]byte(tt.file), "none", true); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q\n%s", err, tt.want, got)
			}
		})
	}
}
