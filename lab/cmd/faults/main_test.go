package main

import (
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
		{"none", nil, ""},
		{"a server of somebody else's", []string{"-temporal", "127.0.0.1:7233", "-workers", "2", "-bridges", "2"}, ""},
		{"that can be killed", []string{"-temporal", "127.0.0.1:7233", "-kill-temporal", "a", "-start-temporal", "b"}, ""},
		{"a case without its flag", []string{"races"}, `"races" is one argument too many; cases are named with -only`},
		{"no time", []string{"-limit", "0s"}, "-limit: must be longer than nothing"},
		{"no worker", []string{"-workers", "0"}, "-workers, -bridges: at least 1"},
		{"killed for ever", []string{"-temporal", "127.0.0.1:7233", "-kill-temporal", "a"}, "-kill-temporal, -start-temporal: give both"},
		{"nothing to kill", []string{"-kill-temporal", "a", "-start-temporal", "b"}, "-kill-temporal needs -temporal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// Guards: a mistyped case runs nothing.
func TestMistypedCase(t *testing.T) {
	if err := run(t.Context(), []string{"-list", "-only", "race"}); err == nil || !strings.Contains(err.Error(), `"race"`) {
		t.Errorf("error %v", err)
	}
}
