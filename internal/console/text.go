// Package console writes what people read in a terminal: tables, wrapped text and
// times. Much of it was written by strangers on the internet, so everything is
// made harmless before it is shown.
package console

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
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

// Columns is how many columns s fills.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100: // nothing below is wide; saves the look-up for most text
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Truncate shortens s to at most columns, and marks that it did.
func Truncate(s string, columns int) string {
	if Columns(s) <= columns {
		return s
	}
	return s[:prefixLen(s, columns-1)] + ellipsis
}

// prefixLen is how many bytes of s fit into columns.
func prefixLen(s string, columns int) int {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > columns {
			return i
		}
	}
	return len(s)
}

// Wrap breaks s into lines of at most columns, between words where it can.
func Wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && Columns(line)+1+Columns(word) > columns {
			lines, line = append(lines, line), ""
		}
		for Columns(word) > columns { // a long link, or a script without spaces
			n := prefixLen(word, columns)
			lines, word = append(lines, word[:n]), word[n:]
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
