package sweeps_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/workflows"
)

func scheduleID(account string) string {
	if account == page {
		return "sweep:facebook:" + page
	}
	return "sweep:instagram:" + account
}

// described is an account's Schedule, or nil if it does not exist.
func (p *product) described(account string) *client.ScheduleDescription {
	p.t.Helper()
	d, err := p.ScheduleClient().GetHandle(p.t.Context(), scheduleID(account)).Describe(p.t.Context())
	var none *serviceerror.NotFound
	if err != nil && !errors.As(err, &none) {
		p.t.Fatal(err)
	}
	return d
}

// scheduled is what matters of a Schedule.
type scheduled struct {
	Every  time.Duration
	Paused bool
	Note   string
}

func (p *product) scheduled(account string) scheduled {
	p.t.Helper()
	d := p.described(account)
	if d == nil {
		return scheduled{}
	}
	s := scheduled{Paused: d.Schedule.State.Paused, Note: d.Schedule.State.Note}
	for _, interval := range d.Schedule.Spec.Intervals {
		s.Every += interval.Every
	}
	return s
}

func (p *product) want(account string, want scheduled) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.scheduled(account)); diff != "" {
		p.t.Errorf("Schedule of %s (-want +got):\n%s", account, diff)
	}
}

// The Schedules follow the accounts file; what a person paused stays paused.
func TestSchedulesFollowAccounts(t *testing.T) {
	p := start(t)
	keeper := sweeps.Schedules{Client: p.Client, Accounts: p.accounts, TaskQueue: queue, Logger: zap.NewNop()}
	sync := func(settings string, only ...string) {
		t.Helper()
		p.write(settings, only...)
		count := 2 - len(only)
		p.until("the accounts file to be read", func() bool { return len(p.accounts.All()) == count })
		if err := keeper.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	byHand := scheduled{Paused: true, Note: "sweep_every is 0: this account is swept by hand only"}
	p.until("the worker's own Schedules", func() bool { return p.scheduled(page) == byHand && p.scheduled(instagram) == byHand })

	d := p.described(page)
	action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok || action.ID != scheduleID(page) || action.Workflow != workflows.SweepType || action.TaskQueue != queue {
		t.Errorf("action %+v", d.Schedule.Action)
	}
	if policy := d.Schedule.Policy; policy.Overlap != enumspb.SCHEDULE_OVERLAP_POLICY_SKIP || policy.CatchupWindow != time.Minute {
		t.Errorf("policy %+v", policy)
	}

	sync("sweep_every: 2h # unpaused")
	p.until("the new settings", func() bool { return p.accounts.All()[0].SweepEvery == 2*time.Hour })
	if err := keeper.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.want(page, scheduled{Every: 2 * time.Hour})
	next := p.described(page).Info.NextActionTimes
	other := p.described(instagram).Info.NextActionTimes
	if len(next) == 0 || len(other) == 0 || next[0].Equal(other[0]) || time.Until(next[0]) > 2*time.Hour {
		t.Errorf("the next sweeps are at %v and %v", next, other)
	}

	sync("sweep_every: 2h # unpaused", "Page only")
	p.want(page, scheduled{Every: 2 * time.Hour})
	p.until("the account that is gone to be paused", func() bool {
		if err := keeper.Sync(t.Context()); err != nil { // the list of Schedules may be behind
			t.Fatal(err)
		}
		return p.scheduled(instagram) == scheduled{Every: 2 * time.Hour, Paused: true, Note: "the accounts file does not have this account any more"}
	})

	if err := p.ScheduleClient().GetHandle(t.Context(), scheduleID(page)).Pause(t.Context(), client.SchedulePauseOptions{Note: "ana looks into it"}); err != nil {
		t.Fatal(err)
	}
	p.until("the pause", func() bool { return p.scheduled(page).Paused })
	sync("sweep_every: 2h # unpaused")
	p.want(page, scheduled{Every: 2 * time.Hour, Paused: true, Note: "ana looks into it"})
	p.want(instagram, scheduled{Every: 2 * time.Hour})
}

// Another deployment in the same namespace keeps its own Schedules.
func TestSchedulesOfOthers(t *testing.T) {
	p := start(t)
	_, err := p.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:     "sweep:facebook:200000000000002",
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "other", Workflow: workflows.SweepType, TaskQueue: "another-queue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:     "sweep:facebook:300000000000003",
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "ours", Workflow: workflows.SweepType, TaskQueue: queue},
	})
	if err != nil {
		t.Fatal(err)
	}
	paused := func(id string) bool {
		d, err := p.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Schedule.State.Paused
	}
	keeper := sweeps.Schedules{Client: p.Client, Accounts: p.accounts, TaskQueue: queue, Logger: zap.NewNop()}
	p.until("our own one to be paused", func() bool {
		if err := keeper.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		return paused("sweep:facebook:300000000000003")
	})
	if paused("sweep:facebook:200000000000002") {
		t.Error("another deployment's Schedule was paused")
	}
}
