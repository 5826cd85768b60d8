package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	from   = regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)$`)
	runsAs = regexp.MustCompile(`(?m)^USER (\S+)$`)
)

// stages are the stages of the Dockerfile by name: what they are made from, and their
// lines.
func stages(t *testing.T) (made map[string]string, lines map[string]string) {
	t.Helper()
	text := read(t, "../Dockerfile")
	made, lines = map[string]string{}, map[string]string{}
	starts := from.FindAllStringSubmatchIndex(text, -1)
	if len(starts) != strings.Count("\n"+text, "\nFROM ") {
		t.Fatal("a stage has no name")
	}
	for i, m := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name := text[m[4]:m[5]]
		made[name], lines[name] = text[m[2]:m[3]], text[m[1]:end]
	}
	return made, lines
}

// Every image that the compose file builds is a stage that ends as nobody, and is
// made from images of one release each.
func TestDockerfile(t *testing.T) {
	made, lines := stages(t)
	release := regexp.MustCompile(`^[a-z]+:\d+\.\d+\.\d+-[a-z]+$`)
	for name, image := range made {
		if made[image] == "" && image != "scratch" && !release.MatchString(image) {
			t.Errorf("stage %s is made from %s, which names no release", name, image)
		}
	}
	for name, service := range load(t, "full", nil, "../"+buildFile).AllServices() {
		if service.Build == nil {
			continue
		}
		stage := service.Build.Target
		if made[stage] == "" {
			t.Errorf("%s is built from the stage %q, which there is not", name, stage)
			continue
		}
		user := ""
		for user == "" && made[stage] != "" {
			if m := runsAs.FindAllStringSubmatch(lines[stage], -1); len(m) > 0 {
				user = m[len(m)-1][1]
			}
			stage = made[stage]
		}
		if user != "65532:65532" {
			t.Errorf("%s runs as %q", name, user)
		}
	}
}

// Images are built without the repository, so every build is told its commit, and that of a
// release its version, under the names of the variables that `starter version` and the logs
// show.
func TestImageCommit(t *testing.T) {
	_, lines := stages(t)
	for arg, variable := range map[string]string{"COMMIT": "commit", "RELEASE": "release"} {
		if !strings.Contains(lines["build"], "ARG "+arg+"=\n") || !strings.Contains(lines["build"], "-X github.com/privatereply/privatereply/internal/version."+variable+"=$"+arg) {
			t.Errorf("the Dockerfile does not set the %s", variable)
		}
		if !strings.Contains(read(t, "../internal/version/version.go"), "\nvar "+variable+" string\n") {
			t.Errorf("internal/version has no variable %s", variable)
		}
	}
	for name, service := range load(t, "full", map[string]string{"COMMIT": "0123abc"}, "../"+buildFile).AllServices() {
		if service.Build == nil {
			continue
		}
		if got := service.Build.Args["COMMIT"]; got == nil || *got != "0123abc" {
			t.Errorf("%s is built without its commit", name)
		}
	}
}

// The images are of the versions that go.mod needs and that the tests run.
func TestImageVersions(t *testing.T) {
	made, _ := stages(t)
	need := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.HasPrefix(made["build"], "golang:"+need+".") {
		t.Errorf("built with %s; go.mod needs %s", made["build"], need)
	}
	tested := regexp.MustCompile(`(?m)^CADDY_VERSION := v(\S+)$`).FindStringSubmatch(read(t, "../Makefile"))
	proxy := load(t, "full", nil).Services["proxy"].Image
	if tested == nil || proxy != "caddy:"+tested[1]+"-alpine" {
		t.Errorf("the proxy is %s; the Makefile builds %q", proxy, tested)
	}
}

// What stays out of git stays out of images, too: keys, people, backups.
func TestBuildContext(t *testing.T) {
	left := strings.Fields(read(t, "../.dockerignore"))
	for _, ignored := range strings.Fields(read(t, "../.gitignore")) {
		want := strings.Trim(ignored, "/")
		if !strings.HasPrefix(ignored, "/") {
			want = "**/" + want // Docker's patterns begin at the root
		}
		if !slices.Contains(left, want) {
			t.Errorf(".dockerignore lacks %s", want)
		}
	}
}
