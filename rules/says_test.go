package rules

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Says finds what people mean by a word, however it is typed and whatever the script.
func TestSays(t *testing.T) {
	for _, tt := range []struct {
		name, text, word string
		want             bool
	}{
		{"the word itself", "price", "price", true},
		{"in a sentence", "What is the price, please?", "price", true},
		{"capitals in the text", "PRICE?", "price", true},
		{"capitals in the word", "price?", "PRICE", true},
		{"not inside a word", "pricey", "price", false},
		{"not at the end of a word", "overprice", "price", false},
		{"not beside a digit", "price2", "price", false},
		{"beside an underscore", "the_price_list", "price", true},
		{"beside an emoji", "price🔥", "price", true},
		{"beside another script without spaces", "iPhoneの価格", "iphone", true},
		{"empty text", "", "price", false},
		{"longer than the text", "price", "price list", false},
		{"digits", "I take 2 of them", "2", true},
		{"not a part of a number", "I take 20 of them", "2", false},

		{"two words", "how much is it", "how much", true},
		{"two words over spaces", "How   much?", "how much", true},
		{"two words over a line", "how\r\n\tmuch", "how much", true},
		{"two words over punctuation", "how, much", "how much", true},
		{"two words in another order", "much how", "how much", false},
		{"two words with one between", "how very much", "how much", false},
		{"two words run together", "howmuch", "how much", false},
		{"after a false start", "how how much", "how much", true},
		{"spaces around the word", "the price", "  price ", true},
		{"curly apostrophe in the text", "I don’t know", "don't", true},
		{"straight apostrophe in the text", "I don't know", "don’t", true},
		{"after an elision", "le prix de l'eau", "eau", true},
		{"hyphen", "any pre-orders? pre-order now", "pre order", true},
		{"punctuation around the word", "how much", "how much?", true},

		{"accent in the text", "un café", "cafe", true},
		{"accent in the word", "un cafe", "café", true},
		{"accent composed and decomposed", "cafe\u0301", "caf\u00e9", true},
		{"many accents", "p\u0301\u0302\u0303\u0304rice", "price", true},
		{"German sharp s", "STRASSE", "straße", true},
		{"German capital sharp s", "STRAẞE", "strasse", true},
		{"Polish ogonek", "ile kosztują", "kosztuja", true},
		{"Vietnamese", "giá bao nhiêu", "gia bao nhieu", true},
		{"Turkish dotted capital", "FİYAT", "fiyat", true},
		{"Turkish dotless letter", "fiyatı", "fiyati", true},
		{"Turkish dotless capital", "FIYATI", "fiyatı", true},
		{"Greek final sigma", "ΚΟΣΤΟΣ", "κόστος", true},
		{"Greek final sigma inside", "κοστοσ", "κόστος", true},
		{"Greek iota subscript", "τῷ", "τω", true},
		{"Cyrillic", "Какая ЦЕНА?", "цена", true},
		{"Cyrillic, inside a word", "оценка", "цен", false},
		{"Cyrillic with two dots", "Сколько ещё", "еще", true},

		{"full-width letters", "ｐｒｉｃｅ", "price", true},
		{"mathematical letters", "𝗽𝗿𝗶𝗰𝗲", "price", true},
		{"ligature", "ﬁnal", "final", true},
		{"zero-width space", "pr\u200bice", "price", true},
		{"soft hyphen", "pr\u00adice", "price", true},
		{"byte order mark", "\ufeffprice", "price", true},
		{"right-to-left marks", "\u200fprice\u200f", "price", true},
		{"no-break space", "how\u00a0much", "how much", true},
		{"trade mark sign", "Acme™", "acme", true},

		{"Arabic", "كم السعر؟", "السعر", true},
		{"Arabic, inside a word", "السعر", "سعر", false},
		{"Arabic vowel signs", "السِّعْر", "السعر", true},
		{"Arabic hamza", "أسعار", "اسعار", true},
		{"Arabic stretched", "الســـعر", "السعر", true},
		{"yeh, Persian and Arabic", "قيمت چنده؟", "قیمت", true},
		{"yeh, Arabic and Persian", "قیمت چنده؟", "قيمت", true},
		{"yeh without dots", "على", "علي", true},
		{"yeh with hamza", "مسئله", "مسيله", true},
		{"waw with hamza", "سؤال", "سوال", true},
		{"kaf", "کتاب لطفا", "كتاب", true},
		{"kaf, the other way", "كتاب لطفا", "کتاب", true},
		{"teh marbuta", "هديه", "هدية", true},
		{"teh marbuta, the other way", "هدية", "هديه", true},
		{"heh with yeh above", "خانۀ ما", "خانه", true},
		{"heh of Urdu", "یہ کتنا", "یه", true},
		{"alef with hamza", "اسعار", "أسعار", true},
		{"alef with hamza below", "إسعار", "اسعار", true},
		{"alef with madda", "الآن", "الان", true},
		{"alef wasla", "ٱسعار", "اسعار", true},
		{"Persian digits", "كد 12", "کد ۱۲", true},
		{"Arabic digits", "كود ١٢", "كود 12", true},
		{"Persian and Arabic digits", "کد ۱۲", "كد ١٢", true},
		{"another digit", "کد ۱۲", "کد ۱۳", false},
		{"Hindi digits", "कोड १२", "कोड 12", true},
		{"Thai digits", "รหัส ๑๒", "รหัส 12", true},
		{"a tilde apart", "sen\u0303or", "señor", true},
		{"other letters stay others", "گل", "كل", false},
		{"dal and thal stay others", "ذهب", "دهب", false},
		{"Persian joiner", "می\u200cخواهم", "میخواهم", true},
		{"Hebrew", "מה המחיר?", "המחיר", true},
		{"Hebrew points", "מְחִיר", "מחיר", true},
		{"Hindi", "कीमत क्या है", "कीमत", true},
		{"Hindi nukta", "क़ीमत", "कीमत", true},
		{"Hindi keeps vowels", "किताब", "कताब", false},
		{"Hindi, inside a word", "कीमती", "कीमत", false},
		{"Tamil", "விலை என்ன", "விலை", true},
		{"Bengali", "দাম কত", "দাম", true},
		{"Georgian capitals", "ᲤᲐᲡᲘ", "ფასი", true},
		{"Armenian", "ԳԻՆ", "գին", true},

		{"Korean", "가격 얼마예요", "가격", true},
		{"Korean with a particle", "가격이 얼마예요", "가격", true},
		{"Korean ending", "얼마예요?", "얼마", true},
		{"Korean, at the end of a word", "정상가격", "가격", false},
		{"Korean, part of a syllable", "각자", "가", false},
		{"Korean decomposed", "\u1100\u1161격", "가격", true},
		{"Korean, two words", "가격이 얼마예요", "가격 얼마", true},
		{"Korean particle on a Latin word", "iPhone은 얼마", "iphone", true},
		{"Korean after digits", "5만원", "만원", true},
		{"Korean letters", "ㅋㅋㅋㅋ", "ㅋㅋ", true},

		{"Chinese", "这个多少钱?", "多少钱", true},
		{"Chinese, apart", "多,少钱", "多少钱", false},
		{"Chinese, other characters", "很多钱", "多少钱", false},
		{"Japanese", "商品価格はいくらですか", "価格", true},
		{"Japanese kana", "これはいくらですか", "いくら", true},
		{"Japanese half-width kana", "ﾌﾟﾚｾﾞﾝﾄ", "プレゼント", true},
		{"Japanese keeps voicing", "かき", "かぎ", false},
		{"Japanese keeps voicing at the end", "かぎ", "かき", false},
		{"Japanese half of a voiced kana", "が", "か", false},
		{"Japanese long vowel", "スーパーマン", "スーパー", true},
		{"Japanese and Latin", "新しいiPhoneの価格", "iphoneの価格", true},
		{"Japanese, Latin inside a word", "iPhonesの価格", "iphoneの価格", false},
		{"Thai", "อันนี้ราคาเท่าไหร่", "ราคา", true},
		{"Thai keeps tones", "ข้าว", "ขาว", false},
		{"Thai keeps vowels", "กุ้ง", "กิ้ง", false},
		{"Thai, half of a letter", "ที่", "ท", false},
		{"Lao", "ລາຄາເທົ່າໃດ", "ລາຄາ", true},
		{"Khmer", "តើតម្លៃប៉ុន្មាន", "តម្លៃ", true},
		{"Khmer with zero-width spaces", "តម្លៃ\u200bប៉ុន្មាន", "តម្លៃប៉ុន្មាន", true},
		{"Myanmar", "ဈေးဘယ်လောက်လဲ", "ဈေး", true},
		{"Tibetan", "གོང་ཚད་ག་ཚོད་རེད", "གོང་ཚད", true},

		{"emoji", "love it 🔥🔥🔥", "🔥", true},
		{"two emoji", "love it 🔥🔥🔥", "🔥🔥", true},
		{"another emoji", "love it ❤️", "🔥", false},
		{"emoji inside a word", "pri🔥ce", "🔥", true},
		{"emoji with and without its selector", "❤", "❤️", true},
		{"emoji with a skin tone", "👍🏽", "👍", true},
		{"emoji family", "my 👨‍👩‍👧", "👨‍👩‍👧", true},
		{"emoji, a part of a family", "my 👨‍👩‍👧", "👩", false},
		{"emoji, a part of a flag", "🏳️‍🌈", "🌈", false},
		{"emoji flag", "from 🇩🇪🇫🇷", "🇫🇷", true},
		{"emoji, halves of two flags", "from 🇩🇪🇫🇷", "🇪🇫", false},
		{"emoji followed by a stray joiner", "🔥\u200dyes", "🔥", true},
		{"keycap", "press 1️⃣", "1", true},
		{"currency", "is it $5?", "$", true},
		{"percent", "50% off", "50%", true},
		{"no percent", "50 off", "50%", false},
		{"plus signs", "do you teach C++?", "c++", true},
		{"hashtag", "so nice #sale", "#sale", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := says(termsOf(tt.text), termsOf(tt.word)); got != tt.want {
				t.Errorf("says(%q, %q) = %v; terms %+v, %+v", tt.text, tt.word, got, termsOf(tt.text), termsOf(tt.word))
			}
		})
	}
}

