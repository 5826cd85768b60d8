package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply/internal/console"
)

// Guards: a comment cannot play tricks on the terminal of the person who reads it.
func TestSanitize(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"plain":                 {"How much?", "How much?"},
		"several lines":         {" one\r\n\ttwo  three\n", "one two three"},
		"colours":               {"\x1b[31mred\x1b[0m", "[31mred[0m"},
		"a window title":        {"\x1b]0;owned\x07", "]0;owned"},
		"turned direction":      {"abc\u202ecba", "abccba"},
		"C1 control":            {"a\u009b2Jb", "a2Jb"},
		"a family of emoji":     {"👨‍👩‍👧", "👨‍👩‍👧"},
		"nothing but controls":  {"\x00\x01", ""},
		"invalid UTF-8 is kept": {"a\xffb", "a\ufffdb"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := console.Sanitize(tc.in); got != tc.want {
				t.Errorf("Sanitize(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

// Guards: times read the same everywhere, in at most two units.
func TestRelativeTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		offset time.Duration
		want   string
	}{
		"seconds":               {45 * time.Second, "in 45s"},
		"few minutes":           {5*time.Minute + 3*time.Second, "in 5m 3s"},
		"many minutes":          {15*time.Minute + 3*time.Second, "in 15m"},
		"whole hours":           {3 * time.Hour, "in 3h"},
		"hours and minutes":     {3*time.Hour + 5*time.Minute, "in 3h 5m"},
		"days":                  {6*24*time.Hour + 23*time.Hour + 58*time.Minute, "in 6d 23h"},
		"past":                  {-2 * time.Minute, "2m ago"},
		"now":                   {0, "in 0s"},
		"part of a second past": {-300 * time.Millisecond, "0s ago"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := console.RelativeTime(now.Add(tc.offset), now); got != tc.want {
				t.Errorf("RelativeTime(%v) = %q, want %q", tc.offset, got, tc.want)
			}
		})
	}
}

// Guards: what fills two columns of a terminal, or none, counts so in every locale.
func TestColumns(t *testing.T) {
	t.Setenv("LANG", "ja_JP.UTF-8")
	tests := map[string]int{"lena": 4, "花子さん": 8, "👨‍👩‍👧": 2, "é": 1, "e\u0301": 1, "“…”": 3, "": 0}
	for text, want := range tests {
		if got := console.Columns(text); got != want {
			t.Errorf("Columns(%q) = %d, want %d", text, got, want)
		}
	}
}

// Guards: columns stay aligned whatever people write, and no line is wider than
// Width.
func TestTable(t *testing.T) {
	table := console.NewTable([]int{1}, "STATE", "PERSON", "ID")
	table.Row("", "sending", "lena", "18000000000000001")
	table.Row("a comment below", "sent", "花子さん", "2")
	table.Row(strings.Repeat("long ", 40), "sent", strings.Repeat("x", 200), "3")
	var b strings.Builder
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i, line := range lines {
		if n := console.Columns(line); n > console.Width {
			t.Errorf("line %d has %d columns: %s", i, n, line)
		}
	}
	for i, id := range map[int]string{1: "18000000000000001", 2: "2", 4: "3"} {
		before, _, _ := strings.Cut(lines[i], "  "+id)
		head, _, _ := strings.Cut(lines[0], "  ID")
		if console.Columns(before) > console.Columns(lines[0]) || !strings.HasSuffix(lines[i], id) {
			t.Errorf("line %d does not end with its id: %q (head %q)", i, lines[i], head)
		}
		if got, want := console.Columns(lines[i])-len(id), console.Columns(lines[0])-len("ID"); got != want {
			t.Errorf("line %d: the id begins in column %d, its head in %d", i, got, want)
		}
	}
	if lines[3] != "  a comment below" {
		t.Errorf("line below = %q", lines[3])
	}
	if !strings.HasSuffix(lines[5], "…") {
		t.Errorf("a long line is not marked as cut: %q", lines[5])
	}
}

// Guards: long facts are wrapped under their label, also words that are longer
// than a line.
func TestFacts(t *testing.T) {
	var f console.Facts
	f.Add("State", "%s", "sent")
	f.Add("Nothing", "")
	f.Add("Link", "%s", "see https://example.com/"+strings.Repeat("a", 150))
	var b strings.Builder
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "  State  sent\n" +
		"  Link   see\n" +
		"         https://example.com/" + strings.Repeat("a", 71) + "\n" +
		"         " + strings.Repeat("a", 79) + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}
