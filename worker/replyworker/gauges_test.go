package replyworker

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// What waits is counted as it is on a server: by state, by deadline, and as tasks that
// no worker takes. Where nothing can be counted the figures stand still, and with
// them their time.
func TestBacklogGauges(t *testing.T) {
	server, c := devservertest.StartSetUp(t)
	const week = 7 * 24 * time.Hour
	start := func(id string, d privatereply.Decision, age time.Duration) {
		t.Helper()
		in := workflows.PrivateReplyInput{Decision: d, Comment: privatereply.Comment{
			Platform: privatereply.Facebook, Account: "100000000000001", CommentID: id, Source: privatereply.SourcePost,
			CreatedAt: time.Now().Add(-age), ReceivedAt: time.Now(),
		}}
		// When it began, its deadline was still to come.
		options, in, err := workflows.PrivateReplyOptions(in, "queue", time.Now().Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in); err != nil {
			t.Fatal(err)
		}
	}
	ask := privatereply.Decision{Action: privatereply.ActionAsk}
	auto := privatereply.Decision{Action: privatereply.ActionAuto, Rule: "r", Text: "Hello!"}
	held := auto
	held.Hold = privatereply.Duration(time.Hour)
	start("1", ask, time.Hour)
	start("2", ask, week-30*time.Minute)
	start("3", auto, time.Hour)
	start("4", auto, week+time.Hour)
	start("5", held, time.Hour)

	registry := prometheus.NewRegistry()
	backlog := newBacklogGauges(Config{
		Client: c, Namespace: server.Namespace, TaskQueue: "queue", DataConverter: converter.GetDefaultDataConverter(), Logger: zap.NewNop(),
	}, registry)
	want := map[string]float64{
		"replies_open awaiting_approval": 2, "replies_open sending": 2, "replies_open holding": 1,
		"replies_open sent": 0, "replies_open responded": 0, "replies_open delivery_unknown": 0,
		"replies_due_soon": 1, "replies_overdue": 1, "conversations_open": 0,
		"backlog_tasks queue workflow": 5, "backlog_tasks queue-send activity": 0,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := backlog.update(ctx); err != nil {
			t.Fatal(err)
		}
		got, wrong := gauges(t, registry), ""
		for name, n := range want {
			if v, ok := got[name]; !ok || v != n {
				wrong += fmt.Sprintf("%s is %v (shown: %v), want %v\n", name, v, ok, n)
			}
		}
		if wrong == "" && got["backlog_age_seconds queue workflow"] > 0 {
			break
		}
		select { // visibility and the queues' statistics lag
		case <-ctx.Done():
			t.Fatal(wrong)
		case <-tick.C:
		}
	}
	before := gauges(t, registry)
	if age := time.Since(time.Unix(int64(before["counted_timestamp_seconds"]), 0)); age < 0 || age > time.Minute {
		t.Errorf("counted %v ago", age)
	}
	server.Kill()
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := backlog.update(ctx); err == nil {
		t.Error("counted without a server")
	}
	if after := gauges(t, registry); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("without a server it shows\n%v, before\n%v", after, before)
	}
}

// gauges are those of r by name and the values of their labels.
func gauges(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := strings.TrimPrefix(f.GetName(), "privatereply_worker_")
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			all[key] = m.GetGauge().GetValue()
		}
	}
	return all
}

type accountList []privatereply.Account

func (l accountList) All() []privatereply.Account { return l }

// Token is that of account 1, which ended ten years ago; account 2 has one without an end.
func (l accountList) Token(_ privatereply.Platform, id string) (facts config.TokenFacts, err error) {
	if id == "1" {
		facts = config.TokenFacts{Connected: true, ExpiresAt: time.Now().AddDate(-10, 0, 0)}
	}
	return facts, nil
}

// Every account of the file is shown, whether it has sent or not: what holds it back,
// how many wait for it, and since when it was not swept.
func TestAccountCollector(t *testing.T) {
	busy := privatereply.Account{Platform: privatereply.Instagram, ID: "1", PostsPerHour: 700, LivePerSecond: 90, SweepEvery: time.Hour}
	idle := privatereply.Account{Platform: privatereply.Facebook, ID: "2", PostsPerHour: 700}
	clock := time.Unix(1_800_000_000, 0)
	pacer := pacing.New(1, func() time.Time { return clock })
	clock = clock.Add(time.Hour)
	request := pacing.Request{Account: busy, Reply: "first", ByPerson: true}
	if _, ok := pacer.Wait(t.Context(), request); !ok {
		t.Fatal("no permit after a quiet time")
	}
	pacer.Refused(request, privatereply.TokenRejected, 5*time.Minute)

	registry := prometheus.NewRegistry()
	registry.MustRegister(&accountCollector{
		accounts: accountList{busy, idle}, pacer: pacer, metrics: activities.NewMetrics(nil), since: time.Unix(1_800_000_100, 0),
	})
	want := map[string]float64{
		"account_paused 1 posts instagram token_rejected": 1,
		"account_paused 1 live instagram ":                0,
		"account_paused 2 posts facebook ":                0,
		"account_waiting 1 posts instagram":               1,
		"account_waiting 1 live instagram":                0,
		"account_waiting 2 posts facebook":                0,
		"sweep_finished_timestamp_seconds 1 instagram":    1_800_000_100,
		"sweep_finished_timestamp_seconds 2 facebook":     1_800_000_100,
		"sweep_interval_seconds 1 instagram":              3600,
		"sweep_interval_seconds 2 facebook":               0,
	}
	shown := gauges(t, registry)
	const left = "token_seconds_left 1 instagram"
	if day := 24 * time.Hour; math.Abs(shown[left]+3652.5*day.Seconds()) > 2*day.Seconds() {
		t.Errorf("a token that ended ten years ago has %v seconds left", shown[left])
	}
	delete(shown, left)
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}
