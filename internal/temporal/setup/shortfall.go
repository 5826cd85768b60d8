package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/workflows"
)

// gaps is what a namespace lacks.
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

// waitForMissing is missingAttributes of a namespace that exists: a server that has just
// made it does not know it everywhere for some seconds.
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

// missingAttributes lists the attributes that are not registered. One with another
// type is an error: it can be neither used nor changed.
func missingAttributes(ctx context.Context, s Services, namespace string) ([]string, error) {
	list, err := s.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list the search attributes of namespace %s: %w", namespace, err)
	}
	var missing []string
	for _, name := range sortedAttributes() {
		has, ok := list.GetCustomAttributes()[name]
		switch want := workflows.SearchAttributes[name]; {
		case !ok:
			missing = append(missing, name)
		case has != want:
			return nil, fmt.Errorf("namespace %[1]s has a search attribute %[2]s of type %[3]s, but the product needs it as %[4]s: "+
				"use another namespace, or, if nothing else uses it, remove it and run `starter setup` again:\n"+
				"    temporal operator search-attribute remove --namespace %[1]s --name %[2]s", namespace, name, has, want)
		}
	}
	return missing, nil
}

// isNotPermitted reports whether a server does not let this program list attributes,
// which says nothing about whether they exist.
func isNotPermitted(err error) bool {
	var denied *serviceerror.PermissionDenied
	var unimplemented *serviceerror.Unimplemented
	return errors.As(err, &denied) || errors.As(err, &unimplemented)
}

// wrapError says what somebody with more rights must do when err kept us from it.
func (l gaps) wrapError(err error) error {
	if !isNotPermitted(err) {
		return fmt.Errorf("set up namespace %s: %w", l.namespace, err)
	}
	return fmt.Errorf("this program may not set up namespace %s: %w; somebody who may must run\n%s", l.namespace, err, l.commands())
}

// commands are the lines that mend l, ready to be copied.
func (l gaps) commands() string {
	var lines []string
	for _, kind := range []enumspb.IndexedValueType{enumspb.INDEXED_VALUE_TYPE_KEYWORD, enumspb.INDEXED_VALUE_TYPE_DATETIME} {
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
