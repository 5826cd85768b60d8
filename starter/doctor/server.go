package doctor

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflowservice/v1"
)

// fairnessMinor is the first server, of the line 1.x, that has fairness keys.
const fairnessMinor = 29

// checkServer asks for the server's version, and says what follows for fairness.
func (d *checker) checkServer(ctx context.Context) []Finding {
	info, err := d.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return []Finding{failure("server", "does not answer: "+err.Error(), "look at the server's log")}
	}
	version := info.GetServerVersion()
	return []Finding{ok("server", "answers; version %s", version), fairnessFinding(version)}
}

// fairnessFinding says what a version tells of fairness. Its switches are dynamic
// configuration, which no client can read; without them the server takes fairness
// keys and ignores them.
func fairnessFinding(version string) Finding {
	const name = "fairness"
	var minor int
	if _, err := fmt.Sscanf(version, "1.%d.", &minor); err == nil && minor < fairnessMinor {
		return warning(name, version+" has none: an account with many comments delays the others",
			fmt.Sprintf("upgrade the server to 1.%d or newer, and set matching.useNewMatcher and matching.enableFairness to true in its dynamic configuration", fairnessMinor))
	}
	return unknown(name, "cannot be asked over the API; set matching.useNewMatcher and matching.enableFairness to true in the "+
		"server's dynamic configuration, or an account with many comments delays the others")
}
