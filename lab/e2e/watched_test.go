package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// watched is the product with all that operators watch it by.
type watched struct {
	*product
	logs      *lines
	collector *collector
	metrics   []string // the programs' addresses
	clients   []client.Client
	flushes   []func() // the telemetry of each program
}

// lines is everything that the programs log, at every level, as JSON.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (*lines) Sync() error { return nil }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newWatched runs the programs beside each other, each with its own connection and
// its own telemetry, as their mains do.
func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{collector: newCollector(t), logs: &lines{}}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", w.collector.URL)
	server := devservertest.Start(t)
	t.Cleanup(func() { // after the programs
		for _, c := range w.clients {
			c.Close()
		}
	})
	all := slices.Clone(accounts) // one of them was connected, and its token ends
	i := slices.IndexFunc(all, func(a harness.Account) bool { return a.ID == instagramLogin })
	all[i].Connected, all[i].TokenLife = true, 60*24*time.Hour
	w.product = prepare(t, harness.Config{
		Accounts: all,
		Server:   harness.OnDevServer(server), Workers: 1, Bridges: 1, Desks: 1,
		Connect: func(program string) (harness.Connection, error) { return w.connect(t, server.Address, program) },
	})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// connect gives a program its connection, and serves its metrics. People decide through
// the desk's.
func (w *watched) connect(t *testing.T, address, program string) (c harness.Connection, err error) {
	c.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), w.logs, zap.DebugLevel)).Named(program)
	if c.Telemetry, err = telemetry.Open(t.Context(), program, c.Log); err != nil {
		return c, err
	}
	options := client.Options{HostPort: address, Logger: temporalclient.NewLogger(c.Log)}
	if err := c.Telemetry.Apply(&options); err != nil {
		return c, err
	}
	if c.Client, err = client.DialContext(t.Context(), options); err != nil {
		return c, err
	}
	w.clients = append(w.clients, c.Client)
	w.flushes = append(w.flushes, c.Telemetry.Close)
	c.Registry, c.Tracer = c.Telemetry.Registry, c.Telemetry.Tracer
	srv := httptest.NewServer(ops.Handler(c.Registry))
	t.Cleanup(srv.Close)
	w.metrics = append(w.metrics, srv.URL)
	if program == "approvals" {
		w.Client = c.Client
	}
	return c, nil
}

// What people write in this story, and must not be found in any log or trace.
var texts = []string{
	"Is it waterproof, my friend?", "Yes, up to ten metres.", "Marvellous, thank you!", "You are welcome any time.",
	"price for six, please", "our price list", "lena.of.the.logs", "karl.of.the.logs",
}

// Operators see what happens: every metric that the dashboard and the alerts name is
// there, a trace leads from each webhook to its send, and neither traces nor logs
// hold a text, a name, a token or a secret.
func TestWatched(t *testing.T) {
	w := newWatched(t)
	asked := w.answered()
	batch := w.batched()
	w.troubled()

	t.Run("Metrics", func(t *testing.T) {
		expressions := dashboard(t)
		for _, r := range alerts(t) {
			expressions = append(expressions, parse(t, "alert "+r.Alert, r.Expr))
		}
		var missing []string
		w.eventually(t, func() bool {
			all := w.scrape(t)
			missing = nil
			for _, e := range expressions {
				for _, m := range e.unseen(all) {
					missing = append(missing, e.where+": "+m)
				}
			}
			return len(missing) == 0
		}, func() string { return "no series answers\n" + strings.Join(missing, "\n") })
	})
	t.Run("Counts", w.testCounts)
	t.Run("Documented", w.testDocumented)
	t.Run("Traces", func(t *testing.T) {
		for _, flush := range w.flushes {
			flush()
		}
		w.collector.wantWay(t, asked)
		for _, id := range batch {
			w.collector.wantWay(t, id)
		}
	})
	t.Run("Silence", func(t *testing.T) {
		logs, spans := w.logs.String(), w.collector.raw()
		for _, hidden := range append(slices.Clone(texts), pageToken, instagramToken, appSecret, instagramSecret, verifyToken, "appsecret_proof") {
			if i := strings.Index(logs, hidden); i >= 0 {
				t.Errorf("the logs hold %q: …%s…", hidden, logs[max(0, i-300):i+len(hidden)])
			}
			if strings.Contains(spans, hidden) {
				t.Errorf("the traces hold %q", hidden)
			}
		}
		for _, id := range append(batch, asked) {
			if !strings.Contains(logs, id) {
				t.Errorf("the logs do not tell of %s", id)
			}
		}
	})
}

func (w *watched) scrape(t *testing.T) []series {
	var all []series
	for _, url := range w.metrics {
		all = append(all, scrape(t, url)...)
	}
	return all
}

