package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/harness/process"
)

const (
	verifyToken = "the-verify-token"
	appSecret   = "the-app-secret"

	accountsYAML = `accounts:
  - platform: instagram
    id: "17841400000000001"
    name: Clean Slate
    login: instagram
    token_env: CLEAN_SLATE_TOKEN
`
	rulesYAML = "default: ask\n"
)

// freeAddr is an address on which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is a complete one, for a Temporal server at address.
func environment(t *testing.T, address string) map[string]string {
	t.Helper()
	return map[string]string{
		"PRIVATEREPLY_VERIFY_TOKEN": verifyToken,
		"PRIVATEREPLY_APP_SECRETS":  appSecret + ", another",
		"PRIVATEREPLY_ACCOUNTS":     writeFile(t, "accounts.yaml", accountsYAML),
		"PRIVATEREPLY_RULES":        writeFile(t, "rules.yaml", rulesYAML),
		"PRIVATEREPLY_WEBHOOK_ADDR": freeAddr(t),
		"PRIVATEREPLY_OPS_ADDR":     freeAddr(t),
		"PRIVATEREPLY_LOG_LEVEL":    "error",
		"TEMPORAL_ADDRESS":          address,
		"TEMPORAL_NAMESPACE":        "default",
	}
}

func use(t *testing.T, env map[string]string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// A bridge that cannot do its work says at once what to mend, and shows no secret.
func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name, variable, value string
		mention               string
	}{
		{"no verify token", "PRIVATEREPLY_VERIFY_TOKEN", "", "PRIVATEREPLY_VERIFY_TOKEN"},
		{"no app secrets", "PRIVATEREPLY_APP_SECRETS", "", "PRIVATEREPLY_APP_SECRETS"},
		{"an empty app secret", "PRIVATEREPLY_APP_SECRETS", appSecret + ",", "PRIVATEREPLY_APP_SECRETS"},
		{"no accounts file", "PRIVATEREPLY_ACCOUNTS", "nowhere.yaml", "nowhere.yaml"},
		{"no rules file", "PRIVATEREPLY_RULES", "nowhere.yaml", "nowhere.yaml"},
		{"no server", "TEMPORAL_ADDRESS", "127.0.0.1:1", "cannot reach Temporal at 127.0.0.1:1"},
		{"a strange log format", "PRIVATEREPLY_LOG_FORMAT", "xml", "PRIVATEREPLY_LOG_FORMAT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := environment(t, "127.0.0.1:1")
			env[tt.variable] = tt.value
			use(t, env)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := run(ctx)
			if err == nil || !strings.Contains(err.Error(), tt.mention) {
				t.Fatalf("run = %v, want an error about %s", err, tt.mention)
			}
			if strings.Contains(err.Error(), verifyToken) || strings.Contains(err.Error(), appSecret) {
				t.Errorf("the error has a secret: %v", err)
			}
		})
	}
}

// The program, as it is deployed: it becomes ready, takes a delivery, counts it, and
// ends without an error when it is told to.
func TestRun(t *testing.T) {
	server, c := devservertest.StartSetUp(t)
	env := environment(t, server.Address)
	use(t, env)
	webhooks, ops := "http://"+env["PRIVATEREPLY_WEBHOOK_ADDR"]+"/webhooks/meta", "http://"+env["PRIVATEREPLY_OPS_ADDR"]

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	awaitReady(t, ops+"/readyz", ended)

	const body = `{"object":"instagram","entry":[{"id":"17841400000000001","changes":[{"field":"comments","value":{"id":"18000000000000001"}}]}]}`
	mac := hmac.New(sha256.New, []byte("another"))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, webhooks, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	if status, answer := do(t, r); status != http.StatusOK {
		t.Errorf("delivery: %d %s", status, answer)
	}
	if _, err := c.DescribeWorkflowExecution(t.Context(), "reply:instagram:17841400000000001:18000000000000001", ""); err != nil {
		t.Errorf("the reply: %v", err)
	}
	if _, metrics := get(t, ops+"/metrics"); !strings.Contains(metrics, `privatereply_bridge_events_total{effect="started",reason=""} 1`) {
		t.Error("the comment was not counted")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run = %v", err)
	}
}

func awaitReady(t *testing.T, url string, ended <-chan error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			t.Fatalf("run = %v", err)
		case <-tick.C:
		}
		resp, err := http.Get(url)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// Meta may sign with the secret of each app that accounts are connected with, too.
func TestAppSecrets(t *testing.T) {
	apps := config.Connect{FacebookAppID: "1", FacebookAppSecret: "facebook", InstagramAppID: "2", InstagramSecret: "listed"}
	if got := appSecrets(config.SecretList{"listed"}, apps); !slices.Equal(got, config.SecretList{"listed", "facebook"}) {
		t.Errorf("%q", []string(got))
	}
	if got := appSecrets(config.SecretList{"listed"}, config.Connect{}); !slices.Equal(got, config.SecretList{"listed"}) {
		t.Errorf("without apps: %q", []string(got))
	}
}
