package replyworker

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// backlogInterval is the time between two updates of the backlog gauges. An update is nine counts of
	// the visibility store, which takes 10 a second at least, and six questions about
	// task queues.
	backlogInterval = 30 * time.Second
	backlogTimeout  = 20 * time.Second
	// dueSoonWithin is how near the deadline of a reply must be to count as due soon.
	dueSoonWithin = time.Hour
	// overdueAfter is how long after its deadline a reply may still show as waiting:
	// an attempt may be under way, and the visibility store lags.
	overdueAfter = 2 * time.Minute
)

// backlogGauges are gauges of the open replies, conversations and tasks in Temporal. Every worker sets
// them to the same values.
type backlogGauges struct {
	temporal  client.Client
	namespace string
	queue     string
	replies   *replies.Client
	logger    *zap.Logger

	open          *prometheus.GaugeVec
	due           prometheus.Gauge
	overdue       prometheus.Gauge
	conversations prometheus.Gauge
	backlog       *prometheus.GaugeVec
	backlogAge    *prometheus.GaugeVec
	countedAt     prometheus.Gauge
}

func newBacklogGauges(c Config, r prometheus.Registerer) *backlogGauges {
	auto := promauto.With(r)
	opts := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "privatereply", Subsystem: "worker", Name: name, Help: help}
	}
	all := "Every worker counts the same: take the maximum."
	return &backlogGauges{
		temporal: c.Client, namespace: c.Namespace, queue: c.TaskQueue, logger: c.Logger,
		replies: replies.New(c.Client, c.Namespace, c.TaskQueue, c.DataConverter),

		open:          auto.NewGaugeVec(opts("replies_open", "Replies without a final state, by state. "+all), []string{"state"}),
		due:           auto.NewGauge(opts("replies_due_soon", "Replies that wait for a person and expire within an hour. "+all)),
		overdue:       auto.NewGauge(opts("replies_overdue", "Replies that still wait two minutes after their deadline. "+all)),
		conversations: auto.NewGauge(opts("conversations_open", "People whose window is kept. "+all)),
		backlog:       auto.NewGaugeVec(opts("backlog_tasks", "Tasks that wait for a worker, about. "+all), []string{"task_queue", "task_type"}),
		backlogAge:    auto.NewGaugeVec(opts("backlog_age_seconds", "How long the first of them has waited. "+all), []string{"task_queue", "task_type"}),
		countedAt:     auto.NewGauge(opts("counted_timestamp_seconds", "When all of this was last counted.")),
	}
}

// Run updates the gauges until ctx is done. After an error the others keep their values, and
// countedAt does not change.
func (c *backlogGauges) Run(ctx context.Context) {
	tick := time.NewTicker(backlogInterval)
	defer tick.Stop()
	for failed := false; ; {
		err := c.update(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			c.logger.Warn("cannot update the backlog gauges", zap.Error(err))
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *backlogGauges) update(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, backlogTimeout)
	defer cancel()
	now := time.Now()
	count := func(g prometheus.Gauge, f replies.Filter) error {
		f.Running = true
		n, err := c.replies.Count(ctx, f)
		if err == nil {
			g.Set(float64(n))
		}
		return err
	}
	for _, state := range privatereply.States {
		if state.Final() {
			continue
		}
		if err := count(c.open.WithLabelValues(string(state)), replies.Filter{States: []privatereply.State{state}}); err != nil {
			return err
		}
	}
	undecided := []privatereply.State{privatereply.AwaitingApproval}
	if err := count(c.due, replies.Filter{States: undecided, DeadlineBefore: now.Add(dueSoonWithin)}); err != nil {
		return err
	}
	waiting := []privatereply.State{privatereply.Holding, privatereply.AwaitingApproval, privatereply.Sending}
	if err := count(c.overdue, replies.Filter{States: waiting, DeadlineBefore: now.Add(-overdueAfter)}); err != nil {
		return err
	}
	open, err := c.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: visibility.And(visibility.Equals(visibility.WorkflowType, workflows.ConversationType), visibility.Running).String(),
	})
	if err != nil {
		return fmt.Errorf("count the conversations: %w", err)
	}
	c.conversations.Set(float64(open.GetCount()))
	if err := c.updateQueues(ctx); err != nil {
		return err
	}
	c.countedAt.Set(float64(now.Unix()))
	return nil
}

