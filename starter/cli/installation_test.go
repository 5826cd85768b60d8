package cli

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

// Guards: whoever reports a fault can say which build it is, without any server.
func TestVersion(t *testing.T) {
	t.Setenv("PRIVATEREPLY_GRAPH_VERSION", "v25.0")
	out := starter(t, "version").mustSucceed(t).out
	for _, want := range []string{"commit", runtime.Version(), "Temporal SDK", "v25.0"} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(starter(t, "version", "--json").mustSucceed(t).out), &got); err != nil {
		t.Fatal(err)
	}
	if got["go"] != runtime.Version() || got["graph_version"] != "v25.0" || got["temporal_sdk"] == "" {
		t.Errorf("--json printed %v", got)
	}
}
