package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// term is what says compares: a word; one character of a script that puts no
// spaces between words; or a symbol such as an emoji.
type term struct {
	text   string
	gap    bool // spaces or punctuation stand before it
	hangul bool
}

// unspacedScripts are the scripts that put no spaces between words.
var unspacedScripts = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// says reports whether text has the words of phrase next to each other.
//
// A word of a script with spaces must be a whole word of the text. Korean has
// spaces but hangs particles on its words, so there a word counts when the text's
// word begins with it: 가격 is found in 가격이. Characters of scripts without
// spaces are found anywhere in a row of them: 価格 in 商品価格は. Where phrase has
// spaces or punctuation, the text may have any, or none.
func says(text, phrase []term) bool {
	for i := range len(text) - len(phrase) + 1 {
		if hasPhrasePrefix(text[i:], phrase) {
			return len(phrase) > 0
		}
	}
	return false
}

func hasPhrasePrefix(text, phrase []term) bool {
	for i, want := range phrase {
		got := text[i]
		if i > 0 && got.gap && !want.gap {
			return false
		}
		if got.text != want.text && !(want.hangul && strings.HasPrefix(got.text, want.text)) {
			return false
		}
	}
	return true
}

// kind is what a character is to the words around it.
type kind int

const (
	separator kind = iota // spaces, punctuation, control characters
	letter                // letters and digits of scripts with spaces
	hangul
	unspacedLetter // a letter of a script without spaces
	symbol
	mark // belongs to the character before it
)

func kindOf(r rune) kind {
	// The mark of a long vowel belongs to both kana and is in neither script's table.
	const prolongedSound = 'ー'
	switch {
	case r < unicode.MaxASCII && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9'):
		return letter
	case r == ' ':
		return separator
	case unicode.Is(unicode.M, r):
		return mark
	case r == prolongedSound || unicode.In(r, unicode.L, unicode.Nl) && unicode.In(r, unspacedScripts...):
		return unspacedLetter
	case unicode.Is(unicode.L, r) && unicode.Is(unicode.Hangul, r):
		return hangul
	case unicode.In(r, unicode.L, unicode.N):
		return letter
	case unicode.Is(unicode.S, r) || r == '%' || r == zeroWidthJoiner:
		return symbol
	}
	return separator
}

// termsOf splits s, folded, into terms.
func termsOf(s string) []term {
	s = foldText(s)
	var (
		terms []term
		start int  // of the last term in s
		last  kind // of the last term, or between after a gap
		prev  rune
		flag  bool // the last term is half of a flag, which is two regional indicators
	)
	for i, r := range s {
		k := kindOf(r)
		indicator := unicode.Is(unicode.Regional_Indicator, r)
		joins := false
		switch k {
		case separator:
			last, prev, flag = separator, r, false
			continue
		case mark:
			k = letter
			if last != separator {
				joins, k = true, last
			}
		case letter, hangul:
			joins = k == last
		case symbol:
			joins = last == symbol && (r == zeroWidthJoiner || prev == zeroWidthJoiner || flag && indicator)
		}
		if joins {
			t := &terms[len(terms)-1]
			t.text = s[start : i+utf8.RuneLen(r)]
		} else {
			start = i
			terms = append(terms, term{text: s[i : i+utf8.RuneLen(r)], gap: last == separator, hangul: k == hangul})
		}
		flag = indicator && !joins
		last, prev = k, r
	}
	return terms
}

// countLetters counts the letters of any script in s.
func countLetters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}
