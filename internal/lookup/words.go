package lookup

import (
	"context"
	"errors"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// Words says for people why something cannot be read, in one or two sentences.
func Words(err error) string {
	var e *graph.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNoAccount):
		return "The account is not in the accounts file any more."
	case errors.Is(err, ErrNoToken):
		return "The account's access token cannot be read on this machine: see the accounts file."
	case errors.Is(err, ErrNoID):
		return "Meta did not say which one it is."
	case errors.Is(err, ErrBusy):
		return "Meta takes few questions a second, and others are being asked. This is tried again."
	case errors.As(err, &e):
		return refusal(e)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "Meta did not answer in time. This is tried again."
	}
	return "Meta cannot be asked at the moment."
}

// refusal says what Meta answered.
func refusal(e *graph.Error) string {
	switch e.Reason {
	case privatereply.TokenRejected:
		return "Meta rejects the account's access token: the account must be connected again."
	case privatereply.NotPermitted:
		return "The account or the app lacks a permission for this at Meta."
	case privatereply.AppMisconfigured:
		return "Meta does not accept the app: its secret or its settings must be repaired."
	case privatereply.CommentNotFound, privatereply.PersonNotFound:
		return "Meta does not show it any more: it was removed, or the account may not see it."
	case privatereply.Throttled:
		return "Meta limits the questions about this account for now. This is tried again."
	case privatereply.AccountBlocked:
		return "Meta holds this account back for now."
	case privatereply.ThreadOwnedElsewhere:
		return "Another app controls this conversation at Meta."
	case privatereply.NotConnected:
		return "Meta cannot be reached from here. This is tried again."
	case privatereply.NoAnswer, privatereply.Outage:
		return "Meta did not answer as it should. This is tried again."
	}
	return "Meta does not show it: " + e.Meaning + "."
}
