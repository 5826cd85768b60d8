package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// atOnce is how many comments, and how many bare starts, are on their way at once.
	atOnce = 32

	autoReplies = 400
	autoWarmUp  = 40
	autoGoal    = 0.5
	// autoTime bounds each measurement. What did not get through by then is not waited for.
	autoTime = time.Minute
)

// auto measures the whole way of automatic replies: webhook, rule, workflow, call
// to Meta, delivered. All comments come at once, and the last delivery counts.
func auto(ctx context.Context, b *bench) ([]scenario.Row, error) {
	s, err := b.newStack(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	sb := harness.UnlimitedMeta(s.accounts, tokenPrefix, appSecret)
	defer sb.Close()
	stopMeta, err := s.serve(sb)
	if err != nil {
		return nil, err
	}
	defer stopMeta()

	bare, err := s.bareWithActivity(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.startProduct(ctx); err != nil {
		return nil, err
	}
	if _, err := s.replies(ctx, sb, autoWarmUp); err != nil {
		return nil, err
	}
	rate, err := s.replies(ctx, sb, autoReplies)
	if err != nil {
		return nil, err
	}
	return []scenario.Row{{
		What:     fmt.Sprintf("automatic replies delivered, %d comments at once", autoReplies),
		Measured: fmt.Sprintf("%.1f/s, %.2f of the bare workflow; %d calls to Meta too many", rate, rate/bare, sb.Report().RepeatedSends),
		Baseline: fmt.Sprintf("bare workflow with one activity that does nothing %.1f/s", bare),
		Goal:     fmt.Sprintf("≥ %.1f", autoGoal), Passed: scenario.PassedWord(rate/bare >= autoGoal),
	}}, nil
}

// serve lets the worker reach the sandbox in Meta's place.
func (s *stack) serve(sb *meta.Sandbox) (stop func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: sb, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	url := "http://" + ln.Addr().String()
	for _, w := range s.workers {
		w.Env = append(w.Env,
			"PRIVATEREPLY_GRAPH_FACEBOOK_URL="+url+"/facebook", "PRIVATEREPLY_GRAPH_INSTAGRAM_URL="+url+"/instagram")
	}
	return func() { _ = srv.Close() }, nil
}

// replies sends n comments and returns how many replies a second were delivered,
// from the first webhook to the last delivery.
func (s *stack) replies(ctx context.Context, sb *meta.Sandbox, n int) (float64, error) {
	before := sb.Report().Answered
	deliveries, err := s.deliveries(sb, harness.AnsweredText, n)
	if err != nil {
		return 0, err
	}
	return rate(ctx, n, func() int { return sb.Report().Answered - before }, func(i int) error {
		return deliveries[i].Deliver(ctx, poster, s.urls[i%len(s.urls)])
	})
}

// bareWithActivity is the least that a reply can cost: a start, and one activity
// that does nothing. It is counted as the replies are, until the last activity ran.
func (s *stack) bareWithActivity(ctx context.Context) (float64, error) {
	var ran atomic.Int64
	w := worker.New(s.client, bareQueue, worker.Options{})
	w.RegisterActivityWithOptions(func(context.Context) error { ran.Add(1); return nil }, activity.RegisterOptions{Name: noopType})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, noopType).Get(ctx, nil)
	}, workflow.RegisterOptions{Name: bareType})
	if err := w.Start(); err != nil {
		return 0, err
	}
	defer w.Stop()
	count := func(name string, n int) (float64, error) {
		before := ran.Load()
		return rate(ctx, n, func() int { return int(ran.Load() - before) }, func(i int) error {
			return s.startBare(ctx, bareQueue, name+strconv.Itoa(i))
		})
	}
	if _, err := count("warm-up-", autoWarmUp); err != nil {
		return 0, err
	}
	return count("measured-", autoReplies)
}

// rate begins n things, some at once, and returns how many a second were done when
// the last one was, or after autoTime.
func rate(ctx context.Context, n int, done func() int, begin func(i int) error) (float64, error) {
	began := time.Now()
	var beginning errgroup.Group
	beginning.SetLimit(atOnce)
	for i := range n {
		beginning.Go(func() error { return begin(i) })
	}
	if err := beginning.Wait(); err != nil {
		return 0, err
	}
	for done() < n && time.Since(began) < autoTime {
		if !scenario.Sleep(ctx, 5*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
	return float64(done()) / time.Since(began).Seconds(), nil
}
