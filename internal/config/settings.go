// Package config reads the product's own settings and its accounts file. What is
// named TEMPORAL_* belongs to Temporal's envconfig (see internal/temporal/temporalclient).
package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/caarlos0/env/v11"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap/zapcore"

	"github.com/privatereply/privatereply/internal/events"
	"github.com/privatereply/privatereply/internal/logging"
	"github.com/privatereply/privatereply/workflows"
)

// Prefix begins the name of every variable here.
const Prefix = "PRIVATEREPLY_"

// Common are the settings that every program shares.
type Common struct {
	Accounts  string         `env:"ACCOUNTS" envDefault:"accounts.yaml"`
	Rules     string         `env:"RULES" envDefault:"rules.yaml"`
	TaskQueue string         `env:"TASK_QUEUE" envDefault:"private-replies"`
	LogFormat logging.Format `env:"LOG_FORMAT" envDefault:"json"`
	LogLevel  zapcore.Level  `env:"LOG_LEVEL" envDefault:"info"`
}

// Events are the settings of the outgoing events. A reply reports them if whoever started
// it had the address; the worker posts them there.
type Events struct {
	EventsURL    SecretURL `env:"EVENTS_URL"`
	EventsSecret Secret    `env:"EVENTS_SECRET"`
	EventsTexts  bool      `env:"EVENTS_TEXTS"` // also what people wrote
}

// EventScope is what a reply that is started now reports.
func (e Events) EventScope() workflows.EventScope {
	switch {
	case e.EventsURL == "":
		return workflows.NoEvents
	case e.EventsTexts:
		return workflows.EventsWithTexts
	}
	return workflows.EventsOfFacts
}

// Bridge are the settings of webhookbridge.
type Bridge struct {
	Common
	Events
	Slack
	SlackSigningSecret Secret    `env:"SLACK_SIGNING_SECRET"` // empty: interactions of Slack are not taken
	SlackTeam          string    `env:"SLACK_TEAM"`           // the workspace whose people may decide; empty: any
	Users              string    `env:"APPROVALS_USERS"`      // the desk's users file, for who may decide in Slack
	DeskURL            PublicURL `env:"APPROVALS_URL"`        // for links in Slack

	VerifyToken Secret     `env:"VERIFY_TOKEN,required,notEmpty"`
	AppSecrets  SecretList `env:"APP_SECRETS,required,notEmpty"` // any may sign
	WebhookAddr string     `env:"WEBHOOK_ADDR" envDefault:":8080"`
	WebhookURL  PublicURL  `env:"WEBHOOK_URL"` // where Meta reaches the bridge; empty: as its requests say
	LegalPages  string     `env:"LEGAL_PAGES"` // the folder of the pages that Meta asks an app for; empty: they are elsewhere
	OpsAddr     string     `env:"OPS_ADDR" envDefault:":9091"`
}

// Worker are the settings of worker.
type Worker struct {
	Common
	Graph
	Versioning
	Events
	OpsAddr     string `env:"OPS_ADDR" envDefault:":9092"`
	SendWorkers int    `env:"SEND_WORKERS" envDefault:"1"` // processes that share each account's rate
	// IntakeConcurrency is how many events of batches a process routes at once.
	IntakeConcurrency int `env:"INTAKE_CONCURRENCY" envDefault:"1"`
}

// Starter are the settings of the command line.
type Starter struct {
	Common
	Graph
	Events
	Approver string `env:"APPROVER"` // who decides, unless --approver says so
}

// validate refuses a worker of events that nobody could verify.
func (w Worker) validate() error {
	if err := w.Versioning.validate(); err != nil {
		return err
	}
	switch {
	case w.EventsURL == "":
		return nil
	case w.EventsSecret == "":
		return fmt.Errorf("%[1]sEVENTS_SECRET is missing: set it beside %[1]sEVENTS_URL, or %[1]sEVENTS_SECRET%[2]s to the path of a file that holds it", Prefix, fileSuffix)
	}
	if _, err := events.ParseSecret(string(w.EventsSecret)); err != nil {
		return fmt.Errorf("%sEVENTS_SECRET: %w", Prefix, err)
	}
	return nil
}

// Encryption has the keys that Temporal's payloads are encrypted with, as id:key pairs;
// without keys they are not encrypted.
type Encryption struct {
	Keys Secret `env:"ENCRYPTION_KEYS"`
}

// Graph has the addresses and the version of Meta's Graph API.
type Graph struct {
	FacebookURL  string `env:"GRAPH_FACEBOOK_URL" envDefault:"https://graph.facebook.com"`
	InstagramURL string `env:"GRAPH_INSTAGRAM_URL" envDefault:"https://graph.instagram.com"`
	Version      string `env:"GRAPH_VERSION" envDefault:"v26.0"`
}

