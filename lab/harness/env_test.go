package harness

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply/internal/config"
)

// Guards: a shell and this package read the same settings from the env file, also
// those with characters that a shell takes for its own.
func TestEnvFile(t *testing.T) {
	vars := map[string]string{"PLAIN": "a/b:1", "SPECIAL": `it's "$HOME" \ #1`, "EMPTY": ""}
	f := folder(t.TempDir())
	if err := f.writeEnv(vars); err != nil {
		t.Fatal(err)
	}
	got, err := config.ReadDevEnv(string(f))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vars, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `set -a; . "$0"; set +a; printf '%s|%s|%s' "$PLAIN" "$SPECIAL" "$EMPTY"`, f.path(config.DevEnvFile)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join([]string{vars["PLAIN"], vars["SPECIAL"], ""}, "|"); string(out) != want {
		t.Errorf("a shell read %q, want %q", out, want)
	}
	if _, err := config.ReadDevEnv(t.TempDir()); err == nil || !strings.Contains(err.Error(), "start it once") {
		t.Errorf("ReadDevEnv without a file = %v", err)
	}
}
