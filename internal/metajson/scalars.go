package metajson

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// String is an id or another string that Meta may write as a whole number. Any other
// value makes the struct unreadable. Ids reach 18 digits, too many for a float64.
type String string

// UnmarshalJSON reads a string, a whole number or null.
func (s *String) UnmarshalJSON(b []byte) error {
	switch v := Value(b); {
	case v.isString():
		*s = String(v.Text())
	case isDigits(b):
		*s = String(b)
	case !v.IsNull():
		return errors.New("a string was expected")
	}
	return nil
}

// Text is a string. Any other value reads as none, so that it cannot hide its
// neighbours.
type Text string

// UnmarshalJSON reads any value.
func (t *Text) UnmarshalJSON(b []byte) error {
	*t = Text(Value(b).Text())
	return nil
}

// Int is a code or a count, as a number or a string. Any other value makes the struct
// unreadable.
type Int int

// UnmarshalJSON reads a whole number, a string that holds one, or null.
func (i *Int) UnmarshalJSON(b []byte) error {
	s := unquote(b)
	if s == "null" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return errors.New("a whole number was expected")
	}
	*i = Int(n)
	return nil
}

// Float is a percentage or a duration, as a number or a string. Any other value, and a
// negative one, reads as 0.
type Float float64

// UnmarshalJSON reads any value.
func (f *Float) UnmarshalJSON(b []byte) error {
	if n, err := strconv.ParseFloat(unquote(b), 64); err == nil && n > 0 {
		*f = Float(n)
	}
	return nil
}

// Bool is a flag that may be absent. Any value that is no flag reads as Unset.
type Bool int

// The values of a Bool.
const (
	Unset Bool = iota
	True
	False
)

// UnmarshalJSON reads any value.
func (b *Bool) UnmarshalJSON(raw []byte) error {
	switch v := Value(unquote(raw)); {
	case v.IsTrue():
		*b = True
	case v.IsFalse():
		*b = False
	}
	return nil
}

// Time is a time in UTC. One that cannot be read is zero, which means unknown.
type Time struct{ time.Time }

// UnmarshalJSON reads any value; see Value.Time.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = Value(b).Time()
	return nil
}

func unquote(b []byte) string { return strings.Trim(string(b), `"`) }
