package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/workflows"
)

// connect connects to Temporal and says how that went. Call disconnect at the end.
func (d *checker) connect(ctx context.Context) (server Section, disconnect func()) {
	disconnect = func() {}
	server.Subject = "Temporal"
	opts, err := temporalclient.Options("starter doctor", zap.NewNop())
	if err != nil {
		server.add(failure("settings", err.Error(), "correct it; Temporal cannot be asked before"))
		return server, disconnect
	}
	d.namespace = opts.Namespace
	server.Subject = fmt.Sprintf("Temporal at %s, namespace %s", opts.HostPort, opts.Namespace)
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	c, err := client.DialContext(ctx, opts)
	if err != nil {
		server.add(
			failure("server", "cannot be reached: "+err.Error(),
				"start it, or set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE (and TEMPORAL_API_KEY or TEMPORAL_TLS, where it wants them)"),
			unknown("namespace", "retention, search attributes, fairness and workers were not asked for"))
		return server, disconnect
	}
	d.temporal = c
	return server, c.Close
}

func (d *checker) checkTemporal(ctx context.Context, s Section) Section {
	if d.temporal == nil {
		return s
	}
	s.add(d.runWithTimeout(ctx, d.checkServer)...)
	found, exists := d.checkRetention(ctx)
	s.add(found)
	if exists {
		s.add(d.runConcurrently(ctx, d.checkSearchAttributes, d.checkWorkers, d.checkClock)...)
	}
	return s
}

// checkRetention reports as well whether the namespace exists: without it there is
// nothing else to ask for.
func (d *checker) checkRetention(ctx context.Context) (found Finding, exists bool) {
	const name = "retention"
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	ns, err := d.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: d.namespace})
	var missing *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &missing):
		return failure("namespace", "does not exist", "set TEMPORAL_NAMESPACE, or create it and set it up:",
			fmt.Sprintf("temporal operator namespace create --namespace %s --retention %s", d.namespace, hours(setup.Retention)),
			"starter setup"), false
	case err != nil:
		return unknown(name, "cannot be asked: %v", err), true
	}
	if has := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); has < setup.Retention {
		return failure(name,
			fmt.Sprintf("%s; a comment that Meta delivers again after that would be answered twice", hours(has)),
			fmt.Sprintf("raise it to %s, with either of:", hours(setup.Retention)),
			"starter setup",
			fmt.Sprintf("temporal operator namespace update --namespace %s --retention %s", d.namespace, hours(setup.Retention))), true
	}
	return ok(name, "%s", hours(ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())), true
}

// hours writes a retention as the Temporal CLI takes it.
func hours(d time.Duration) string { return fmt.Sprintf("%.0fh", d.Hours()) }

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

// checkSearchAttributes checks that the namespace has every attribute with its type.
func (d *checker) checkSearchAttributes(ctx context.Context) []Finding {
	const name = "search attributes"
	missing, wrong, err := setup.InspectAttributes(ctx, d.temporal, d.namespace)
	if err != nil {
		return d.probeSearchAttributes(ctx)
	}
	var found []Finding
	for _, w := range wrong {
		found = append(found, failure(name, fmt.Sprintf("%s has the type %s; the product needs %s", w.Name, w.Has, w.Want),
			"use another namespace, or, if nothing else uses the attribute, remove it and set up again:",
			fmt.Sprintf("temporal operator search-attribute remove --namespace %s --name %s", d.namespace, w.Name),
			"starter setup"))
	}
	if len(missing) > 0 {
		found = append(found, failure(name, "the namespace lacks "+strings.Join(missing, ", "), "register them:", "starter setup"))
	}
	if len(found) == 0 {
		return []Finding{ok(name, "all %d are registered with their types", len(workflows.SearchAttributes))}
	}
	return found
}

// probeSearchAttributes checks the attributes with a query that uses them, where this
// program has no right to list them.
func (d *checker) probeSearchAttributes(ctx context.Context) []Finding {
	const name = "search attributes"
	err := setup.Check(ctx, d.temporal, d.namespace)
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.As(err, &invalid):
		return []Finding{failure(name, invalid.Error(), "let somebody who may change the namespace run:", "starter setup")}
	case err != nil:
		return []Finding{unknown(name, "cannot be asked: %v", err)}
	}
	return []Finding{ok(name, "can be used")}
}
