package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a rules file, in words for the person who
// wrote it.
type Problem struct {
	Line    int    `json:"line,omitempty"` // from 1; 0 when it concerns the whole file
	Rule    string `json:"rule,omitempty"` // the rule's name, or "#3" when it has no usable one
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// String is p on one line, or on several when it shows where in a condition
// something is wrong.
func (p Problem) String() string {
	var where []string
	if p.Line > 0 {
		where = append(where, fmt.Sprintf("line %d", p.Line))
	}
	if p.Rule != "" {
		where = append(where, "rule "+p.Rule)
	}
	if p.Field != "" {
		where = append(where, p.Field)
	}
	if len(where) == 0 {
		return p.Message
	}
	return strings.Join(where, ", ") + ": " + p.Message
}

// LoadError lists everything that is wrong in a rules file.
type LoadError struct {
	File     string    `json:"file"`
	Problems []Problem `json:"problems"`
}

func (e *LoadError) Error() string {
	var b strings.Builder
	if n := len(e.Problems); n == 1 {
		fmt.Fprintf(&b, "%s has a problem:", e.File)
	} else {
		fmt.Fprintf(&b, "%s has %d problems:", e.File, n)
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + strings.ReplaceAll(p.String(), "\n", "\n    "))
	}
	return b.String()
}

// problems gathers what is wrong while a file is read.
type problems []Problem

func (ps *problems) add(p Problem) { *ps = append(*ps, p) }

// err is nil when nothing was wrong.
func (ps problems) err(file string) error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Line - b.Line })
	return &LoadError{File: file, Problems: ps}
}
