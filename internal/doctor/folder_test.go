package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A token whose account was never written is named: connecting it was interrupted.
func TestUnfinishedConnection(t *testing.T) {
	folder := t.TempDir()
	connected := filepath.Join(folder, "connected")
	if err := os.Mkdir(connected, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(connected, "instagram-17841400000000002.token"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &checker{}
	d.settings.Accounts = folder
	found := d.checkAccountsFile()
	last := found[len(found)-1]
	if last.Check != "accounts folder" || last.Level != Warning || !strings.Contains(last.Text, "instagram-17841400000000002.token") || last.Repair == "" {
		t.Errorf("found %+v", found)
	}
}
