package doctor_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/starter/cli"
	"github.com/privatereply/privatereply/starter/doctor"
)

// Guards: the exit code is 1 for a failure and for nothing else, and both forms of
// the output say the same.
func TestCommand(t *testing.T) {
	tests := []struct {
		name     string
		plant    func(*place)
		code     int
		failures int
		warnings int
		shows    []string
	}{
		{"healthy", func(*place) {}, 0, 0, 0, []string{"Configuration\n", "\n  ✓ retention ", "nothing is wrong\n"}},
		{"a warning", func(p *place) { p.t.Setenv("PRIVATEREPLY_VERIFY_TOKEN", "") }, 0, 0, 1,
			[]string{"\n  ! verify token ", "→ where the bridge runs", "0 failures, 1 warning\n"}},
		{"a failure", func(p *place) { p.change(ownID, meta.AccountUpdate{Fields: &[]string{}}) }, 1, 1, 0,
			[]string{"\n  ✗ webhooks ", "→ subscribe the app", "                 curl -X POST -H \"Authorization: Bearer $TOKEN\" ", "1 failure, 0 warnings\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			tt.plant(p)
			run := func(args ...string) string {
				var out, errOut bytes.Buffer
				if code := cli.Main(append([]string{"doctor"}, args...), strings.NewReader(""), &out, &errOut); code != tt.code || errOut.Len() > 0 {
					t.Errorf("exit code %d, want %d; %s", code, tt.code, errOut.String())
				}
				return out.String()
			}
			shown := run()
			for _, words := range tt.shows {
				if !strings.Contains(shown, words) {
					t.Errorf("the output lacks %q:\n%s", words, shown)
				}
			}
			var report doctor.Report
			if err := json.Unmarshal([]byte(run("--json")), &report); err != nil {
				t.Fatal(err)
			}
			if report.Failures != tt.failures || report.Warnings != tt.warnings {
				t.Errorf("%d failures and %d warnings", report.Failures, report.Warnings)
			}
			people, _ := written(t, report)
			if diff := cmp.Diff(shown, people); diff != "" {
				t.Errorf("the JSON tells something else (-shown +json):\n%s", diff)
			}
		})
	}
}
