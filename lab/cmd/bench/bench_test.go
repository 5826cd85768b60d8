package main

import (
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// Guards: a figure in the table is the one that was measured.
func TestFigures(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"small", number(0.4), "0"},
		{"rounded", number(999.5), "1,000"},
		{"millions", number(12345678), "12,345,678"},
		{"one rate", perSecond([]float64{12}), "12/s"},
		{"three rates", perSecond([]float64{1200, 10, 300}), "300/s (10 to 1,200)"},
		{"milliseconds", milliseconds(12345 * time.Microsecond), "12.3 ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %s, want %s", tt.got, tt.want)
			}
		})
	}
	if got := median([]time.Duration{4, 1, 3, 2}); got != 2 {
		t.Errorf("median = %v, want the lower of the two in the middle", got)
	}
}

// Guards: a step that kills its server does not run on one that is somebody else's.
func TestExisting(t *testing.T) {
	tests := []struct {
		name, only string
		on         existing
		err        string
	}{
		{"a server of its own", "", existing{copies: 1}, ""},
		{"on another one", "starts,auto", existing{"127.0.0.1:7233", 2}, ""},
		{"kill", "starts,kill", existing{"127.0.0.1:7233", 1}, "the step kill does not run with -temporal"},
		{"copies alone", "starts", existing{copies: 2}, "-copies needs -temporal"},
		{"no copies", "starts", existing{"127.0.0.1:7233", 0}, "-copies is less than 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, err := scenario.Choose(steps, tt.only)
			if err != nil {
				t.Fatal(err)
			}
			err = tt.on.check(chosen)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// Guards: BENCH= runs what was asked for, and a mistyped step runs nothing.
func TestChoose(t *testing.T) {
	tests := []struct {
		name, only, want, err string
	}{
		{"all", "", scenario.Names(steps), ""},
		{"some, in the order asked for", "single, quiet", "single, quiet", ""},
		{"mistyped", "quiet,singel", "", `no step "singel"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, err := scenario.Choose(steps, tt.only)
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
