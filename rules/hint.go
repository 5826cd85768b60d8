package rules

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
)

// maxPointerBytes is how long a line is shown to point at a place in it.
const maxPointerBytes = 1000

// explainIssues turns what CEL says about a condition into errors that show the
// place and, where it can be guessed, what to write instead.
func explainIssues(when string, issues []*cel.Error) []error {
	source := common.NewTextSource(when)
	var errs []error
	for _, issue := range issues {
		message, syntax := strings.CutPrefix(issue.Message, "Syntax error: ")
		if syntax {
			message = "the condition cannot be read: " + message
		}
		if h := hint(issue.Message); h != "" {
			message += "; " + h
		}
		// CEL's own rendering is "ERROR: place: message", the line, and a pointer.
		_, pointer, found := strings.Cut(issue.ToDisplayString(source), issue.Message+"\n")
		switch {
		case found && len(pointer) <= maxPointerBytes:
			message += "\n" + pointer
		case found:
			message += fmt.Sprintf(" (at line %d, column %d of the condition)", issue.Location.Line(), issue.Location.Column()+1)
		}
		errs = append(errs, errors.New(message))
		if syntax {
			break // what follows the first is noise
		}
	}
	return errs
}

// hints are tried in order: the first whose text is in CEL's message is given.
var hints = []struct{ in, say string }{
	{"token recognition error at: '= ", "write == to compare"},
	{"token recognition error at: '=", "write == to compare"},
	{"token recognition error at: '&", "write && for and"},
	{"token recognition error at: '|", "write || for or"},
	{"token recognition error at: '“", `write straight quotes: "…"`},
	{"token recognition error at: '„", `write straight quotes: "…"`},
	{"token recognition error at: '”", `write straight quotes: "…"`},
	{"token recognition error at: '‘", `write straight quotes: "…"`},
	{"token recognition error at: '’", `write straight quotes: "…"`},
	{"token recognition error at: '\"", `a text begins and ends with the same quote; in r"…" no quote can stand inside, so write r'…' there`},
	{"token recognition error at: ''", "a text begins and ends with the same quote"},
	{"input 'and'", "write && for and"},
	{"input 'or'", "write || for or"},
	{"expecting <EOF>", `between conditions write && (and) or || (or), before one ! (not); functions look like text.contains("…")`},
	{"'says' applied to", `write says(text, "word") or says(text, ["word", "two words"])`},
	{"'letters' applied to", "write letters(text)"},
	{"'matches' applied to", `write text.matches(r"…")`},
	{"'contains' applied to", `write text.contains("…")`},
	{"duration, ", `write a duration as duration("48h")`},
	{"invalid duration argument", `write it with h, m or s: two days are "48h"`},
	{"(bool, string)", "true and false are written without quotes"},
	{"undeclared reference to 'not'", "write ! for not"},
	{"recursion limit exceeded", "it is nested too deep; simplify it"},
	{"expression code point size exceeds limit", "split it into several rules"},
}

func hint(message string) string {
	for _, h := range hints {
		if strings.Contains(message, h.in) {
			return h.say
		}
	}
	if strings.Contains(message, "undeclared reference to") {
		names := make([]string, len(variables))
		for i, v := range variables {
			names[i] = v.name
		}
		return fmt.Sprintf("conditions know %s, and the functions says, letters, text.contains and text.matches", strings.Join(names, ", "))
	}
	return ""
}
