package desk

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
	"unicode"
)

const (
	// maxSearch limits the search words, in bytes.
	maxSearch = 300
	// maxMarks limits the marks in one text: a search for "a" marks every second letter.
	maxMarks = 100
)

// searchWords are the words of a search, as queue.Filter looks for them.
func searchWords(search string) []string { return strings.Fields(strings.ToLower(search)) }

// boundSearch cuts a search that is too long for one.
func boundSearch(search string) string {
	if len(search) <= maxSearch {
		return search
	}
	return strings.ToValidUTF8(search[:maxSearch], "")
}

// highlight writes a text of a stranger as HTML, in which the words that were searched for
// are marked. Both are escaped.
func highlight(words []string, text string) template.HTML {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(words) == 0 || text == "" {
		return template.HTML(template.HTMLEscapeString(text))
	}
	// Where each byte of the text in lower case stands in the text: some letters have
	// another length there.
	var lower strings.Builder
	var at []int
	for i, r := range text {
		n, _ := lower.WriteRune(unicode.ToLower(r))
		for range n {
			at = append(at, i)
		}
	}
	at = append(at, len(text))
	type span struct{ from, to int }
	var marks []span
	for _, word := range words {
		for from := 0; word != "" && len(marks) < maxMarks; {
			i := strings.Index(lower.String()[from:], word)
			if i < 0 {
				break
			}
			marks = append(marks, span{at[from+i], at[from+i+len(word)]})
			from += i + len(word)
		}
	}
	slices.SortFunc(marks, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	var b strings.Builder
	done := 0
	for _, m := range marks {
		if m.to <= done {
			continue
		}
		m.from = max(m.from, done)
		template.HTMLEscape(&b, []byte(text[done:m.from]))
		b.WriteString("<mark>")
		template.HTMLEscape(&b, []byte(text[m.from:m.to]))
		b.WriteString("</mark>")
		done = m.to
	}
	template.HTMLEscape(&b, []byte(text[done:]))
	return template.HTML(b.String())
}
