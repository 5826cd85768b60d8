package graph

import (
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// Class is what a failed call proves and what can follow from it. A read can
// fail in every class too; its Unknown only means that no answer could be read.
type Class string

// The classes.
const (
	NotWritten            Class = "not_written"              // nothing left the process; may be repeated
	Unknown               Class = "unknown"                  // it left, and nobody can tell what Meta did with it
	Throttled             Class = "throttled"                // refused for now: the account has to rest
	AccountFault          Class = "account"                  // refused until somebody mends the token, a permission or a setting
	Temporary             Class = "temporary"                // refused for now: a passing fault
	Unlisted              Class = "unlisted"                 // a code that is not in the table: tried a few times, then it ends with its code
	Final                 Class = "final"                    // refused for good
	AlreadyReplied        Class = "already_replied"          // the comment's one reply is used: by us, if we tried before
	NotRepliableOrReplied Class = "not_repliable_or_replied" // used, or gone, or too old: Instagram has one code for the three
)

// Retryable reports whether the same private reply may be sent again later: Meta's
// refusal is for now only, or nobody knows what it means. For a follow-up, which Meta does not guard
// against repeats, ask Error.MayHaveDelivered as well.
func (c Class) Retryable() bool {
	return c == NotWritten || c == Throttled || c == AccountFault || c == Temporary || c == Unlisted
}

// Error is a failed call, classified. Its text is for operators and is ours:
// Meta's own is in the language of whoever made the app.
type Error struct {
	Op         string // what was tried
	Class      Class
	Reason     privatereply.Reason
	HTTPStatus int    // 0 without an answer
	Code       int    // Meta's error code and subcode
	Subcode    int    //
	TraceID    string // Meta's fbtrace_id, for a report to Meta
	Meaning    string // a sentence without its full stop

	Wrote  bool      // the request, or a part of it, may have left the process
	SentAt time.Time // just before it was written, UTC; zero unless Wrote

	// MayHaveDelivered is false only if it is certain that Meta did nothing.
	// Meta's general faults (1, 2, -1) leave it open, although a private reply
	// may be sent again after them because Meta takes only one per comment.
	MayHaveDelivered bool

	RetryAfter time.Duration // that Meta named; 0 if it named none
	Cooldown   time.Duration // the shortest sensible rest after this error, if Meta named none
	Usage      Usage

	cause error
}

// Error says what was tried, what it means, and where to look it up.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph: %s: %s", e.Op, e.Meaning)
	var notes []string
	if e.Code != 0 && e.Subcode != 0 {
		notes = append(notes, fmt.Sprintf("error %d/%d", e.Code, e.Subcode))
	} else if e.Code != 0 {
		notes = append(notes, fmt.Sprintf("error %d", e.Code))
	}
	if e.HTTPStatus != 0 {
		notes = append(notes, fmt.Sprintf("HTTP %d", e.HTTPStatus))
	}
	if e.TraceID != "" {
		notes = append(notes, "trace "+e.TraceID)
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, ", ") + ")")
	}
	return b.String()
}

// Unwrap gives what broke the connection, when that is known to hold no URL: a
// context's error, a system call's, or a failed look-up of the host.
func (e *Error) Unwrap() error { return e.cause }

// classified completes e. Whether Meta may have done it follows from the class here; the
// table says it for refusals.
func (e Error) classified(class Class, reason privatereply.Reason, meaning string) *Error {
	e.Class, e.Reason, e.Meaning = class, reason, meaning
	e.MayHaveDelivered = class == Unknown
	return &e
}

// connectionFailed completes e for a call that has no whole answer because of err.
func (e Error) connectionFailed(err error, at time.Time, wrote bool) *Error {
	words, cause := describeConnectionError(err)
	e.cause = cause
	if !wrote {
		return e.classified(NotWritten, privatereply.NotConnected, words+" before anything was sent")
	}
	e.Wrote, e.SentAt = true, at
	return e.classified(Unknown, privatereply.NoAnswer, words+" after the request was sent, without a whole answer")
}
