package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// Class says what a failed call proves, and with it whether the call may be repeated. A
// read can fail in every class too; its Unknown only means that no answer could be read.
type Class string

// The classes.
const (
	NotWritten            Class = "not_written"              // nothing left the process; may be repeated
	Unknown               Class = "unknown"                  // it left the process, and what Meta did with it cannot be known
	Throttled             Class = "throttled"                // refused for now by a limit: the account needs a cooldown
	AccountFault          Class = "account"                  // refused until a person repairs the token, a permission or a setting
	Temporary             Class = "temporary"                // refused for now: a passing fault
	Unlisted              Class = "unlisted"                 // refused with a code that is not in the table; may be repeated a few times
	Final                 Class = "final"                    // refused for good
	AlreadyReplied        Class = "already_replied"          // the comment's one reply is used: by this product, if it tried before
	NotRepliableOrReplied Class = "not_repliable_or_replied" // replied, deleted or too old: Instagram has one code for the three
)

// Retryable reports whether the same private reply may be sent again later: Meta refused
// it for now only, or with a code that nobody knows. For a follow-up, which Meta does not
// guard against repeats, check Error.MayHaveDelivered as well.
func (c Class) Retryable() bool {
	return c == NotWritten || c == Throttled || c == AccountFault || c == Temporary || c == Unlisted
}

// Error is a failed call, classified. Its text is for operators and is this package's:
// Meta's is in the language of the app's owner.
type Error struct {
	Op         string // the operation, as "private reply"
	Class      Class
	Reason     privatereply.Reason
	HTTPStatus int    // 0 without an answer
	Code       int    // Meta's error code and subcode
	Subcode    int    //
	TraceID    string // Meta's fbtrace_id, for a report to Meta
	Meaning    string // in words for operators, without a full stop

	Wrote  bool      // the request, or a part of it, may have left the process
	SentAt time.Time // just before it was written, UTC; zero unless Wrote

	// MayHaveDelivered is false only if it is certain that Meta did nothing.
	// Meta's general faults (1, 2, -1) leave it open, although a private reply
	// may be sent again after them because Meta takes only one per comment.
	MayHaveDelivered bool

	RetryAfter time.Duration // the wait that Meta named; 0 if it named none
	Cooldown   time.Duration // the shortest sensible wait after this error where Meta named none
	Usage      Usage

	cause error
}

// Error returns the operation, the meaning, and the numbers to look it up by.
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

// Unwrap returns what broke the connection, where that is known to hold no URL: a
// context's error, a system call's, or a failed look-up of the host.
func (e *Error) Unwrap() error { return e.cause }

// classified completes e. MayHaveDelivered follows from the class here; for Meta's
// refusals it is a column of the table.
func (e Error) classified(class Class, reason privatereply.Reason, meaning string) *Error {
	e.Class, e.Reason, e.Meaning = class, reason, meaning
	e.MayHaveDelivered = class == Unknown
	return &e
}

// connectionFailed completes e for a call whose answer did not arrive in full because of
// err. At is when the request was written, if wrote is true.
func (e Error) connectionFailed(err error, at time.Time, wrote bool) *Error {
	words, cause := describeConnectionError(err)
	e.cause = cause
	if !wrote {
		return e.classified(NotWritten, privatereply.NotConnected, words+" before anything was sent")
	}
	e.Wrote, e.SentAt = true, at
	return e.classified(Unknown, privatereply.NoAnswer, words+" after the request was sent, without a whole answer")
}

// errorBody is Meta's error object. Its message and error_user_* are not decoded.
type errorBody struct {
	Code      *metajson.Int `json:"code"`
	Subcode   metajson.Int  `json:"error_subcode"`
	Type      metajson.Text `json:"type"`
	Transient metajson.Bool `json:"is_transient"`
	TraceID   metajson.Text `json:"fbtrace_id"`
}

