package rules

import (
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
)

// renderName is the text for a person's name.
func renderName(t template, p privatereply.Platform, name string) string {
	in := Input{Comment: privatereply.Comment{Platform: p, Username: name}}
	return t.render(p, valuesOf(in), func(text string) error { return privatereply.CheckText(p, text) })
}

// A person's name can neither change the text around it nor make it too long.
func TestRender(t *testing.T) {
	const text = "Hi {{username|there}}!"
	for _, tt := range []struct {
		name, text, username, want string
	}{
		{"a name", text, "ann", "Hi ann!"},
		{"no name", text, "", "Hi there!"},
		{"a name in another script", text, "まりこ", "Hi まりこ!"},
		{"a name with an emoji", text, "ann 👩‍👧", "Hi ann 👩‍👧!"},
		{"a placeholder for a name", text, "{{username|x}}", "Hi {{username|x}}!"},
		{"half a placeholder for a name", "{{username|x}}|y}}", "{{username", "{{username|y}}"},
		{"a name with control characters", text, "a\x00n\x1b[2Jn\u009b", "Hi an[2Jn!"},
		{"a name on two lines", text, " ann\r\n\u2028sale ", "Hi ann sale!"},
		{"a name from right to left", text, "\u202eann\u2066\u200f", "Hi ann!"},
		{"a name that is not UTF-8", text, "a\xffnn", "Hi ann!"},
		{"a name of spaces", text, " \u00a0\u3000 ", "Hi there!"},
		{"a name that nobody sees", text, "\u200d\u200b\u2060\ufe0f", "Hi there!"},
		{"a name of accents", text, "\u0301\u0301", "Hi there!"},
		{"a name that is too long", text, strings.Repeat("n", 1000), "Hi there!"},
		{"a name that just fits", text, strings.Repeat("n", 996), "Hi " + strings.Repeat("n", 996) + "!"},
		{"several", "{{username|Hi}}, {{username|you}}", "ann", "ann, ann"},
		{"several fallbacks", "{{username|Hi}}, {{username|you}}", "", "Hi, you"},
		{"spaces in the placeholder", "Hi {{ username | dear friend }}!", "", "Hi dear friend!"},
		{"a bar in the fallback", "{{username|a|b}}", "", "a|b"},
		{"braces without a placeholder", "a } b }} {c}", "ann", "a } b }} {c}"},
		{"no placeholder", "hi", "ann", "hi"},
		{"empty", "", "ann", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parsed, err := parseTemplate(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := renderName(parsed, privatereply.Instagram, tt.username); got != tt.want {
				t.Errorf("render = %q, want %q", got, tt.want)
			}
		})
	}
}

// Each platform counts a text in its own way.
func TestRenderForPlatform(t *testing.T) {
	parsed, err := parseTemplate("{{username|there}}")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("é", 501) // 1002 bytes
	if got := renderName(parsed, privatereply.Instagram, name); got != "there" {
		t.Errorf("on Instagram: %q", got)
	}
	if got := renderName(parsed, privatereply.Facebook, name); got != name {
		t.Errorf("on Facebook: %q", got)
	}
}
