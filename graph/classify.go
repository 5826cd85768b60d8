package graph

import (
	"fmt"

	"github.com/privatereply/privatereply"
)

// globalSubcode is the least subcode that means the same under every code. The
// smaller ones (33, 99, 458 and the like) are numbered anew under each code.
const globalSubcode = 1_000_000

// classify completes e from Meta's error object. The order is: the pair, the
// subcode under another code, the code, the code's range; what Meta calls passing
// is then retried even where the table would give up.
func (e Error) classify(r errorBody) *Error {
	e.Code, e.Subcode = int(*r.Code), int(r.Subcode)
	found, known := findRow(e.Code, e.Subcode, string(r.Type), r.Transient == isFalse)
	if !known {
		found = unlistedRow(e.Code, e.Subcode, e.HTTPStatus)
	}
	if r.Transient == isTrue && (found.class == Final || !known) {
		found.class, found.reason = Temporary, privatereply.Outage
		found.meaning = "Meta calls this passing: " + found.meaning
	}
	done := e.classified(found.class, found.reason, found.meaning)
	done.Cooldown = found.cooldown
	done.MayHaveDelivered = found.doubtful
	return done
}

// findRow finds the row for an error of a kind, which is Meta's "type". said is true
// if Meta said is_transient:false.
func findRow(code, subcode int, kind string, said bool) (row, bool) {
	stages := []func(row) bool{
		func(r row) bool { return subcode != 0 && r.code == code && r.subcode == subcode },
		func(r row) bool { return subcode >= globalSubcode && r.subcode == subcode },
		func(r row) bool { return r.subcode == 0 && r.code == code && (subcode == 0 || !r.alone) },
		func(r row) bool { return r.subcode == 0 && r.code < code && code <= r.upTo },
	}
	for _, fits := range stages {
		for _, r := range table {
			if fits(r) && (said || !r.saidPermanent) && (r.kind == "" || r.kind == kind) {
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
