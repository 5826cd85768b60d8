package rules

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/privatereply/privatereply"
)

const (
	// maxTextBytes and maxOtherBytes are the longest comment, and the longest value of
	// another variable, that conditions are evaluated for. Meta's longest comments have 8,000
	// characters, its longest titles of ads 400.
	maxTextBytes  = 64 << 10
	maxOtherBytes = 2 << 10
	// maxConditionChars bounds what is compiled.
	maxConditionChars = 10_000
	// costLimit is in CEL's units, of which one stands for some ten bytes that are
	// read. A condition that uses it up takes about a second. It is checked at load,
	// for the longest values, and while the condition runs.
	costLimit = 5_000_000
	// totalCost is the most that all conditions of a file together may cost, for the
	// longest values too. A thousand comments of a hundred bytes, as many as Meta puts
	// into one delivery, then take about two seconds of a slow core (measured: up to
	// 65 ns a unit with says and patterns of words), the longest comment alone about one.
	// The bridge has less than that for a delivery: see DecideWithin.
	totalCost = 4 * costLimit
	// interruptEvery is the number of rounds of a condition's loops between two checks of
	// the time limit.
	interruptEvery = 100
)

// environment has the variables and functions that conditions may use.
// says is bound when a comment is decided, so that its text is taken apart once.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	words := cel.ListType(cel.StringType)
	options := []cel.EnvOption{
		cel.Function("says",
			cel.Overload("says_word", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType, cel.LateFunctionBinding()),
			cel.Overload("says_words", []*cel.Type{cel.StringType, words}, cel.BoolType, cel.LateFunctionBinding())),
		cel.Function("letters",
			cel.Overload("letters_string", []*cel.Type{cel.StringType}, cel.IntType,
				cel.UnaryBinding(func(text ref.Val) ref.Val { return types.Int(countLetters(string(text.(types.String)))) }))),
		cel.CostModel(
			saysCost("says_word", cost.Arg(1)),
			saysCost("says_words", cost.Mul(cost.Arg(1), cost.ArgElem(1))),
			cost.Overload("letters_string", cost.EvalCost(cost.Scale(cost.Arg(0), 0.1)))),
		cel.EnableMacroCallTracking(), // to print a condition the same way however it is spaced
		cel.ParserExpressionSizeLimit(maxConditionChars),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), constantValidator{}),
	}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.kind))
	}
	return cel.NewEnv(options...)
})

// saysCost counts the text once for folding it, and once for each character looked for.
func saysCost(overload string, wanted cost.QuantityExpr) cost.OverloadModel {
	text := cost.Scale(cost.Arg(0), 0.1)
	return cost.Overload(overload, cost.EvalCost(cost.Sum(text, cost.Mul(text, cost.Scale(wanted, 0.1)))))
}

// condition is a compiled `when`.
type condition struct {
	program   cel.Program
	cost      uint64                  // at most, in CEL's units
	canonical string                  // the same for conditions that differ only in spacing
	always    bool                    // it is the constant true
	words     map[string][]term       // the constants that says looks for
	platforms []privatereply.Platform // where it can hold
}

// compile reads a condition. Its errors say what is wrong, where, and what to write instead.
func compile(when string) (*condition, []error) {
	env, err := environment()
	if err != nil {
		return nil, []error{fmt.Errorf("set up CEL: %w", err)}
	}
	checked, issues := env.Compile(when)
	if issues.Err() != nil {
		return nil, explainIssues(when, issues.Errors())
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, []error{fmt.Errorf("the condition gives %s, not true or false; compare it with something", checked.OutputType())}
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, []error{fmt.Errorf("estimate its cost: %w", err)}
	}
	if estimate.Max > costLimit {
		return nil, []error{errors.New("the condition could take too long on a long comment; shorten its patterns, look for fewer words, or split it into several rules")}
	}
	canonical, err := cel.AstToString(checked)
	if err != nil {
		return nil, []error{fmt.Errorf("print it: %w", err)}
	}
	program, err := plan(env, checked)
	if err != nil {
		return nil, []error{fmt.Errorf("plan it: %w", err)}
	}
	expr := checked.NativeRep().Expr()
	return &condition{
		program:   program,
		cost:      estimate.Max,
		canonical: canonical,
		always:    expr.Kind() == ast.LiteralKind && expr.AsLiteral() == types.True,
		words:     constantWords(expr),
		platforms: platformsOf(expr),
	}, nil
}

func plan(env *cel.Env, checked *cel.Ast) (cel.Program, error) {
	return env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit), cel.InterruptCheckFrequency(interruptEvery))
}

// holds reports whether c is true of the comment. A done ctx ends its loops.
func (c *condition) holds(ctx context.Context, of *evaluation) (bool, error) {
	if of.unusable != nil {
		return false, of.unusable
	}
	out, _, err := c.program.ContextEval(ctx, of.activation)
	if err != nil {
		return false, err
	}
	return out == types.True, nil
}

// sizes tells CEL how long the variables can be.
type sizes struct{}

func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if len(node.Path()) != 1 || !node.Type().IsExactType(cel.StringType) {
		return nil
	}
	return &cost.SizeEstimate{Max: uint64(maxBytes(node.Path()[0]))}
}