// parsers read the types whose values are restricted. Every integer among the settings
// is a count of at least one.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[int](): func(v string) (any, error) {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a whole number of at least 1", v)
		}
		return n, nil
	},
	reflect.TypeFor[logging.Format](): func(v string) (any, error) {
		if f := logging.Format(v); f == logging.JSON || f == logging.Console {
			return f, nil
		}
		return nil, fmt.Errorf("%q is not a log format; write %s or %s", v, logging.JSON, logging.Console)
	},
}

// Read reads the settings of one program from the environment. The error lists
// everything that is wrong, by the variable's full name.
func Read[T any]() (T, error) {
	vars := env.ToMap(os.Environ())
	unread, wrong := readSecretFiles[T](vars)
	settings, err := env.ParseAsWithOptions[T](env.Options{Prefix: Prefix, FuncMap: parsers, Environment: vars})
	var all env.AggregateError
	switch {
	case errors.As(err, &all):
		for _, e := range all.Errors {
			var missing env.VarIsNotSetError
			if errors.As(e, &missing) && unread[missing.Key] {
				continue // its file is what is wrong
			}
			wrong = append(wrong, settingError[T](e))
		}
	case err != nil:
		return settings, fmt.Errorf("settings: %w", err)
	}
	if pairs, ok := any(settings).(interface{ validate() error }); ok {
		if err := pairs.validate(); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) > 0 {
		return settings, fmt.Errorf("settings: %s", strings.Join(wrong, "; "))
	}
	return settings, nil
}

func settingError[T any](err error) string {
	var missing env.VarIsNotSetError
	var empty env.EmptyVarError
	var bad env.ParseError
	switch {
	case errors.As(err, &missing):
		return missing.Key + " is required: set it" + fileHint[T](missing.Key)
	case errors.As(err, &empty):
		return empty.Key + " is empty: give it a value"
	case errors.As(err, &bad):
		return fmt.Sprintf("%s: %v", variable[T](bad.Name), bad.Err)
	}
	return err.Error()
}

// variable is the full name of the variable that a field of T is read from; the
// library's errors know only the field.
func variable[T any](field string) string {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name := variableOf(f); f.Name == field && name != "" {
			return name
		}
	}
	return field
}

// Versioning opts a worker into Temporal's Worker Deployment Versioning: Temporal
// then gives tasks to the build that an operator made the current one. Without a Build the
// program's own version names it.
type Versioning struct {
	Deployment DeploymentName `env:"DEPLOYMENT_NAME"`
	Build      BuildID        `env:"BUILD_ID"`
}

// validate refuses a build of no deployment.
func (v Versioning) validate() error {
	if v.Deployment == "" && v.Build != "" {
		return fmt.Errorf("%[1]sDEPLOYMENT_NAME is missing: set it beside %[1]sBUILD_ID, to the same name for every build, such as private-replies", Prefix)
	}
	return nil
}

// For gives the version of a worker whose program is built as own says; empty without a
// deployment. A program that cannot tell its code from other code needs a Build.
func (v Versioning) For(own string) (worker.WorkerDeploymentVersion, error) {
	if v.Deployment == "" {
		return worker.WorkerDeploymentVersion{}, nil
	}
	build := cmp.Or(v.Build, BuildID(own))
	if build == "" {
		return worker.WorkerDeploymentVersion{}, fmt.Errorf("%[1]sBUILD_ID is missing, and this program does not know what it is built from (a checkout with changes, or a build without its commit): set it beside %[1]sDEPLOYMENT_NAME, to a name that no other code had", Prefix)
	}
	return worker.WorkerDeploymentVersion{DeploymentName: string(v.Deployment), BuildID: string(build)}, nil
}

// DeploymentName is what all builds of a worker have in common. Empty: none.
type DeploymentName string

// UnmarshalText refuses what Temporal would refuse, with a line in the worker's log only.
func (n *DeploymentName) UnmarshalText(text []byte) error {
	*n = DeploymentName(text)
	if strings.ContainsAny(string(text), ".:") {
		return fmt.Errorf("%q has a dot or a colon, which Temporal keeps for itself; write a name such as private-replies", text)
	}
	return checkVersionName(string(text), "private-replies")
}

// BuildID names one build of a worker. Empty: none.
type BuildID string

// UnmarshalText refuses what Temporal would refuse.
func (b *BuildID) UnmarshalText(text []byte) error {
	*b = BuildID(text)
	return checkVersionName(string(text), "v1.2.0")
}

// maxVersionName is less than half of the 255 bytes in which a server on SQL keeps
// both names, with what it puts before them.
const maxVersionName = 100

func checkVersionName(name, example string) error {
	switch {
	case len(name) > maxVersionName:
		return fmt.Errorf("it has %d bytes, at most %d are allowed; write one such as %s", len(name), maxVersionName, example)
	case strings.HasPrefix(name, "__"):
		return fmt.Errorf("%q begins with __, which Temporal keeps for itself; write one such as %s", name, example)
	case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return fmt.Errorf("%q has a space or a character beyond ASCII; write one such as %s", name, example)
	}
	return nil
}
