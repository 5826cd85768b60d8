package deploy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privatereply/privatereply/approvals/slack"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

// caddy is the path of the proxy's program, in the version of the image. As with
// the Temporal CLI, the test is skipped without one, and fails where CI is set.
func caddy(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath(orElse(os.Getenv("CADDY_PATH"), "caddy"))
	switch {
	case err == nil:
	case os.Getenv("CI") == "":
		t.Skipf("this test needs Caddy, which `make test` builds: %v", err)
	default:
		t.Fatalf("this test needs Caddy: %v", err)
	}
	return path
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// fakeBridge stands for a bridge: it has an address of its own, as a container has.
type fakeBridge struct {
	host     string
	requests atomic.Int64
	size     atomic.Int64 // of the last body
	webhooks *http.Server
	ops      *http.Server
}

func startBridge(t *testing.T, host, webhookPort, opsPort string) *fakeBridge {
	t.Helper()
	b := &fakeBridge{host: host}
	b.webhooks = serve(t, net.JoinHostPort(host, webhookPort), func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, "", http.StatusRequestEntityTooLarge)
			return
		}
		b.size.Store(n)
		b.requests.Add(1)
		fmt.Fprint(w, r.URL.Path)
	})
	b.ops = serve(t, net.JoinHostPort(host, opsPort), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
		}
	})
	return b
}