// EstimateCallCost knows what CEL does not: the time for a match grows with the
// instructions of the compiled pattern, and x{1000} is a short pattern with many.
func (s sizes) EstimateCallCost(function, _ string, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if function != "matches" {
		return nil
	}
	if target != nil {
		args = append([]cost.AstNode{*target}, args...)
	}
	text := args[0].ComputedSize()
	if text == nil {
		text = s.EstimateSize(args[0])
	}
	pattern, ok := constantString(args[1].Expr())
	instructions, err := types.RegexProgramSize(pattern)
	if text == nil || !ok || err != nil {
		return cost.NewCallEstimate(cost.UnknownCostEstimate(), nil)
	}
	const perStep = 0.05 // a step takes about 10 ns
	estimate := math.Ceil(float64(text.Max) * float64(instructions) * perStep)
	return cost.NewCallEstimate(cost.Estimate{Max: uint64(min(estimate, 2*costLimit))}, nil)
}

func maxBytes(variable string) int {
	if variable == "text" {
		return maxTextBytes
	}
	return maxOtherBytes
}

// Input is a comment to decide on, with the other facts that conditions can use.
type Input struct {
	Comment      privatereply.Comment
	AccountName  string // the account's name in the accounts file
	Now          time.Time
	FoundBySweep bool
	// AutomaticPaused is the account's setting: what a rule would send by itself, a person
	// decides.
	AutomaticPaused bool
	// TimeZone is the account's, for hour, weekday and date; nil: UTC.
	TimeZone *time.Location
}

// variables are those of conditions, in the order in which help lists them.
var variables = []struct {
	name  string
	kind  *cel.Type
	value func(Input) any
}{
	{"platform", cel.StringType, func(in Input) any { return string(in.Comment.Platform) }},
	{"source", cel.StringType, func(in Input) any { return string(in.Comment.Source) }},
	{"text", cel.StringType, func(in Input) any { return in.Comment.Text }},
	{"username", cel.StringType, func(in Input) any { return in.Comment.Username }},
	{"media_id", cel.StringType, func(in Input) any { return mediaID(in.Comment) }},
	{"ad_id", cel.StringType, func(in Input) any { return in.Comment.AdID }},
	{"ad_title", cel.StringType, func(in Input) any { return in.Comment.AdTitle }},
	// A GIF is neither, nor is a sticker: people use them as they do emoji.
	{"has_photo", cel.BoolType, func(in Input) any { return in.Comment.Attachment.Kind == privatereply.Photo }},
	{"has_video", cel.BoolType, func(in Input) any { return in.Comment.Attachment.Kind == privatereply.Video }},
	{"is_reply", cel.BoolType, func(in Input) any { return in.Comment.ParentComment() != "" }},
	{"account", cel.StringType, func(in Input) any { return in.AccountName }},
	{"age", cel.DurationType, func(in Input) any { return age(in) }},
	{"hour", cel.IntType, func(in Input) any { return moment(in).Hour() }},
	{"weekday", cel.StringType, func(in Input) any { return weekdays[moment(in).Weekday()] }},
	{"date", cel.StringType, func(in Input) any { return moment(in).Format(time.DateOnly) }},
	{"found_by_sweep", cel.BoolType, func(in Input) any { return in.FoundBySweep }},
}

// mediaID is the post that people see. An ad is a copy of it with an id of its own.
func mediaID(c privatereply.Comment) string {
	if c.OriginalMediaID != "" {
		return c.OriginalMediaID
	}
	return c.MediaID
}

// age is the time since the comment, by its best clock. A clock that is ahead, or
// a comment without any, gives none.
func age(in Input) time.Duration {
	at := written(in)
	if at.IsZero() {
		return 0
	}
	return max(0, in.Now.Sub(at))
}

// evaluation holds the values of the variables for one decision. It is not safe for use by
// several goroutines.
type evaluation struct {
	activation cel.Activation
	terms      map[string][]term // of the texts that says was asked about
	words      map[string][]term // of the constants in the conditions
	unusable   error             // why no condition can be evaluated
}

func newEvaluation(in Input, words map[string][]term) *evaluation {
	s := &evaluation{terms: map[string][]term{}, words: words}
	values := make(map[string]any, len(variables))
	for _, v := range variables {
		value := v.value(in)
		if text, ok := value.(string); ok && len(text) > maxBytes(v.name) {
			s.unusable = fmt.Errorf("%s has %d bytes; conditions look at no more than %d", v.name, len(text), maxBytes(v.name))
		}
		values[v.name] = value
	}
	activation, err := cel.FunctionVars(values, map[string]cel.LateBoundFunction{"says": s.says})
	if err != nil {
		s.unusable = err
	}
	s.activation = activation
	return s
}

// says is the function of conditions.
func (s *evaluation) says(_ string, args ...ref.Val) ref.Val {
	text, ok := args[0].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	terms, ok := s.terms[string(text)]
	if !ok {
		terms = termsOf(string(text))
		s.terms[string(text)] = terms
	}
	list, ok := args[1].(traits.Lister)
	if !ok {
		return s.saysWord(terms, args[1])
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		if found := s.saysWord(terms, it.Next()); found != types.False {
			return found
		}
	}
	return types.False
}

func (s *evaluation) saysWord(text []term, word ref.Val) ref.Val {
	w, ok := word.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(word)
	}
	phrase, ok := s.words[string(w)]
	if !ok {
		phrase = termsOf(string(w))
	}
	return types.Bool(says(text, phrase))
}
