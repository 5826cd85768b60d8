package doctor

import (
	"context"
	"testing"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

// denied is a server that does not let us list attributes, only use them.
type denied struct {
	client.Client
	used error
}

type deniedOperator struct {
	operatorservice.OperatorServiceClient
}

type deniedWorkflow struct {
	workflowservice.WorkflowServiceClient
	used error
}

func (denied) OperatorService() operatorservice.OperatorServiceClient { return deniedOperator{} }
func (d denied) WorkflowService() workflowservice.WorkflowServiceClient {
	return deniedWorkflow{used: d.used}
}

func (deniedOperator) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	return nil, serviceerror.NewPermissionDenied("Request unauthorized.", "")
}

func (d deniedWorkflow) CountWorkflowExecutions(context.Context, *workflowservice.CountWorkflowExecutionsRequest, ...grpc.CallOption) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return nil, d.used
}

// Guards: who may not list the attributes still learns whether they are there, and
// is not told that they are missing when nobody knows.
func TestSearchAttributesDenied(t *testing.T) {
	tests := []struct {
		name string
		used error
		want Level
	}{
		{"there", nil, OK},
		{"missing", serviceerror.NewInvalidArgument("invalid search attribute: ReplyState"), Failure},
		{"no answer", serviceerror.NewUnavailable("try again"), Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &checker{temporal: denied{used: tt.used}, namespace: "default"}
			found := d.checkSearchAttributes(t.Context())
			if len(found) != 1 || found[0].Level != tt.want || (tt.want == Failure) != (found[0].Repair != "") {
				t.Errorf("found %+v, want %s", found, tt.want)
			}
		})
	}
}
