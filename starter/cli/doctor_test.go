package cli

import (
	"encoding/json"
	"testing"

	"github.com/privatereply/privatereply/starter/doctor"
)

// Guards: the product as `starter dev` starts it is all right, and the exit code
// says so.
func TestDoctor(t *testing.T) {
	needProduct(t)
	r := starter(t, "doctor").mustSucceed(t)
	t.Log(r.out)
	var report doctor.Report
	if err := json.Unmarshal([]byte(starter(t, "doctor", "--json").mustSucceed(t).out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Failures > 0 || len(report.Sections) != 5 {
		t.Errorf("report = %+v", report)
	}
}
