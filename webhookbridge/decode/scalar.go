package decode

import (
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

const (
	// maxID is what the database under Temporal's search attributes holds of a keyword.
	maxID = 255
	// maxMessageID is above the longest message id known, about 200 bytes.
	maxMessageID = 1000
	// maxText is above the longest comment that Meta takes: 8000 characters, at most
	// 32 KiB. In JSON, where a character can take six times its size, an event stays
	// under the 512 KiB at which Temporal begins to warn.
	maxText = 64 << 10
	// cutLength is what is kept of a longer text.
	cutLength = 8 << 10
	// maxName is above every user name and every ad's title.
	maxName = 1000
	// maxAddress is above the addresses of Meta's pictures, some 600 bytes.
	maxAddress = 2000
)

// id reads an id that Meta writes as a string or as a number. Anything that a
// workflow id or a search attribute cannot carry is no id: other numbers than
// whole ones, spaces, control characters, anything beyond ASCII, and too many bytes.
func (v value) id(limit int) string {
	var s string
	switch {
	case len(v) == 0:
		return ""
	case v[0] == '"':
		s = v.text()
	case v[0] >= '0' && v[0] <= '9' && isDigits(v):
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

// long reads what a person wrote.
func (v value) long() string {
	s := v.text()
	if len(s) > maxText {
		return privatereply.CutText(s, cutLength)
	}
	return s
}

// name reads what a person or an ad is called.
func (v value) name() string { return privatereply.CutText(v.text(), maxName) }

// yes reads a flag.
func (v value) yes() bool { return string(v) == "true" || string(v) == "1" }

// no reads a flag that counts only when it is there and off.
func (v value) no() bool { return string(v) == "false" || string(v) == "0" }

// Times outside of these are mistakes: Facebook began in 2004, and RFC 3339, in
// which payloads are written, ends with the year 9999.
var (
	earliest = time.Date(2004, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// milliseconds is where numbers stop to be seconds. Meta mixes the two units in
// the same fields: as seconds it is the year 33658, as milliseconds 2001.
const milliseconds = 1e12

// time reads a time in seconds or milliseconds, as a number or a string, or
// written out as the Graph API does. It is zero when v holds no sensible time.
func (v value) time() time.Time {
	s := string(v)
	if len(v) > 0 && v[0] == '"' {
		s = v.text()
	}
	whole, _, _ := strings.Cut(s, ".")
	var t time.Time
	if n, err := strconv.ParseInt(whole, 10, 64); err != nil {
		t = written(s)
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

func written(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
