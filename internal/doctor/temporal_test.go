package doctor_test

import (
	"context"
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/workflows"
)

// startPoller lets a worker poll a queue, and waits until the server knows of it.
func (p *installation) startPoller(queue, identity string) {
	p.startPollerAs(queue, identity, worker.DeploymentOptions{})
}

// startPollerAs is polling by a worker of a build.
func (p *installation) startPollerAs(queue, identity string, build worker.DeploymentOptions) {
	p.t.Helper()
	c, err := client.DialContext(p.t.Context(), client.Options{HostPort: dev.Server.Address, Identity: identity, Logger: temporalclient.NewLogger(zap.NewNop())})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	w := worker.New(c, queue, worker.Options{DisableRegistrationAliasing: true, DeploymentOptions: build})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "Nothing"})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "Nothing"})
	if err := w.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(w.Stop)
	for _, kind := range []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY} {
		eventually(p.t, func() bool {
			info, err := c.DescribeTaskQueue(p.t.Context(), queue, kind)
			return err == nil && slices.ContainsFunc(info.GetPollers(), func(i *taskqueuepb.PollerInfo) bool { return i.GetIdentity() == identity })
		})
	}
}

// Guards: what is planted in Temporal is found with the commands that mend it, and
// Meta is asked all the same.
func TestPlantedInTemporal(t *testing.T) {
	const fail = doctor.Failure
	dev.Need(t)
	tests := []struct {
		name  string
		plant func(*installation)
		want  []wanted
	}{
		{"nobody listens", func(p *installation) {
			p.t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
			p.options.Timeout = time.Second
		}, []wanted{{server, "server", fail, "cannot be reached|TEMPORAL_ADDRESS"}}},
		{"settings", func(p *installation) { p.t.Setenv("PRIVATEREPLY_ENCRYPTION_KEYS", "nokey") },
			[]wanted{{server, "settings", fail, "PRIVATEREPLY_ENCRYPTION_KEYS|correct it"}}},
		{"no such namespace", func(p *installation) { p.t.Setenv("TEMPORAL_NAMESPACE", "elsewhere") },
			[]wanted{{server, "namespace", fail, "does not exist|temporal operator namespace create --namespace elsewhere --retention 240h"}}},
		{"a namespace that nobody has set up", func(p *installation) { p.t.Setenv("TEMPORAL_NAMESPACE", bare) }, []wanted{
			{server, "retention", fail, "24h|answered twice|temporal operator namespace update --namespace bare --retention 240h"},
			{server, "search attributes", fail, "AccountId, CommentSource, MediaId, PersonKey, ReplyDeadline, ReplyEffects, ReplyState|starter setup"},
			{server, "search attributes", fail, "RuleName has the type Text; the product needs Keyword|search-attribute remove --namespace bare --name RuleName"},
			{server, "worker", fail, ""}, {server, "worker", fail, ""}, {server, "worker", fail, ""}, {server, "worker", fail, ""},
		}},
		{"no worker", func(p *installation) { p.t.Setenv("PRIVATEREPLY_TASK_QUEUE", "elsewhere") }, []wanted{
			{server, "worker", fail, "elsewhere|start worker with TEMPORAL_NAMESPACE=default and PRIVATEREPLY_TASK_QUEUE=elsewhere"},
			{server, "worker", fail, "elsewhere-send for"}, {server, "worker", fail, "elsewhere-send-live"}, {server, "worker", fail, "elsewhere-intake"},
		}},
		{"more workers than they know of", func(p *installation) {
			p.t.Setenv("PRIVATEREPLY_TASK_QUEUE", "crowded")
			for _, queue := range []string{"crowded", workflows.SendQueue("crowded"), workflows.LiveSendQueue("crowded"), workflows.IntakeQueue("crowded")} {
				p.startPoller(queue, "worker@one:1")
			}
			p.startPoller(workflows.SendQueue("crowded"), "worker@two:1")
		}, []wanted{{server, "worker", doctor.Warning, "2 processes poll crowded-send, but PRIVATEREPLY_SEND_WORKERS is 1|PRIVATEREPLY_SEND_WORKERS=2"}}},
		{"workers of a build that nobody made current", func(p *installation) {
			p.t.Setenv("PRIVATEREPLY_TASK_QUEUE", "waiting")
			for _, queue := range []string{"waiting", workflows.SendQueue("waiting"), workflows.LiveSendQueue("waiting"), workflows.IntakeQueue("waiting")} {
				p.startPollerAs(queue, "worker@one:1", worker.DeploymentOptions{
					UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: "private-replies", BuildID: "v1"},
					DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
				})
			}
		}, []wanted{
			{server, "worker build", fail, "the workers on waiting are of build v1|temporal worker deployment set-current-version --namespace default --deployment-name private-replies --build-id v1"},
			{server, "worker build", fail, "waiting-send are"}, {server, "worker build", fail, "waiting-send-live"}, {server, "worker build", fail, "waiting-intake"},
		}},
	}
	_, err := dev.Client.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: bare, SearchAttributes: map[string]enumspb.IndexedValueType{"RuleName": enumspb.INDEXED_VALUE_TYPE_TEXT},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newInstallation(t)
			tt.plant(p)
			p.check(tt.want...)
		})
	}
}
