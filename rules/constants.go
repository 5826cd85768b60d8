package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
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
		case operators.Equals, operators.NotEquals, operators.In:
			for i, arg := range args {
				for _, value := range elements(args[1-i]) {
					report(value, checkEnumValue(arg, value))
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
		return fmt.Errorf("platform is never %q; it is one of %s", v, commaList(platforms))
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

// constantWords are the words that says looks for in e, taken apart.
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
		return platforms
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
	return platforms
}
