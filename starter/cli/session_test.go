package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/internal/config"
)

// Guards: beside a running `starter dev` nothing has to be configured, and who has
// an accounts file of their own is left alone.
func TestUseDevSettings(t *testing.T) {
	needNothing := func(t *testing.T) (told *strings.Builder) {
		t.Helper()
		t.Chdir(t.TempDir())
		for _, name := range []string{"PRIVATEREPLY_ACCOUNTS", "PRIVATEREPLY_RULES", "TEMPORAL_ADDRESS"} {
			t.Setenv(name, "")
		}
		if err := os.MkdirAll(filepath.Join(config.DevFolder, config.DevAccountsFolder), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{
			config.DevAccountsFile: "accounts: []\n",
			config.DevEnvFile:      "PRIVATEREPLY_ACCOUNTS='/dev-accounts.yaml'\nTEMPORAL_ADDRESS='127.0.0.1:1'\n",
		} {
			if err := os.WriteFile(filepath.Join(config.DevFolder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return &strings.Builder{}
	}
	t.Run("nothing configured", func(t *testing.T) {
		told := needNothing(t)
		if err := useDevSettings(told); err != nil {
			t.Fatal(err)
		}
		if a, b := os.Getenv("PRIVATEREPLY_ACCOUNTS"), os.Getenv("TEMPORAL_ADDRESS"); a != "/dev-accounts.yaml" || b != "127.0.0.1:1" {
			t.Errorf("accounts %q, address %q", a, b)
		}
		if !strings.Contains(told.String(), "using the files of `starter dev` in .dev") {
			t.Errorf("told %q", told)
		}
	})
	t.Run("what is set stays", func(t *testing.T) {
		told := needNothing(t)
		t.Setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
		if err := useDevSettings(told); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv("TEMPORAL_ADDRESS"); got != "temporal.example:7233" {
			t.Errorf("address %q", got)
		}
	})
	t.Run("an accounts file of one's own", func(t *testing.T) {
		told := needNothing(t)
		if err := os.WriteFile("accounts.yaml", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := useDevSettings(told); err != nil || told.Len() > 0 || os.Getenv("TEMPORAL_ADDRESS") != "" {
			t.Errorf("it used .dev: %v, %q", err, told)
		}
	})
	t.Run("an accounts file that is named", func(t *testing.T) {
		told := needNothing(t)
		t.Setenv("PRIVATEREPLY_ACCOUNTS", "other.yaml")
		if err := useDevSettings(told); err != nil || told.Len() > 0 || os.Getenv("TEMPORAL_ADDRESS") != "" {
			t.Errorf("it used .dev: %v, %q", err, told)
		}
	})
}
