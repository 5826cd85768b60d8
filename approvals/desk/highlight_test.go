package desk

import "testing"

// Words that were searched for are marked, whatever their case, and nothing that a stranger
// or a searcher writes becomes part of the page.
func TestHighlight(t *testing.T) {
	for name, tt := range map[string]struct{ search, text, want string }{
		"no search":             {"", "a <b> & c", "a &lt;b&gt; &amp; c"},
		"a word":                {"OAK", "In oak, or Oak?", "In <mark>oak</mark>, or <mark>Oak</mark>?"},
		"two words":             {"oak red", "red oak", "<mark>red</mark> <mark>oak</mark>"},
		"one within the other":  {"oak oaken", "oaken", "<mark>oaken</mark>"},
		"they overlap":          {"abc bcd", "abcd", "<mark>abc</mark><mark>d</mark>"},
		"hostile text":          {"script", "<script>alert(1)</script>", "&lt;<mark>script</mark>&gt;alert(1)&lt;/<mark>script</mark>&gt;"},
		"hostile search":        {"<script>", "a <script> b", "a <mark>&lt;script&gt;</mark> b"},
		"part of an escape":     {"amp", "a & b", "a &amp; b"},
		"another length":        {"istanbul", "in İSTANBUL, İstanbul", "in <mark>İSTANBUL</mark>, <mark>İstanbul</mark>"},
		"longer in lower case":  {"x", "ȺȺx", "ȺȺ<mark>x</mark>"},
		"another script":        {"いくら", "値段はいくらですか", "値段は<mark>いくら</mark>ですか"},
		"a broken letter":       {"a", "a\xffb", "<mark>a</mark>\uFFFDb"},
		"not there":             {"blue", "red", "red"},
		"longer than the text":  {"redder", "red", "red"},
		"the whole of the text": {"red", "red", "<mark>red</mark>"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(highlight(searchWords(tt.search), tt.text)); got != tt.want {
				t.Errorf("%s", got)
			}
		})
	}
}
