package deploy_test

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/workflows"
)

// Docker Compose stops first whatever depends on others: what lets comments in, then
// what takes them, then what answers them, and what all of it stands on last.
func TestStopOrder(t *testing.T) {
	for profile, order := range map[string][]string{
		"full":  {"proxy", "bridge", "worker", "temporal", "postgres"},
		"light": {"proxy", "bridge", "worker", "temporal-light"},
	} {
		project := load(t, profile, nil)
		for i, name := range order[1:] {
			if before := order[i]; !dependsOn(project, before, name) {
				t.Errorf("profile %s: nothing stops %s before %s", profile, before, name)
			}
		}
	}
}

// dependsOn looks at what one service names itself: a job between two others has
// ended long ago, and Docker Compose need not find it.
func dependsOn(project *types.Project, name, other string) bool {
	_, direct := project.Services[name].DependsOn[other]
	return direct
}

// Nobody is killed before its work can be done.
func TestStopGraces(t *testing.T) {
	const margin = 5 * time.Second // to close connections, send the last traces and write the last log lines
	tests := []struct {
		service string
		longer  time.Duration
		than    string
	}{
		{"worker", workflows.WorkerStopTimeout + margin, "a worker waits for its sends"},
		{"bridge", 8*time.Second + margin, "the bridge lets its requests finish"},
		{"proxy", 8*time.Second + margin, "the proxy lets its requests finish"},
		{"approvals", desk.Grace + margin, "the desk lets its requests finish"},
		{"temporal", 10 * time.Second, "Docker's own grace"},
		{"postgres", 10 * time.Second, "Docker's own grace"},
		{"temporal-light", 10 * time.Second, "Docker's own grace"},
	}
	services := load(t, "full", nil).AllServices()
	for _, tt := range tests {
		grace := services[tt.service].StopGracePeriod
		if grace == nil || time.Duration(*grace) < tt.longer {
			t.Errorf("%s is killed after %v; it needs %v, as long as %s", tt.service, grace, tt.longer, tt.than)
		}
	}
}
