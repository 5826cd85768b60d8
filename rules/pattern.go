package rules

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

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

// edge is the side of an expression that is looked at.
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
