package privatereply_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// The product never links the laboratory, which simulates, measures and breaks it, and
// workflows never know the client of Meta's Graph API. Only starter's main package
// composes product and laboratory.
func TestImports(t *testing.T) {
	const module = "github.com/privatereply/privatereply"
	mayLink := map[string]bool{module + "/starter": true}
	linked := 0
	for path, deps := range dependencies(t) {
		inLab := strings.HasPrefix(path, module+"/lab/")
		for _, dep := range deps {
			switch {
			case strings.HasPrefix(dep, module+"/lab/") && !inLab && !mayLink[path]:
				t.Errorf("%s links %s", strings.TrimPrefix(path, module+"/"), strings.TrimPrefix(dep, module+"/"))
			case strings.HasPrefix(dep, module+"/lab/") && mayLink[path]:
				linked++
			case path == module+"/workflows" && dep == module+"/graph":
				t.Error("workflows links graph")
			}
		}
	}
	if linked == 0 {
		t.Error("starter links nothing of lab: this test looks at the wrong packages")
	}
}

// dependencies are all packages of this module, each with all that it links.
func dependencies(t *testing.T) map[string][]string {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(string(list))); ; {
		var p struct {
			ImportPath string
			Deps       []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p.Deps
	}
}
