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
