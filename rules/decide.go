package rules

import (
	"github.com/privatereply/privatereply"
)

// Result is what became of one rule.
type Result string

// The results. A rule fails when its condition cannot be worked out for the comment.
const (
	Matched    Result = "matched"
	NotMatched Result = "not_matched"
	Failed     Result = "failed"
)

// Tried is a rule that was tried on a comment.
type Tried struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	Error  string `json:"error,omitempty"` // why it failed
}

// Explanation says how a decision came about.
type Explanation struct {
	Rules    []Tried               `json:"rules"` // in order, up to the rule that decided
	Decision privatereply.Decision `json:"decision"`
}

// Decide says what to do with a comment: what the first rule that matches says,
// else the default. A rule that fails sends the comment to a person.
func (s *Set) Decide(in Input) privatereply.Decision { return s.Explain(in).Decision }

// Explain decides as Decide does, and says how.
func (s *Set) Explain(in Input) Explanation {
	of := newSubject(in, s.words)
	e := Explanation{Rules: make([]Tried, 0, len(s.rules))}
	for _, r := range s.rules {
		matched, err := r.matches(of)
		switch {
		case err != nil:
			e.Rules = append(e.Rules, Tried{Name: r.Name, Result: Failed, Error: err.Error()})
			e.Decision = s.decision(privatereply.ActionAsk, privatereply.RuleErrorPrefix+r.Name)
			return e
		case matched:
			e.Rules = append(e.Rules, Tried{Name: r.Name, Result: Matched})
			e.Decision = s.decision(r.Action, privatereply.DecidedByRule)
			e.Decision.Rule = r.Name
			e.Decision.Text = r.template.render(in.Comment.Platform, in.Comment.Username)
			e.Decision.Hold = r.Hold
			return e
		}
		e.Rules = append(e.Rules, Tried{Name: r.Name, Result: NotMatched})
	}
	e.Decision = s.decision(s.fallback, privatereply.DecidedByDefault)
	return e
}

func (r rule) matches(of *subject) (bool, error) {
	if r.condition == nil {
		return true, nil
	}
	return r.condition.holds(of)
}

func (s *Set) decision(action privatereply.Action, reason string) privatereply.Decision {
	return privatereply.Decision{Action: action, Reason: reason, RulesSHA256: s.sha256}
}
