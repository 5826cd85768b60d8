package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// term is the unit that says compares: a word; one character of a script that puts no
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

// kind is the role of a character in a word.
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

// termsOf folds s and splits it into terms.
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

const zeroWidthJoiner = '\u200d'

var (
	foldCase = cases.Fold()
	// Compatibility decomposition would glue these to the word before them.
	trademarks = strings.NewReplacer("™", " ", "℠", " ")
)

// foldText makes two spellings of the same words equal: compatibility decomposition,
// accents and invisible characters dropped, full case folding. What is left is
// composed again, so that one kana, Hangul syllable or Indic letter is one
// character.
func foldText(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	s = norm.NFKD.String(trademarks.Replace(strings.ToValidUTF8(s, "\ufffd")))
	var b strings.Builder
	b.Grow(len(s))
	var last rune
	for i, r := range s {
		switch {
		case r == zeroWidthJoiner:
			// Between emoji it makes another emoji; elsewhere it only shapes letters.
			next, size := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if size == 0 || !unicode.Is(unicode.S, last) || !unicode.Is(unicode.S, next) {
				continue
			}
		case isAccent(r, s[i:]) || isInvisible(r):
			continue
		case r == 'ı':
			// Turkish writes its capital as I, which folds to a dotted i.
			r = 'i'
		case r > unicode.MaxLatin1:
			r = unifyKeyboardVariants(r)
		}
		b.WriteRune(r)
		last = r
	}
	return norm.NFC.String(foldCase.String(b.String()))
}

// unifyKeyboardVariants gives one spelling to letters and digits that keyboards of one script
// write differently: Arabic, Persian, Urdu and Kurdish ones have letters of their own that
// look alike, and people on Arabic ones leave the dots and the hamza away. Decomposition
// has taken the hamza off alef, waw and yeh already.
func unifyKeyboardVariants(r rune) rune {
	switch r {
	case 'ٱ':
		return 'ا'
	case 'ی', 'ى':
		return 'ي'
	case 'ک':
		return 'ك'
	case 'ة', 'ە', 'ہ', 'ۃ', 'ھ':
		return 'ه'
	}
	// Digits stand in rows of ten, from zero.
	for _, row := range unicode.Nd.R16 {
		if r < rune(row.Lo) {
			break
		}
		if r <= rune(row.Hi) {
			return '0' + (r-rune(row.Lo))%10
		}
	}
	return r
}

// isAccent reports whether r, the first character of s, is a mark that people leave
// out when they type in a hurry: accents, cedillas, Hebrew points, Arabic vowel
// signs, nuktas, enclosing marks. Marks that make another letter stay: Indic and
// South-East Asian vowels and tones, and the voicing of kana.
func isAccent(r rune, s string) bool {
	if !unicode.Is(unicode.M, r) {
		return false
	}
	if unicode.In(r, unicode.Me, unicode.Variation_Selector) {
		return true
	}
	// Canonical combining classes, from the Unicode Character Database: 1 overlays,
	// 7 nuktas (in
	// Myanmar a tone), 10 to 36 Hebrew, Arabic and Syriac points, 200 and above positions
	// around the letter. Between lie vowels and tones of single scripts.
	class := norm.NFD.PropertiesString(s).CCC()
	return class == 1 || class == 7 && !unicode.Is(unicode.Myanmar, r) || class >= 10 && class <= 36 || class >= 200
}

// isInvisible reports whether r leaves no mark of its own: format characters, the
// stretching of Arabic words, the skin tone of an emoji.
func isInvisible(r rune) bool {
	const tatweel, combiningGraphemeJoiner = '\u0640', '\u034f'
	return r == tatweel || r == combiningGraphemeJoiner || r >= 0x1F3FB && r <= 0x1F3FF || unicode.Is(unicode.Cf, r)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
