package graph

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/privatereply/privatereply"
)

// errorBody is what counts of Meta's error object. Its message and error_user_*
// are not even decoded.
type errorBody struct {
	Code      *integer `json:"code"`
	Subcode   integer  `json:"error_subcode"`
	Type      label    `json:"type"`
	Transient tristate `json:"is_transient"`
	TraceID   trace    `json:"fbtrace_id"`
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
	if r.TraceID != "" {
		e.TraceID = string(r.TraceID)
	}
	return e.classify(r)
}

// fromTooManyRequests completes e for HTTP 429, which proves that nothing was done, whatever
// stands below it. A limit or a fault of the account that the table knows keeps its
// name and its rest.
func (e Error) fromTooManyRequests(body []byte) *Error {
	var envelope struct {
		Error errorBody `json:"error"`
	}
	if json.Unmarshal(body, &envelope) == nil && envelope.Error.Code != nil {
		r := envelope.Error
		if r.TraceID != "" {
			e.TraceID = string(r.TraceID)
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

// traceIDPattern keeps an arbitrary text from passing as a trace id.
var traceIDPattern = regexp.MustCompile(`^[A-Za-z0-9_+/=-]{1,40}$`)

func traceID(s string) string {
	if !traceIDPattern.MatchString(s) {
		return ""
	}
	return s
}

// trace is a trace id. Anything else reads as none: it must not hide the error
// around it.
type trace string

func (t *trace) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = trace(traceID(s))
	}
	return nil
}

// label is the name of a kind of error. Anything else reads as none.
type label string

func (l *label) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*l = label(s)
	}
	return nil
}

// tristate is a boolean that may be absent: Meta's code 1 means something else with
// is_transient:false than without it.
type tristate int

const (
	unset tristate = iota
	isTrue
	isFalse
)

func (f *tristate) UnmarshalJSON(b []byte) error {
	switch strings.Trim(string(b), `"`) {
	case "true", "1":
		*f = isTrue
	case "false", "0":
		*f = isFalse
	}
	return nil
}
