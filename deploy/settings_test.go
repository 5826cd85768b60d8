package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/doctor"
)

// deliberate are the settings that docker-compose.yml leaves as they are by default,
// and why.
var deliberate = map[string]string{
	"TASK_QUEUE":             "nothing else uses the namespace",
	"LOG_FORMAT":             "JSON is what collectors read",
	"GRAPH_FACEBOOK_URL":     "Meta itself",
	"GRAPH_INSTAGRAM_URL":    "Meta itself",
	"FACEBOOK_LOGIN_URL":     "Meta itself",
	"INSTAGRAM_LOGIN_URL":    "Meta itself",
	"INSTAGRAM_TOKEN_URL":    "Meta itself",
	"approvals SEND_WORKERS": "the desk's doctor looks at accounts only",
	"approvals VERIFY_TOKEN": "the desk's doctor looks at accounts only",
	"GRAPH_VERSION":          "the version that the release was tried with",
	"DEPLOYMENT_NAME":        "docs/operations/upgrades.md: only for a rollout that can be taken back",
	"BUILD_ID":               "docs/operations/upgrades.md: the program's own version",
	"EVENTS_URL":             "docs/operations/events.md: not everybody has a receiver",
	"EVENTS_SECRET":          "docs/operations/events.md: not everybody has a receiver",
	"EVENTS_TEXTS":           "docs/operations/events.md: not everybody has a receiver",
	"SLACK_TOKEN":            "docs/approvals/slack.md: not everybody has Slack",
	"SLACK_CHANNEL":          "docs/approvals/slack.md: not everybody has Slack",
	"SLACK_URL":              "Slack itself",
	"SLACK_SIGNING_SECRET":   "docs/approvals/slack.md: not everybody has Slack",
	"SLACK_TEAM":             "docs/approvals/slack.md: not everybody has Slack",
	"bridge APPROVALS_USERS": "docs/approvals/slack.md: only for Slack",
	"bridge APPROVALS_URL":   "docs/approvals/slack.md: only for Slack",
	"WEBHOOK_URL":            "Meta's requests name the host",
	"bridge OPS_ADDR":        "its port is in deploy/prometheus/prometheus.yml",
	"worker OPS_ADDR":        "its port is in deploy/prometheus/prometheus.yml",
}

// programs are the settings of what each service runs.
var programs = map[string][]reflect.Type{
	"worker":    {reflect.TypeFor[config.Worker](), reflect.TypeFor[config.Encryption](), reflect.TypeFor[config.Connect]()},
	"bridge":    {reflect.TypeFor[config.Bridge](), reflect.TypeFor[config.Encryption]()},
	"approvals": {reflect.TypeFor[config.Desk](), reflect.TypeFor[config.Encryption](), reflect.TypeFor[config.Connect](), reflect.TypeFor[doctor.Settings]()},
	"starter": {
		reflect.TypeFor[config.Starter](), reflect.TypeFor[config.Encryption](), reflect.TypeFor[config.Connect](), reflect.TypeFor[doctor.Settings](),
		reflect.TypeFor[struct {
			WebUI config.PublicURL `env:"WEB_UI_URL"` // as package cli has it
		}](),
	},
}

// elsewhere are variables that others than the product read: Temporal and OpenTelemetry.
var elsewhere = []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "OTEL_EXPORTER_OTLP_ENDPOINT"}

// Every variable that the file sets is a setting of the program it is set for, and
// every setting of a program is set or deliberately left; secrets come from files.
func TestSettings(t *testing.T) {
	project := load(t, "full", nil)
	used := map[string]bool{}
	for name, settings := range programs {
		service := project.AllServices()[name]
		real := map[string]bool{}
		for _, of := range settings {
			for _, field := range reflect.VisibleFields(of) {
				variable, _, _ := strings.Cut(field.Tag.Get("env"), ",")
				if variable == "" || real[config.Prefix+variable] || real[config.Prefix+variable+"_FILE"] {
					continue
				}
				full := config.Prefix + variable
				if field.Type.Implements(reflect.TypeFor[fmt.Formatter]()) { // a secret
					if _, set := service.Environment[full]; set {
						t.Errorf("%s: %s stands in the environment; a secret belongs in a file", name, full)
					}
					full += "_FILE"
				}
				real[full] = true
				_, set := service.Environment[full]
				left := ""
				for _, entry := range []string{variable, name + " " + variable} {
					if deliberate[entry] != "" {
						left, used[entry] = entry, true
					}
				}
				switch {
				case !set && left == "":
					t.Errorf("%s: %s is neither set nor deliberately left", name, full)
				case set && left != "":
					t.Errorf("%s: %s is set, although it is listed as left (%s)", name, full, deliberate[left])
				}
			}
		}
		for variable := range service.Environment {
			if !real[variable] && !slices.Contains(elsewhere, variable) {
				t.Errorf("%s: there is no setting %s", name, variable)
			}
		}
	}
	for entry := range deliberate {
		if !used[entry] {
			t.Errorf("%q is listed as left, but there is no such setting", entry)
		}
	}
}

// What the file sets is what the programs take: each reads its settings as they
// would stand in its container.
func TestValues(t *testing.T) {
	project := load(t, "full", map[string]string{"USER": "ana", "WORKERS": "3"})
	reads := map[string]func() (any, error){
		"worker":    func() (any, error) { return config.Read[config.Worker]() },
		"bridge":    func() (any, error) { return config.Read[config.Bridge]() },
		"approvals": func() (any, error) { return config.Read[config.Desk]() },
		"starter":   func() (any, error) { return config.Read[config.Starter]() },
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			service := project.AllServices()[name]
			for variable, value := range service.Environment {
				if strings.HasSuffix(variable, "_FILE") {
					secret, content := filepath.Join(t.TempDir(), "secret"), "a-secret\n"
					if strings.HasSuffix(variable, "_URL_FILE") {
						content = "https://hooks.example.com/services/x\n"
					}
					if err := os.WriteFile(secret, []byte(content), 0o600); err != nil {
						t.Fatal(err)
					}
					t.Setenv(variable, secret)
					continue
				}
				t.Setenv(variable, *value)
			}
			if _, err := read(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every file that a variable names is there in the container.
func TestFilesAreMounted(t *testing.T) {
	project := load(t, "full", nil)
	for name, service := range project.AllServices() {
		var there []string
		for _, s := range service.Secrets {
			there = append(there, "/run/secrets/"+s.Source)
		}
		for _, c := range service.Configs {
			there = append(there, c.Target)
		}
		for _, v := range service.Volumes {
			there = append(there, v.Target)
		}
		for variable, value := range service.Environment {
			if value == nil || !strings.HasPrefix(*value, "/") {
				continue
			}
			if !slices.ContainsFunc(there, func(path string) bool { return *value == path || strings.HasPrefix(*value, path+"/") }) {
				t.Errorf("%s: %s is %s, which is not mounted; mounted are %q", name, variable, *value, there)
			}
		}
	}
}
