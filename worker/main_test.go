package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/workflows"
)

const accountsYAML = `accounts:
  - {platform: instagram, id: "17841400000000001", name: Clean Slate, login: instagram, token_env: CLEAN_SLATE_TOKEN, posts_per_hour: 360000, sweep_every: 0}
  - {platform: instagram, id: "17841400000000002", name: Oak Corner, login: instagram, token_env: OAK_CORNER_TOKEN, sweep_every: 0}
`

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The program, as it is deployed: it says which account could not send and is ready
// all the same. Told to end, it says so, is watched until what it sends has ended,
// and ends without an error.
func TestRun(t *testing.T) {
	server := devservertest.Start(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = io.WriteString(w, `{"recipient_id":"7","message_id":"m_1"}`)
	}))
	defer meta.Close()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for name, value := range map[string]string{
		"PRIVATEREPLY_ACCOUNTS":            writeFile(t, "accounts.yaml", accountsYAML),
		"PRIVATEREPLY_RULES":               writeFile(t, "rules.yaml", "default: ask\n"),
		"PRIVATEREPLY_OPS_ADDR":            addr,
		"PRIVATEREPLY_LOG_LEVEL":           "error",
		"PRIVATEREPLY_GRAPH_INSTAGRAM_URL": meta.URL,
		"CLEAN_SLATE_TOKEN":                "IGtoken",
		"TEMPORAL_ADDRESS":                 server.Address,
		"TEMPORAL_NAMESPACE":               server.Namespace,
	} {
		t.Setenv(name, value)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()

	says := awaitAnswer(t, addr, http.StatusOK, ended)
	if !strings.Contains(says, "ok       worker\n") || !strings.Contains(says, "warning  tokens: account 17841400000000002: ") {
		t.Errorf("ready, and says\n%s", says)
	}
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := workflows.PrivateReplyInput{
		Comment: privatereply.Comment{
			Platform: privatereply.Instagram, Account: "17841400000000001", CommentID: "18000000000000001",
			Source: privatereply.SourcePost, EntryAt: time.Now(), ReceivedAt: time.Now(),
		},
		Decision: privatereply.Decision{Action: privatereply.ActionAuto, Rule: "hello", Text: "Hello!"},
	}
	options, in, err := workflows.PrivateReplyOptions(in, "private-replies", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case err := <-ended:
		t.Fatalf("run = %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was sent")
	}
	stop()
	if says := awaitAnswer(t, addr, http.StatusServiceUnavailable, ended); !strings.Contains(says, "failed   worker: it is stopping") {
		t.Errorf("stopping, and says\n%s", says)
	}
	if resp, err := http.Get("http://" + addr + "/metrics"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("its metrics while it stops: %v, %v", resp, err)
	}
	close(answer)
	if err := <-ended; err != nil {
		t.Errorf("run = %v", err)
	}
}

// awaitAnswer waits until /readyz answers with the status, and returns what it says.
func awaitAnswer(t *testing.T, addr string, status int, ended <-chan error) string {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			t.Fatalf("run = %v", err)
		case <-tick.C:
		}
		resp, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			continue
		}
		says, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && resp.StatusCode == status {
			return string(says)
		}
	}
}
