// Package metajson reads JSON as Meta writes it: the same scalar is a number in one
// answer and a string in the next, ids have more digits than a float64 keeps, and a
// member of an unexpected type must not make its neighbours unreadable.
//
// [Value] reads a body lazily and in place, for webhooks. [String], [Int] and the
// other scalars are fields of structs that encoding/json decodes, for answers of the
// Graph API.
package metajson

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Value is one JSON value, cut out of a body that json.Valid has accepted; nil is a
// value that is not there. It is read lazily and in place: what one item holds
// cannot make another one unreadable, and neither a million empty items nor deep
// nesting costs memory. Its methods panic on bytes that json.Valid refuses.
type Value []byte

// Parse returns the value of a whole body. It returns false unless the body is JSON,
// nested at most 10000 deep.
func Parse(body []byte) (Value, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	return bytes.TrimSpace(body), true
}

// Fields iterates over the members of an object in their order. A key that stands
// twice comes twice, so the last one wins. Any other value has none. A key is given
// as bytes, because a switch on string(key) makes no copy.
func (v Value) Fields() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		if !v.IsObject() {
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

// Items iterates over the elements of an array. Any other value has none.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
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

// IsObject reports whether v is an object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// IsNull reports whether v is null or is not there.
func (v Value) IsNull() bool { return len(v) == 0 || v[0] == 'n' }

func (v Value) isString() bool { return len(v) > 0 && v[0] == '"' }

// Text returns the string that v holds; any other value has none. Invalid UTF-8 and
// lone surrogates become U+FFFD.
func (v Value) Text() string {
	if !v.isString() {
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

// ID returns an id that Meta writes as a string or as a number. Anything that a
// workflow id or a search attribute cannot carry is no id: other numbers than whole
// ones, spaces, control characters, anything beyond ASCII, and more than limit bytes.
func (v Value) ID(limit int) string {
	s := v.Text()
	if isDigits(v) {
		s = string(v)
	}
	if len(s) > limit {
		return ""
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return s
}

// IsTrue reports whether v is a flag that is on: true or 1.
func (v Value) IsTrue() bool { return string(v) == "true" || string(v) == "1" }

// IsFalse reports whether v is a flag that is there and off: false or 0.
func (v Value) IsFalse() bool { return string(v) == "false" || string(v) == "0" }

// Times outside of these are mistakes: Facebook began in 2004, and RFC 3339, in
// which payloads are written, ends with the year 9999.
var (
	earliest = time.Date(2004, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// milliseconds is the least number that counts milliseconds. Meta mixes the two units
// in the same fields: as seconds it is the year 33658, as milliseconds 2001.
const milliseconds = 1e12

// timeLayouts are how Meta writes a time out; mostly without a colon in the zone.
var timeLayouts = []string{"2006-01-02T15:04:05-0700", time.RFC3339}

// Time returns a time in UTC that Meta writes in seconds or milliseconds since 1970, as
// a number or a string, or written out. It is zero when v holds no sensible time.
func (v Value) Time() time.Time {
	s := string(v)
	if v.isString() {
		s = v.Text()
	}
	seconds, _, _ := strings.Cut(s, ".")
	var t time.Time
	if n, err := strconv.ParseInt(seconds, 10, 64); err != nil {
		t = parseTime(s)
	} else if n >= milliseconds {
		t = time.UnixMilli(n)
	} else {
		t = time.Unix(n, 0)
	}
	if t.Before(earliest) || t.After(latest) {
		return time.Time{}
	}
	return t.UTC()
}

func parseTime(s string) time.Time {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// isDigits reports whether b is a whole number without a sign.
func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// key is Text for the name of a member.
func (v Value) key() []byte {
	if inner := v[1 : len(v)-1]; isPlain(inner) {
		return inner
	}
	return []byte(v.Text())
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