// Every decimal digit folds to the one with its value.
func TestDigits(t *testing.T) {
	for zero, script := range map[rune]string{'٠': "Arabic", '۰': "Persian", '०': "Devanagari", '০': "Bengali", '௦': "Tamil", '๐': "Thai", '໐': "Lao", '０': "full-width", '᠐': "Mongolian"} {
		for n := range rune(10) {
			if got, want := foldText(string(zero+n)), string('0'+n); got != want {
				t.Errorf("%s %d is folded to %q", script, n, got)
			}
		}
	}
}

// A word without anything to look for is found nowhere.
func TestSaysNothing(t *testing.T) {
	for _, word := range []string{"", " ", "?!", "...", "\u200d", "\u0301", "™", "🏽"} {
		if terms := termsOf(word); len(terms) != 0 {
			t.Errorf("termsOf(%q) = %v", word, terms)
		}
		if says(termsOf("what? "+word), termsOf(word)) {
			t.Errorf("%q was found", word)
		}
	}
}

func TestCountLetters(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "🔥🔥 !!! 123": 0, "ok 👍": 2, "價格": 2, "가격": 2, "cafe\u0301": 4, "ราคา": 4, "\xff\xfe": 0,
	} {
		if got := countLetters(text); got != want {
			t.Errorf("countLetters(%q) = %d, want %d", text, got, want)
		}
	}
}

// Whatever people write, a text says itself and each word that stands in it.
func FuzzSays(f *testing.F) {
	for _, seed := range []string{
		"how much?", "Straße", "FİYAT ı", "خانۀ ۱۲ ٱ", "가격이", "価格はいくら", "ราคาเท่าไหร่", "👨‍👩‍👧🇩🇪🇫", "\u200d🔥\u200d\u200d", "\xff", "e\u0301\u0301", "ﷺ", "ΐŉǰ", "ﾌﾟ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms := termsOf(text)
		if len(terms) == 0 || len(terms) > 500 { // what follows is quadratic
			return
		}
		if !says(terms, terms) {
			t.Errorf("%q does not say itself: %+v", text, terms)
		}
		for _, word := range terms {
			if word.text == "" || !utf8.ValidString(word.text) {
				t.Errorf("%q has the term %q", text, word.text)
			}
			if !says(terms, []term{word}) {
				t.Errorf("%q does not say %q", text, word.text)
			}
		}
		if around := "before " + text + " after"; !says(termsOf(around), termsOf(strings.TrimSpace(text))) {
			t.Errorf("%q does not say %q", around, text)
		}
	})
}
