package desk

import (
	"strings"
	"unicode/utf8"
)

// A text with more characters or more lines than these is long; in the compact list, with
// more than fit on a line.
const (
	longCharacters        = 240
	longLines             = 5
	longCompactCharacters = 90
)

// FoldsComment reports whether a list shows only the beginning of the comment until it is
// unfolded.
func (c card) FoldsComment() bool {
	if c.Compact {
		return isLong(c.Comment, longCompactCharacters, 1)
	}
	return isLong(c.Comment, longCharacters, longLines)
}

// FoldsText reports whether a list shows only the beginning of the proposed text. Then it
// can be approved when it is unfolded, and not before.
func (c card) FoldsText() bool { return c.Compact && isLong(c.Text, longCompactCharacters, 1) }

// isLong reports whether a text has more characters than these, or as many line breaks.
func isLong(text string, characters, breaks int) bool {
	return utf8.RuneCountInString(text) > characters || strings.Count(text, "\n") >= breaks
}
