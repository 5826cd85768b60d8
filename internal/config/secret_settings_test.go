package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A secret may stand in a file, as container platforms give it; the space around it
// is not part of it. A variable that is set to nothing counts as not set.
func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, content)
		return path
	}
	setenv(t, map[string]string{
		"VERIFY_TOKEN": "", "VERIFY_TOKEN_FILE": file("verify", "verify\n"),
		"APP_SECRETS_FILE": file("app", " one,two \r\n"), "NOTIFY_URL_FILE": file("notify", "https://hooks.example.com/x\n"),
		"ENCRYPTION_KEYS_FILE": file("keys", "k1:key"), "RULES_FILE": "only secrets have one",
	})
	bridge, err := Read[Bridge]()
	if diff := cmp.Diff([]any{Secret("verify"), SecretList{"one", "two"}, "rules.yaml"}, []any{bridge.VerifyToken, bridge.AppSecrets, bridge.Rules}); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if desk, err := Read[Desk](); err != nil || desk.NotifyURL != "https://hooks.example.com/x" {
		t.Errorf("the desk's secret was not read: %v", err)
	}
	if keys, err := Read[Encryption](); err != nil || keys.Keys != "k1:key" {
		t.Errorf("the keys were not read: %v", err)
	}
}

// What is wrong with a secret's file is told once, by the variable that names it, and
// beside everything else that is wrong.
func TestSecretFilesRefused(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	_, missing := os.ReadFile(none)
	blank, lines := filepath.Join(dir, "blank"), filepath.Join(dir, "lines")
	writeFile(t, blank, " \n")
	writeFile(t, lines, "hush-one\nhush-two\n")
	tests := []struct {
		name string
		vars map[string]string
		want []string
	}{
		{"missing", map[string]string{"VERIFY_TOKEN": "hush", "APP_SECRETS_FILE": none},
			[]string{"PRIVATEREPLY_APP_SECRETS_FILE: " + missing.Error()}},
		{"empty", map[string]string{"VERIFY_TOKEN_FILE": blank, "APP_SECRETS": "hush", "LOG_FORMAT": "xml"},
			[]string{"PRIVATEREPLY_VERIFY_TOKEN_FILE: " + blank + " is empty",
				`PRIVATEREPLY_LOG_FORMAT: "xml" is not a log format; write json or console`}},
		{"more than one line", map[string]string{"VERIFY_TOKEN_FILE": lines, "APP_SECRETS": "hush"},
			[]string{"PRIVATEREPLY_VERIFY_TOKEN_FILE: " + lines + " has more than one line; write the secret into one"}},
		{"both", map[string]string{"VERIFY_TOKEN": "hush", "VERIFY_TOKEN_FILE": blank, "APP_SECRETS": "hush"},
			[]string{"PRIVATEREPLY_VERIFY_TOKEN and PRIVATEREPLY_VERIFY_TOKEN_FILE are both set: set one of them"}},
		{"neither, and a missing one", map[string]string{"VERIFY_TOKEN_FILE": none},
			[]string{"PRIVATEREPLY_VERIFY_TOKEN_FILE: " + missing.Error(),
				"PRIVATEREPLY_APP_SECRETS is required: set it, or PRIVATEREPLY_APP_SECRETS_FILE to the path of a file that holds it"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.vars)
			_, err := Read[Bridge]()
			if want := "settings: " + strings.Join(tt.want, "; "); err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// Settings may reach a log; their secrets may not.
func TestSecretSettingsAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, value := range []any{
			SecretList{"hush", "hush"}, &SecretList{"hush"}, Secret("hush"),
			Bridge{VerifyToken: "hush", AppSecrets: SecretList{"hush"}}, Encryption{Keys: "hush"}, Desk{NotifyURL: "hush"},
		} {
			shown := fmt.Sprintf(verb, value)
			if strings.Contains(shown, "hush") || strings.Contains(shown, "68757368") {
				t.Errorf("%s shows %s", verb, shown)
			}
		}
	}
}
