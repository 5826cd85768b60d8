// Package setup brings a Temporal namespace into the shape that the product
// needs: its search attributes, and a retention that outlives every duplicate of a
// comment.
package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/privatereply/privatereply/workflows"
)

// Retention is how long a namespace must keep ended workflows, because only kept
// ones stop a second reply to their comment: the 7 days of a comment, the 36 hours
// in which Meta repeats a webhook, and a margin.
const Retention = 240 * time.Hour

const (
	// timeout bounds one call of Apply or Check.
	timeout = 30 * time.Second
	// probeInterval is how often a new search attribute is tried. A server's
	// frontends learn of it within about 10 seconds.
	probeInterval = 200 * time.Millisecond
)

// Services is the part of client.Client that the set-up needs.
type Services interface {
	WorkflowService() workflowservice.WorkflowServiceClient
	OperatorService() operatorservice.OperatorServiceClient
}

// Report says what Apply changed.
type Report struct {
	Added         []string      // search attributes, sorted
	RetentionFrom time.Duration // zero if the retention was long enough
}

// Changed reports whether Apply changed anything.
func (r Report) Changed() bool { return len(r.Added) > 0 || r.RetentionFrom > 0 }

// String says it in a sentence.
func (r Report) String() string {
	var did []string
	if len(r.Added) > 0 {
		did = append(did, "registered the search attributes "+strings.Join(r.Added, ", "))
	}
	if r.RetentionFrom > 0 {
		did = append(did, fmt.Sprintf("raised the retention from %s to %s", hours(r.RetentionFrom), hours(Retention)))
	}
	if len(did) == 0 {
		return "nothing to change"
	}
	return strings.Join(did, " and ")
}

// Apply sets the namespace up and waits until its search attributes can be used.
// It may be called at any time and by several programs at once. If it may not
// change the namespace, the error has the commands for somebody who may.
func Apply(ctx context.Context, s Services, namespace string) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	want, err := inspect(ctx, s, namespace)
	if err != nil {
		return Report{}, err
	}
	var report Report
	if len(want.missing) > 0 {
		if err := addAttributes(ctx, s, namespace, want.missing); err != nil {
			return Report{}, want.wrapError(err)
		}
		report.Added, want.missing = want.missing, nil
	}
	if want.retention > 0 {
		_, err := s.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: namespace,
			Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(Retention)},
		})
		if err != nil {
			return report, want.wrapError(err)
		}
		report.RetentionFrom = want.retention
	}
	return report, awaitUsable(ctx, s, namespace)
}

// Check reports what keeps the product from working in the namespace: a search
// attribute that is missing or has the wrong type. It changes nothing, and needs
// no more rights than a list of workflows does.
func Check(ctx context.Context, s Services, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	missing, err := missingAttributes(ctx, s, namespace)
	switch {
	case err != nil && !isNotPermitted(err):
		return err
	case len(missing) > 0:
		return fmt.Errorf("namespace %s is not set up: it lacks the search attributes %s; run `starter setup`, or\n%s",
			namespace, strings.Join(missing, ", "), gaps{namespace: namespace, missing: missing}.commands())
	}
	return probe(ctx, s, namespace)
}

func addAttributes(ctx context.Context, s Services, namespace string, names []string) error {
	types := make(map[string]enumspb.IndexedValueType, len(names))
	for _, name := range names {
		types[name] = workflows.SearchAttributes[name]
	}
	_, err := s.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: types,
	})
	var exists *serviceerror.AlreadyExists
	if errors.As(err, &exists) { // another program was faster
		return nil
	}
	return err
}

// awaitUsable waits until the server takes queries with every attribute.
func awaitUsable(ctx context.Context, s Services, namespace string) error {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		err := probe(ctx, s, namespace)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the search attributes were registered, but cannot be used after %v: %w", timeout, err)
		case <-tick.C:
		}
	}
}

// probe uses every attribute in one query. That is also how a program without the
// right to list attributes learns whether they exist.
func probe(ctx context.Context, s Services, namespace string) error {
	var terms []string
	for _, name := range sortedAttributes() {
		terms = append(terms, name+" IS NOT NULL")
	}
	_, err := s.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace, Query: strings.Join(terms, " AND "),
	})
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		return fmt.Errorf("namespace %s is not set up: %w; run `starter setup`", namespace, err)
	}
	if err != nil {
		return fmt.Errorf("ask namespace %s about its search attributes: %w", namespace, err)
	}
	return nil
}

func sortedAttributes() []string {
	return slices.Sorted(maps.Keys(workflows.SearchAttributes))
}
