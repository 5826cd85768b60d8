// Package bridge receives Meta's webhooks and makes their events durable in Temporal. It
// answers 200 only when Temporal holds every event of a delivery that needs a workflow;
// Meta repeats a delivery that was answered otherwise.
//
// The bridge has no state. Any number of them may run side by side: a comment is one
// workflow id, whoever starts it.
package bridge

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply/approvals/slack"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/decode"
)

// Path is where Meta's app dashboard must send webhooks to.
const Path = "/webhooks/meta"

const (
	// headerTimeout and bodyTimeout bound how long a request may take to arrive.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 15 * time.Second
	// commitTimeout is how long Temporal may take for one commit.
	commitTimeout = 3 * time.Second
	// answerTimeout is how long a delivery may take from when its body was read. Meta waits 5
	// seconds.
	answerTimeout = 4800 * time.Millisecond
	// rulesTimeout is the part of answerTimeout that the rules may take for all comments of
	// a delivery. The commit has the remainder.
	rulesTimeout = 1500 * time.Millisecond
	// idleTimeout is how long a connection waits for its next request.
	idleTimeout = 2 * time.Minute
	// stopTimeout is how long requests in flight may take when the bridge stops. Docker
	// kills a container after 10 seconds.
	stopTimeout = 8 * time.Second
	// maxHeader is far above what Meta sends.
	maxHeader = 64 << 10
)

// Accounts is the accounts file.
type Accounts interface {
	decode.Accounts
	Err() error // why its newest version is not in force
}

// Rules is the rules file.
type Rules interface {
	Current() *rules.Set
	Err() error // why its newest version is not in force
}

// Config is the configuration of a Bridge. Every field but Data,
// Codec, Tracer, Now and Slack is required.
type Config struct {
	Settings  config.Bridge
	Accounts  Accounts
	Rules     Rules
	Client    client.Client
	Namespace string // of Client
	Logger    *zap.Logger
	Registry  *prometheus.Registry
	Data      converter.DataConverter // of Client; nil: Temporal's own
	Codec     *codec.Codec            // of Client; nil: nothing is encrypted
	Tracer    trace.Tracer            // nil: nothing is traced
	Now       func() time.Time        // nil: time.Now
	Slack     http.Handler            // of Slack's interactions; nil: they are not taken
}

// Bridge is the HTTP handler of Meta's webhooks. Use New.
type Bridge struct {
	cfg           Config
	secrets       secrets
	bodies        *bodyReader
	committer     committer
	data          converter.DataConverter
	keys          erasure.Keys
	metrics       *metrics
	sampler       *logSampler
	timeouts      timeouts
	statusLimiter *rate.Limiter
}

// timeouts are the constants above; tests shorten them.
type timeouts struct{ header, body, rules, answer time.Duration }

// New returns a bridge. It refuses settings with which anybody could sign a webhook.
func New(c Config) (*Bridge, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Settings.VerifyToken == "" {
		return nil, errors.New("the verify token is empty: set " + config.Prefix + "VERIFY_TOKEN")
	}
	if len(c.Settings.AppSecrets) == 0 || slices.Contains(c.Settings.AppSecrets, "") {
		return nil, errors.New("an app secret is empty: write " + config.Prefix + "APP_SECRETS as secret,secret")
	}
	if folder := c.Settings.LegalPages; folder != "" {
		if err := checkLegalPages(folder); err != nil {
			return nil, err
		}
	}
	direct := directCommitter{routing.New(c.Client, c.Settings.TaskQueue, personkey.New(c.Codec), c.Now).WithEvents(c.Settings.EventScope())}
	batcher := newBatcher(batchLimitsDefault, direct, newIntakeStarter(c.Client, c.Settings.TaskQueue))
	m, err := newMetrics(c.Registry, batcher.depth)
	if err != nil {
		return nil, err
	}
	return &Bridge{
		cfg:           c,
		secrets:       newSecrets(c.Settings.AppSecrets),
		bodies:        newBodies(),
		committer:     batcher,
		data:          cmp.Or(c.Data, converter.GetDefaultDataConverter()),
		keys:          erasure.NewKeys(c.Codec),
		metrics:       m,
		sampler:       newLogSampler(),
		timeouts:      timeouts{headerTimeout, bodyTimeout, rulesTimeout, answerTimeout},
		statusLimiter: rate.NewLimiter(maxStatusRate, maxStatusBurst),
	}, nil
}

// Handler serves Path, what Meta sends when people leave, and the public pages.
func (b *Bridge) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(Path, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			b.verify(w, r)
		case http.MethodPost:
			b.deliver(w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			writeStatus(w, http.StatusMethodNotAllowed)
		}
	})
	mux.HandleFunc("POST "+DeauthorizePath, b.leave("deauthorize", b.answerDeauthorize))
	mux.HandleFunc("POST "+DataDeletionPath, b.leave("data_deletion", b.answerDataDeletion))
	if b.cfg.Slack != nil {
		mux.Handle("POST "+slack.Path, b.cfg.Slack)
	}
	mux.HandleFunc("GET "+DeletionStatusPath+"/{code}", b.deletionStatus)
	if b.cfg.Settings.LegalPages != "" {
		for _, name := range legalPages {
			mux.HandleFunc("GET /"+name, b.legalPage(name))
		}
	}
	return mux
}

// Run serves on ln until ctx is done; then it waits for the requests in flight.
func (b *Bridge) Run(ctx context.Context, ln net.Listener) error {
	b.cfg.Logger.Info("Taking webhooks", zap.Stringer("addr", ln.Addr()), zap.String("path", Path))
	return ops.Run(ctx, ln, stopTimeout, &http.Server{
		Handler:           b.Handler(),
		ReadHeaderTimeout: b.timeouts.header,
		ReadTimeout:       b.timeouts.header + b.timeouts.body, // also of bodies that nobody reads
		WriteTimeout:      b.timeouts.header + b.timeouts.body + b.timeouts.answer + time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          zap.NewStdLog(b.cfg.Logger),
	})
}

// Checks are the checks of /readyz.
func (b *Bridge) Checks() []ops.Check {
	return []ops.Check{
		ops.TemporalCheck(b.cfg.Client),
		{Name: "setup", Run: func(ctx context.Context) error {
			return setup.Check(ctx, b.cfg.Client, b.cfg.Namespace)
		}},
		ops.FileCheck("rules", b.cfg.Rules.Err),
		ops.FileCheck("accounts", b.cfg.Accounts.Err),
	}
}

// writeStatus sends a status and its name, and nothing of the request.
func writeStatus(w http.ResponseWriter, status int) {
	writeText(w, status, http.StatusText(status)+"\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// challengePattern is the form of a challenge that is echoed. Meta sends a number; what a
// browser could take for markup is refused.
var challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// verify answers the verification request that Meta makes when the callback is saved in
// its dashboard.
func (b *Bridge) verify(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	echo := q.Get("hub.challenge")
	if !sameToken(q.Get("hub.verify_token"), string(b.cfg.Settings.VerifyToken)) || q.Get("hub.mode") != "subscribe" || !challengePattern.MatchString(echo) {
		b.sampler.warn(b.cfg.Logger, "verification", "Refused a verification: mode, verify token or challenge is wrong")
		writeStatus(w, http.StatusForbidden)
		return
	}
	b.cfg.Logger.Info("Meta verified the callback")
	writeText(w, http.StatusOK, echo)
}

// sameToken compares two tokens in constant time, whatever their lengths.
func sameToken(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
