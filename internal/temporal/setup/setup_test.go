package setup_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

const namespace = "shop"

func server(t *testing.T) client.Client {
	t.Helper()
	s := devservertest.StartWith(t, devserver.Options{Namespace: namespace})
	c, err := client.Dial(client.Options{HostPort: s.Address, Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Guards: a fresh namespace becomes usable at once, also when several programs set
// it up at the same moment, and doing it again changes nothing.
func TestApply(t *testing.T) {
	c := server(t)
	if err := setup.Check(t.Context(), c, namespace); err == nil || !strings.Contains(err.Error(), "ReplyState") {
		t.Fatalf("Check before = %v, want one that names the attributes", err)
	}

	var all sync.WaitGroup
	reports := make([]setup.Report, 3)
	for i := range reports {
		all.Go(func() {
			var err error
			if reports[i], err = setup.Apply(t.Context(), c, namespace); err != nil {
				t.Errorf("Apply: %v", err)
			}
		})
	}
	all.Wait()
	want := setup.Report{
		Added:         []string{"AccountId", "CommentSource", "MediaId", "PersonKey", "ReplyDeadline", "ReplyEffects", "ReplyState", "RuleName"},
		RetentionFrom: 24 * time.Hour,
	}
	if !slices.ContainsFunc(reports, func(r setup.Report) bool { return cmp.Equal(r.Added, want.Added) }) ||
		!slices.ContainsFunc(reports, func(r setup.Report) bool { return r.RetentionFrom == want.RetentionFrom }) {
		t.Errorf("no report says what was changed: %v", reports)
	}

	if err := setup.Check(t.Context(), c, namespace); err != nil {
		t.Errorf("Check after: %v", err)
	}
	again, err := setup.Apply(t.Context(), c, namespace)
	if err != nil || again.Changed() {
		t.Errorf("second Apply = %v, %v; want nothing to change", again, err)
	}
	ns, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	if got := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != setup.Retention {
		t.Errorf("retention = %v, want %v", got, setup.Retention)
	}
	list, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	got := maps.Clone(list.GetCustomAttributes())
	maps.DeleteFunc(got, func(name string, _ enumspb.IndexedValueType) bool {
		_, ours := workflows.SearchAttributes[name]
		return !ours
	})
	if diff := cmp.Diff(workflows.SearchAttributes, got); diff != "" {
		t.Errorf("registered attributes (-want +got):\n%s", diff)
	}
}

// forgetful is a server that has just made the namespace: the part of it that lists
// attributes has not heard of it yet. A server on Postgres needs some seconds.
type forgetful struct {
	client.Client
	asked *int
}

type forgetfulOperator struct {
	operatorservice.OperatorServiceClient
	asked *int
}

func (f forgetful) OperatorService() operatorservice.OperatorServiceClient {
	return forgetfulOperator{f.Client.OperatorService(), f.asked}
}

func (o forgetfulOperator) ListSearchAttributes(ctx context.Context, r *operatorservice.ListSearchAttributesRequest, opts ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	if *o.asked++; *o.asked < 3 {
		return nil, serviceerror.NewNamespaceNotFound(r.GetNamespace())
	}
	return o.OperatorServiceClient.ListSearchAttributes(ctx, r, opts...)
}

// Guards: a namespace can be set up the moment after it was made, which is when the
// jobs of a deployment do it.
func TestApplyToNewNamespace(t *testing.T) {
	asked := 0
	report, err := setup.Apply(t.Context(), forgetful{server(t), &asked}, namespace)
	if err != nil || len(report.Added) != len(workflows.SearchAttributes) || asked < 3 {
		t.Errorf("Apply = %v, %v after %d questions; want every attribute added", report, err, asked)
	}
}

// Guards: what the namespace has already is completed, and an attribute of another
// type is named with the way out instead of failing at the first comment.
func TestApplyWrongType(t *testing.T) {
	c := server(t)
	_, err := c.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace:        namespace,
		SearchAttributes: map[string]enumspb.IndexedValueType{"RuleName": enumspb.INDEXED_VALUE_TYPE_TEXT},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Apply": func() error { _, err := setup.Apply(t.Context(), c, namespace); return err },
		"Check": func() error { return setup.Check(t.Context(), c, namespace) },
	} {
		err := call()
		for _, want := range []string{"RuleName of type Text", "as Keyword", "search-attribute remove --namespace shop --name RuleName"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s = %v, want one with %q", name, err, want)
			}
		}
	}
}

// Guards: a namespace that does not exist is named with the command that makes it.
func TestApplyNoNamespace(t *testing.T) {
	_, err := setup.Apply(t.Context(), server(t), "other")
	if err == nil || !strings.Contains(err.Error(), "temporal operator namespace create --namespace other --retention 240h") {
		t.Fatalf("Apply = %v, want the command to create the namespace", err)
	}
}

// denied is a real server whose operator API refuses what a plain user may not do.
type denied struct {
	client.Client
	list bool // may it list attributes?
}

type deniedOperator struct {
	operatorservice.OperatorServiceClient
	list bool
}

type deniedWorkflow struct {
	workflowservice.WorkflowServiceClient
}

func (d denied) OperatorService() operatorservice.OperatorServiceClient {
	return deniedOperator{d.Client.OperatorService(), d.list}
}

func (d denied) WorkflowService() workflowservice.WorkflowServiceClient {
	return deniedWorkflow{d.Client.WorkflowService()}
}

var errDenied = serviceerror.NewPermissionDenied("Request unauthorized.", "")

func (o deniedOperator) ListSearchAttributes(ctx context.Context, r *operatorservice.ListSearchAttributesRequest, opts ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	if !o.list {
		return nil, errDenied
	}
	return o.OperatorServiceClient.ListSearchAttributes(ctx, r, opts...)
}

func (deniedOperator) AddSearchAttributes(context.Context, *operatorservice.AddSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error) {
	return nil, errDenied
}

func (deniedWorkflow) UpdateNamespace(context.Context, *workflowservice.UpdateNamespaceRequest, ...grpc.CallOption) (*workflowservice.UpdateNamespaceResponse, error) {
	return nil, errDenied
}

// Guards: who may not change the namespace gets the exact commands for somebody
// who may, and nothing is in the way once they were run.
func TestApplyDenied(t *testing.T) {
	c := server(t)
	commands := []string{
		"temporal operator search-attribute create --namespace shop --type Keyword --name AccountId --name CommentSource --name MediaId --name PersonKey --name ReplyState --name RuleName\n",
		"temporal operator search-attribute create --namespace shop --type KeywordList --name ReplyEffects\n",
		"temporal operator search-attribute create --namespace shop --type Datetime --name ReplyDeadline\n",
		"temporal operator namespace update --namespace shop --retention 240h",
	}
	callers := map[string]denied{
		"may list the attributes": {Client: c, list: true},
		"may not even list":       {Client: c},
	}
	for name, d := range callers {
		t.Run("before: "+name, func(t *testing.T) {
			_, err := setup.Apply(t.Context(), d, namespace)
			for _, want := range append(commands, "Request unauthorized") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Apply = %v\nwant one with %q", err, want)
				}
			}
			if err := setup.Check(t.Context(), d, namespace); err == nil || !strings.Contains(err.Error(), "not set up") {
				t.Errorf("Check = %v, want not set up", err)
			}
		})
	}
	if _, err := setup.Apply(t.Context(), c, namespace); err != nil {
		t.Fatal(err)
	}
	for name, d := range callers {
		t.Run("after: "+name, func(t *testing.T) {
			if report, err := setup.Apply(t.Context(), d, namespace); err != nil || report.Changed() {
				t.Errorf("Apply = %v, %v; want nothing to change", report, err)
			}
			if err := setup.Check(t.Context(), d, namespace); err != nil {
				t.Errorf("Check: %v", err)
			}
		})
	}
}
