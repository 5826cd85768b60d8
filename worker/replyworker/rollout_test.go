package replyworker_test

import (
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

// A changed workflow is rolled out over running replies: each goes on with the new
// build where it stood, and no workflow task fails. The steps are those of
// docs/operations/upgrades.md.
func TestRollout(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // builds; empty without versioning
		roll     func(s *product, stopOld, startNew func())
	}{
		{"without versioning", "", "", func(_ *product, stopOld, startNew func()) {
			stopOld()
			startNew()
		}},
		{"with versioning", "v1", "v2", func(s *product, stopOld, startNew func()) {
			startNew()
			s.ramp("v2")
			s.current("v2")
			stopOld()
		}},
		{"versioning switched on", "", "v2", func(s *product, stopOld, startNew func()) {
			startNew()
			s.current("v2")
			stopOld()
		}},
		{"versioning switched off", "v1", "", func(s *product, stopOld, startNew func()) {
			startNew()
			s.temporal("worker deployment set-current-version --deployment-name " + deploymentName + " --unversioned --yes")
			stopOld()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newProduct(t, 0, meta.Limits{}, pace, pace)
			stopOld := s.build(tt.old, replyworker.RegisterWorkflows)
			if tt.old != "" {
				s.current(tt.old)
			}
			old := s.begin()
			tt.roll(s, stopOld, func() { s.build(tt.new, patched) })

			late := s.one("nora", post(bigID), "m1", auto("Our prices: …"))
			s.finish(old)
			s.until(late, privatereply.Sent)
			s.answer(late)
			if err := s.GetWorkflow(t.Context(), late, "").Get(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for id, want := range map[string]string{old.holding: "", old.asleep: "", old.responded: "", old.live: "", old.broadcast: "", old.sweep: "", late: "v2"} {
				if began, ended := s.memo(id, beganWith), s.memo(id, endedWith); began != want || ended != "v2" {
					t.Errorf("%s began with build %q and ended with %q, want %q and v2", id, began, ended, want)
				}
			}
			s.checkTasks(t, 11)
		})
	}
}

// ramp lets a build have half of the workflows, and sees that both builds answer.
func (s *product) ramp(id string) {
	s.t.Helper()
	s.temporal("worker deployment set-ramping-version --deployment-name " + deploymentName + " --build-id " + id + " --percentage 50 --yes")
	_, replies := s.start(20, post(bigID), "m1", auto("Our prices: …"))
	share := map[string]int{}
	for _, reply := range replies {
		s.until(reply, privatereply.Sent)
		share[s.memo(reply, beganWith)]++
	}
	if share["v2"] == 0 || share[""] == 0 {
		s.t.Errorf("half of the replies should have begun with v2: %v", share)
	}
}

// A build that forgot the patch breaks what runs, which shows that TestRollout
// would see it; made current again, the old build goes on as if nothing had been.
func TestBrokenBuild(t *testing.T) {
	t.Parallel()
	s := newProduct(t, 0, meta.Limits{}, pace, pace)
	s.build("v1", replyworker.RegisterWorkflows)
	s.current("v1")
	reply := s.one("alice", post(bigID), "m1", ask("Sorry!"))
	s.until(reply, privatereply.AwaitingApproval)
	s.build("v2", broken)
	s.current("v2")
	if err := s.SignalWorkflow(t.Context(), reply, "", workflows.ApproveMessage, workflows.Approve{Approver: "ana"}); err != nil {
		t.Fatal(err)
	}
	s.await("the non-determinism error", time.Minute, func() bool {
		causes, _ := s.failures(reply)
		return slices.Contains(causes, enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR)
	})

	s.current("v1")
	s.until(reply, privatereply.Sent)
	if _, builds := s.failures(reply); !slices.Equal(builds, []string{"v1"}) {
		t.Errorf("it was led on by the builds %q", builds)
	}
}

// Replies that have taken a new branch are pinned before the old build comes back,
// which does not know the branch; the others go back.
func TestRollBack(t *testing.T) {
	t.Parallel()
	s := newProduct(t, 0, meta.Limits{}, pace, pace)
	s.build("v1", replyworker.RegisterWorkflows)
	s.current("v1")
	before := s.one("alice", post(bigID), "m1", ask("Sorry!"))
	s.until(before, privatereply.AwaitingApproval)
	s.build("v2", patched)
	s.current("v2")
	after := s.one("ben", post(bigID), "m1", ask("Sorry!"))
	s.until(after, privatereply.AwaitingApproval)

	query := `TemporalChangeVersion="` + beginning + `-1" AND ExecutionStatus="Running"`
	s.await("the new branch to be listed", time.Minute, func() bool {
		n, err := s.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		return err == nil && n.GetCount() == 1
	})
	s.temporal("workflow update-options --versioning-override-behavior pinned --versioning-override-deployment-name "+deploymentName+
		" --versioning-override-build-id v2 --yes --query", query)
	s.await("the reply to be pinned", time.Minute, func() bool {
		described, err := s.DescribeWorkflowExecution(t.Context(), after, "")
		return err == nil && described.GetWorkflowExecutionInfo().GetVersioningInfo().GetVersioningOverride() != nil
	})
	s.current("v1")
	for reply, build := range map[string]string{before: "v1", after: "v2"} {
		if _, err := s.UpdateWorkflow(t.Context(), approveNow(reply)); err != nil {
			t.Fatal(err)
		}
		s.until(reply, privatereply.Sent)
		if _, builds := s.failures(reply); !slices.Equal(builds, []string{build}) {
			t.Errorf("%s was led by the builds %q, want %s", reply, builds, build)
		}
	}
	s.checkTasks(t, 2)
}
