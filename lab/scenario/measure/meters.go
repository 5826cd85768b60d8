package measure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
)

// meter is one measured cost.
type meter int

const (
	actions      meter = iota // that Temporal Cloud would bill, by the server's own count
	requests                  // to the server's frontend, without those of this program
	writes                    // of the state of workflows: each is one turn of its shard
	transactions              // of Postgres that were committed, reads among them
	wal                       // bytes of Postgres's write-ahead log
	pages                     // of them that were written whole, because a checkpoint had come
	writing                   // milliseconds that the writes of state took
	toHistory                 // requests to the server's other parts, and theirs to the database
	toMatching
	frontendStore
	historyStore
	matchingStore
	serverCPU // milliseconds, as the other CPU meters
	postgresCPU
	workerCPU
	bridgeCPU
	meters
)

// reading is the values of all meters at a time.
type reading struct {
	at     time.Time
	values [meters]float64
}

// since is what was used between two readings, without what the idle product uses in the
// same time.
func (a reading) since(b reading, idle [meters]float64) (used [meters]float64) {
	seconds := a.at.Sub(b.at).Seconds()
	for i := range used {
		used[i] = a.values[i] - b.values[i] - idle[i]*seconds
	}
	return used
}

// readMeters reads all meters.
func (p *product) readMeters(ctx context.Context) (reading, error) {
	var v [meters]float64
	c := p.cluster
	counted, err := c.Server.Metrics(ctx)
	if err != nil {
		return reading{}, err
	}
	frontend, history, matching := []string{`service_name="frontend"`}, []string{`service_name="history"`}, []string{`service_name="matching"`}
	v[actions] = total(counted, "action", nil, unbilled)
	v[requests] = total(counted, "service_requests", frontend, ours)
	v[toHistory] = total(counted, "service_requests", history, nil)
	v[toMatching] = total(counted, "service_requests", matching, nil)
	v[frontendStore] = total(counted, "persistence_requests", frontend, nil)
	v[historyStore] = total(counted, "persistence_requests", history, nil)
	v[matchingStore] = total(counted, "persistence_requests", matching, nil)
	for _, operation := range []string{`operation="UpdateWorkflowExecution"`, `operation="CreateWorkflowExecution"`} {
		v[writes] += total(counted, "persistence_requests", append(history, operation), nil)
		v[writing] += 1000 * total(counted, "persistence_latency_sum", append(history, operation), nil)
	}
	database, err := c.DB.Query(ctx, "postgres", fmt.Sprintf(
		"SELECT sum(xact_commit), pg_current_wal_lsn() - '0/0', (SELECT wal_fpi FROM pg_stat_wal) FROM pg_stat_database WHERE datname IN ('%s', '%s')", cluster.MainDB, cluster.VisibilityDB))
	if err != nil {
		return reading{}, err
	}
	if _, err := fmt.Sscanf(strings.ReplaceAll(database, "|", " "), "%g %g %g", &v[transactions], &v[wal], &v[pages]); err != nil {
		return reading{}, fmt.Errorf("the counts of Postgres %q: %w", database, err)
	}
	for _, of := range []struct {
		meter meter
		pids  []int
	}{
		{serverCPU, []int{c.Server.PID()}},
		{postgresCPU, []int{c.DB.PID()}},
		{workerCPU, pids(p.Workers)},
		{bridgeCPU, pids(p.Bridges)},
	} {
		for _, pid := range of.pids {
			used, err := cpu(pid)
			if err != nil {
				return reading{}, err
			}
			v[of.meter] += used
		}
	}
	return reading{time.Now(), v}, nil
}

// unbilled is what the server counts and Temporal Cloud's list of actions does not have: a
// change of the memo.
var unbilled = []string{`action_type="command_ModifyWorkflowProperties"`}

// ours are the calls of this program.
var ours = []string{
	`operation="CountWorkflowExecutions"`, `operation="DescribeWorkflowExecution"`, `operation="UpdateWorkflowExecution"`,
	`operation="PollWorkflowExecutionUpdate"`,
}

// total sums a counter in Prometheus's text format over the lines that have all labels of
// with and none of without.
func total(text, name string, with, without []string) float64 {
	sum := 0.0
lines:
	for line := range strings.Lines(text) {
		labels, ok := strings.CutPrefix(line, name+"{")
		if !ok {
			continue
		}
		labels, value, ok := strings.Cut(labels, "} ")
		if !ok {
			continue
		}
		for _, label := range with {
			if !strings.Contains(labels, label) {
				continue lines
			}
		}
		for _, label := range without {
			if strings.Contains(labels, label) {
				continue lines
			}
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err == nil {
			sum += n
		}
	}
	return sum
}

func pids(programs *harness.Programs) []int {
	var all []int
	for _, p := range programs.All {
		all = append(all, p.PID())
	}
	return all
}

// tick is the unit of CPU time in /proc, in milliseconds: Linux's USER_HZ is 100.
const tick = 10

// cpu is the CPU time in milliseconds of a process and its children so far, including
// children that have ended.
func cpu(pid int) (float64, error) {
	own, err := stat(pid)
	if err != nil {
		return 0, err
	}
	used := own.self + own.ended
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return 0, err
		}
		if s, err := stat(child); err == nil && s.parent == pid { // an error: it has ended meanwhile
			used += s.self + s.ended
		}
	}
	return used * tick, nil
}

type statLine struct {
	parent      int
	self, ended float64 // ticks of the process, and of its children that have ended
}

// stat reads /proc/PID/stat: see proc(5).
func stat(pid int) (statLine, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return statLine{}, fmt.Errorf("CPU time can be read on Linux only: %w", err)
	}
	// The name, in brackets, may have spaces in it.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const parent, utime, stime, cutime, cstime = 1, 11, 12, 13, 14
	if len(fields) <= cstime {
		return statLine{}, fmt.Errorf("/proc/%d/stat is too short: %q", pid, b)
	}
	var n [cstime + 1]float64
	for _, i := range []int{parent, utime, stime, cutime, cstime} {
		if n[i], err = strconv.ParseFloat(fields[i], 64); err != nil {
			return statLine{}, err
		}
	}
	return statLine{parent: int(n[parent]), self: n[utime] + n[stime], ended: n[cutime] + n[cstime]}, nil
}