// updateQueues sets the gauges of the task queues.
func (c *backlogGauges) updateQueues(ctx context.Context) error {
	const workflow, activity = enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY
	for _, q := range []struct {
		name  string
		kinds map[string]enumspb.TaskQueueType
	}{
		{c.queue, map[string]enumspb.TaskQueueType{"workflow": workflow, "activity": activity}},
		{workflows.IntakeQueue(c.queue), map[string]enumspb.TaskQueueType{"workflow": workflow, "activity": activity}},
		{workflows.SendQueue(c.queue), map[string]enumspb.TaskQueueType{"activity": activity}},
		{workflows.LiveSendQueue(c.queue), map[string]enumspb.TaskQueueType{"activity": activity}},
	} {
		for name, kind := range q.kinds {
			d, err := c.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
				Namespace: c.namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: q.name}, TaskQueueType: kind, ReportStats: true,
			})
			if err != nil {
				return fmt.Errorf("ask for the backlog of %s: %w", q.name, err)
			}
			stats := d.GetStats()
			c.backlog.WithLabelValues(q.name, name).Set(float64(stats.GetApproximateBacklogCount()))
			c.backlogAge.WithLabelValues(q.name, name).Set(stats.GetApproximateBacklogAge().AsDuration().Seconds())
		}
	}
	return nil
}

// accountCollector collects the status of each account of the accounts file in this process. The
// id of the account is a label: there are as many as the file has.
type accountCollector struct {
	accounts accountSource
	pacer    *pacing.Pacer
	metrics  *activities.Metrics
	since    time.Time
}

// accountSource is the accounts file or folder.
type accountSource interface {
	All() []privatereply.Account
	Token(p privatereply.Platform, id string) (config.TokenFacts, error)
}

func accountDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("privatereply_worker_"+name, help, append([]string{"platform", "account"}, labels...), nil)
}

var (
	pausedDesc   = accountDesc("account_paused", "1 while Meta holds back the account's private replies, with the reason.", "limit", "reason")
	waitingDesc  = accountDesc("account_waiting", "Slots for the account's limit that this process gave to replies and that are still to come.", "limit")
	sweptDesc    = accountDesc("sweep_finished_timestamp_seconds", "When this process last ended a sweep of the account; its own start before that.")
	tokenDesc    = accountDesc("token_seconds_left", "Seconds until the account's token ends, below zero afterwards; missing where it has no end or its end is not known.")
	intervalDesc = accountDesc("sweep_interval_seconds", "How often the account is swept; 0 is by hand.")
)

// Describe implements prometheus.Collector.
func (s *accountCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pausedDesc, waitingDesc, sweptDesc, intervalDesc, tokenDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *accountCollector) Collect(ch chan<- prometheus.Metric) {
	for _, a := range s.accounts.All() {
		gauge := func(d *prometheus.Desc, value float64, labels ...string) {
			labels = append([]string{string(a.Platform), a.ID}, labels...)
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
		}
		limits := map[string]bool{activities.PostsLimit: false}
		if a.Platform.Facts().AnsweredOnAir { // live comments have their own limit
			limits[activities.LiveLimit] = true
		}
		for limit, live := range limits {
			status, paused := s.pacer.Status(a, live), 0.0
			if status.Paused {
				paused = 1
			}
			gauge(pausedDesc, paused, limit, string(status.Reason))
			gauge(waitingDesc, float64(status.Waiting), limit)
		}
		swept := s.metrics.LastSweepAt(a.Platform, a.ID)
		if swept.IsZero() {
			swept = s.since
		}
		gauge(sweptDesc, float64(swept.Unix()))
		gauge(intervalDesc, a.SweepEvery.Seconds())
		if facts, err := s.accounts.Token(a.Platform, a.ID); err == nil && !facts.ExpiresAt.IsZero() {
			gauge(tokenDesc, time.Until(facts.ExpiresAt).Seconds())
		}
	}
}
