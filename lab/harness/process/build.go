package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/privatereply/privatereply/internal/config"
)

// Module is the import path that the programs lie under.
const Module = "github.com/privatereply/privatereply"

// Build builds programs of the module into dir, as they are deployed: what `go run`
// builds is not optimised any less, but would be one process more.
func Build(ctx context.Context, dir string, programs ...string) error {
	for _, program := range programs {
		out, err := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, program), Module+"/"+program).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// Environment is this process's own, with settings added, without what tells
// programs of the product what to do: nothing of that is taken from outside.
func Environment(settings ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TEMPORAL_") && !strings.HasPrefix(kv, config.Prefix) {
			env = append(env, kv)
		}
	}
	return append(env, settings...)
}
