package measure

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/lab/scenario"
)

// Guards: the rows of make faults are read as they were printed, and a program that
// printed none is noticed.
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
func TestWriteTables(t *testing.T) {
	l := &Lab{tables: []table{{"What a comment costs", [][]string{{"path", "actions"}, {"ignored", "1.00"}}}}}
	want := scenario.Row{What: "a", Measured: "1,000/s", Goal: "≥ 1", Passed: scenario.Yes}
	var b strings.Builder
	l.writeTables(&b, []scenario.Row{want, {What: "longer"}})
	if got := readTable(b.String()); len(got) != 3 || got[0] != want || got[2].Measured != "1.00" {
		t.Errorf("%+v of\n%s", got, b.String())
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
