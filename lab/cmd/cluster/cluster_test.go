package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/scenario"
)

// Guards: the rows of the other programs stand in the table as they were printed, and
// a program that printed none is noticed.
func TestReadTable(t *testing.T) {
	tests := []struct {
		name, text string
		want       []scenario.Row
	}{
		{"nothing", "AMD EPYC, 2 cores\n", nil},
		{"a head and no rows", "| what | measured |\n| ---- | -------- |\n", nil},
		{"five columns", "text\n\n| what | measured | beside it | goal | met |\n| --- | --- | --- | --- | --- |\n| a | 1/s | 2/s | ≥ 3/s | **no** |\n| b | 1 | | | |\n",
			[]scenario.Row{{What: "a", Measured: "1/s", Baseline: "2/s", Goal: "≥ 3/s", Passed: scenario.No}, {What: "b", Measured: "1"}}},
		{"fewer columns", "| fault | result |\n| --- | --- |\n| a | ok |\n", []scenario.Row{{What: "a", Measured: "ok"}}},
		{"two tables", "| h |\n| - |\n| a |\n\n| h |\n| - |\n| b |\n", []scenario.Row{{What: "a"}, {What: "b"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, readTable(tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Guards: what is printed is Markdown, and reads back.
func TestTable(t *testing.T) {
	r := &run{costs: [][]string{{"path", "actions"}, {"ignored", "1.00"}}}
	want := scenario.Row{What: "a", Measured: "1,000/s", Goal: "≥ 1", Passed: scenario.Yes}
	r.add(want, scenario.Row{What: "longer"})
	var b strings.Builder
	r.print(&b)
	if got := readTable(b.String()); len(got) != 3 || got[0] != want || got[2].Measured != "1.00" {
		t.Errorf("%+v of\n%s", got, b.String())
	}
}

// Guards: a meter adds up exactly the lines that it is about.
func TestTotal(t *testing.T) {
	const text = `# HELP service_requests service_requests counter
# TYPE service_requests counter
service_requests{operation="StartWorkflowExecution",service_name="frontend"} 12
service_requests{operation="CountWorkflowExecutions",service_name="frontend"} 5
service_requests{operation="StartWorkflowExecution",service_name="history"} 1.5e+01
service_requests_extra{service_name="frontend"} 100
action{action_type="grpc_StartWorkflowExecution"} 3
action{action_type="command_StartTimer"} 4
`
	tests := []struct {
		name, metric  string
		with, without []string
		want          float64
	}{
		{"all", "action", nil, nil, 7},
		{"of one service", "service_requests", []string{`service_name="frontend"`}, nil, 17},
		{"without this program's own", "service_requests", []string{`service_name="frontend"`}, ours, 12},
		{"two labels", "service_requests", []string{`service_name="history"`, `operation="StartWorkflowExecution"`}, nil, 15},
		{"unknown", "transactions", nil, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := total(text, tt.metric, tt.with, tt.without); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Guards: a cost is what was used beyond what the idle product uses.
func TestSince(t *testing.T) {
	began := time.Now()
	before := reading{at: began}
	after := reading{at: began.Add(10 * time.Second)}
	before.values[transactions], after.values[transactions] = 100, 180
	var idle [meters]float64
	idle[transactions] = 3
	if got := after.since(before, idle)[transactions]; got != 50 {
		t.Errorf("got %v, want 80 - 3 × 10 = 50", got)
	}
}

// Guards: CPU time grows with what this process does.
func TestCPU(t *testing.T) {
	before, err := cpu(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for spent := before; spent <= before; {
		for range 1_000_000 {
		}
		if spent, err = cpu(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cpu(1 << 30); err == nil {
		t.Error("a process that does not exist has CPU time")
	}
}

// Guards: a mistyped step, or a start by hand without the tools, is an error that says
// what to do, and nothing is started.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		tools cluster.Tools
		only  string
		want  string
	}{
		{"mistyped step", cluster.Tools{Postgres: "a", Server: "b", SQLTool: "c"}, "cost,kil", `no step "kil"`},
		{"no server", cluster.Tools{Postgres: "a", SQLTool: "c"}, "", "-server is missing; scripts/cluster.sh gives it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := main1(t.Context(), tt.tools, t.TempDir(), tt.only); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// Guards: a fault case that failed is a row of its own beside the sum of its group.
func TestByGroup(t *testing.T) {
	cases := readTable("| group | case | expected | seen | | seconds |\n| --- | --- | --- | --- | --- | --- |\n" +
		"| kill | a | sent | sent | ok | 1.0 |\n| kill | b | sent | lost | FAILED | 1.0 |\n| races | c | sent | sent | ok | 1.0 |\n| races | d | sent | | left out | 0.0 |\n")
	want := []scenario.Row{
		{What: "fault kill/b", Measured: "lost", Goal: "sent", Passed: scenario.No},
		{What: "fault set, kill", Measured: "1 of 2 cases ended as they should", Goal: "all", Passed: scenario.No},
		{What: "fault races/d", Goal: "sent", Passed: scenario.No},
		{What: "fault set, races", Measured: "1 of 2 cases ended as they should", Goal: "all", Passed: scenario.No},
	}
	if diff := cmp.Diff(want, byGroup(cases)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Guards: the price is the one of Temporal's list, tier by tier.
func TestPrice(t *testing.T) {
	tests := []struct {
		name    string
		actions float64
		want    float64
	}{
		{"none", 0, 0},
		{"the example of the price page", 11.25e6, 525},
		{"all tiers", 200e6, 5925},
		{"above them", 300e6, 8425},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := actionPrice(tt.actions); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	// 1 GB in an hour, open for 10 hours each: 10 GB open and 240 GB retained, all month.
	if got, want := storagePrice(1000, 1e6, 10), 730*(10*0.042+240*0.00105); got != want {
		t.Errorf("storage: got %v, want %v", got, want)
	}
}
