package doctor

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflowservice/v1"
)

// fairnessSince is the first server, of the line 1.x, that has fairness keys.
const fairnessSince = 29

// serverVersion asks for the server's version, and says what follows from it for
// fairness: the switches themselves are dynamic configuration, which no client can
// read, and a server without them takes fairness keys and ignores them.
func (d *doctor) serverVersion(ctx context.Context) []Finding {
	info, err := d.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return []Finding{failure("server", "does not answer: "+err.Error(), "look at the server's log")}
	}
	version := info.GetServerVersion()
	found := []Finding{ok("server", "answers; version %s", version)}
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err == nil && (major < 1 || major == 1 && minor < fairnessSince) {
		return append(found, warning("fairness", version+" has none: an account with many comments delays the others",
			fmt.Sprintf("upgrade the server to 1.%d or newer, and set matching.useNewMatcher and matching.enableFairness to true in its dynamic configuration", fairnessSince)))
	}
	return append(found, unknown("fairness", "cannot be asked over the API; set matching.useNewMatcher and matching.enableFairness to true in the "+
		"server's dynamic configuration, or an account with many comments delays the others"))
}
