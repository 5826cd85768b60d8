package replyworker

import (
	"context"
	"time"

	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/workflows"
)

// newMetrics makes what the worker counts, and what must run for it.
func newMetrics(c Config, pacer *pacing.Pacer) (*activities.Metrics, []func(context.Context)) {
	if c.Telemetry == nil {
		return activities.NewMetrics(nil), nil
	}
	registry := c.Telemetry.Registry
	metrics := activities.NewMetrics(registry)
	registry.MustRegister(&accountCollector{accounts: c.Accounts, pacer: pacer, metrics: metrics, since: time.Now()})
	workflows.InitMetrics(c.Telemetry.Metrics)
	return metrics, []func(context.Context){newBacklogGauges(c, registry).Run}
}
