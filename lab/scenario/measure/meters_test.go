package measure

import (
	"os"
	"testing"
	"time"
)

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
