package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Guards the vector that Meta's algorithm gives for a known pair.
func TestProof(t *testing.T) {
	if got := credentials(pageAccount).proof(); got != testProof {
		t.Errorf("%s, want %s", got, testProof)
	}
}

// Guards that credentials cannot be shown by accident, alone or inside something else.
func TestCredentialsAreNeverShown(t *testing.T) {
	cred := credentials(pageAccount)
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&shown, verb+"\n", cred)
		fmt.Fprintf(&shown, verb+"\n", &cred)
		fmt.Fprintf(&shown, verb+"\n", struct{ C Credentials }{cred})
		fmt.Fprintf(&shown, verb+"\n", []Credentials{cred})
	}
	fmt.Fprintln(&shown, cred, cred.String(), cred.GoString())
	slog.New(slog.NewTextHandler(&shown, nil)).Info("call", "as", cred)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("call", "as", cred, "in", struct{ C Credentials }{cred})
	encoded, err := json.Marshal(struct{ C Credentials }{cred})
	if err == nil {
		t.Errorf("encoded as %s", encoded)
	}
	fmt.Fprintln(&shown, err)
	for _, secret := range []string{testToken, testSecret, testProof, fmt.Sprintf("%x", testToken)} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown in:\n%s", secret, shown.String())
		}
	}
	if !strings.Contains(shown.String(), "credentials of facebook "+pageAccount.ID) {
		t.Errorf("the account is not shown:\n%s", shown.String())
	}
}