// The figures are those of this story: seven comments came, six of them in batches or
// alone were answered by a rule, one by a person, and one send was in doubt.
func (w *watched) testCounts(t *testing.T) {
	wrong := ""
	w.eventually(t, func() bool {
		all := w.scrape(t)
		wrong = ""
		for selector, want := range map[string]float64{
			`privatereply_bridge_deliveries_total{status="403"}`:                                              1,
			`privatereply_worker_events_total{effect="started"}`:                                              5,
			`privatereply_worker_events_total{effect="duplicate"}`:                                            5,
			`privatereply_worker_replies_total{state="awaiting_approval"}`:                                    1,
			`privatereply_worker_replies_total{state="sent"}`:                                                 7,
			`privatereply_worker_replies_total{state="responded"}`:                                            1,
			`privatereply_worker_ambiguous_sends_total{reason="no_answer"}`:                                   1,
			`privatereply_worker_sends_total{kind="private_reply",outcome="sent"}`:                            6,
			`privatereply_worker_sends_total{kind="private_reply",outcome="unknown"}`:                         1,
			`privatereply_worker_sends_total{kind="follow_up",outcome="sent"}`:                                1,
			`privatereply_worker_send_margin_seconds_count{limit="posts"}`:                                    8, // the one in doubt was repeated
			`privatereply_worker_replies_overdue`:                                                             0,
			`privatereply_worker_account_paused`:                                                              0,
			`temporal_request_failure_total{operation="StartWorkflowExecution",status_code="ALREADY_EXISTS"}`: 5,
			`temporal_workflow_completed_total{workflow_type="Intake"}`:                                       2,
		} {
			if got := sum(t, all, selector); got != want {
				wrong += fmt.Sprintf("%s is %v, want %v\n", selector, got, want)
			}
		}
		return wrong == ""
	}, func() string { return wrong })
}

// The documentation has every metric of the product, and no other.
func (w *watched) testDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/operations/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	documented, shown := map[string]bool{}, map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(privatereply_\\w+)` \\| (counter|gauge|histogram) \\|").FindAllStringSubmatch(string(doc), -1) {
		documented[row[1]] = true
	}
	suffix := regexp.MustCompile("_(bucket|sum|count)$")
	for _, s := range w.scrape(t) {
		if name := suffix.ReplaceAllString(s.labels["__name__"], ""); strings.HasPrefix(name, "privatereply_") {
			shown[name] = true
		}
	}
	if diff := cmp.Diff(shown, documented); diff != "" {
		t.Errorf("shown and documented (-shown +documented):\n%s", diff)
	}
}

// answered is a comment that a person answers, and that is answered in turn.
func (w *watched) answered() (replyID string) {
	replyID, _ = w.comment(meta.NewComment{Account: instagram, Username: "lena.of.the.logs", Text: texts[0]})
	w.untilState(w.t, replyID, privatereply.AwaitingApproval)
	if _, err := w.update(w.t, replyID, workflows.ApproveMessage, map[string]any{"approver": "ana", "text": texts[1]}); err != nil {
		w.t.Fatal(err)
	}
	sent := w.untilState(w.t, replyID, privatereply.Sent)
	conversation, err := privatereply.ConversationID(sent.Comment.Platform, instagram, sent.Send.RecipientID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.untilJoined(w.t, conversation)
	if _, err := w.Sandbox.WriteMessage(meta.NewMessage{Account: instagram, Username: "lena.of.the.logs", Text: texts[2]}); err != nil {
		w.t.Fatal(err)
	}
	w.untilState(w.t, replyID, privatereply.Responded)
	if _, err := w.update(w.t, conversation, workflows.FollowUpUpdate, map[string]any{"agent": "ana", "text": texts[3]}); err != nil {
		w.t.Fatal(err)
	}
	return replyID
}

// batched is a delivery of several comments, which go together into an Intake.
func (w *watched) batched() (replyIDs []string) {
	var comments []string
	for range 5 {
		id, comment := w.comment(meta.NewComment{Account: page, Username: "karl.of.the.logs", Text: texts[4], NoWebhook: true})
		replyIDs, comments = append(replyIDs, id), append(comments, comment)
	}
	body, header, err := w.Sandbox.SignedWebhook(comments...)
	if err != nil {
		w.t.Fatal(err)
	}
	for range 2 { // the second one brings only duplicates
		if status, err := w.post(body, header); err != nil || status != http.StatusOK {
			w.t.Fatalf("answered %d, %v", status, err)
		}
	}
	for _, id := range replyIDs {
		w.untilState(w.t, id, privatereply.Sent)
	}
	return replyIDs
}

// troubled is what goes wrong now and then: two forgeries, a send that Meta does not
// answer, and a workflow that the worker's code does not fit.
func (w *watched) troubled() {
	if status, err := w.post([]byte("{}"), http.Header{"X-Hub-Signature-256": {"sha256=" + strings.Repeat("0", 64)}}); err != nil || status != http.StatusForbidden {
		w.t.Fatalf("a forgery was answered %d, %v", status, err)
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if status, err := w.postTo(w.WebhookURL+"/deauthorize", []byte("signed_request=a.b"), form); err != nil || status == http.StatusOK {
		w.t.Fatalf("a forgery of somebody who leaves was answered %d, %v", status, err)
	}
	id, comment := w.comment(meta.NewComment{Account: page, Username: "karl.of.the.logs", Text: texts[4], NoWebhook: true})
	if _, err := w.Sandbox.AddFault(meta.Fault{Name: "accept-then-drop", CommentID: comment, Times: 1}); err != nil {
		w.t.Fatal(err)
	}
	body, header, err := w.Sandbox.SignedWebhook(comment)
	if err != nil {
		w.t.Fatal(err)
	}
	if status, err := w.post(body, header); err != nil || status != http.StatusOK {
		w.t.Fatalf("answered %d, %v", status, err)
	}
	w.untilState(w.t, id, privatereply.Sent)
	if _, err := w.Client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{TaskQueue: "private-replies"}, "OfANewerRelease"); err != nil {
		w.t.Fatal(err)
	}
}

// eventually waits until done, and says what is missing if that takes a minute.
func (w *watched) eventually(t *testing.T, done func() bool, missing func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(missing())
		}
	}
}
