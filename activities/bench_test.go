package activities

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/testsuite"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/workflows"
)

const (
	testToken  = "EAAtesttoken"
	testSecret = "test-app-secret"
	testProof  = "62f73cbe7b318721f6695dcd7ce46d9a60b2134d6e69eb38057c6db0608019a8" // of the two above
	testText   = "Hi, our price list: https://example.com/prices"
	queue      = "private-replies"
	person     = "6000000000000001"
)

// noon is what the clocks of a test show.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

var (
	page = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook}
	// instagram is connected with Facebook Login: its sends go to the Page.
	instagram = privatereply.Account{
		Platform: privatereply.Instagram, ID: "17841400000000001", PageID: "100000000000001",
		Login: privatereply.LoginFacebook, HumanAgent: true, RepliedOnly: true,
	}
	instagramLogin = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000002", Login: privatereply.LoginInstagram, RepliedOnly: true}
	// tokenless is in the accounts file, but its token cannot be read.
	tokenless = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000009", Login: privatereply.LoginFacebook, HumanAgent: true, RepliedOnly: true}

	errNoToken = errors.New("account 100000000000009: token_env: the variable T is not set, or empty")
)

// book is the accounts file of the tests.
type book struct{}

func (book) Credentials(p privatereply.Platform, id string) (graph.Credentials, error) {
	for _, account := range []privatereply.Account{page, instagram, instagramLogin} {
		if account.Platform == p && account.ID == id {
			account.PostsPerHour, account.LivePerSecond = 700, 90
			return graph.Credentials{Account: account, Token: testToken, AppSecret: testSecret}, nil
		}
	}
	if id == tokenless.ID {
		return graph.Credentials{Account: tokenless}, errNoToken
	}
	return graph.Credentials{}, fmt.Errorf("%w: %s %s", ErrUnknownAccount, p, id)
}

// bench runs activities as a worker does, against a server in Meta's place.
type bench struct {
	*testsuite.TestActivityEnvironment
	server   *httptest.Server
	temporal *mocks.Client
	logs     *observer.ObservedLogs
	registry *prometheus.Registry
	now      time.Time // of the activities

	mu       sync.Mutex
	requests []request
}

type request struct {
	method, path, query, body string
	timeLeft                  time.Duration // of the activity's call
}

func newBench(t *testing.T, answer http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{temporal: mocks.NewClient(t), registry: prometheus.NewRegistry(), now: noon}
	b.server = httptest.NewServer(answer)
	t.Cleanup(b.server.Close)
	client, err := graph.New(graph.Options{
		FacebookURL: b.server.URL + "/facebook", InstagramURL: b.server.URL + "/instagram",
		Now: func() time.Time { return noon }, Transport: b,
	})
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	b.logs = logs
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(temporalclient.NewLogger(zap.New(core)))
	b.TestActivityEnvironment = suite.NewTestActivityEnvironment()
	clock := noon.Add(-time.Hour) // the pacer's bucket has filled by noon
	pacer := pacing.New(1, func() time.Time { return clock })
	clock = noon
	a := New(client, book{}, pacer, b.temporal, queue).WithMetrics(NewMetrics(b.registry))
	a.now = func() time.Time { return b.now }
	a.Register(b)
	a.RegisterSends(b)
	return b
}

// RoundTrip notes what leaves the process.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	noted := request{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		noted.body = string(body)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(noted.body))
	}
	if deadline, ok := r.Context().Deadline(); ok {
		noted.timeLeft = time.Until(deadline)
	}
	b.mu.Lock()
	b.requests = append(b.requests, noted)
	b.mu.Unlock()
	return b.server.Client().Transport.RoundTrip(r)
}

// paths are the last parts of the paths that were asked for, in their order.
func (b *bench) paths() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var paths []string
	for _, r := range b.requests {
		paths = append(paths, r.path[strings.LastIndexByte(r.path, '/')+1:])
	}
	return paths
}

// run executes an activity by its name. Whatever comes back goes into history, so
// it must hold no secret; what was logged must hold no text either.
func run[T any](t *testing.T, b *bench, name string, in any) (T, error) {
	t.Helper()
	// Where the test says nothing else, Conversations can be joined.
	b.temporal.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, workflows.ReplyJoinedSignal, mock.Anything, mock.Anything, workflows.ConversationType, mock.Anything).
		Return(nil, nil).Maybe()
	var out T
	value, err := b.ExecuteActivity(name, in)
	if err == nil && value.HasValue() {
		if err := value.Get(&out); err != nil {
			t.Fatal(err)
		}
	}
	shown := fmt.Sprintf("%v %+v %#v", err, out, out)
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		shown += fmt.Sprintf(" %v %+v %#v", inner, inner, inner)
	}
	encoded, encodeErr := json.Marshal(out)
	if encodeErr != nil {
		t.Fatal(encodeErr)
	}
	var logged strings.Builder
	for _, line := range b.logs.All() {
		fmt.Fprintf(&logged, "%s %v\n", line.Message, line.ContextMap())
	}
	for _, secret := range []string{testToken, testSecret, testProof} {
		if strings.Contains(shown+string(encoded)+logged.String(), secret) {
			t.Errorf("%s shows a secret: %s %s %s", name, shown, encoded, logged.String())
		}
	}
	if strings.Contains(logged.String(), testText) {
		t.Errorf("%s logs a text: %s", name, logged.String())
	}
	return out, err
}

// says answers every request alike.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if w.Header().Get("Date") == "" {
			w.Header()["Date"] = nil // the bench has a time of its own
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const delivered = `{"recipient_id":"7000000000000001","message_id":"m_1"}`
