package privatereply

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrText says that a text cannot be sent.
var ErrText = errors.New("text cannot be sent")

// TextLength counts text as its platform does and names the unit and the limit.
func TextLength(p Platform, text string) (n, limit int, unit string) {
	facts := p.Facts()
	if facts.TextUnit == unitBytes {
		return len(text), facts.TextLimit, facts.TextUnit
	}
	return len(utf16.Encode([]rune(text))), facts.TextLimit, facts.TextUnit
}

// CheckText refuses an empty text and one over the platform's limit, in words for
// the person who wrote it.
func CheckText(p Platform, text string) error { return LimitsOf(p).CheckText(p, text) }

func checkCharacters(text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("%w: it is empty", ErrText)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: it is not valid UTF-8", ErrText)
	}
	return nil
}

// CutMark ends a text that was cut.
const CutMark = " […]"

// CutText shortens text to at most limit bytes on a character boundary, and marks
// that it was cut. A limit too small for the mark gives the empty string.
func CutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit - len(CutMark)
	if cut < 0 {
		return ""
	}
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + CutMark
}
