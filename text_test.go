package privatereply

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// Instagram counts bytes and Facebook UTF-16 units; a text that only one of them
// takes is refused on the other, with the count.
func TestCheckText(t *testing.T) {
	tests := []struct {
		name     string
		platform Platform
		text     string
		mentions string // "" when the text may be sent
	}{
		{"one letter", Instagram, "a", ""},
		{"empty", Instagram, "", "empty"},
		{"only space", Facebook, " \t\r\n\u00a0\u3000", "empty"},
		{"invalid UTF-8", Facebook, "a\xffb", "UTF-8"},
		{"half a character", Instagram, "caf\xc3", "UTF-8"},

		{"Instagram, 1000 ASCII", Instagram, strings.Repeat("a", 1000), ""},
		{"Instagram, 1001 ASCII", Instagram, strings.Repeat("a", 1001), "1001 bytes; instagram takes at most 1000"},
		{"Instagram, 333 Japanese", Instagram, strings.Repeat("日", 333), ""},
		{"Instagram, 334 Japanese", Instagram, strings.Repeat("日", 334), "1002 bytes"},
		{"Instagram, 250 emoji", Instagram, strings.Repeat("😀", 250), ""},
		{"Instagram, 251 emoji", Instagram, strings.Repeat("😀", 251), "1004 bytes"},
		{"Instagram, 500 accents", Instagram, strings.Repeat("é", 500), ""},

		{"Facebook, 2000 ASCII", Facebook, strings.Repeat("a", 2000), ""},
		{"Facebook, 2001 ASCII", Facebook, strings.Repeat("a", 2001), "2001 characters; facebook takes at most 2000"},
		{"Facebook, 2000 Japanese", Facebook, strings.Repeat("日", 2000), ""},
		{"Facebook, 2001 Japanese", Facebook, strings.Repeat("日", 2001), "2001 characters"},
		{"Facebook, 1000 emoji", Facebook, strings.Repeat("😀", 1000), ""},
		{"Facebook, 1001 emoji", Facebook, strings.Repeat("😀", 1001), "2002 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckText(tt.platform, tt.text)
			if tt.mentions == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), tt.mentions) {
				t.Errorf("got %v; want ErrText about %q", err, tt.mentions)
			}
		})
	}
}

// The count that people see is the one that the limit is about.
func TestTextLength(t *testing.T) {
	const family = "👩‍👩‍👧" // three emoji and two joiners
	tests := []struct {
		platform Platform
		text     string
		n, limit int
		unit     string
	}{
		{Instagram, "", 0, 1000, "bytes"},
		{Instagram, "日本", 6, 1000, "bytes"},
		{Instagram, family, 18, 1000, "bytes"},
		{Facebook, "日本", 2, 2000, "characters"},
		{Facebook, family, 8, 2000, "characters"},
		{Facebook, "e\u0301", 2, 2000, "characters"},
	}
	for _, tt := range tests {
		n, limit, unit := TextLength(tt.platform, tt.text)
		if n != tt.n || limit != tt.limit || unit != tt.unit {
			t.Errorf("%s %q: %d of %d %s, want %d of %d %s", tt.platform, tt.text, n, limit, unit, tt.n, tt.limit, tt.unit)
		}
	}
}

// A cut text says that it was cut, fits, and never ends in half a character.
func TestCutText(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		limit int
		want  string
	}{
		{"shorter", "short", 10, "short"},
		{"exactly", "exactly ten", 11, "exactly ten"},
		{"one over", "exactly ten", 10, "exac […]"},
		{"within an accent", "ééééééé", 9, "é […]"},
		{"at an accent", "ééééééé", 10, "éé […]"},
		{"within a Japanese character", "日本語日本語", 11, "日 […]"},
		{"within an emoji", "😀😀😀😀", 13, "😀 […]"},
		{"no room for the first character", "😀😀😀", 9, " […]"},
		{"room for the mark only", "a long text", len(CutMark), CutMark},
		{"no room for the mark", "a long text", len(CutMark) - 1, ""},
		{"nothing", "a", 0, ""},
		{"less than nothing", "a", -1, ""},
		{"empty", "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CutText(tt.text, tt.limit); got != tt.want {
				t.Errorf("CutText = %q, want %q", got, tt.want)
			}
		})
	}
}

// No text and no limit breaks the promises of CutText.
func FuzzCutText(f *testing.F) {
	f.Add("日本語のコメント", 11)
	f.Add("😀😀😀", 9)
	f.Add("plain", 3)
	f.Add("\x80\x80\x80\x80\x80\x80\x80\x80", 7)
	f.Add("", -1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		got := CutText(text, limit)
		if len(got) > max(0, limit) {
			t.Errorf("%q has %d bytes, more than %d", got, len(got), limit)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q became invalid UTF-8: %q", text, got)
		}
		switch kept, cut := strings.CutSuffix(got, CutMark); {
		case len(text) <= limit:
			if got != text {
				t.Errorf("%q fits and became %q", text, got)
			}
		case got == "":
			if limit >= len(CutMark) {
				t.Errorf("nothing is left of %q within %d bytes", text, limit)
			}
		case !cut || !strings.HasPrefix(text, kept):
			t.Errorf("%q became %q", text, got)
		case utf8.ValidString(text) && limit-len(got) >= utf8.UTFMax:
			t.Errorf("%q has room for another character within %d bytes", got, limit)
		}
	})
}