// fromBody completes e from the body of an answer that has arrived in full. It
// returns nil if the answer is a success that the caller may decode.
func (e Error) fromBody(body []byte) *Error {
	if e.HTTPStatus == http.StatusTooManyRequests {
		return e.fromTooManyRequests(body)
	}
	if e.HTTPStatus >= 300 && e.HTTPStatus < 400 {
		return e.classified(Unknown, privatereply.NoAnswer, "the answer is a redirect, which the Graph API never sends")
	}
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return e.classified(Unknown, privatereply.NoAnswer, "the answer is not a JSON object")
	}
	success := e.HTTPStatus >= 200 && e.HTTPStatus < 300
	if len(envelope.Error) == 0 || string(envelope.Error) == "null" {
		if success {
			return nil
		}
		return e.classified(Unknown, privatereply.NoAnswer, "the answer's status is a failure, and it holds no Graph error")
	}
	var r errorBody
	if json.Unmarshal(envelope.Error, &r) != nil || r.Code == nil {
		return e.classified(Unknown, privatereply.NoAnswer, "the answer holds an error without a readable code")
	}
	if id := traceID(string(r.TraceID)); id != "" {
		e.TraceID = id
	}
	return e.classify(r)
}

// fromTooManyRequests completes e for HTTP 429, which proves that nothing was done,
// whatever the body says. A limit or a fault of the account that the table has keeps its
// reason and its cooldown.
func (e Error) fromTooManyRequests(body []byte) *Error {
	var envelope struct {
		Error errorBody `json:"error"`
	}
	if json.Unmarshal(body, &envelope) == nil && envelope.Error.Code != nil {
		r := envelope.Error
		if id := traceID(string(r.TraceID)); id != "" {
			e.TraceID = id
		}
		known := e.classify(r)
		if known.Class == Throttled || known.Class == AccountFault {
			known.MayHaveDelivered = false
			return known
		}
		e.Code, e.Subcode = known.Code, known.Subcode
	}
	return e.classified(Throttled, privatereply.Throttled, "Meta takes no more calls for now")
}

// traceIDPattern is the form of a trace id. It keeps any other text out of the logs.
var traceIDPattern = regexp.MustCompile(`^[A-Za-z0-9_+/=-]{1,40}$`)

func traceID(s string) string {
	if !traceIDPattern.MatchString(s) {
		return ""
	}
	return s
}

// globalSubcode is the least subcode that means the same under every code. The
// smaller ones (33, 99, 458 and the like) are numbered anew under each code.
const globalSubcode = 1_000_000

// classify completes e from Meta's error object by the first row that fits: the pair,
// the subcode under another code, the code, the code's range. What Meta calls transient
// is then retried even where the table gives up.
func (e Error) classify(r errorBody) *Error {
	e.Code, e.Subcode = int(*r.Code), int(r.Subcode)
	found, known := findRow(e.Code, e.Subcode, string(r.Type), r.Transient == metajson.False)
	if !known {
		found = unlistedRow(e.Code, e.Subcode, e.HTTPStatus)
	}
	if r.Transient == metajson.True && (found.class == Final || !known) {
		found.class, found.reason = Temporary, privatereply.Outage
		found.meaning = "Meta calls this passing: " + found.meaning
	}
	done := e.classified(found.class, found.reason, found.meaning)
	done.Cooldown = found.cooldown
	done.MayHaveDelivered = found.doubtful
	return done
}

// findRow finds the row for an error. Kind is Meta's "type"; permanent is true if Meta
// said is_transient:false.
func findRow(code, subcode int, kind string, permanent bool) (row, bool) {
	stages := []func(row) bool{
		func(r row) bool { return subcode != 0 && r.code == code && r.subcode == subcode },
		func(r row) bool { return subcode >= globalSubcode && r.subcode == subcode },
		func(r row) bool { return r.subcode == 0 && r.code == code && (subcode == 0 || !r.alone) },
		func(r row) bool { return r.subcode == 0 && r.code < code && code <= r.upTo },
	}
	for _, fits := range stages {
		for _, r := range table {
			if fits(r) && (permanent || !r.saidPermanent) && (r.kind == "" || r.kind == kind) {
				return r, true
			}
		}
	}
	return row{}, false
}

// unlistedRow is the row of an error that the table does not have. A refusal with a
// status of 4xx proves that Meta did nothing; a fault in Meta's server proves nothing.
func unlistedRow(code, subcode, status int) row {
	name := fmt.Sprint(code)
	if subcode != 0 {
		name = fmt.Sprintf("%d/%d", code, subcode)
	}
	if status >= 500 {
		return row{
			class: Unknown, reason: privatereply.AnsweredWithError, doubtful: true,
			meaning: "Meta's server failed with error " + name + ", which is not in the table",
		}
	}
	return row{
		class: Unlisted, reason: privatereply.Refused, doubtful: status < 400,
		meaning: "Meta refused it with error " + name + ", which is not in the table",
	}
}
