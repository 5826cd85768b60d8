package replyworker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/internal/config"
)

// A send needs the account's secrets as they are now: a repaired token works at
// once. An account that lost its token is still known, so that its conversations
// keep their settings.
func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	path, tokenFile := filepath.Join(dir, "accounts.yaml"), filepath.Join(dir, "token")
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "accounts:\n  - {platform: facebook, id: \"100000000000001\", human_agent: true, token_file: "+tokenFile+", app_secret_env: TEST_APP_SECRET}\n")
	t.Setenv("TEST_APP_SECRET", "hush-secret")
	accounts, err := config.OpenAccounts(path)
	if err != nil {
		t.Fatal(err)
	}
	var secrets activities.Accounts = credentialSource{accounts}
	for _, step := range []struct {
		name, token string // no token: the file is not there
	}{
		{"no token yet", ""},
		{"token", "hush-first"},
		{"another token", "hush-second"},
	} {
		if step.token != "" {
			write(tokenFile, step.token+"\n")
		}
		got, err := secrets.Credentials(privatereply.Facebook, "100000000000001")
		if got.Account.ID != "100000000000001" || !got.Account.HumanAgent {
			t.Errorf("%s: the account is %+v", step.name, got.Account)
		}
		if got.Token != step.token || (err == nil) != (step.token != "") || (got.AppSecret == "hush-secret") != (err == nil) {
			t.Errorf("%s: %v, and not the secrets of the files", step.name, err)
		}
		if err != nil && (errors.Is(err, activities.ErrUnknownAccount) || !errors.Is(err, os.ErrNotExist)) {
			t.Errorf("%s: %v", step.name, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v %v", got, got, got, err); strings.Contains(shown, "hush") {
			t.Errorf("%s: a secret is shown: %s", step.name, shown)
		}
	}
}

// An account that the file does not have is told from one without a token.
func TestCredentialsOfUnknownAccount(t *testing.T) {
	accounts, err := config.OpenAccounts("../../accounts.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"17841400000000001", ""} {
		got, err := credentialSource{accounts}.Credentials(privatereply.Facebook, id)
		if !errors.Is(err, activities.ErrUnknownAccount) || got.Account != (privatereply.Account{}) {
			t.Errorf("%q: %+v, %v", id, got.Account, err)
		}
	}
}
