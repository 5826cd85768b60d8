// Package rules decides what happens to a comment. It reads the rules file,
// refuses one that could go wrong later, evaluates it and explains its decisions.
//
// The file lists rules; the first whose condition holds decides, and a default
// decides for the rest. Conditions are CEL expressions over a few variables, so
// that a rule can neither change anything nor run for long. A rules file is
// trusted to say what the business wants, a comment is not trusted at all.
package rules

import (
	"context"

	"github.com/privatereply/privatereply"
)

// Result is the outcome of one rule.
type Result string

// The results. A rule fails when its condition cannot be worked out for the comment.
const (
	Matched    Result = "matched"
	NotMatched Result = "not_matched"
	Failed     Result = "failed"
)

// TooSlow takes the place of a rule's name where the time for the rules was over before a
// comment was decided. No rule can have it as its name.
const TooSlow = "too_slow"

// RuleResult is the outcome of one rule for a comment.
type RuleResult struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	Error  string `json:"error,omitempty"`  // why it failed
	Paused bool   `json:"paused,omitempty"` // it matched, and sends nothing by itself
}

// Explanation says how a decision came about.
type Explanation struct {
	Rules    []RuleResult          `json:"rules"` // in order, up to the rule that decided
	Decision privatereply.Decision `json:"decision"`
	// The variants that were chosen, where there are several.
	TextVariant   Variant  `json:"text_variant,omitzero"`
	PublicVariant Variant  `json:"public_variant,omitzero"`
	Remarks       []string `json:"remarks,omitempty"` // what people should know of the message
}

// Decide says what to do with a comment: what the first rule that matches says,
// else the default. A rule that fails sends the comment to a person.
func (s *Set) Decide(in Input) privatereply.Decision { return s.Explain(in).Decision }

// DecideWithin decides as Decide does, but sends the comment to a person when ctx is done
// before it is decided. One condition may still be worked out to its end: of the longest
// comment that takes a second at most, of a usual one microseconds.
func (s *Set) DecideWithin(ctx context.Context, in Input) privatereply.Decision {
	return s.explain(ctx, in).Decision
}

// Explain decides as Decide does, and says how.
func (s *Set) Explain(in Input) Explanation { return s.explain(context.Background(), in) }

func (s *Set) explain(ctx context.Context, in Input) Explanation {
	e, paused := s.evaluate(ctx, in)
	if d := &e.Decision; (paused || in.AutomaticPaused) && d.Action == privatereply.ActionAuto {
		d.Action, d.Hold, d.Reason = privatereply.ActionAsk, 0, privatereply.AutomaticPaused
	}
	// Whether the rule has answered this person before, nobody can know.
	if d := &e.Decision; d.Once != "" && in.Comment.PersonID == "" && d.Action == privatereply.ActionAuto {
		d.Action, d.Hold, d.Reason = privatereply.ActionAsk, 0, privatereply.OnceUnknown
	}
	return e
}

// evaluate decides without regard to what is paused, and says whether the rule that decided
// is.
func (s *Set) evaluate(ctx context.Context, in Input) (e Explanation, paused bool) {
	e = Explanation{Rules: make([]RuleResult, 0, len(s.rules))}
	var of *evaluation
	for _, r := range s.rules {
		var matched bool
		err := ctx.Err()
		if err == nil {
			if of == nil {
				of = newEvaluation(in, s.words)
			}
			matched, err = r.matches(ctx, of)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			e.Rules = append(e.Rules, RuleResult{Name: r.Name, Result: Failed, Error: "there was no time for it"})
			e.Decision = s.decision(privatereply.ActionAsk, privatereply.RuleErrorPrefix+TooSlow)
			return e, false
		case err != nil:
			e.Rules = append(e.Rules, RuleResult{Name: r.Name, Result: Failed, Error: err.Error()})
			e.Decision = s.decision(privatereply.ActionAsk, privatereply.RuleErrorPrefix+r.Name)
			return e, false
		case matched:
			e.Rules = append(e.Rules, RuleResult{Name: r.Name, Result: Matched, Paused: r.Paused})
			e.Decision = s.decision(r.Action, privatereply.DecidedByRule)
			e.Decision.Rule = r.Name
			e.Decision.Hold = r.Hold
			r.write(&e, in)
			return e, r.Paused
		}
		e.Rules = append(e.Rules, RuleResult{Name: r.Name, Result: NotMatched})
	}
	e.Decision = s.decision(s.fallback, privatereply.DecidedByDefault)
	return e, false
}

func (r rule) matches(ctx context.Context, of *evaluation) (bool, error) {
	if r.condition == nil {
		return true, nil
	}
	return r.condition.holds(ctx, of)
}

func (s *Set) decision(action privatereply.Action, reason string) privatereply.Decision {
	return privatereply.Decision{Action: action, Reason: reason, RulesSHA256: s.sha256}
}
