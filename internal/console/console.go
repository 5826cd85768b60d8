// Package console writes what people read in a terminal: tables, wrapped text and
// times. Much of it was written by strangers on the internet, so everything is
// made harmless before it is shown.
package console

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Width is how many columns output may fill.
const Width = 100

// ellipsis ends what was cut.
const ellipsis = "…"

// Sanitize makes s safe to show on one line: white space becomes a single space, and
// what could move the cursor, change colours or turn the direction of writing is
// dropped.
func Sanitize(s string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(s) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, r := range word {
			if isHarmless(r) {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// isHarmless reports whether a terminal only shows r. The joiner is kept: emoji and
// several scripts need it.
func isHarmless(r rune) bool {
	const zeroWidthJoiner = '\u200d'
	return r == zeroWidthJoiner || !unicode.Is(unicode.C, r)
}

// cells measures text as terminals show it, whatever the locale here: an ambiguous
// character fills one column.
var cells runewidth.Condition

// Columns is how many columns of a terminal s fills.
func Columns(s string) int { return cells.StringWidth(s) }

// Truncate shortens s to at most columns, and marks that it did.
func Truncate(s string, columns int) string { return cells.Truncate(s, columns, ellipsis) }

// Wrap breaks s into lines of at most columns, between words where it can.
func Wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && Columns(line)+1+Columns(word) > columns {
			lines, line = append(lines, line), ""
		}
		for Columns(word) > columns { // a long link, or a script without spaces
			part := cells.Truncate(word, columns, "")
			lines, word = append(lines, part), word[len(part):]
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// gap stands between two columns.
const gap = "  "

// Table is aligned text. text/tabwriter would not do: it takes every character
// for one column wide, which Chinese and emoji are not.
type Table struct {
	head       []string
	rows       []row
	shrinkable []int // the columns that are cut when the table is too wide
	uncut      bool
}

type row struct {
	cells []string
	below string
}

// NewTable makes a table. The columns with the indexes flex are cut when the rows
// would be wider than Width, the widest first.
func NewTable(flex []int, head ...string) *Table { return &Table{head: head, shrinkable: flex} }

// Row adds a row. Below, unless empty, stands on a line of its own under it.
func (t *Table) Row(below string, cells ...string) {
	for i, cell := range cells {
		cells[i] = Sanitize(cell)
	}
	t.rows = append(t.rows, row{cells, Sanitize(below)})
}

// Uncut has the lines under the rows written whole: for a program that reads them.
func (t *Table) Uncut() { t.uncut = true }

// Write writes the table.
func (t *Table) Write(w io.Writer) error {
	widths := make([]int, len(t.head))
	for _, r := range append([]row{{cells: t.head}}, t.rows...) {
		for i, cell := range r.cells {
			widths[i] = max(widths[i], Columns(cell))
		}
	}
	total := len(gap) * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > Width; total-- {
		widest := t.shrinkable[0]
		for _, i := range t.shrinkable {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= Columns(t.head[widest]) {
			break
		}
		widths[widest]--
	}

	var b strings.Builder
	t.writeRow(&b, widths, t.head)
	for _, r := range t.rows {
		t.writeRow(&b, widths, r.cells)
		switch {
		case r.below != "" && t.uncut:
			fmt.Fprintf(&b, "%s%s\n", gap, r.below)
		case r.below != "":
			fmt.Fprintf(&b, "%s%s\n", gap, Truncate(r.below, Width-len(gap)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writeRow(b *strings.Builder, widths []int, cells []string) {
	line := ""
	for i, cell := range cells {
		cell = Truncate(cell, widths[i])
		line += cell + strings.Repeat(" ", widths[i]-Columns(cell)) + gap
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}

// Facts is a list of labelled lines, such as a report about one thing.
type Facts struct{ lines []fact }

type fact struct {
	label, text string
	unwrapped   bool // not wrapped
}

// Add adds a line. An empty text adds nothing; an empty label goes on with what
// stands above.
func (f *Facts) Add(label, format string, args ...any) {
	if text := Sanitize(fmt.Sprintf(format, args...)); text != "" {
		f.lines = append(f.lines, fact{label: label, text: text})
	}
}

// AddUnwrapped is Add for a link or a command, which must stay on one line to be
// clicked or copied.
func (f *Facts) AddUnwrapped(label, text string) {
	f.lines = append(f.lines, fact{label: label, text: Sanitize(text), unwrapped: true})
}

// Write writes the lines, wrapped to Width.
func (f *Facts) Write(w io.Writer) error {
	labels := 0
	for _, l := range f.lines {
		labels = max(labels, Columns(l.label))
	}
	var b strings.Builder
	for _, l := range f.lines {
		label, texts := l.label, []string{l.text}
		if !l.unwrapped {
			texts = Wrap(l.text, Width-labels-2*len(gap))
		}
		for _, text := range texts {
			fmt.Fprintf(&b, "%s%-*s%s%s\n", gap, labels, label, gap, text)
			label = ""
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FormatTime tells t in the local time zone and as seen from now:
// "Sat 29 Nov 10:16 CET (in 6d 23h)".
func FormatTime(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", t.Local().Format("Mon 2 Jan 15:04 MST"), RelativeTime(t, now))
}

// RelativeTime tells t as seen from now: "in 3h 5m" or "2m ago".
func RelativeTime(t, now time.Time) string {
	d := t.Sub(now)
	if d < 0 {
		return FormatDuration(-d) + " ago"
	}
	return "in " + FormatDuration(d)
}

// FormatDuration tells a duration in its two largest units.
func FormatDuration(d time.Duration) string {
	days, hours := int(d/(24*time.Hour)), int(d/time.Hour)%24
	minutes, seconds := int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return units(days, "d", hours, "h")
	case hours > 0:
		return units(hours, "h", minutes, "m")
	case minutes >= 10:
		return units(minutes, "m", 0, "")
	case minutes > 0:
		return units(minutes, "m", seconds, "s")
	}
	return units(seconds, "s", 0, "")
}

func units(large int, unit string, small int, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d%s", large, unit)
	}
	return fmt.Sprintf("%d%s %d%s", large, unit, small, smallUnit)
}
