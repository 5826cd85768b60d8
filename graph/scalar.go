package graph

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Meta writes the same scalar now as a number and now as a string. These types
// take both.

// str is an id or other string. Ids reach 18 digits, too many for a float64.
type str string

func (t *str) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) == "null" {
		return nil
	}
	if strings.Trim(string(b), "0123456789") != "" {
		return fmt.Errorf("graph: a string was expected")
	}
	*t = str(b)
	return nil
}

// integer is a code or a count.
type integer int

func (i *integer) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("graph: a whole number was expected")
	}
	*i = integer(n)
	return nil
}

// number is a percentage or a count of minutes. Anything unreadable is 0.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	if f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64); err == nil && f > 0 {
		*n = number(f)
	}
	return nil
}

// instant is a time. One that cannot be read is zero, which means unknown.
type instant struct{ time.Time }

// graphTime is how Meta writes a time: no colon in the zone.
const graphTime = "2006-01-02T15:04:05-0700"

// milliseconds is the least number that counts milliseconds, not seconds, since 1970.
const milliseconds = 1_000_000_000_000

func (t *instant) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	for _, layout := range []string{graphTime, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			t.Time = at.UTC()
			return nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		if n < milliseconds {
			n *= 1000
		}
		t.Time = time.UnixMilli(n).UTC()
	}
	return nil
}

// or is t, or other if t is unknown.
func (t instant) or(other instant) time.Time {
	if t.IsZero() {
		return other.Time
	}
	return t.Time
}
