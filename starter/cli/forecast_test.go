package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
)

// Guards: the forecast counts what waits, live replies apart, for every account or
// one, for people and for programs.
func TestForecast(t *testing.T) {
	needProduct(t)
	starter(t, "comment", "--account", page, "--id", "300000000000071_300000000000072", "--text", "Hello?", "--reply", "Hello").mustSucceed(t)
	media, err := product.Sandbox.StartLive(instagram)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = product.Sandbox.EndLive(media) }()
	liveComment(t, media)
	var pages, live *forecast
	eventually(t, func() error {
		var all []forecast
		out := starter(t, "forecast", "--json").mustSucceed(t).out
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		pages, live = nil, nil
		for _, f := range all {
			switch {
			case f.Account == page:
				pages = &f
			case f.Account == instagram && f.Kind == "live":
				live = &f
			}
		}
		if pages == nil || live == nil || pages.AwaitingApproval == 0 {
			return fmt.Errorf("not counted yet:\n%s", out)
		}
		return nil
	})
	if pages.PerHour != 36000 || live.PerHour != 90*3600 || pages.Late != 0 || live.Late != 0 {
		t.Errorf("the Page: %+v, the broadcast: %+v", pages, live)
	}
	if left := time.Until(live.FirstDeadline); left <= 0 || left > privatereply.MaxBroadcast {
		t.Errorf("the first live reply has %v left", left)
	}
	table := starter(t, "forecast", "--account", page).mustSucceed(t).out
	if !strings.Contains(table, "36000/h") || strings.Contains(table, "90/s") {
		t.Errorf("the Page's forecast:\n%s", table)
	}
	starter(t, "forecast", "--account", "nobody").mustFail(t, `"nobody" is not in the accounts file`)
}

// Guards: who reads the table sees what is wrong, and what can be done about it.
func TestForecastTable(t *testing.T) {
	now := time.Now()
	all := []forecast{
		{Account: "17841400000000001", Name: strings.Repeat("Clean Slate ", 9), Kind: kindPosts, PerHour: 700, Forecast: replies.Forecast{
			Holding: 1, AwaitingApproval: 20, Sending: 123456, LastSendAt: now.Add(8 * 24 * time.Hour), Late: 5856, FirstDeadline: now.Add(6 * 24 * time.Hour),
		}},
		{Account: "17841400000000001", Name: "Clean Slate", Kind: kindLive, PerHour: 90 * 3600},
	}
	var b strings.Builder
	if err := writeForecasts(&b, all, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"700/h", "90/s", "in 8d", "in 6d", "5856 replies will be too late", "starter stop --account 17841400000000001"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
	for line := range strings.Lines(b.String()) {
		if n := console.Columns(strings.TrimRight(line, "\n")); n > console.Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	b.Reset()
	if err := writeForecasts(&b, all[1:], now); err != nil || !strings.Contains(b.String(), "nothing waits") {
		t.Errorf("an empty forecast: %v\n%s", err, b.String())
	}
}
