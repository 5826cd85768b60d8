package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// blocks are the code blocks of a page in one language, without their indentation.
func blocks(page, language string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(page, -1) {
		all = append(all, strings.ReplaceAll("\n"+m[2], "\n"+m[1], "\n")[1:])
	}
	return all
}

var notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)

// anchors are the headings of a page as links name them.
func anchors(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		text := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(text, " ", "-"))
	}
	return all
}

// Who is called by an alert finds what to do about it, and no advice is about an
// alert that there is not.
func TestRunbooks(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/alerts.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	advice := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (PrivateReply\w+)$`).FindAllStringSubmatch(read(t, "../docs/operations.md"), -1) {
		advice[m[1]] = true
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue // a recorded series
			}
			if !advice[rule.Alert] {
				t.Errorf("docs/operations.md does not say what to do about %s", rule.Alert)
			}
			if got, want := rule.Annotations["runbook_url"], "docs/operations.md#"+strings.ToLower(rule.Alert); got != want {
				t.Errorf("%s leads to %q, want %q", rule.Alert, got, want)
			}
			delete(advice, rule.Alert)
		}
	}
	for name := range advice {
		t.Errorf("docs/operations.md is about %s, which is no alert", name)
	}
}

// Links between the pages lead somewhere.
func TestLinks(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 10 {
		t.Fatalf("only %d pages", len(pages))
	}
	for _, page := range pages {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s has no heading #%s", page, target, anchor)
			}
		}
	}
}

// What .env says about the chat, the proxy and the Web UI reaches the programs.
func TestEnvReachesPrograms(t *testing.T) {
	project := load(t, "full", map[string]string{
		"NOTIFY": "on", "NOTIFY_QUIET": "22:00-07:00 Europe/Berlin", "WEB_UI_URL": "https://temporal.example.com",
		"DESK_PROXY_HEADER": "X-Forwarded-User", "DESK_PROXIES": "172.16.0.0/12", "DESK_PROXY_ROLE": "approver",
	})
	for variable, want := range map[string]string{
		"PRIVATEREPLY_NOTIFY_URL_FILE":        "/run/secrets/notify_url",
		"PRIVATEREPLY_NOTIFY_QUIET":           "22:00-07:00 Europe/Berlin",
		"PRIVATEREPLY_WEB_UI_URL":             "https://temporal.example.com",
		"PRIVATEREPLY_CODEC_ORIGIN":           "https://temporal.example.com",
		"PRIVATEREPLY_APPROVALS_PROXY_HEADER": "X-Forwarded-User",
		"PRIVATEREPLY_APPROVALS_PROXIES":      "172.16.0.0/12",
		"PRIVATEREPLY_APPROVALS_PROXY_ROLE":   "approver",
	} {
		if got := project.Services["approvals"].Environment[variable]; got == nil || *got != want {
			t.Errorf("%s is not %s", variable, want)
		}
	}
	if off := load(t, "full", nil).Services["approvals"].Environment["PRIVATEREPLY_NOTIFY_URL_FILE"]; *off != "" {
		t.Errorf("without NOTIFY the desk reads %s", *off)
	}
}

// What docs/operations.md gives to be written into docker-compose.override.yml works.
func TestOverrides(t *testing.T) {
	checks := map[string]func(t *testing.T, file string){
		"x-cloud": func(t *testing.T, file string) {
			project := load(t, "", nil, file)
			for _, name := range []string{"setup", "worker", "bridge", "approvals", "starter"} {
				service := project.AllServices()[name]
				if address := *service.Environment["TEMPORAL_ADDRESS"]; !strings.HasSuffix(address, ".api.temporal.io:7233") {
					t.Errorf("%s calls %s", name, address)
				}
				if last := service.Secrets[len(service.Secrets)-1].Source; "/run/secrets/"+last != *service.Environment["TEMPORAL_CONFIG_FILE"] {
					t.Errorf("%s does not get its configuration", name)
				}
			}
			if *project.Services["worker"].Environment["PRIVATEREPLY_ENCRYPTION_KEYS_FILE"] == "" || len(project.Services["bridge"].Secrets) != 4 {
				t.Error("the product's own settings are gone")
			}
		},
		"replicas": func(t *testing.T, file string) {
			project := load(t, "full", nil, file)
			bridges := strings.Fields(*project.Services["proxy"].Environment["BRIDGES"])
			bridge := project.Services["bridge"]
			if bridge.GetScale() != len(bridges) || !strings.HasPrefix(bridges[0], project.Name+"-bridge-1:") {
				t.Errorf("%d bridges, of which the proxy knows %q", bridge.GetScale(), bridges)
			}
		},
	}
	for _, text := range blocks(read(t, "../docs/operations.md"), "yaml") {
		known := ""
		for name := range checks {
			if strings.Contains(text, name) {
				known = name
			}
		}
		if known == "" {
			t.Errorf("nobody checks\n%s", text)
			continue
		}
		t.Run(known, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "docker-compose.override.yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			checks[known](t, file)
		})
		delete(checks, known)
	}
	for name := range checks {
		t.Errorf("docs/operations.md has no example with %s", name)
	}
}

// The README's steps make every file that the compose file mounts, but for what only
// the operator has.
func TestReadmeSteps(t *testing.T) {
	theirs := []string{"secrets/app_secrets"}
	steps := "sudo() { echo \"as root: $*\"; }\n"
	for _, block := range blocks(read(t, "../README.md"), "sh") {
		if strings.Contains(block, "secrets") && !strings.Contains(block, "docker") {
			steps += block
		}
	}
	dir := t.TempDir()
	for _, name := range []string{".env.example", "accounts.example.yaml", "rules.example.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(read(t, "../"+name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shell := exec.CommandContext(t.Context(), "sh", "-euc", steps)
	shell.Dir = dir
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	project := load(t, "full", nil)
	check := func(path string) {
		name, err := filepath.Rel(root, path)
		if err != nil || strings.HasPrefix(name, "deploy") || slices.Contains(theirs, name) {
			return
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("the steps do not make %s", name)
		}
	}
	for _, secret := range project.Secrets {
		check(secret.File)
	}
	for _, service := range project.AllServices() {
		for _, v := range service.Volumes {
			if v.Type == "bind" {
				check(v.Source)
			}
		}
	}
}
