package scenario

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Guards: the table is Markdown whose columns are aligned, whatever stands in it.
func TestTable(t *testing.T) {
	var b strings.Builder
	WriteRows(&b, []Row{
		{What: "a", Measured: "1,000/s", Baseline: "2,000/s", Goal: "≥ 1", Passed: PassedWord(true)},
		{What: "longer", Measured: "1/s", Passed: PassedWord(false)},
	})
	want := `| what   | measured | beside it, in the same step | goal | met    |
| ------ | -------- | --------------------------- | ---- | ------ |
| a      | 1,000/s  | 2,000/s                     | ≥ 1  | yes    |
| longer | 1/s      |                             |      | **no** |
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
