package main

import (
	"io"
	"strings"
	"testing"
)

// Guards: what cannot be meant is refused in words, before anything is built.
func TestParse(t *testing.T) {
	tests := []struct {
		name string
		args []string
		err  string // "": they are good
	}{
		{"a suite", []string{"run", "faults"}, ""},
		{"a part of it", []string{"run", "-only", "races, kill-worker/send-accepted", "faults"}, ""},
		{"a server of somebody else's", []string{"run", "-temporal", "127.0.0.1:7233", "-workers", "2", "-bridges", "2", "races"}, ""},
		{"that can be killed", []string{"run", "-temporal", "127.0.0.1:7233", "-kill-temporal", "a", "-start-temporal", "b", "races"}, ""},
		{"nothing", nil, "say what to do: `lab list`, or `lab run NAME…`"},
		{"no name", []string{"run"}, "say what to run: `lab list` names it"},
		{"no time", []string{"run", "-limit", "0s", "races"}, "-limit: must be longer than nothing"},
		{"too short to compare", []string{"run", "-soak", "59s", "soak"}, "-soak: must be at least 1m0s"},
		{"no worker", []string{"run", "-workers", "0", "races"}, "-workers, -bridges: at least 1"},
		{"less than no copy", []string{"run", "-copies", "-1", "races"}, "-workers, -bridges: at least 1"},
		{"killed for ever", []string{"run", "-temporal", "127.0.0.1:7233", "-kill-temporal", "a", "races"}, "-kill-temporal, -start-temporal: give both"},
		{"nothing to kill", []string{"run", "-kill-temporal", "a", "-start-temporal", "b", "races"}, "-kill-temporal needs -temporal"},
		{"two servers", []string{"run", "-temporal", "127.0.0.1:7233", "-postgres", "/usr/bin", "races"}, "-temporal and -postgres"},
		{"a cluster without its server", []string{"run", "-postgres", "a", "-sql-tool", "c", "cost"}, "-server is missing; scripts/cluster.sh gives it"},
		{"mistyped on a cluster", []string{"run", "-postgres", "a", "-server", "b", "-sql-tool", "c", "cost", "kil"}, `no scenario or scenario/case "kil"`},
		{"two figures", []string{"run", "-only", "single, quiet", "bench"}, ""},
		{"mistyped", []string{"run", "race"}, `no scenario or scenario/case "race"`},
		{"a part of something else", []string{"run", "-only", "webhooks", "races"}, `no scenario or scenario/case "webhooks"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args, io.Discard, io.Discard)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// Guards: no name is there twice, so that each means one thing on the command line.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, suite := range suites {
		for _, s := range suite.Scenarios {
			if seen[s.Name] || s.Name == suite.Name {
				t.Errorf("%s is there twice", s.Name)
			}
			seen[s.Name] = true
			if s.About == "" {
				t.Errorf("%s does not say what it is about", s.Name)
			}
		}
		if seen[suite.Name] {
			t.Errorf("%s is there twice", suite.Name)
		}
		seen[suite.Name] = true
	}
}

// Guards: a mistyped case runs nothing.
func TestMistypedCase(t *testing.T) {
	if err := run(t.Context(), []string{"list", "-only", "race"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), `"race"`) {
		t.Errorf("error %v", err)
	}
}
