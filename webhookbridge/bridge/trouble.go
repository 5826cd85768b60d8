package bridge

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
)

// What keeps Temporal from taking an event. All of it is answered with 503: either
// it passes, or an operator mends it while Meta keeps the events. An event that
// Temporal would never take does not come here, because decode bounds its ids and
// sizes; if one did, its neighbours would be durable all the same, and the log would
// name it.
const (
	unavailable  = "unavailable"   // the server cannot be reached
	tooSlow      = "too_slow"      // no answer within the commit's time
	overloaded   = "overloaded"    // the server or the bridge has too much to do
	notSetUp     = "not_set_up"    // no such namespace
	refused      = "refused"       // most often: the search attributes are missing
	notPermitted = "not_permitted" // the bridge's credentials
	other        = "other"         // a codec that fails, a fault of ours
)

var failureClasses = []string{unavailable, tooSlow, overloaded, notSetUp, refused, notPermitted, other}

func classifyFailure(err error) string {
	var (
		unreachable     *serviceerror.Unavailable
		deadline        *serviceerror.DeadlineExceeded
		canceled        *serviceerror.Canceled
		exhausted       *serviceerror.ResourceExhausted
		noNamespace     *serviceerror.NamespaceNotFound
		notFound        *serviceerror.NotFound
		invalid         *serviceerror.InvalidArgument
		denied          *serviceerror.PermissionDenied
		namespaceStates *serviceerror.NamespaceInvalidState
	)
	switch {
	case errors.As(err, &exhausted), errors.Is(err, errFull):
		return overloaded
	case errors.As(err, &unreachable):
		return unavailable
	case errors.As(err, &deadline), errors.As(err, &canceled), errors.Is(err, context.DeadlineExceeded):
		return tooSlow
	case errors.As(err, &noNamespace), errors.As(err, &notFound), errors.As(err, &namespaceStates):
		return notSetUp
	case errors.As(err, &invalid):
		return refused
	case errors.As(err, &denied):
		return notPermitted
	}
	return other
}
