package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/privatereply/privatereply"
)

// template is a text whose placeholders are found.
type template []piece

// piece is literal text, or a placeholder with its fallback.
type piece struct {
	text        string
	placeholder bool
}

const placeholderHelp = `write {{username|there}}, where "there" stands in when Meta gives no name`

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
			return nil, fmt.Errorf("the placeholder that begins with %q is not closed with }}; %s", privatereply.CutText("{{"+rest, 30), placeholderHelp)
		}
		name, fallback, _ := strings.Cut(inside, "|")
		name, fallback = strings.TrimSpace(name), strings.TrimSpace(fallback)
		if name != "username" {
			return nil, fmt.Errorf("there is no placeholder {{%s}}, only the person's name: %s", name, placeholderHelp)
		}
		if fallback == "" {
			return nil, fmt.Errorf("the placeholder {{%s}} has no fallback; %s", inside, placeholderHelp)
		}
		t = append(t, piece{text: fallback, placeholder: true})
		text = after
	}
}

// fill gives t's text with name in each placeholder, or their fallbacks when name
// is empty.
func (t template) fill(name string) string {
	var b strings.Builder
	for _, p := range t {
		if p.placeholder && name != "" {
			b.WriteString(name)
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// render gives the text for a comment of a person called username on platform p.
// The fallbacks stand in for a name that is empty, invisible or too long.
func (t template) render(p privatereply.Platform, username string) string {
	text := t.fill(CleanName(username))
	if privatereply.CheckText(p, text) != nil {
		return t.fill("")
	}
	return text
}

// check refuses a text that could not be sent on one of platforms.
func (t template) check(platforms []privatereply.Platform) error {
	var errs []error
	for _, p := range platforms {
		err := privatereply.CheckText(p, t.fill(strings.Repeat("n", p.Facts().MaxNameChars)))
		if err == nil {
			err = privatereply.CheckText(p, t.fill(""))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w, counted with the longest possible name; shorten it", err))
		}
	}
	return errors.Join(errs...)
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