func serve(t *testing.T, addr string, handler http.HandlerFunc) *http.Server {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// proxy runs Caddy with deploy/proxy/Caddyfile before two bridges, with free ports in
// place of those of the containers.
func proxy(t *testing.T, opsPort, bridges string) (webhooks, desk, log string) {
	t.Helper()
	dir := t.TempDir()
	text := read(t, "proxy/Caddyfile")
	deskAddr := net.JoinHostPort("127.0.0.1", freePort(t))
	serve(t, deskAddr, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the desk of "+r.Host) })
	for old, now := range map[string]string{
		"health_port 9091": "health_port " + opsPort,
		"approvals:8090":   deskAddr,
		"grace_period":     "admin off\n\tgrace_period",
	} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("the Caddyfile has not one %q", old)
		}
		text = strings.Replace(text, old, now, 1)
	}
	config := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	webhooks, desk = "http://127.0.0.1:"+freePort(t), "http://desk.localhost:"+freePort(t)
	server := exec.Command(caddy(t), "run", "--config", config, "--adapter", "caddyfile")
	server.Env = []string{
		"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
		"WEBHOOK_SITE=" + strings.Replace(webhooks, "127.0.0.1", "", 1), "DESK_SITE=" + desk, "BRIDGES=" + bridges,
	}
	server.Stdout, server.Stderr = out, out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Log(read(t, out.Name()))
		}
	})
	until(t, 30*time.Second, func() error {
		status, _, err := call(t, http.MethodPost, webhooks+bridge.Path, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
	return webhooks, desk, out.Name()
}

func call(t *testing.T, method, url string, body []byte) (status int, said string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Close = true                                     // what one refused must not reach the next
	if host := req.URL.Hostname(); host != "127.0.0.1" { // names are not looked up
		req.Host, req.URL.Host = req.URL.Host, net.JoinHostPort("127.0.0.1", req.URL.Port())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// From outside there are Meta's webhooks, the public pages and nothing else, with bodies as large as the
// bridge takes; the desk answers only under its own name; and nothing of a
// verification's token gets into the log.
func TestProxyLetsIn(t *testing.T) {
	port, opsPort := freePort(t), freePort(t)
	one := startBridge(t, "127.0.0.2", port, opsPort)
	two := startBridge(t, "127.0.0.3", port, opsPort)
	webhooks, desk, log := proxy(t, opsPort, "127.0.0.2:"+port+" 127.0.0.3:"+port)

	tests := []struct {
		name, method, url string
		bytes, status     int
		said              string
	}{
		{"Slack's interactions", http.MethodPost, webhooks + slack.Path, 0, 200, slack.Path},
		{"a verification", http.MethodGet, webhooks + bridge.Path + "?hub.mode=subscribe", 0, 200, bridge.Path},
		{"a delivery", http.MethodPost, webhooks + bridge.Path, 100, 200, bridge.Path},
		{"the largest delivery", http.MethodPost, webhooks + bridge.Path, 8 << 20, 200, bridge.Path},
		{"a larger one", http.MethodPost, webhooks + bridge.Path, 10 << 20, 413, ""},
		{"somebody leaves", http.MethodPost, webhooks + bridge.DeauthorizePath, 100, 200, bridge.DeauthorizePath},
		{"a deletion", http.MethodPost, webhooks + bridge.DataDeletionPath, 100, 200, bridge.DataDeletionPath},
		{"its status page", http.MethodGet, webhooks + bridge.DeletionStatusPath + "/ABC", 0, 200, bridge.DeletionStatusPath + "/ABC"},
		{"how to ask for it", http.MethodGet, webhooks + "/data-deletion", 0, 200, "/data-deletion"},
		{"privacy", http.MethodGet, webhooks + "/privacy", 0, 200, "/privacy"},
		{"terms", http.MethodGet, webhooks + "/terms", 0, 200, "/terms"},
		{"the root", http.MethodGet, webhooks + "/", 0, 404, ""},
		{"below the webhooks", http.MethodGet, webhooks + bridge.Path + "/x", 0, 404, ""},
		{"metrics", http.MethodGet, webhooks + "/metrics", 0, 404, ""},
		{"a way round", http.MethodGet, webhooks + "/x/.." + "/metrics", 0, 404, ""},
		{"another way round", http.MethodGet, webhooks + "/data-deletion/.." + "/metrics", 0, 404, ""},
		{"the desk", http.MethodGet, desk + "/", 0, 200, "the desk of " + strings.TrimPrefix(desk, "http://")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, said, err := call(t, tt.method, tt.url, make([]byte, tt.bytes))
			// A server may hang up on whoever goes on sending what it has refused.
			if err != nil && tt.status != http.StatusRequestEntityTooLarge {
				t.Fatal(err)
			}
			if err == nil && (status != tt.status || said != tt.said && tt.status == 200) {
				t.Errorf("got %d %q, want %d %q", status, said, tt.status, tt.said)
			}
			if largest := max(one.size.Load(), two.size.Load()); tt.bytes == 8<<20 && largest != 8<<20 {
				t.Errorf("%d bytes arrived", largest)
			}
		})
	}
	if one.requests.Load() == 0 || two.requests.Load() == 0 {
		t.Errorf("requests went to %d and %d", one.requests.Load(), two.requests.Load())
	}

	_ = one.webhooks.Close()
	_ = two.webhooks.Close()
	if status, _, err := call(t, http.MethodGet, webhooks+bridge.Path+"?hub.verify_token=hush", nil); err != nil || status < 500 {
		t.Errorf("without bridges: %d %v", status, err)
	}
	until(t, 10*time.Second, func() error {
		if !strings.Contains(read(t, log), "hub.verify_token") {
			return errors.New("the failure is not in the log")
		}
		return nil
	})
	if strings.Contains(read(t, log), "hush") {
		t.Error("the verify token is in the log")
	}
}

// A bridge that dies takes no delivery with it, and gets its share again when it is
// back.
func TestProxyGoesRound(t *testing.T) {
	port, opsPort := freePort(t), freePort(t)
	one := startBridge(t, "127.0.0.2", port, opsPort)
	two := startBridge(t, "127.0.0.3", port, opsPort)
	webhooks, _, _ := proxy(t, opsPort, "127.0.0.2:"+port+" 127.0.0.3:"+port)

	_ = one.webhooks.Close()
	_ = one.ops.Close()
	for i := range 20 {
		if status, _, err := call(t, http.MethodPost, webhooks+bridge.Path, []byte("{}")); err != nil || status != http.StatusOK {
			t.Fatalf("delivery %d: %d %v", i, status, err)
		}
	}
	back := startBridge(t, one.host, port, opsPort)
	_ = two.webhooks.Close()
	_ = two.ops.Close()
	until(t, time.Minute, func() error {
		status, _, err := call(t, http.MethodPost, webhooks+bridge.Path, []byte("{}"))
		if err == nil && (status != http.StatusOK || back.requests.Load() == 0) {
			err = fmt.Errorf("status %d, %d requests", status, back.requests.Load())
		}
		return err
	})
}

// Whoever sends bodies that cannot be read takes no bridge away from Meta.
func TestProxyOutlastsBrokenBodies(t *testing.T) {
	port, opsPort := freePort(t), freePort(t)
	startBridge(t, "127.0.0.2", port, opsPort)
	startBridge(t, "127.0.0.3", port, opsPort)
	webhooks, _, _ := proxy(t, opsPort, "127.0.0.2:"+port+" 127.0.0.3:"+port)

	for range 2 { // one for each bridge
		conn, err := net.Dial("tcp", strings.TrimPrefix(webhooks, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: hooks\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", bridge.Path)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode < 400 {
			t.Errorf("a body with a broken chunk was answered %d", resp.StatusCode)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
	for i := range 4 {
		if status, _, err := call(t, http.MethodPost, webhooks+bridge.Path, []byte("{}")); err != nil || status != http.StatusOK {
			t.Errorf("delivery %d: %d %v", i, status, err)
		}
	}
}
