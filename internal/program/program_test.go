package program

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/version"
)

// The arguments decide what happens, and a mistyped one starts nothing.
func TestSelectCommand(t *testing.T) {
	ran := errors.New("the program ran")
	run := func(context.Context) error { return ran }
	user := Command{Name: "user", Run: func(_ context.Context, args []string) error {
		return errors.New("user " + strings.Join(args, " "))
	}}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"none", nil, ran.Error()},
		{"a command", []string{"user", "ana", "--role"}, "user ana --role"},
		{"mistyped", []string{"users", "ana"}, `there is no command "users"; write user or healthcheck, or nothing to run the program`},
		{"empty", []string{""}, `there is no command ""; write user or healthcheck, or nothing to run the program`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := selectCommand("approvals", tt.args, io.Discard, run, []Command{user, {Name: "healthcheck"}})(t.Context())
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Whoever asks for help is told how the program is run, and nothing starts.
func TestHelp(t *testing.T) {
	for _, arg := range []string{"--help", "-h", "help"} {
		var out strings.Builder
		err := selectCommand("approvals", []string{arg}, &out, func(context.Context) error { return errors.New("it ran") }, []Command{{Name: "user"}})(t.Context())
		if err != nil || !strings.Contains(out.String(), "  approvals user\n") || !strings.Contains(out.String(), "docs/operations.md") {
			t.Errorf("%s: %v\n%s", arg, err, out.String())
		}
	}
}

// Whoever has a program in hand can ask it which build it is.
func TestVersion(t *testing.T) {
	var out strings.Builder
	if err := versionCommand(&out).Run(t.Context(), nil); err != nil || out.String() != version.Get().String()+"\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := versionCommand(io.Discard).Run(t.Context(), []string{"now"}); err == nil {
		t.Error("an argument too many is taken")
	}
}

// A container platform learns by the exit code whether the program beside it is
// ready, and an operator reads why not.
func TestHealthcheck(t *testing.T) {
	serve := func(check ops.Check) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- ops.Serve(ctx, ln, ops.Handler(prometheus.NewRegistry(), check)) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return ln.Addr().String()
	}
	answers := func(err error) ops.Check {
		return ops.Check{Name: "temporal", Run: func(context.Context) error { return err }}
	}
	ready, broken := serve(answers(nil)), serve(answers(errors.New("it is gone")))
	_, readyPort, err := net.SplitHostPort(ready)
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()

	bad := errors.New("settings: PRIVATEREPLY_LOG_LEVEL is wrong")
	tests := []struct {
		name    string
		addr    string
		bad     error
		args    []string
		said    string
		mention string
	}{
		{name: "ready", addr: ready, said: "ready\nok       temporal\n"},
		{name: "an address without a host", addr: ":" + readyPort, said: "ready\nok       temporal\n"},
		{name: "every address of the machine", addr: "0.0.0.0:" + readyPort, said: "ready\nok       temporal\n"},
		{name: "not ready", addr: broken, mention: "failed   temporal: it is gone"},
		{name: "not running", addr: nobody.Addr().String(), mention: "no answer from " + nobody.Addr().String()},
		{name: "wrong settings", bad: bad, mention: bad.Error()},
		{name: "an argument too many", addr: ready, args: []string{"now"}, mention: `"now" is one argument too many`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			c := healthcheck(&out, func() (string, error) { return tt.addr, tt.bad }, func(addr string) string { return addr })
			err := c.Run(t.Context(), tt.args)
			if tt.mention == "" && (err != nil || out.String() != tt.said) {
				t.Errorf("got %v and %q, want %q", err, out.String(), tt.said)
			}
			if tt.mention != "" && (err == nil || !strings.Contains(err.Error(), tt.mention) || out.Len() > 0) {
				t.Errorf("got %v and %q, want an error about %s", err, out.String(), tt.mention)
			}
		})
	}
}
