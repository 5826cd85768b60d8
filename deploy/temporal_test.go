package deploy_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/harness/process"
)

// dynamicConfig are the values of deploy/temporal/dynamicconfig.yaml. Without
// constraints each key has one.
func dynamicConfig(t *testing.T) map[string]any {
	t.Helper()
	var file map[string][]struct {
		Value any `yaml:"value"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "temporal/dynamicconfig.yaml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for key, list := range file {
		if len(list) != 1 {
			t.Fatalf("%s has %d values", key, len(list))
		}
		values[key] = list[0].Value
	}
	return values
}

// Both servers treat accounts fairly, and the one on Postgres keeps ids that fit.
func TestDynamicConfig(t *testing.T) {
	values := dynamicConfig(t)
	for key, want := range map[string]any{
		"matching.useNewMatcher": true, "matching.enableFairness": true,
		"frontend.enableServerVersionCheck": false, "limit.maxIDLength": uint64(255),
	} {
		if values[key] != want {
			t.Errorf("full: %s = %v, want %v", key, values[key], want)
		}
		delete(values, key)
		flag := "--dynamic-config-value=" + key + "=" + "true"
		if want == true && !slices.Contains(load(t, "light", nil).Services["temporal-light"].Command, flag) {
			t.Errorf("light: no %s", flag)
		}
	}
	for key := range values {
		t.Errorf("nobody said why %s is set", key)
	}
}

// The light profile runs the server that the tests run.
func TestLightVersion(t *testing.T) {
	image := load(t, "light", nil).Services["temporal-light"].Image
	if want := "temporalio/temporal:" + strings.TrimPrefix(devserver.Version, "v"); image != want {
		t.Errorf("image %s, want %s", image, want)
	}
}

// The light profile's command starts a server in which the product can be set up, and
// the server's own health check then says so. It runs here with other ports and
// another folder than in its container.
func TestLightServer(t *testing.T) {
	cliPath := devservertest.CLI(t)
	service := load(t, "light", nil).Services["temporal-light"]
	home := t.TempDir()
	ports := map[string]string{}
	here := func(arg string) string {
		arg = strings.Replace(arg, "/home/temporal/", home+"/", 1)
		for _, port := range []string{"7233", "8233"} {
			if strings.HasSuffix(arg, port) {
				if ports[port] == "" {
					free, err := process.FreePort()
					if err != nil {
						t.Fatal(err)
					}
					ports[port] = strconv.Itoa(free)
				}
				arg = strings.TrimSuffix(arg, port) + ports[port]
			}
		}
		return strings.Replace(arg, "--ip=0.0.0.0", "--ip=127.0.0.1", 1)
	}
	var args []string
	for _, arg := range service.Command {
		args = append(args, here(arg))
	}
	log, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server := exec.Command(cliPath, args...)
	server.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Log(read(t, log.Name()))
		}
	})

	health := service.HealthCheck.Test[1:]
	if health[0] != "temporal" {
		t.Fatalf("the health check runs %s", health[0])
	}
	healthy := func() error {
		var args []string
		for _, arg := range health[1:] {
			args = append(args, here(arg))
		}
		check := exec.CommandContext(t.Context(), cliPath, args...)
		check.Env = server.Env
		return check.Run()
	}
	until(t, time.Minute, healthy)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: net.JoinHostPort("127.0.0.1", ports["7233"])})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := setup.Apply(ctx, c, "default"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(home, "temporal.db")); err != nil {
		t.Errorf("the server keeps its state elsewhere: %v", err)
	}
}

// until repeats try until it succeeds.
func until(t *testing.T, atMost time.Duration, try func() error) {
	t.Helper()
	deadline := time.After(atMost)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %v", atMost, err)
		}
	}
}
