package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A package has a page for each command, and completions of the shells.
func TestDocs(t *testing.T) {
	dir := t.TempDir()
	root := New()
	if err := writeDocs(root, dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, "man", "starter-"+c.Name()+".1"))
		if err != nil || !strings.Contains(string(page), c.Short) {
			t.Errorf("%s has no page of its own: %v", c.Name(), err)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, err := os.ReadFile(filepath.Join(dir, "completion", "starter."+shell))
		if err != nil || !strings.Contains(string(script), "starter") {
			t.Errorf("%s: %v", shell, err)
		}
	}
}
