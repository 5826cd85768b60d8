package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/privatereply/privatereply"
)

// template is a text whose placeholders are found.
type template []piece

// piece is literal text, or the fallback of a placeholder.
type piece struct {
	text        string
	placeholder *placeholder // nil: literal
}

// placeholder is something in a text that differs from comment to comment.
type placeholder struct {
	name    string
	example string // how people write it
	when    string // the fallback stands in; empty: it needs none
	longest func(privatereply.Platform) int
}

// maxValueLength is the longest account name and the longest title of an ad that texts are
// counted with, in the unit of the platform's limit. Where a longer one does not fit, the
// fallback stands in, or the name is cut.
const maxValueLength = 100

var placeholders = []*placeholder{
	{"username", "{{username|there}}", `where "there" stands in when Meta gives no name`,
		func(p privatereply.Platform) int { return p.Facts().MaxNameChars }},
	{"ad_title", "{{ad_title|our offer}}", `where "our offer" stands in when Meta names no ad`,
		func(privatereply.Platform) int { return maxValueLength }},
	{"account", "{{account}}", "", func(privatereply.Platform) int { return maxValueLength }},
}

// accountFallback stands for the account in texts that are tried out without one.
const accountFallback = "account"

// values are what stands in place of placeholders, by their names.
type values map[string]string

// valuesOf are the values for a comment. One that is empty has nothing visible in it.
func valuesOf(in Input) values {
	return values{
		"username": CleanName(in.Comment.Username),
		"ad_title": CleanName(in.Comment.AdTitle),
		"account":  cmp.Or(CleanName(in.AccountName), in.Comment.Account),
	}
}

// parseTemplate finds the placeholders in text.
func parseTemplate(text string) (template, error) {
	var t template
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !found {
			return t, nil
		}
		inside, after, closed := strings.Cut(rest, "}}")
		if !closed || strings.Contains(inside, "{{") {
			return nil, fmt.Errorf("the placeholder that begins with %q is not closed with }}; write %s", privatereply.CutText("{{"+rest, 30), placeholders[0])
		}
		name, fallback, _ := strings.Cut(inside, "|")
		name, fallback = strings.TrimSpace(name), strings.TrimSpace(fallback)
		i := slices.IndexFunc(placeholders, func(p *placeholder) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no placeholder {{%s}}; write %s, {{ad_title|our offer}} or {{account}}", privatereply.CutText(name, 60), placeholders[0].example)
		}
		p := placeholders[i]
		switch {
		case fallback == "" && p.when != "":
			return nil, fmt.Errorf("the placeholder {{%s}} has no fallback; write %s", inside, p)
		case fallback == "":
			fallback = accountFallback
		}
		t = append(t, piece{fallback, p})
		text = after
	}
}

// String says how p is written, and why so.
func (p *placeholder) String() string { return p.example + ", " + p.when }

// fill gives t's text with v in its placeholders, or their fallbacks where v has nothing.
func (t template) fill(v values) string {
	var b strings.Builder
	for _, p := range t {
		if p.placeholder != nil && v[p.placeholder.name] != "" {
			b.WriteString(v[p.placeholder.name])
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// longest is t's text on platform p with the longest values, or fallbacks where those are
// longer.
func (t template) longest(p privatereply.Platform) string {
	var b strings.Builder
	for _, piece := range t {
		text := piece.text
		if piece.placeholder != nil {
			n, _, _ := privatereply.TextLength(p, text)
			if most := piece.placeholder.longest(p); n < most {
				text = strings.Repeat("n", most)
			}
		}
		b.WriteString(text)
	}
	return b.String()
}

// hasPlaceholders reports whether t differs from comment to comment.
func (t template) hasPlaceholders() bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.placeholder != nil })
}

// render gives the text with v in it. Where that is refused, the fallbacks stand in for what
// Meta gave, and the account's name is cut to the length that was checked at load.
func (t template) render(p privatereply.Platform, v values, check func(text string) error) string {
	text := t.fill(v)
	if check(text) != nil {
		return t.fill(values{"account": cutName(p, v["account"])})
	}
	return text
}

// cutName shortens a name to maxValueLength in the unit of p's limit.
func cutName(p privatereply.Platform, name string) string {
	for n, _, _ := privatereply.TextLength(p, name); n > maxValueLength; n, _, _ = privatereply.TextLength(p, name) {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimSpace(name)
}

// CleanName is a person's name on one line, without characters that could reorder or hide
// the text around it. It is empty when nothing visible is left.
func CleanName(name string) string {
	visible := false
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.Is(unicode.Cc, r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		visible = visible || unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
		return r
	}, name)
	if !visible {
		return ""
	}
	return strings.Join(strings.Fields(name), " ")
}
