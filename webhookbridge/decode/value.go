package decode

import (
	"bytes"
	"encoding/json"
	"iter"
)

// value is one JSON value, cut out of a body that json.Valid has accepted; nil is
// a value that is not there. It is read lazily and in place: what one item holds
// cannot make another one unreadable, and neither a million empty items nor deep
// nesting costs memory. Nothing here may see bytes that json.Valid has not.
type value []byte

// whole is the value of a whole body.
func whole(body []byte) value { return bytes.TrimSpace(body) }

// fields walks the members of an object in their order. A key that stands twice
// comes twice, so the last one wins. Any other value has none. A key is given as
// bytes, because a switch on string(key) makes no copy.
func (v value) fields() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		if !v.isObject() {
			return
		}
		for i := skipSpace(v, 1); v[i] != '}'; i = skipComma(v, i) {
			keyEnd := endOf(v, i)
			start := skipSpace(v, skipSpace(v, keyEnd)+1)
			end := endOf(v, start)
			if !yield(v[i:keyEnd].key(), v[start:end]) {
				return
			}
			i = end
		}
	}
}

// items walks the elements of an array. Any other value has none.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if len(v) == 0 || v[0] != '[' {
			return
		}
		for i := skipSpace(v, 1); v[i] != ']'; i = skipComma(v, i) {
			end := endOf(v, i)
			if !yield(v[i:end]) {
				return
			}
			i = end
		}
	}
}

// key is text for the name of a member.
func (v value) key() []byte {
	if inner := v[1 : len(v)-1]; isPlain(inner) {
		return inner
	}
	return []byte(v.text())
}

func (v value) isObject() bool { return len(v) > 0 && v[0] == '{' }

// isNull is also true for a value that is not there.
func (v value) isNull() bool { return len(v) == 0 || v[0] == 'n' }

// text is the string that v holds, or nothing. Invalid UTF-8 and lone surrogates
// become U+FFFD.
func (v value) text() string {
	if len(v) == 0 || v[0] != '"' {
		return ""
	}
	inner := v[1 : len(v)-1]
	if isPlain(inner) {
		return string(inner)
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return ""
	}
	return s
}

// isPlain reports whether the inside of a JSON string means itself.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c == '\\' || c > '~' {
			return false
		}
	}
	return true
}

// endOf is the index after the value that begins at v[i].
func endOf(v []byte, i int) int {
	switch v[i] {
	case '"':
		return endOfString(v, i)
	case '{', '[':
		return endOfNested(v, i)
	}
	if n := bytes.IndexAny(v[i:], ",]} \t\r\n"); n >= 0 {
		return i + n
	}
	return len(v)
}

func endOfString(v []byte, i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func endOfNested(v []byte, i int) int {
	for depth := 0; ; i++ {
		switch v[i] {
		case '"':
			i = endOfString(v, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func skipSpace(v []byte, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\r' || v[i] == '\n' {
		i++
	}
	return i
}

// skipComma goes from the end of one member to the next, or to the closing bracket.
func skipComma(v []byte, i int) int {
	i = skipSpace(v, i)
	if v[i] == ',' {
		i = skipSpace(v, i+1)
	}
	return i
}
