package doctor

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflowservice/v1"
)

// fairnessSince is the first server, of the line 1.x, that has fairness keys.
const fairnessSince = 29

// serverVersion asks for the server's version, and says what follows for fairness.
func (d *doctor) serverVersion(ctx context.Context) []Finding {
	info, err := d.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return []Finding{failure("server", "does not answer: "+err.Error(), "look at the server's log")}
	}
	version := info.GetServerVersion()
	return []Finding{ok("server", "answers; version %s", version), judgeFairness(version)}
}

// judgeFairness says what a version tells of fairness. Its switches are dynamic
// configuration, which no client can read; without them the server takes fairness
// keys and ignores them.
func judgeFairness(version string) Finding {
	const name = "fairness"
	var minor int
	if _, err := fmt.Sscanf(version, "1.%d.", &minor); err == nil && minor < fairnessSince {
		return warning(name, version+" has none: an account with many comments delays the others",
			fmt.Sprintf("upgrade the server to 1.%d or newer, and set matching.useNewMatcher and matching.enableFairness to true in its dynamic configuration", fairnessSince))
	}
	return unknown(name, "cannot be asked over the API; set matching.useNewMatcher and matching.enableFairness to true in the "+
		"server's dynamic configuration, or an account with many comments delays the others")
}
