package replyworker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/activities/pacing"
)

// accountCollector shows how each account of the accounts file stands in this process. An
// account's id is a label here: there are as many as the file has.
type accountCollector struct {
	accounts interface{ All() []privatereply.Account }
	pacer    *pacing.Pacer
	metrics  *activities.Metrics
	since    time.Time
}

func accountDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("privatereply_worker_"+name, help, append([]string{"platform", "account"}, labels...), nil)
}

var (
	pausedDesc   = accountDesc("account_paused", "1 while Meta holds back the account's private replies, with the reason.", "limit", "reason")
	waitingDesc  = accountDesc("account_waiting", "Slots for the account's limit that this process gave to replies and that are still to come.", "limit")
	sweptDesc    = accountDesc("sweep_finished_timestamp_seconds", "When this process last ended a sweep of the account; its own start before that.")
	intervalDesc = accountDesc("sweep_interval_seconds", "How often the account is swept; 0 is by hand.")
)

// Describe implements prometheus.Collector.
func (s *accountCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pausedDesc, waitingDesc, sweptDesc, intervalDesc} {
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
		if a.Platform == privatereply.Instagram { // only there a live has a limit of its own
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
	}
}
