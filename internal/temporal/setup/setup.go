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

// gaps are the settings that a namespace lacks.
type gaps struct {
	namespace string
	missing   []string      // search attributes, sorted
	retention time.Duration // its retention if that is too short, else zero
}

func inspect(ctx context.Context, s Services, namespace string) (gaps, error) {
	lacks := gaps{namespace: namespace}
	ns, err := s.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var notFound *serviceerror.NamespaceNotFound
	if errors.As(err, &notFound) {
		return lacks, fmt.Errorf("namespace %s does not exist: %w; create it:\n    temporal operator namespace create --namespace %s --retention %s",
			namespace, err, namespace, hours(Retention))
	}
	if err != nil {
		return lacks, fmt.Errorf("describe namespace %s: %w", namespace, err)
	}
	if has := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); has < Retention {
		lacks.retention = has
	}
	lacks.missing, err = waitForMissing(ctx, s, namespace)
	if !isNotPermitted(err) {
		return lacks, err
	}
	if probe(ctx, s, namespace) != nil {
		lacks.missing = sortedAttributes()
		return lacks, lacks.wrapError(err)
	}
	return lacks, nil
}

// waitForMissing returns the missing attributes of a namespace that exists. It repeats
// the call while the server says that the namespace does not exist: for some seconds after
// it was made, not every part of the server knows it.
func waitForMissing(ctx context.Context, s Services, namespace string) ([]string, error) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		missing, err := missingAttributes(ctx, s, namespace)
		var notFound *serviceerror.NamespaceNotFound
		if !errors.As(err, &notFound) {
			return missing, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// WrongType is a search attribute that is registered with another type than the product
// needs. Such an attribute can be neither used nor changed.
type WrongType struct {
	Name      string
	Has, Want enumspb.IndexedValueType
}

// InspectAttributes lists the search attributes that are not registered, and those with
// the wrong type.
func InspectAttributes(ctx context.Context, s Services, namespace string) (missing []string, wrong []WrongType, err error) {
	list, err := s.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, nil, fmt.Errorf("list the search attributes of namespace %s: %w", namespace, err)
	}
	for _, name := range sortedAttributes() {
		has, ok := list.GetCustomAttributes()[name]
		switch want := workflows.SearchAttributes[name]; {
		case !ok:
			missing = append(missing, name)
		case has != want:
			wrong = append(wrong, WrongType{name, has, want})
		}
	}
	return missing, wrong, nil
}

// missingAttributes lists the attributes that are not registered. One with the wrong type
// is an error.
func missingAttributes(ctx context.Context, s Services, namespace string) ([]string, error) {
	missing, wrong, err := InspectAttributes(ctx, s, namespace)
	if err == nil && len(wrong) > 0 {
		w := wrong[0]
		return nil, fmt.Errorf("namespace %[1]s has a search attribute %[2]s of type %[3]s, but the product needs it as %[4]s: "+
			"use another namespace, or, if nothing else uses it, remove it and run `starter setup` again:\n"+
			"    temporal operator search-attribute remove --namespace %[1]s --name %[2]s", namespace, w.Name, w.Has, w.Want)
	}
	return missing, err
}

// isNotPermitted reports whether a server does not let this program list attributes,
// which says nothing about whether they exist.
func isNotPermitted(err error) bool {
	var denied *serviceerror.PermissionDenied
	var unimplemented *serviceerror.Unimplemented
	return errors.As(err, &denied) || errors.As(err, &unimplemented)
}

// wrapError adds to err the commands for somebody with the rights that this program lacks.
func (l gaps) wrapError(err error) error {
	if !isNotPermitted(err) {
		return fmt.Errorf("set up namespace %s: %w", l.namespace, err)
	}
	return fmt.Errorf("this program may not set up namespace %s: %w; somebody who may must run\n%s", l.namespace, err, l.commands())
}

// commands are the lines of a shell that close the gaps.
func (l gaps) commands() string {
	var lines []string
	for _, kind := range []enumspb.IndexedValueType{enumspb.INDEXED_VALUE_TYPE_KEYWORD, enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST, enumspb.INDEXED_VALUE_TYPE_DATETIME} {
		names := slices.DeleteFunc(slices.Clone(l.missing), func(name string) bool { return workflows.SearchAttributes[name] != kind })
		if len(names) > 0 {
			lines = append(lines, fmt.Sprintf("    temporal operator search-attribute create --namespace %s --type %s --name %s",
				l.namespace, kind, strings.Join(names, " --name ")))
		}
	}
	if l.retention > 0 {
		lines = append(lines, fmt.Sprintf("    temporal operator namespace update --namespace %s --retention %s", l.namespace, hours(Retention)))
	}
	return strings.Join(lines, "\n")
}

// hours writes a retention as the Temporal CLI takes it.
func hours(d time.Duration) string { return fmt.Sprintf("%.0fh", d.Hours()) }
