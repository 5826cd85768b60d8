package faults

import (
	"fmt"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
)

// Verdict is what became of a comment: the workflow's word, and Meta's count.
type Verdict struct {
	State     privatereply.State
	Reason    privatereply.Reason // of a reply that waits for its next try, that of its last one
	Delivered int                 // private replies that the author received
	Calls     int                 // to answer the comment that reached Meta, taken or not
}

func (v Verdict) String() string {
	s := string(v.State)
	if s == "" {
		s = "no workflow"
	}
	if v.Reason != "" {
		s += " (" + string(v.Reason) + ")"
	}
	return fmt.Sprintf("%s, %d delivered, %s", s, v.Delivered, plural(v.Calls, "call"))
}

// Expect is what must come of a case.
type Expect struct {
	Each []Verdict // of every comment of the case, any of these; none: it is about other things
	Also string    // what the case says it saw beside them
}

// each is the expectation that every comment ends in one of the verdicts.
func each(any ...Verdict) Expect { return Expect{Each: any} }

// and adds what the case must say it saw.
func (e Expect) and(also string) Expect {
	e.Also = also
	return e
}

func (e Expect) String() string {
	var parts []string
	if len(e.Each) > 0 {
		var any []string
		for _, v := range e.Each {
			any = append(any, v.String())
		}
		parts = append(parts, strings.Join(any, " or "))
	}
	if e.Also != "" {
		parts = append(parts, e.Also)
	}
	return strings.Join(parts, "; ")
}

// seen is what was seen of a case.
type seen struct {
	each []Verdict
	also []string
}

func (s seen) String() string {
	var parts []string
	var kinds []Verdict
	counts := map[Verdict]int{}
	for _, v := range s.each {
		if counts[v]++; counts[v] == 1 {
			kinds = append(kinds, v)
		}
	}
	for _, v := range kinds {
		if counts[v] == 1 {
			parts = append(parts, v.String())
		} else {
			parts = append(parts, fmt.Sprintf("%d × %s", counts[v], v))
		}
	}
	return strings.Join(append(parts, s.also...), "; ")
}

// meets reports whether s is what was expected.
func (s seen) meets(e Expect) bool {
	for _, v := range s.each {
		if !slices.Contains(e.Each, v) {
			return false
		}
	}
	return (len(s.each) > 0) == (len(e.Each) > 0) && strings.Join(s.also, "; ") == e.Also
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
