package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// Secrets come from a variable or a file, without the space around them; what is
// missing is named by its field and place.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, content)
		return path
	}
	tokenFile, secretFile, empty := file("token", "hush-token-2\r\n"), file("secret", "hush-secret-2"), file("empty", " \n")
	lines := file("lines", "hush-token-1\nhush-token-2\n")
	none := filepath.Join(dir, "none")
	_, missing := os.ReadFile(none)
	t.Setenv("TEST_TOKEN", " hush-token-1 \n")
	t.Setenv("TEST_SECRET", "hush-secret-1")
	t.Setenv("TEST_BLANK", " ")
	tests := []struct {
		name, fields string
		want         Secrets
		problem      string
	}{
		{"token from a variable", "token_env: TEST_TOKEN", Secrets{Token: "hush-token-1"}, ""},
		{"token from a file", "token_file: " + tokenFile, Secrets{Token: "hush-token-2"}, ""},
		{"both from variables", "token_env: TEST_TOKEN, app_secret_env: TEST_SECRET", Secrets{"hush-token-1", "hush-secret-1"}, ""},
		{"both from files", "token_file: " + tokenFile + ", app_secret_file: " + secretFile, Secrets{"hush-token-2", "hush-secret-2"}, ""},
		{"token variable not set", "token_env: TEST_NOT_SET", Secrets{}, "token_env: the variable TEST_NOT_SET is not set, or empty"},
		{"token variable empty", "token_env: TEST_BLANK", Secrets{}, "token_env: the variable TEST_BLANK is not set, or empty"},
		{"token file missing", "token_file: " + none, Secrets{}, "token_file: " + missing.Error()},
		{"token file empty", "token_file: " + empty, Secrets{}, "token_file: " + empty + " is empty"},
		{"token file with two lines", "token_file: " + lines, Secrets{}, "token_file: " + lines + " has more than one line; write the secret into one"},
		{"app secret not set", "token_env: TEST_TOKEN, app_secret_env: TEST_NOT_SET", Secrets{}, "app_secret_env: the variable TEST_NOT_SET is not set, or empty"},
		{"app secret file missing", "token_env: TEST_TOKEN, app_secret_file: " + none, Secrets{}, "app_secret_file: " + missing.Error()},
		{"app secret file empty", "token_env: TEST_TOKEN, app_secret_file: " + empty, Secrets{}, "app_secret_file: " + empty + " is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := mustOpen(t, "accounts:\n  - {platform: facebook, id: \"1\", "+tt.fields+"}\n")
			got, err := a.Secrets(privatereply.Facebook, "1")
			if got != tt.want {
				t.Error("these are not the secrets")
			}
			if tt.problem == "" && err != nil {
				t.Error(err)
			}
			if want := "account 1: " + tt.problem; tt.problem != "" && (err == nil || err.Error() != want) {
				t.Errorf("got %v, want %s", err, want)
			}
			for _, verb := range []string{"%v", "%+v", "%#v"} {
				for _, value := range []any{err, a, *a, a.All(), a.file.Current()} {
					if shown := fmt.Sprintf(verb, value); strings.Contains(shown, "hush") {
						t.Errorf("%T with %s shows a secret: %s", value, verb, shown)
					}
				}
			}
		})
	}
	a := mustOpen(t, "accounts:\n  - {platform: facebook, id: \"1\", token_env: TEST_TOKEN}\n")
	if _, err := a.Secrets(privatereply.Instagram, "1"); err == nil || err.Error() != "account instagram 1 is not in the accounts file" {
		t.Errorf("an unknown account: %v", err)
	}
}

// A repaired token is used at once, not when the accounts file next changes.
func TestTokenFileIsReadEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	a := mustOpen(t, "accounts:\n  - {platform: facebook, id: \"1\", token_file: "+path+"}\n")
	if _, err := a.Secrets(privatereply.Facebook, "1"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without the file: %v", err)
	}
	for _, token := range []string{"first", "second"} {
		writeFile(t, path, token)
		if got, err := a.Secrets(privatereply.Facebook, "1"); err != nil || got.Token != token {
			t.Errorf("got %q, %v; want %q", got.Token, err, token)
		}
	}
}

// No way of printing or encoding secrets shows them.
func TestSecretsAreNotPrinted(t *testing.T) {
	s := Secrets{Token: "hush", AppSecret: "hush"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, value := range []any{s, &s, []Secrets{s}, struct{ S Secrets }{s}, map[string]Secrets{"a": s}} {
			if shown := fmt.Sprintf(verb, value); strings.Contains(shown, "hush") || strings.Contains(shown, "68757368") {
				t.Errorf("%T with %s shows %s", value, verb, shown)
			}
		}
	}
	if b, err := json.Marshal(s); err == nil {
		t.Errorf("encoded as %s", b)
	}
}

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
