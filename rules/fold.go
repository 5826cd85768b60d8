package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

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
