package rules_test

import (
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/rules"
)

func ExampleParse() {
	_, err := rules.Parse("rules.yaml", []byte(`
rules:
  - name: price
    when: source == "posts" && says(text, "price")
    reply: "Hi {{username}}"
    hold: 10
`))
	fmt.Println(err)
	// Output:
	// rules.yaml has 3 problems:
	//   line 4, rule "price", when: source is never "posts"; it is one of post, reel, ad, live, story, visitor_post, other
	//      | source == "posts" && says(text, "price")
	//      | ..........^
	//   line 5, rule "price", reply: the placeholder {{username}} has no fallback; write {{username|there}}, where "there" stands in when Meta gives no name
	//   line 6, rule "price", hold: "10" is not a time; write a time such as 2m, 90s or 1h
}

func ExampleSet_Decide() {
	set, err := rules.Parse("rules.yaml", []byte(`
default: ask
rules:
  - name: price
    when: source in ["post", "reel", "ad"] && says(text, ["price", "how much"])
    reply: "Hi {{username|there}}, our price list: https://example.com/prices"
    hold: 2m
  - name: emoji-only
    when: letters(text) == 0 && !has_photo && !has_video
    ignore: true
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"HOW MUCH is it?", "🔥🔥🔥", "Where are you?"} {
		d := set.Decide(rules.Input{
			Comment: privatereply.Comment{
				Platform: privatereply.Instagram,
				Source:   privatereply.SourcePost,
				Username: "ann",
				Text:     text,
			},
			Now: time.Now(),
		})
		fmt.Printf("%s: %s by %s %q\n", text, d.Action, d.Reason, d.Text)
	}
	// Output:
	// HOW MUCH is it?: auto by rule "Hi ann, our price list: https://example.com/prices"
	// 🔥🔥🔥: ignore by rule ""
	// Where are you?: ask by default ""
}

func ExampleSet_Explain() {
	set, err := rules.Parse("rules.yaml", []byte(`
rules:
  - name: old
    when: age > duration("48h")
    ask: true
  - name: rest
    reply: "Thank you, {{username|dear friend}}!"
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := set.Explain(rules.Input{Comment: privatereply.Comment{Platform: privatereply.Facebook, Text: "Nice!"}})
	for _, r := range e.Rules {
		fmt.Println(r.Name, r.Result)
	}
	fmt.Println(e.Decision.Text)
	// Output:
	// old not_matched
	// rest matched
	// Thank you, dear friend!
}
