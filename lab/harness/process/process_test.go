package process

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func shell(t *testing.T, readyURL, script string) *Process {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command(sh, "-c", `printf '%s\n' "$1" "$2" >"$3" && chmod +x "$3"`, "sh", "#!"+sh, script, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &Process{Name: "shell", Path: file, Env: Environment(), LogFile: filepath.Join(t.TempDir(), "log"), Ready: Answers200(readyURL)}
}

func lastLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(LastLines(b, 1))
}

// awaitLine waits until the program has said line.
func awaitLine(t *testing.T, p *Process, line string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for giveUp := time.After(30 * time.Second); lastLine(p.LogFile) != line; {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatalf("the program never said %q", line)
		}
	}
}

// Guards: a program that cannot start is an error that says so, not a wait.
func TestProgramThatEnds(t *testing.T) {
	p := shell(t, "http://127.0.0.1:1/readyz", "echo it is broken; exit 1")
	err := p.Start(t.Context())
	for _, want := range []string{"the shell has ended: exit status 1", "it is broken"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a program that ends at once: %v, want %q", err, want)
		}
	}
	p.Kill() // what has ended already
}

// Guards: a stop lets the program end by itself, a kill does not, and it can be
// started again after each.
func TestStopAndKill(t *testing.T) {
	ready := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(ready.Close)
	p := shell(t, ready.URL, "trap 'echo the end; exit 0' TERM\necho begun\nwhile :; do sleep 0.01; done")
	for range 2 {
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitLine(t, p, "begun") // before it the shell would not notice the signal
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(p.LogFile); got != "the end" {
			t.Errorf("after a stop the program said %q", got)
		}
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, p, "begun")
	p.Kill()
	if got := lastLine(p.LogFile); got != "begun" {
		t.Errorf("after a kill the program said %q", got)
	}
}

// Guards: a program that is run here does not reach the server that this shell uses.
func TestEnvironment(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "temporal.example.com:7233")
	t.Setenv("PRIVATEREPLY_RULES", "rules.yaml")
	t.Setenv("UNRELATED", "kept")
	env := strings.Join(Environment("TEMPORAL_ADDRESS=127.0.0.1:7233"), "\n")
	if strings.Contains(env, "example.com") || strings.Contains(env, "PRIVATEREPLY_RULES") {
		t.Error("settings of this shell are handed on")
	}
	for _, want := range []string{"UNRELATED=kept", "TEMPORAL_ADDRESS=127.0.0.1:7233"} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
}
