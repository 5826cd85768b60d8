package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the desk trusts and where it sends a secret is read once and said in words
// when it is wrong.
func TestDeskSettings(t *testing.T) {
	tests := []struct {
		name, variable, value, problem string
	}{
		{"a single proxy", "APPROVALS_PROXIES", "10.0.0.1, 192.168.0.0/16", ""},
		{"a proxy by name", "APPROVALS_PROXIES", "proxy.example.com", "not a network or an address"},
		{"an empty proxy", "APPROVALS_PROXIES", "10.0.0.1,,", "not a network or an address"},
		{"notify over https", "NOTIFY_URL", "https://hooks.example.com/services/T0/B0/x", ""},
		{"notify on loopback", "NOTIFY_URL", "http://127.0.0.1:9000/x", ""},
		{"notify in clear", "NOTIFY_URL", "http://hooks.example.com/secret-path", "https://"},
		{"a desk without scheme", "APPROVALS_URL", "desk.example.com", "not the address of a web page"},
		{"a Web UI", "WEB_UI_URL", "http://127.0.0.1:8233/", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(Prefix+tt.variable, tt.value)
			_, err := Read[Desk]()
			switch {
			case tt.problem == "" && err != nil:
				t.Fatal(err)
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), tt.variable)):
				t.Fatalf("got %v, want %q of %s", err, tt.problem, tt.variable)
			case err != nil && strings.Contains(err.Error(), "secret-path"):
				t.Fatalf("the error shows the secret: %v", err)
			}
		})
	}
}

// An address of a webhook is a secret: no log line may show it.
func TestSecretURLIsNotPrinted(t *testing.T) {
	u := SecretURL("https://hooks.example.com/services/T0/B0/x")
	for _, verb := range []string{"%v", "%s", "%q", "%+v", "%#v", "%x"} {
		if got := fmt.Sprintf(verb, u); strings.Contains(got, "hooks") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// A slash at the end would double in every link.
func TestPublicURLHasNoSlashAtItsEnd(t *testing.T) {
	t.Setenv(Prefix+"WEB_UI_URL", "http://127.0.0.1:8233/")
	got, err := Read[Desk]()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(PublicURL("http://127.0.0.1:8233"), got.WebUI); diff != "" {
		t.Error(diff)
	}
}

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
