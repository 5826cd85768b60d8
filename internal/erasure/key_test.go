package erasure

import (
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

func keysOf(t *testing.T, pairs string) Keys {
	t.Helper()
	parsed, err := codec.ParseKeys(pairs)
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return NewKeys(c)
}

// A hash stands for one person; it needs the key where there is one, and a changed key does
// not make an erasure under way forget whom it is about.
func TestKeys(t *testing.T) {
	const person, other = "6000000000000001", "6000000000000002"
	first, second := "a:"+codec.NewSecret(), "b:"+codec.NewSecret()
	before, after, without, stranger := keysOf(t, first), keysOf(t, second+","+first), NewKeys(nil), keysOf(t, "a:"+codec.NewSecret())
	for name, tt := range map[string]struct {
		made, compared Keys
		id             string
		want           bool
	}{
		"the same person":               {before, before, person, true},
		"another person":                {before, before, other, false},
		"a new first key":               {before, after, person, true},
		"a new first key, another":      {before, after, other, false},
		"a worker that lacks the key":   {after, before, person, false},
		"somebody else's key":           {before, stranger, person, false},
		"without keys":                  {without, without, person, true},
		"without keys, another":         {without, without, other, false},
		"begun before there were keys":  {without, after, person, true},
		"a worker that has no keys yet": {before, without, person, false},
	} {
		if got := tt.compared.Match(tt.id, tt.made.Of(person)); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// A code can stand in a workflow's id, and only who has the secret can compute one.
func TestCodes(t *testing.T) {
	derived := CodeOf([]byte("secret"), "payload")
	for _, code := range []string{NewCode(), derived} {
		if id, err := privatereply.ErasureID(code); err != nil || id != "erasure:"+code {
			t.Errorf("%q: %q, %v", code, id, err)
		}
	}
	if CodeOf([]byte("secret"), "payload") != derived || CodeOf([]byte("other"), "payload") == derived || CodeOf([]byte("secret"), "another") == derived {
		t.Error("codes are not told apart, or change")
	}
	if one, other := NewCode(), NewCode(); one == other {
		t.Errorf("two codes are %s", one)
	}
}
