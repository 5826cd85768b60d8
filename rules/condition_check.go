package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/privatereply/privatereply"
)

// maxWordChars is the longest word or phrase for says.
const maxWordChars = 100

// constantValidator is a CEL validator. It refuses constants that would compile and then
// never match, or match something else than they seem to.
type constantValidator struct{}

func (constantValidator) Name() string { return "rules.constants" }

func (constantValidator) Validate(_ *cel.Env, _ cel.ValidatorConfig, checked *ast.AST, issues *cel.Issues) {
	report := func(e ast.Expr, err error) {
		if err != nil {
			issues.ReportErrorAtID(e.ID(), "%s", err)
		}
	}
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		args := call.Args()
		if call.IsMemberFunction() {
			args = append([]ast.Expr{call.Target()}, args...)
		}
		if len(args) != 2 {
			return
		}
		switch call.FunctionName() {
		case "matches":
			report(args[1], checkPattern(args[1]))
		case "says":
			if args[1].Kind() == ast.ListKind && args[1].AsList().Size() == 0 {
				report(args[1], fmt.Errorf("the list of words is empty, so that says never finds one; give it words"))
			}
			for _, word := range elements(args[1]) {
				report(word, checkWord(word))
			}
		case operators.Equals, operators.NotEquals, operators.In,
			operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
			for i, arg := range args {
				for _, value := range elements(args[1-i]) {
					report(value, checkEnumValue(arg, value))
					report(value, checkMoment(call.FunctionName(), arg, value))
				}
			}
		}
	}))
}

// elements are the elements of a list, or e itself.
func elements(e ast.Expr) []ast.Expr {
	if e.Kind() == ast.ListKind {
		return e.AsList().Elements()
	}
	return []ast.Expr{e}
}

func constantString(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}

func isVariable(e ast.Expr, name string) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == name
}

// checkEnumValue refuses to compare platform and source with something they never are.
func checkEnumValue(variable, value ast.Expr) error {
	v, ok := constantString(value)
	if !ok {
		return nil
	}
	switch {
	case isVariable(variable, "platform") && !privatereply.Platform(v).Valid():
		return fmt.Errorf("platform is never %q; it is one of %s", v, commaList(privatereply.Platforms))
	case isVariable(variable, "source") && !slices.Contains(privatereply.Sources, privatereply.Source(v)):
		return fmt.Errorf("source is never %q; it is one of %s", v, commaList(privatereply.Sources))
	}
	return nil
}

func commaList[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

func checkWord(e ast.Expr) error {
	if e.Kind() == ast.LiteralKind && e.AsLiteral().Type() != cel.StringType {
		return fmt.Errorf("says looks for words, and this is none; put it in quotes")
	}
	word, ok := constantString(e)
	switch {
	case !ok:
		return nil
	case utf8.RuneCountInString(word) > maxWordChars:
		return fmt.Errorf("the word has more than %d characters; shorten it", maxWordChars)
	case len(termsOf(word)) == 0:
		return fmt.Errorf("says needs a word with at least one letter, digit or symbol; for punctuation write text.contains(%q)", word)
	}
	return nil
}

// constantWords are the constant words that e passes to says, split into terms.
func constantWords(e ast.Expr) map[string][]term {
	words := map[string][]term{}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "says" {
			return
		}
		for _, arg := range e.AsCall().Args()[1:] {
			for _, element := range elements(arg) {
				if word, ok := constantString(element); ok {
					words[word] = termsOf(word)
				}
			}
		}
	}))
	return words
}

func checkPattern(e ast.Expr) error {
	pattern, ok := constantString(e)
	if !ok {
		return fmt.Errorf(`a pattern must be written out, so that it can be checked now; write text.matches(r"…")`)
	}
	if strings.ContainsFunc(pattern, unicode.IsControl) {
		return fmt.Errorf(`the pattern has a control character: in "…" a backslash means something else (\b is a backspace); write r"…", with an r before the quote`)
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("the pattern does not compile: %w (patterns are RE2: no look-ahead, no back-references)", err)
	}
	if hasBoundaryNextToLetter(pattern) {
		return fmt.Errorf(`\b and \B know only the letters a to z, so beside other letters they match in the wrong places; write says(text, "word") for whole words`)
	}
	return nil
}

