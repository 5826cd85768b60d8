package desk

import (
	"strings"
	"unicode/utf8"
)

// A text with more characters or more lines than these is long.
const (
	longCharacters = 240
	longLines      = 5
)

// FoldsComment reports whether a list shows only the beginning of the comment until it is
// unfolded. What would be sent is never folded where it can be approved.
func (c card) FoldsComment() bool { return isLong(c.Comment, longCharacters, longLines) }

func isLong(text string, characters, lines int) bool {
	return utf8.RuneCountInString(text) > characters || strings.Count(text, "\n") >= lines
}
