package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply/lab/scenario"
)

// Bare workflows are what the product is compared with: the least that a comment
// can cost on the same server.
const (
	bareQueue   = "bench-bare"   // a worker ends what is started there
	unreadQueue = "bench-unread" // nobody does
	bareType    = "BenchBare"
	noopType    = "BenchNoop"
)

// bareRun is how long bare starts are counted for.
const bareRun = 3 * time.Second

// starts measures what the server takes when nothing is done but starting.
func starts(ctx context.Context, b *bench) ([]scenario.Row, error) {
	s, err := b.newStack(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	var rows []scenario.Row
	for _, at := range []int{32, 64} {
		rates, err := s.bareStarts(ctx, unreadQueue, at, 3)
		if err != nil {
			return nil, err
		}
		rows = append(rows, scenario.Row{What: fmt.Sprintf("bare workflow starts, %d at once", at), Measured: perSecond(rates)})
	}
	w := s.bareWorker()
	if err := w.Start(); err != nil {
		return rows, err
	}
	defer w.Stop()
	rates, err := s.bareStarts(ctx, bareQueue, 32, 3)
	return append(rows, scenario.Row{What: "the same, 32 at once, while a worker ends each", Measured: perSecond(rates)}), err
}

// bareWorker runs bare workflows.
func (s *stack) bareWorker() worker.Worker {
	w := worker.New(s.client, bareQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: bareType})
	return w
}

// bareStarts counts workflow starts a second, a few times after a warm-up.
func (s *stack) bareStarts(ctx context.Context, queue string, atOnce, runs int) ([]float64, error) {
	if _, err := s.countStarts(ctx, queue, atOnce, time.Second); err != nil {
		return nil, err
	}
	var rates []float64
	for range runs {
		rate, err := s.countStarts(ctx, queue, atOnce, bareRun)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

func (s *stack) countStarts(ctx context.Context, queue string, atOnce int, d time.Duration) (float64, error) {
	run, began := uuid.NewString(), time.Now()
	var next, started atomic.Int64
	errs := make([]error, atOnce)
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			for time.Since(began) < d && errs[i] == nil {
				errs[i] = s.startBare(ctx, queue, run+"-"+strconv.FormatInt(next.Add(1), 10))
				started.Add(1)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, fmt.Errorf("start a bare workflow: %w", err)
		}
	}
	return float64(started.Load()) / time.Since(began).Seconds(), nil
}

func (s *stack) startBare(ctx context.Context, queue, id string) error {
	_, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "bare-" + id, TaskQueue: queue}, bareType)
	return err
}
