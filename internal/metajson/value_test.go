package metajson

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The walker reads valid JSON as encoding/json does: every member of an object, the
// last of two with the same key, and every element of an array.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"a":1}`, ` { "a" : [ 1 , "]" , {} , null ] , "b" : "\"}" } `, `[[],[[]],"[",{"x":"]"}]`,
		`{"a":1,"a":2}`, `{"\u0061":"\ud83d\ude00\ud800"}`, `[-1.5e+10,true,false,null]`, `"x"`, `{"":{"":""}}`, "[\"\xff\"]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if json.Valid(b) {
			v := bytes.TrimSpace(b)
			if got, want := tree(v), parsed(t, v); !cmp.Equal(got, want) {
				t.Errorf("%q (-encoding/json +metajson):\n%s", b, cmp.Diff(want, got))
			}
		}
	})
}

// tree is v as the walker sees it.
func tree(v Value) any {
	switch v[0] {
	case '{':
		m := map[string]any{}
		for key, member := range v.Fields() {
			m[string(key)] = tree(member)
		}
		return m
	case '[':
		a := []any{}
		for item := range v.Items() {
			a = append(a, tree(item))
		}
		return a
	case '"':
		return v.Text()
	}
	return json.Number(v)
}

// parsed is v as encoding/json sees it.
func parsed(t *testing.T, v Value) any {
	switch v[0] {
	case '{':
		var raw map[string]json.RawMessage
		unmarshal(t, v, &raw)
		m := map[string]any{}
		for key, member := range raw {
			m[key] = parsed(t, Value(member))
		}
		return m
	case '[':
		var raw []json.RawMessage
		unmarshal(t, v, &raw)
		a := []any{}
		for _, item := range raw {
			a = append(a, parsed(t, Value(item)))
		}
		return a
	case '"':
		var s string
		unmarshal(t, v, &s)
		return s
	}
	return json.Number(v)
}

func unmarshal(t *testing.T, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
}
