package bridge

import (
	"context"

	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// maxConcurrentCalls bounds the calls to Temporal that one commit runs at once. More would
// only make the server answer each of them later.
const maxConcurrentCalls = 64

// batched is the effect of an event that an Intake holds. What becomes of it then
// the worker counts.
const batched = "batched"

// committer makes arrivals durable.
type committer interface {
	// commit returns one effect for each arrival when Temporal holds them all. After
	// an error some may be held and all must be committed again: a repeat is harmless.
	commit(ctx context.Context, arrivals []workflows.InboundEvent) ([]routing.Result, error)
}

// directCommitter starts or signals one workflow for each arrival.
type directCommitter struct{ router *routing.Router }

func (d directCommitter) commit(ctx context.Context, arrivals []workflows.InboundEvent) ([]routing.Result, error) {
	effects := make([]routing.Result, len(arrivals))
	err := d.router.Route(ctx, arrivals, maxConcurrentCalls, func(n int, e routing.Result) { effects[n] = e })
	if err != nil {
		return nil, err
	}
	return effects, nil
}
