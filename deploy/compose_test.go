// Package deploy_test checks docker-compose.yml, the Dockerfile and what they mount,
// where there is no Docker to start them.
package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

// load reads docker-compose.yml, and whatever files come on top of it, as Docker
// Compose does: with profiles, and with vars for what .env and the shell may say.
func load(t testing.TB, profile string, vars map[string]string, overrides ...string) *types.Project {
	t.Helper()
	project, err := tryLoad(t, profile, vars, overrides...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func tryLoad(t testing.TB, profile string, vars map[string]string, overrides ...string) (*types.Project, error) {
	t.Helper()
	var env, profiles []string
	all := map[string]string{"IMAGES": "registry.example.com/private-replies", "VERSION": "v0.3.0"} // .env has them
	maps.Copy(all, vars)
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	if profile != "" {
		profiles = []string{profile}
	}
	options, err := cli.NewProjectOptions(append([]string{"../docker-compose.yml"}, overrides...),
		cli.WithWorkingDirectory(".."), cli.WithEnv(env), cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// buildFile comes on top of docker-compose.yml where the images are built.
const buildFile = "docker-compose.build.yml"

// The images of our own programs, of one version, are those that the build file makes.
func TestImages(t *testing.T) {
	built := load(t, "full", map[string]string{"IMAGES": "localhost/private-replies", "VERSION": "local"}, "../"+buildFile).AllServices()
	targets := map[string]int{}
	for name, service := range load(t, "full", nil).AllServices() {
		program, ours := strings.CutPrefix(service.Image, "registry.example.com/private-replies/")
		build := built[name].Build
		if ours != (build != nil) {
			t.Errorf("%s: its image is %s; it is built: %v", name, service.Image, build != nil)
		}
		if !ours {
			continue
		}
		if program != build.Target+":v0.3.0" || built[name].Image != "localhost/private-replies/"+build.Target+":local" {
			t.Errorf("%s: %s is built as %s from %s", name, service.Image, built[name].Image, build.Target)
		}
		targets[build.Target]++
	}
	if len(targets) != 4 {
		t.Errorf("images of %v", targets)
	}
	for _, missing := range []string{"IMAGES", "VERSION"} {
		if _, err := tryLoad(t, "full", map[string]string{missing: ""}); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// product are the services that run whatever Temporal there is.
var product = []string{"approvals", "bridge", "grafana", "prometheus", "proxy", "setup", "worker"}

// The file loads with every profile, and each brings exactly one Temporal, or none.
func TestProfiles(t *testing.T) {
	tests := []struct {
		profile string
		adds    []string
	}{
		{"full", []string{"backup", "namespace", "postgres", "schema", "temporal", "ui"}},
		{"light", []string{"temporal-light"}},
		{"alerts", []string{"alertmanager"}},
		{"", nil},
	}
	for _, tt := range tests {
		t.Run("profile "+tt.profile, func(t *testing.T) {
			want := slices.Sorted(slices.Values(append(slices.Clone(product), tt.adds...)))
			project := load(t, tt.profile, nil)
			if diff := cmp.Diff(want, project.ServiceNames()); diff != "" {
				t.Error(diff)
			}
			for name, service := range project.Services {
				for other, needs := range service.DependsOn {
					if _, there := project.Services[other]; !there && needs.Required {
						t.Errorf("%s cannot start: it needs %s, which this profile does not have", name, other)
					}
				}
			}
		})
	}
}

// Whatever has a Temporal of its own answers to the name by which the product calls it.
func TestTemporalsName(t *testing.T) {
	for profile, service := range map[string]string{"full": "temporal", "light": "temporal-light"} {
		project := load(t, profile, nil)
		names := []string{service}
		for _, network := range project.Services[service].Networks {
			if network != nil {
				names = append(names, network.Aliases...)
			}
		}
		host, _, _ := strings.Cut(*project.Services["worker"].Environment["TEMPORAL_ADDRESS"], ":")
		if !slices.Contains(names, host) {
			t.Errorf("profile %s: the worker calls %s, but Temporal is %q", profile, host, names)
		}
	}
}

// .env.example explains every variable of the file, and no other.
func TestEnvExample(t *testing.T) {
	// What Docker Compose or the shell sets by itself.
	given := []string{"COMPOSE_PROJECT_NAME", "USER"}
	used := map[string]bool{"COMPOSE_PROFILES": true} // Docker Compose itself reads it
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(read(t, "../docker-compose.yml")+read(t, "../"+buildFile), -1) {
		if !slices.Contains(given, m[1]) {
			used[m[1]] = true
		}
	}
	explained := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(read(t, "../.env.example"), -1) {
		explained[m[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(explained))); diff != "" {
		t.Error(diff)
	}
}

// The share of each worker and their number are one variable: two workers that each
// took the whole rate would be stopped by Meta.
func TestWorkers(t *testing.T) {
	tests := []struct {
		name string
		vars map[string]string
		want string
	}{
		{"by default", nil, "2"},
		{"set to nothing", map[string]string{"WORKERS": ""}, "2"},
		{"five", map[string]string{"WORKERS": "5"}, "5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			worker := load(t, "full", tt.vars).Services["worker"]
			if got := *worker.Environment["PRIVATEREPLY_SEND_WORKERS"]; got != tt.want {
				t.Errorf("each takes 1/%s of the rate, want 1/%s", got, tt.want)
			}
			if got := strconv.Itoa(worker.GetScale()); got != tt.want {
				t.Errorf("%s workers, want %s", got, tt.want)
			}
		})
	}
	if _, err := tryLoad(t, "full", map[string]string{"WORKERS": "many"}); err == nil || !strings.Contains(err.Error(), "replicas") {
		t.Errorf("many workers: %v, want an error about replicas", err)
	}
}

// The proxy knows every bridge by its container's name.
func TestBridges(t *testing.T) {
	project := load(t, "full", map[string]string{"COMPOSE_PROJECT_NAME": "shop"})
	bridge := project.Services["bridge"]
	if bridge.GetScale() < 2 {
		t.Errorf("%d bridges: while one restarts nobody answers Meta", bridge.GetScale())
	}
	var want []string
	for i := range bridge.GetScale() {
		want = append(want, "shop-bridge-"+strconv.Itoa(i+1)+*bridge.Environment["PRIVATEREPLY_WEBHOOK_ADDR"])
	}
	if got := *project.Services["proxy"].Environment["BRIDGES"]; got != strings.Join(want, " ") {
		t.Errorf("BRIDGES = %q, want %q", got, want)
	}
}
