package measure

import (
	"slices"
	"testing"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// Guards: growth is from the second third to the last, and few goroutines may be a few more.
func TestGrowth(t *testing.T) {
	tests := []struct {
		name                string
		before, after, more float64
		want                string
	}{
		{"none", 100, 100, 0, scenario.Yes},
		{"as much as is allowed", 100, 105, 0, scenario.Yes},
		{"more", 100, 106, 0, scenario.No},
		{"less than before", 100, 50, 0, scenario.Yes},
		{"few, and some more", 14, 17, soakMore, scenario.Yes},
		{"few, and too many more", 14, 18, soakMore, scenario.No},
		{"many", 2000, 2100, soakMore, scenario.Yes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := growthRow("", "", tt.before, tt.after, tt.more).Passed; got != tt.want {
				t.Errorf("passed: %s, want %s", got, tt.want)
			}
		})
	}
	var readings []soakReading
	for at := time.Duration(0); at <= scenario.MinSoak; at += soakInterval {
		readings = append(readings, soakReading{at: at})
	}
	second, last := thirds(readings, scenario.MinSoak)
	if len(second) != 2 || second[0].at != 20*time.Second || len(last) != 3 || last[0].at != 40*time.Second {
		t.Errorf("second third %v, last third %v", second, last)
	}
}

// Guards: the values of a metric are those of its own series, with labels and without.
func TestValues(t *testing.T) {
	const text = `# TYPE go_goroutines gauge
go_goroutines 2089
go_goroutines_created 7
temporal_sticky_cache_size{task_queue="a",worker_type="x y"} 1999
temporal_sticky_cache_size{task_queue="b"} 1.2e+03
`
	for name, want := range map[string][]float64{"go_goroutines": {2089}, "temporal_sticky_cache_size": {1999, 1200}, "go_gor": nil} {
		if got := values(text, name); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// Guards: a reload of the rules is seen in a reply, and the rules at first are none.
func TestRulesVersion(t *testing.T) {
	if got := rulesVersion.FindStringSubmatch(soakRules(12)); len(got) != 2 || got[1] != "12" {
		t.Errorf("version 12 is seen as %q", got)
	}
	if got := rulesVersion.FindStringSubmatch(soakRules(0)); got != nil {
		t.Errorf("the rules at first are seen as %q", got)
	}
}