// platformsOf is where e can hold: everywhere, unless e demands a platform.
func platformsOf(e ast.Expr) []privatereply.Platform {
	if e.Kind() != ast.CallKind {
		return privatereply.Platforms
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		if left := platformsOf(args[0]); len(left) == 1 {
			return left
		}
		return platformsOf(args[1])
	case operators.Equals:
		for i, arg := range args {
			if value, ok := constantString(args[1-i]); ok && isVariable(arg, "platform") {
				return []privatereply.Platform{privatereply.Platform(value)}
			}
		}
	}
	return privatereply.Platforms
}

// hasBoundaryNextToLetter reports whether pattern has \b or \B next to a letter
// beyond ASCII. RE2 takes such a letter for the end of a word.
func hasBoundaryNextToLetter(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && boundaryNextToLetter(re)
}

func boundaryNextToLetter(re *syntax.Regexp) bool {
	if slices.ContainsFunc(re.Sub, boundaryNextToLetter) {
		return true
	}
	if re.Op != syntax.OpConcat {
		return false
	}
	for i := 1; i < len(re.Sub); i++ {
		left, right := slices.Clone(re.Sub[:i]), re.Sub[i:]
		slices.Reverse(left)
		if anyAtEdge(left, rightEdge, isBoundary) && anyAtEdge(right, leftEdge, endsInNonASCIILetter) ||
			anyAtEdge(left, rightEdge, endsInNonASCIILetter) && anyAtEdge(right, leftEdge, isBoundary) {
			return true
		}
	}
	return false
}

// edge is a side of an expression.
type edge bool

const (
	leftEdge  edge = false
	rightEdge edge = true
)

// anyAtEdge reports whether what stands at the edge of subs, which are listed from
// that edge inwards, can be something that is tells.
func anyAtEdge(subs []*syntax.Regexp, at edge, is func(*syntax.Regexp, edge) bool) bool {
	for _, re := range subs {
		if atEdge(re, at, is) {
			return true
		}
		if !canBeEmpty(re) {
			return false
		}
	}
	return false
}

func atEdge(re *syntax.Regexp, at edge, is func(*syntax.Regexp, edge) bool) bool {
	switch re.Op {
	case syntax.OpConcat:
		subs := re.Sub
		if at == rightEdge {
			subs = slices.Clone(subs)
			slices.Reverse(subs)
		}
		return anyAtEdge(subs, at, is)
	case syntax.OpAlternate, syntax.OpCapture, syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return atEdge(sub, at, is) })
	}
	return is(re, at)
}

func canBeEmpty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, canBeEmpty)
	case syntax.OpRepeat:
		return re.Min == 0 || canBeEmpty(re.Sub[0])
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !canBeEmpty(sub) })
	}
	return true
}

func isBoundary(re *syntax.Regexp, _ edge) bool {
	return re.Op == syntax.OpWordBoundary || re.Op == syntax.OpNoWordBoundary
}

// endsInNonASCIILetter reports whether re is, at the edge, a letter beyond ASCII. A class
// up to the last character is a negated one, such as [^a], and means no letter.
func endsInNonASCIILetter(re *syntax.Regexp, at edge) bool {
	switch re.Op {
	case syntax.OpLiteral:
		i := 0
		if at == rightEdge {
			i = len(re.Rune) - 1
		}
		return isNonASCIILetter(re.Rune[i])
	case syntax.OpCharClass:
		if n := len(re.Rune); n == 0 || re.Rune[n-1] == unicode.MaxRune {
			return false
		}
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if isNonASCIILetter(r) {
					return true
				}
			}
		}
	}
	return false
}

// isNonASCIILetter leaves out the two letters that (?i) adds by itself to k and s.
func isNonASCIILetter(r rune) bool {
	const kelvin, longS = '\u212a', '\u017f'
	return r > unicode.MaxASCII && r != kelvin && r != longS && unicode.IsLetter(r)
}

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

// hints are repairs for CEL's errors: the first whose text is in the message counts.
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
	{"(int, string)", "numbers are written without quotes"},
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
