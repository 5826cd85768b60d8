package config

import (
	"strings"
	"testing"
)

// One page's origin is what browsers send, letter by letter; anything else would
// never match, or match too much.
func TestOrigin(t *testing.T) {
	tests := []struct {
		name, value string
		want        Origin
		problem     string
	}{
		{"none", "", "", ""},
		{"https", "https://temporal.example.com", "https://temporal.example.com", ""},
		{"a port", "https://temporal.example.com:8443", "https://temporal.example.com:8443", ""},
		{"a slash", "https://temporal.example.com/", "https://temporal.example.com", ""},
		{"capitals and the usual port", "https://Temporal.Example.com:443", "https://temporal.example.com", ""},
		{"loopback", "http://127.0.0.1:8233", "http://127.0.0.1:8233", ""},
		{"loopback, IPv6", "http://[::1]:8233", "http://[::1]:8233", ""},
		{"loopback by name", "http://localhost:8233", "http://localhost:8233", ""},
		{"every page", "*", "", "is not one web page's origin"},
		{"a page without one", "null", "", "is not one web page's origin"},
		{"no scheme", "temporal.example.com", "", "is not one web page's origin"},
		{"no host", "https://", "", "is not one web page's origin"},
		{"every subdomain", "https://*.example.com", "", "is not one web page's origin"},
		{"two", "https://a.example.com,b.example.com", "", "is not one web page's origin"},
		{"a path", "https://temporal.example.com/namespaces", "", "write https://temporal.example.com"},
		{"a query", "https://temporal.example.com?x=1", "", "write https://temporal.example.com"},
		{"a password", "https://ana:secret@temporal.example.com", "", "write https://temporal.example.com"},
		{"in clear", "http://temporal.example.com", "", "http:// is accepted only on loopback"},
		{"a name like loopback", "http://127.0.0.1.example.com", "", "http:// is accepted only on loopback"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(Prefix+"CODEC_ORIGIN", tt.value)
			got, err := Read[Desk]()
			switch {
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), "CODEC_ORIGIN")):
				t.Errorf("got %q, %v; want an error with %q", got.CodecOrigin, err, tt.problem)
			case tt.problem == "" && (err != nil || got.CodecOrigin != tt.want):
				t.Errorf("got %q, %v; want %q", got.CodecOrigin, err, tt.want)
			}
		})
	}
}
