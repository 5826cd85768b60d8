package replyworker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/activities/pacing"
)

type accountList []privatereply.Account

func (l accountList) All() []privatereply.Account { return l }

// Every account of the file is shown, whether it has sent or not: what holds it back,
// how many wait for it, and since when it was not swept.
func TestStandings(t *testing.T) {
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
	if diff := cmp.Diff(want, gauges(t, registry)); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}
