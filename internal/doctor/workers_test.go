package doctor

import (
	"strings"
	"testing"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
)

// Guards: workers that poll and get no work, because of their build, are told from
// those that do.
func TestBuilds(t *testing.T) {
	plain := &taskqueuepb.PollerInfo{}
	of := func(build string) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{
			DeploymentName: "private-replies", BuildId: build, WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED,
		}}
	}
	current := func(build string) *deploymentpb.WorkerDeploymentVersion {
		return &deploymentpb.WorkerDeploymentVersion{DeploymentName: "private-replies", BuildId: build}
	}
	tests := []struct {
		name    string
		polling []*taskqueuepb.PollerInfo
		current *deploymentpb.WorkerDeploymentVersion
		text    string // empty: all is well
		command string
	}{
		{"not versioned", []*taskqueuepb.PollerInfo{plain, plain}, nil, "", ""},
		{"nobody", nil, current("v1"), "", ""},
		{"the current build", []*taskqueuepb.PollerInfo{of("v1")}, current("v1"), "", ""},
		{"the next build beside it", []*taskqueuepb.PollerInfo{of("v2"), of("v1")}, current("v1"), "", ""},
		{"the first build beside those without", []*taskqueuepb.PollerInfo{of("v1"), plain}, nil, "", ""},
		{"no current build", []*taskqueuepb.PollerInfo{of("v1")}, nil, "of build v1", "--deployment-name private-replies --build-id v1"},
		{"another build is current", []*taskqueuepb.PollerInfo{plain, of("v2")}, current("v1"), "of build v2", "--build-id v2"},
		{"only without a build", []*taskqueuepb.PollerInfo{plain}, current("v1"), "go to build v1 of deployment private-replies", "--deployment-name private-replies --unversioned"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := (&checker{namespace: "default"}).checkBuilds("private-replies-send", tt.polling, tt.current)
			if tt.text == "" {
				if len(got) > 0 {
					t.Errorf("found %+v", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0].Text, tt.text) || !strings.HasSuffix(got[0].Commands[0], tt.command) {
				t.Errorf("found %+v", got)
			}
		})
	}
}
