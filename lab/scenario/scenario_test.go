package scenario

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Guards: a run has what was asked for, and a mistyped name runs nothing.
func TestSelect(t *testing.T) {
	suites := []Suite{
		{Name: "breaks", Scenarios: []Scenario{
			{Name: "races", Cases: []Case{{Name: "one"}, {Name: "two"}}},
			{Name: "stops", Cases: []Case{{Name: "one"}, {Name: "three"}}},
		}},
		{Name: "measures", Scenarios: []Scenario{{Name: "quiet"}}},
	}
	tests := []struct {
		name string
		only string
		want []string
		err  string
	}{
		{"all", "", []string{"races/one", "races/two", "stops/one", "stops/three", "quiet"}, ""},
		{"a suite", "breaks", []string{"races/one", "races/two", "stops/one", "stops/three"}, ""},
		{"a scenario without cases, and a case", "quiet,races/two", []string{"races/two", "quiet"}, ""},
		{"a scenario and a case", "stops/three, races", []string{"races/one", "races/two", "stops/three"}, ""},
		{"a case that its scenario has as well", "races,races/one", []string{"races/one", "races/two"}, ""},
		{"no such scenario", "race", nil, `no scenario or scenario/case "race"`},
		{"no such case", "races/three", nil, `scenario races has no case "races/three"`},
		{"nothing between commas", "races,", nil, `no scenario or scenario/case ""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var names []string
			if tt.only != "" {
				names = strings.Split(tt.only, ",")
			}
			chosen, err := Select(suites, names...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			var got []string
			for _, suite := range chosen {
				for _, s := range suite.Scenarios {
					if len(s.Cases) == 0 {
						got = append(got, s.Name)
					}
					for _, c := range s.Cases {
						got = append(got, s.Name+"/"+c.Name)
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		})
	}
}
