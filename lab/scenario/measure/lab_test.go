package measure

import (
	"strings"
	"testing"

	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/scenario"
)

// Guards: a scenario that kills its server does not run on one that is somebody else's,
// and what reads Postgres runs on Postgres only.
func TestCheck(t *testing.T) {
	elsewhere := scenario.Lab{Temporal: "127.0.0.1:7233"}
	tests := []struct {
		name string
		lab  scenario.Lab
		only string
		err  string
	}{
		{"a server of its own", scenario.Lab{}, "bench", ""},
		{"on another one", elsewhere, "starts,auto", ""},
		{"kill", elsewhere, "starts,kill", "the scenario kill does not run with -temporal"},
		{"on another one that can be killed", scenario.Lab{Temporal: "127.0.0.1:7233", KillServer: "a", StartServer: "b"}, "kill", ""},
		{"cost", scenario.Lab{}, "cost", "the scenario cost runs on Postgres only"},
		{"accounts", elsewhere, "accounts", "the scenario accounts runs on Postgres only"},
		{"on Postgres", scenario.Lab{Cluster: cluster.Tools{Postgres: "a", Server: "b", SQLTool: "c"}}, "cost,kill,accounts", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			suites, err := scenario.Select([]scenario.Suite{CommentCost, Bench, AccountCost}, strings.Split(tt.only, ",")...)
			if err != nil {
				t.Fatal(err)
			}
			var chosen []scenario.Scenario
			for _, s := range suites {
				chosen = append(chosen, s.Scenarios...)
			}
			err = (&lab{Lab: &tt.lab}).check(chosen)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// Guards: each scenario of the registry has its function.
func TestRuns(t *testing.T) {
	registered := 0
	for _, suite := range []scenario.Suite{CommentCost, Bench, LiveBurst, Soak, Operations, Restoring, AccountCost} {
		for _, s := range suite.Scenarios {
			registered++
			if runs[s.Name] == nil {
				t.Errorf("nothing measures %s", s.Name)
			}
		}
	}
	if registered != len(runs) {
		t.Errorf("%d of %d scenarios are registered", registered, len(runs))
	}
}

// Guards: the further tables of a suite follow the table of its rows.
func TestWriteTables(t *testing.T) {
	var b strings.Builder
	l := &lab{Lab: &scenario.Lab{Out: &b}, tables: []table{{"What a comment costs", [][]string{{"path", "actions"}, {"ignored", "1.00"}}}}}
	l.writeTables([]scenario.Row{{What: "a", Measured: "1,000/s", Goal: "≥ 1", Passed: scenario.Yes}, {What: "longer"}})
	for _, want := range []string{"| a      | 1,000/s", "| longer |", "\nWhat a comment costs:\n\n| path ", "| ignored | 1.00    |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
