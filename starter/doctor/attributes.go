package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/workflows"
)

// checkSearchAttributes looks whether the namespace has every attribute with its type.
func (d *checker) checkSearchAttributes(ctx context.Context) []Finding {
	const name = "search attributes"
	list, err := d.temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: d.namespace})
	if err != nil {
		return d.probeSearchAttributes(ctx)
	}
	var found []Finding
	var missing []string
	for _, attribute := range slices.Sorted(maps.Keys(workflows.SearchAttributes)) {
		want := workflows.SearchAttributes[attribute]
		has, there := list.GetCustomAttributes()[attribute]
		switch {
		case !there:
			missing = append(missing, attribute)
		case has != want:
			found = append(found, failure(name, fmt.Sprintf("%s has the type %s; the product needs %s", attribute, has, want),
				"use another namespace, or, if nothing else uses the attribute, remove it and set up again:",
				fmt.Sprintf("temporal operator search-attribute remove --namespace %s --name %s", d.namespace, attribute),
				"starter setup"))
		}
	}
	if len(missing) > 0 {
		found = append(found, failure(name, "the namespace lacks "+strings.Join(missing, ", "), "register them:", "starter setup"))
	}
	if len(found) == 0 {
		return []Finding{ok(name, "all %d are registered with their types", len(workflows.SearchAttributes))}
	}
	return found
}

// probeSearchAttributes is for who may not list attributes: a query that uses them
// tells whether they are there.
func (d *checker) probeSearchAttributes(ctx context.Context) []Finding {
	const name = "search attributes"
	err := setup.Check(ctx, d.temporal, d.namespace)
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.As(err, &invalid):
		return []Finding{failure(name, invalid.Error(), "let somebody who may change the namespace run:", "starter setup")}
	case err != nil:
		return []Finding{unknown(name, "cannot be asked: %v", err)}
	}
	return []Finding{ok(name, "can be used")}
}
