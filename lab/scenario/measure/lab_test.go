package measure

import (
	"io"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/scenario"
)

// Guards: a scenario that kills its server does not run on one that is somebody else's,
// and a start by hand without the tools of a cluster says what is missing.
func TestCheck(t *testing.T) {
	tests := []struct {
		name, only string
		opts       Options
		err        string
	}{
		{"a server of its own", "", Options{Copies: 1}, ""},
		{"on another one", "starts,auto", Options{Address: "127.0.0.1:7233", Copies: 2}, ""},
		{"kill", "starts,kill", Options{Address: "127.0.0.1:7233", Copies: 1}, "the step kill does not run with -temporal"},
		{"copies alone", "starts", Options{Copies: 2}, "-copies needs -temporal"},
		{"no copies", "starts", Options{Address: "127.0.0.1:7233"}, "-copies is less than 1"},
		{"a cluster without its server", "", Options{OnCluster: true, Tools: cluster.Tools{Postgres: "a", SQLTool: "c"}, Logs: "d", Copies: 2}, "-server is missing; scripts/cluster.sh gives it"},
		{"a cluster without a folder for logs", "", Options{OnCluster: true, Tools: cluster.Tools{Postgres: "a", Server: "b", SQLTool: "c"}, Copies: 2}, "-logs is missing; scripts/cluster.sh gives it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, err := scenario.Choose(Bench, tt.only)
			if err != nil {
				t.Fatal(err)
			}
			err = tt.opts.Check(chosen)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// Guards: BENCH= runs what was asked for, and a mistyped step runs nothing.
func TestChoose(t *testing.T) {
	tests := []struct {
		name            string
		of              []Scenario
		only, want, err string
	}{
		{"all", Bench, "", scenario.Names(Bench), ""},
		{"some, in the order asked for", Bench, "single, quiet", "single, quiet", ""},
		{"mistyped", Bench, "quiet,singel", "", `no step "singel"`},
		{"mistyped, on a cluster", Cluster, "cost,kil", "", `no step "kil"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, err := scenario.Choose(tt.of, tt.only)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if got := scenario.Names(chosen); got != tt.want || err != nil {
				t.Errorf("%q, error %v, want %q", got, err, tt.want)
			}
		})
	}
}

// Guards: a mistyped scenario, or a start by hand without the tools, is an error that says
// what to do, and nothing is started.
func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name  string
		tools cluster.Tools
		only  string
		want  string
	}{
		{"mistyped scenario", cluster.Tools{Postgres: "a", Server: "b", SQLTool: "c"}, "cost,kil", `no step "kil"`},
		{"no server", cluster.Tools{Postgres: "a", SQLTool: "c"}, "", "-server is missing; scripts/cluster.sh gives it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := Options{OnCluster: true, Tools: tt.tools, Logs: t.TempDir(), Copies: 2, Progress: io.Discard}
			err := Run(t.Context(), io.Discard, opts, "", Cluster, tt.only)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
