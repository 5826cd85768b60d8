package config

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"github.com/privatereply/privatereply/internal/logging"
)

// setenv gives the test exactly these variables of the product, without the prefix.
func setenv(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, Prefix) {
			t.Setenv(name, "") // restores it after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range vars {
		t.Setenv(Prefix+name, value)
	}
}

var (
	defaultCommon = Common{
		Accounts: "accounts.yaml", Rules: "rules.yaml", TaskQueue: "private-replies",
		LogFormat: logging.JSON, LogLevel: zapcore.InfoLevel,
	}
	defaultGraph = Graph{
		FacebookURL: "https://graph.facebook.com", InstagramURL: "https://graph.instagram.com", Version: "v26.0",
	}
)

// The defaults are contract, and a variable that is set to nothing counts as not set.
func TestDefaults(t *testing.T) {
	tests := []struct {
		name string
		vars map[string]string
		read func() (any, error)
		want any
	}{
		{"bridge", map[string]string{"VERIFY_TOKEN": "verify", "APP_SECRETS": "one"},
			func() (any, error) { return Read[Bridge]() },
			Bridge{Common: defaultCommon, Slack: defaultSlack, VerifyToken: "verify", AppSecrets: SecretList{"one"}, WebhookAddr: ":8080", OpsAddr: ":9091"}},
		{"worker", nil,
			func() (any, error) { return Read[Worker]() },
			Worker{Common: defaultCommon, Graph: defaultGraph, OpsAddr: ":9092", SendWorkers: 1, IntakeConcurrency: 1}},
		{"starter", nil,
			func() (any, error) { return Read[Starter]() },
			Starter{Common: defaultCommon, Graph: defaultGraph}},
		{"worker, all set to nothing", map[string]string{
			"ACCOUNTS": "", "RULES": "", "TASK_QUEUE": "", "LOG_FORMAT": "", "LOG_LEVEL": "", "OPS_ADDR": "",
			"SEND_WORKERS": "", "GRAPH_FACEBOOK_URL": "", "GRAPH_INSTAGRAM_URL": "", "GRAPH_VERSION": ""},
			func() (any, error) { return Read[Worker]() },
			Worker{Common: defaultCommon, Graph: defaultGraph, OpsAddr: ":9092", SendWorkers: 1, IntakeConcurrency: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.vars)
			got, err := tt.read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var defaultSlack = Slack{SlackURL: "https://slack.com/api"}

// Settings that belong together are asked for together, and a secret that is none, or a
// channel's name, is refused.
func TestPairs(t *testing.T) {
	secret := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	bridge := map[string]string{"VERIFY_TOKEN": "verify", "APP_SECRETS": "one"}
	tests := []struct {
		name string
		vars map[string]string
		read func() (any, error)
		want string // in the error; empty: none
	}{
		{"events", map[string]string{"EVENTS_URL": "https://hooks.example.com/x", "EVENTS_SECRET": secret}, func() (any, error) { return Read[Worker]() }, ""},
		{"events without a secret", map[string]string{"EVENTS_URL": "https://hooks.example.com/x"}, func() (any, error) { return Read[Worker]() }, "EVENTS_SECRET is missing"},
		{"events with a short secret", map[string]string{"EVENTS_URL": "https://hooks.example.com/x", "EVENTS_SECRET": "aGk="}, func() (any, error) { return Read[Worker]() }, "EVENTS_SECRET: write"},
		{"events in clear", map[string]string{"EVENTS_URL": "http://hooks.example.com/x"}, func() (any, error) { return Read[Starter]() }, "EVENTS_URL: write an https:// address"},
		{"Slack without a channel", map[string]string{"SLACK_TOKEN": "xoxb"}, func() (any, error) { return Read[Desk]() }, "SLACK_CHANNEL is missing"},
		{"a channel's name", map[string]string{"SLACK_TOKEN": "xoxb", "SLACK_CHANNEL": "#replies"}, func() (any, error) { return Read[Desk]() }, "SLACK_CHANNEL: it is not the id"},
		{"Slack at the bridge", map[string]string{"SLACK_TOKEN": "xoxb", "SLACK_CHANNEL": "C0123", "SLACK_SIGNING_SECRET": "s", "APPROVALS_USERS": "users.yaml"}, func() (any, error) { return Read[Bridge]() }, ""},
		{"Slack at the bridge without users", map[string]string{"SLACK_TOKEN": "xoxb", "SLACK_CHANNEL": "C0123", "SLACK_SIGNING_SECRET": "s"}, func() (any, error) { return Read[Bridge]() }, "APPROVALS_USERS is missing"},
		{"Slack at the bridge without a token", map[string]string{"SLACK_SIGNING_SECRET": "s"}, func() (any, error) { return Read[Bridge]() }, "SLACK_TOKEN is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			maps.Copy(tt.vars, bridge)
			setenv(t, tt.vars)
			if _, err := tt.read(); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Every variable of the contract is read under its full name.
func TestVariables(t *testing.T) {
	setenv(t, map[string]string{
		"ACCOUNTS": "a.yaml", "RULES": "r.yaml", "TASK_QUEUE": "queue", "LOG_FORMAT": "console", "LOG_LEVEL": "debug",
		"VERIFY_TOKEN": "verify", "APP_SECRETS": "one, two ,three", "WEBHOOK_ADDR": ":1", "OPS_ADDR": ":2",
		"SEND_WORKERS": "3", "GRAPH_FACEBOOK_URL": "http://127.0.0.1:1", "GRAPH_INSTAGRAM_URL": "http://127.0.0.1:2",
		"GRAPH_VERSION": "v25.0", "APPROVER": "ana",
	})
	common := Common{Accounts: "a.yaml", Rules: "r.yaml", TaskQueue: "queue", LogFormat: logging.Console, LogLevel: zapcore.DebugLevel}
	graph := Graph{FacebookURL: "http://127.0.0.1:1", InstagramURL: "http://127.0.0.1:2", Version: "v25.0"}
	bridge, err := Read[Bridge]()
	if diff := cmp.Diff(Bridge{Common: common, Slack: defaultSlack, VerifyToken: "verify", AppSecrets: SecretList{"one", "two", "three"}, WebhookAddr: ":1", OpsAddr: ":2"}, bridge); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	worker, err := Read[Worker]()
	if diff := cmp.Diff(Worker{Common: common, Graph: graph, OpsAddr: ":2", SendWorkers: 3, IntakeConcurrency: 1}, worker); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	starter, err := Read[Starter]()
	if diff := cmp.Diff(Starter{Common: common, Graph: graph, Approver: "ana"}, starter); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// Whoever configures a program sees everything that is wrong at once, by the names
// that they have to set, and no secret with it.
func TestEverythingWrongAtOnce(t *testing.T) {
	type program struct { // as the starter adds to what is here
		Starter
		Pages int `env:"PAGES" envDefault:"1"`
	}
	tests := []struct {
		name string
		vars map[string]string
		read func() error
		want []string
	}{
		{"bridge without its secrets", map[string]string{"LOG_LEVEL": "loud"},
			func() error { _, err := Read[Bridge](); return err },
			[]string{
				`PRIVATEREPLY_LOG_LEVEL: unrecognized level: "loud"`,
				"PRIVATEREPLY_VERIFY_TOKEN is required: set it, or PRIVATEREPLY_VERIFY_TOKEN_FILE to the path of a file that holds it",
				"PRIVATEREPLY_APP_SECRETS is required: set it, or PRIVATEREPLY_APP_SECRETS_FILE to the path of a file that holds it",
			}},
		{"bridge with empty secrets", map[string]string{"VERIFY_TOKEN": "", "APP_SECRETS": ""},
			func() error { _, err := Read[Bridge](); return err },
			[]string{
				"PRIVATEREPLY_VERIFY_TOKEN is empty: give it a value",
				"PRIVATEREPLY_APP_SECRETS is empty: give it a value",
			}},
		{"an empty secret among others", map[string]string{"VERIFY_TOKEN": "hush-verify", "APP_SECRETS": "hush-one,,hush-two"},
			func() error { _, err := Read[Bridge](); return err },
			[]string{"PRIVATEREPLY_APP_SECRETS: one of the secrets is empty; write secret,secret"}},
		{"a comma at the end", map[string]string{"VERIFY_TOKEN": "hush-verify", "APP_SECRETS": "hush-one, "},
			func() error { _, err := Read[Bridge](); return err },
			[]string{"PRIVATEREPLY_APP_SECRETS: one of the secrets is empty; write secret,secret"}},
		{"bridge with everything wrong", map[string]string{"VERIFY_TOKEN": "hush-verify", "APP_SECRETS": "hush-one,", "LOG_FORMAT": "xml", "LOG_LEVEL": "1"},
			func() error { _, err := Read[Bridge](); return err },
			[]string{
				`PRIVATEREPLY_LOG_FORMAT: "xml" is not a log format; write json or console`,
				`PRIVATEREPLY_LOG_LEVEL: unrecognized level: "1"`,
				"PRIVATEREPLY_APP_SECRETS: one of the secrets is empty; write secret,secret",
			}},
		{"no workers", map[string]string{"SEND_WORKERS": "0"},
			func() error { _, err := Read[Worker](); return err },
			[]string{`PRIVATEREPLY_SEND_WORKERS: "0" is not a whole number of at least 1`}},
		{"fewer than no workers", map[string]string{"SEND_WORKERS": "-1"},
			func() error { _, err := Read[Worker](); return err },
			[]string{`PRIVATEREPLY_SEND_WORKERS: "-1" is not a whole number of at least 1`}},
		{"half a worker", map[string]string{"SEND_WORKERS": "0.5", "LOG_FORMAT": "JSON"},
			func() error { _, err := Read[Worker](); return err },
			[]string{
				`PRIVATEREPLY_LOG_FORMAT: "JSON" is not a log format; write json or console`,
				`PRIVATEREPLY_SEND_WORKERS: "0.5" is not a whole number of at least 1`,
			}},
		{"a program with settings of its own", map[string]string{"PAGES": "many", "LOG_LEVEL": "loud"},
			func() error { _, err := Read[program](); return err },
			[]string{
				`PRIVATEREPLY_LOG_LEVEL: unrecognized level: "loud"`,
				`PRIVATEREPLY_PAGES: "many" is not a whole number of at least 1`,
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.vars)
			err := tt.read()
			if want := "settings: " + strings.Join(tt.want, "; "); err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, "hush") {
				t.Errorf("the error shows a secret: %s", shown)
			}
		})
	}
}

// The version of a worker is refused where Temporal would refuse it: the worker would be
// without work, and only its log would say so.
func TestVersioning(t *testing.T) {
	long := strings.Repeat("b", 101)
	tests := []struct {
		name              string
		deployment, build string
		want              Versioning
		wrong             string
	}{
		{name: "not versioned"},
		{name: "versioned", deployment: "private-replies", build: "v1.2.0+3f2a:amd64", want: Versioning{"private-replies", "v1.2.0+3f2a:amd64"}},
		{name: "no build", deployment: "private-replies", want: Versioning{Deployment: "private-replies"}},
		{name: "no deployment", build: "v1",
			wrong: "PRIVATEREPLY_DEPLOYMENT_NAME is missing: set it beside PRIVATEREPLY_BUILD_ID, to the same name for every build, such as private-replies"},
		{name: "a dot in the deployment", deployment: "private.replies", build: "v1",
			wrong: `PRIVATEREPLY_DEPLOYMENT_NAME: "private.replies" has a dot or a colon, which Temporal keeps for itself; write a name such as private-replies`},
		{name: "a colon in the deployment, and no build", deployment: "private:replies",
			wrong: `PRIVATEREPLY_DEPLOYMENT_NAME: "private:replies" has a dot or a colon, which Temporal keeps for itself; write a name such as private-replies`},
		{name: "reserved", deployment: "private-replies", build: "__unversioned__",
			wrong: `PRIVATEREPLY_BUILD_ID: "__unversioned__" begins with __, which Temporal keeps for itself; write one such as v1.2.0`},
		{name: "a space", deployment: "private replies", build: "v1",
			wrong: `PRIVATEREPLY_DEPLOYMENT_NAME: "private replies" has a space or a character beyond ASCII; write one such as private-replies`},
		{name: "too long", deployment: "private-replies", build: long,
			wrong: "PRIVATEREPLY_BUILD_ID: it has 101 bytes, at most 100 are allowed; write one such as v1.2.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, map[string]string{"DEPLOYMENT_NAME": tt.deployment, "BUILD_ID": tt.build})
			got, err := Read[Worker]()
			if tt.wrong != "" {
				if err == nil || err.Error() != "settings: "+tt.wrong {
					t.Errorf("got  %v\nwant settings: %s", err, tt.wrong)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got.Versioning); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// A worker without a build id is of its program's version; one whose code nobody can name
// does not start.
func TestVersioningFor(t *testing.T) {
	tests := []struct {
		name       string
		versioning Versioning
		own, want  string
		wrong      bool
	}{
		{name: "not versioned", own: "v1.2.0"},
		{name: "its own version", versioning: Versioning{Deployment: "private-replies"}, own: "v1.2.0", want: "v1.2.0"},
		{name: "named", versioning: Versioning{Deployment: "private-replies", Build: "b7"}, own: "v1.2.0", want: "b7"},
		{name: "not known", versioning: Versioning{Deployment: "private-replies"}, wrong: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.versioning.For(tt.own)
			if (err != nil) != tt.wrong || got.BuildID != tt.want || got.DeploymentName != "" != (tt.want != "") {
				t.Errorf("%+v, %v", got, err)
			}
			if tt.wrong && !strings.HasPrefix(err.Error(), "PRIVATEREPLY_BUILD_ID is missing") {
				t.Errorf("%v does not name the setting", err)
			}
		})
	}
}
