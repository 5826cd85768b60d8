package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
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
