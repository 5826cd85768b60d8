package renewals

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

const queue = "renewals"

// A token is looked at six times in its life, at least daily, and not without end.
func TestInterval(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{
		0:                   24 * time.Hour,
		60 * 24 * time.Hour: 24 * time.Hour,
		24 * time.Hour:      4 * time.Hour,
		2 * time.Minute:     20 * time.Second,
		time.Second:         5 * time.Second,
	} {
		if got := interval(life); got != want {
			t.Errorf("of a life of %v: %v, want %v", life, got, want)
		}
	}
}

// An account has its Schedule once it is connected, and none if people wrote it into the
// file; who is disconnected is not renewed any more, and who connects again is.
func TestSchedulesFollowConnections(t *testing.T) {
	server := devservertest.Start(t)
	c, err := client.Dial(client.Options{HostPort: server.Address, Namespace: server.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	accounts := &fakeAccounts{facts: map[string]config.TokenFacts{}}
	s := Schedules{Client: c, Accounts: accounts, TaskQueue: queue, Logger: zap.NewNop()}
	const id = "token:instagram:17841400000000002"
	state := func() (every time.Duration, paused bool) {
		t.Helper()
		d, err := c.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); !ok || action.Workflow != workflows.TokenRenewalType || action.TaskQueue != queue || d.Schedule.Policy.Overlap != enumspb.SCHEDULE_OVERLAP_POLICY_SKIP {
			t.Errorf("%+v, %+v", d.Schedule.Action, d.Schedule.Policy)
		}
		return d.Schedule.Spec.Intervals[0].Every, d.Schedule.State.Paused
	}
	sync := func() {
		t.Helper()
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	own := privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000002", Login: privatereply.LoginInstagram}
	accounts.all = []privatereply.Account{own, {Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook}}
	accounts.facts[own.ID] = config.TokenFacts{Connected: true, Life: 60 * 24 * time.Hour}
	sync()
	if every, paused := state(); every != 24*time.Hour || paused {
		t.Errorf("every %v, paused %v", every, paused)
	}
	if _, err := c.ScheduleClient().GetHandle(t.Context(), "token:facebook:100000000000001").Describe(t.Context()); err == nil {
		t.Error("an account of accounts.yaml is renewed")
	}

	was := s.entries()
	accounts.facts[own.ID] = config.TokenFacts{Connected: true, Life: 2 * time.Minute}
	if cmp.Equal(was, s.entries()) {
		t.Error("another life is no reason to synchronise")
	}
	sync()
	if every, _ := state(); every != 20*time.Second {
		t.Errorf("every %v", every)
	}

	accounts.all = accounts.all[1:]
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) { // the list may be behind
		sync()
		if _, paused := state(); paused {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the Schedule of an account that is gone is not paused")
		}
	}
	accounts.all = append(accounts.all, own)
	sync()
	if _, paused := state(); paused {
		t.Error("the Schedule of an account that is connected again is paused")
	}
}

type fakeAccounts struct {
	all   []privatereply.Account
	facts map[string]config.TokenFacts
}

func (f *fakeAccounts) All() []privatereply.Account { return f.all }

func (f *fakeAccounts) Token(_ privatereply.Platform, id string) (config.TokenFacts, error) {
	return f.facts[id], nil
}
