package rules

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/reload"
)

const (
	maxFileBytes = 1 << 20
	maxRules     = 500
)

// Set is a rules file that was loaded. It never changes and is safe for use by
// several goroutines.
type Set struct {
	sha256   string
	fallback privatereply.Action
	rules    []rule
	words    map[string][]term // the constants that the conditions' says look for
}

// Rule is a rule as it stands in the file.
type Rule struct {
	Name   string                `json:"name"`
	When   string                `json:"when,omitempty"` // CEL; empty: always
	Action privatereply.Action   `json:"action"`
	Text   string                `json:"text,omitempty"` // with its placeholders
	Hold   privatereply.Duration `json:"hold,omitempty"`
}

// rule is a Rule that is ready to run.
type rule struct {
	Rule
	condition *condition // nil: always
	template  template
}

// Load reads the rules file at path. The error of a file that can be read but has
// something wrong in it is a *LoadError, which lists everything.
func Load(path string) (*Set, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), data)
}

// read stops a little after the largest file that Parse accepts.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return data, nil
}

// Parse reads a rules file from data; name stands for the file in errors.
func Parse(name string, data []byte) (*Set, error) {
	s := &Set{sha256: reload.SHA256(data), words: map[string][]term{}}
	var ps problems
	file := parseRawFile(data, &ps)
	s.fallback = file.fallback
	for _, d := range file.rules {
		r := d.rule(&ps)
		if r.condition != nil {
			maps.Copy(s.words, r.condition.words)
		}
		s.rules = append(s.rules, r)
	}
	checkOrder(s.rules, file.rules, &ps)
	checkCost(s.rules, file.rules, &ps)
	if err := ps.err(name); err != nil {
		return nil, err
	}
	return s, nil
}

// SHA256 is the hash of the file's bytes, in hexadecimal. Decisions carry it, so
// that the rules behind an old one can be found again.
func (s *Set) SHA256() string { return s.sha256 }

// Rules lists the rules in the order in which they are tried.
func (s *Set) Rules() []Rule {
	rules := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		rules[i] = r.Rule
	}
	return rules
}
