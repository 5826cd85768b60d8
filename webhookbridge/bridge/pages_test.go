package bridge

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

func (h *testBridge) get(path string) *httptest.ResponseRecorder {
	return h.do(httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, path, nil))
}

// The public page says how far an erasure is, without a worker too, and names nobody. A
// code that nobody was given says nothing.
func TestDeletionStatus(t *testing.T) {
	server, c := devservertest.StartSetUp(t)
	h := newTestBridge(t, c)
	in := workflows.ErasureInput{Scope: workflows.EraseConnection, PersonKey: h.keys.Of(leavingUser), RequestedAt: time.Date(2026, 11, 22, 9, 58, 0, 0, time.UTC)}
	code := erasure.NewCode()
	if err := erasure.Request(t.Context(), c, code, "status", in); err != nil {
		t.Fatal(err)
	}
	page := func(words ...string) string {
		t.Helper()
		w := h.get(DeletionStatusPath + "/" + code)
		text := w.Body.String()
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		for _, word := range append(words, code) {
			if !strings.Contains(text, word) {
				t.Errorf("the page lacks %q:\n%s", word, text)
			}
		}
		for _, secret := range []string{leavingUser, in.PersonKey} {
			if strings.Contains(text, secret) {
				t.Errorf("the page names somebody:\n%s", text)
			}
		}
		return text
	}
	page("In progress", "22 November 2026, 09:58 UTC")

	state := workflows.ErasureStuck
	w := worker.New(c, "status", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.ErasureInput) error {
		for _, s := range []workflows.ErasureState{workflows.ErasureStuck, workflows.ErasureDone} {
			if err := workflow.UpsertMemo(ctx, map[string]any{workflows.MemoErasure: workflows.ErasureProgress{State: s, RequestedAt: in.RequestedAt}}); err != nil {
				return err
			}
			if s == workflows.ErasureStuck {
				workflow.GetSignalChannel(ctx, "on").Receive(ctx, nil)
			}
		}
		return nil
	}, workflow.RegisterOptions{Name: workflows.ErasureType})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	await := func() {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if p, err := erasure.Progress(t.Context(), c, h.data, code); err == nil && p.State == state {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("it never was %s", state)
			}
		}
	}
	await()
	page("Not complete yet")
	if err := c.SignalWorkflow(t.Context(), "erasure:"+code, "", "on", nil); err != nil {
		t.Fatal(err)
	}
	state = workflows.ErasureDone
	await()
	page("Data deletion: Done")

	for name, other := range map[string]string{"unknown": erasure.NewCode(), "no code": "x", "a workflow's id": "erasure:" + code, "small letters": strings.ToLower(code)} {
		if w := h.get(DeletionStatusPath + "/" + other); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), other) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if w := h.get(DeletionStatusPath + "/" + code); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a server: %d", w.Code)
	}
}

// Nobody can have Temporal asked without end.
func TestDeletionStatusIsLimited(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	for range maxStatusBurst {
		if w := h.get(DeletionStatusPath + "/x"); w.Code != http.StatusNotFound {
			t.Fatalf("status = %d", w.Code)
		}
	}
	if w := h.get(DeletionStatusPath + "/x"); w.Code != http.StatusTooManyRequests {
		t.Errorf("status = %d, want 429", w.Code)
	}
}

// writePages makes a folder of pages.
func writePages(t *testing.T, pages map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The pages are served as the operator wrote them, also after a change, and nothing else of
// their folder is.
func TestLegalPages(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	if w := h.get("/privacy"); w.Code != http.StatusNotFound {
		t.Errorf("without pages: %d", w.Code)
	}
	h.cfg.Settings.LegalPages = writePages(t, map[string]string{
		"privacy.html": "<h1>Privacy</h1>", "terms.md": "# Terms <script>", "data-deletion.txt": "Write to us.", "secret.html": "hush",
	})
	if err := checkLegalPages(h.cfg.Settings.LegalPages); err != nil {
		t.Error(err)
	}
	type page struct{ Type, Text string }
	got := map[string]page{}
	for _, path := range []string{"/privacy", "/terms", "/data-deletion"} {
		w := h.get(path)
		if w.Code != 200 || w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		got[path] = page{w.Header().Get("Content-Type"), w.Body.String()}
	}
	if diff := cmp.Diff(map[string]page{
		"/privacy":       {"text/html; charset=utf-8", "<h1>Privacy</h1>"},
		"/terms":         {"text/plain; charset=utf-8", "# Terms <script>"},
		"/data-deletion": {"text/plain; charset=utf-8", "Write to us."},
	}, got); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(h.cfg.Settings.LegalPages, "privacy.html"), []byte("<h1>New</h1>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w := h.get("/privacy"); w.Body.String() != "<h1>New</h1>" {
		t.Errorf("after a change: %s", w.Body)
	}
	for _, path := range []string{"/secret", "/secret.html", "/privacy.html", "/terms/../secret.html"} {
		if w := h.get(path); strings.Contains(w.Body.String(), "hush") || w.Code == 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// A page that is missing is named when the bridge starts; the sample has them all.
func TestLegalPagesAreThere(t *testing.T) {
	if err := checkLegalPages("../../deploy/pages"); err != nil {
		t.Errorf("the sample: %v", err)
	}
	h := newTestBridge(t, newFakeTemporal())
	c := h.cfg
	c.Registry = prometheus.NewRegistry()
	c.Settings.LegalPages = writePages(t, map[string]string{"privacy.html": "x", "data-deletion.html": "x"})
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "LEGAL_PAGES") || !strings.Contains(err.Error(), "terms.html") {
		t.Errorf("New = %v", err)
	}
	c.Settings.LegalPages = filepath.Join(t.TempDir(), "nowhere")
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "privacy.html") {
		t.Errorf("New = %v", err)
	}
}
