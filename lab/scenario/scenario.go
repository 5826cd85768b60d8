// Package scenario is the registry of what measures the product and of what tries to
// break it, and what all of that shares. The scenarios are in its subfolders; lab/cmd/lab
// lists and runs them.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Suite is scenarios that run together, one after the other, and print one table.
type Suite struct {
	Name      string
	About     string
	Scenarios []Scenario
	// Run runs some of the scenarios, with some of their cases. An error says that one
	// of them failed, or could not run.
	Run func(ctx context.Context, lab *Lab, chosen []Scenario) error
}

// Scenario measures the product, or tries to break what it promises.
type Scenario struct {
	Name  string
	About string
	Cases []Case // each is a row of the table; none: the scenario decides its rows
	// OwnServer says that it needs a Temporal server of its own, for example because it
	// kills it.
	OwnServer bool
}

// Case is one row of a scenario, with what must come of it in words.
type Case struct{ Name, Expect string }

// Select keeps of the suites what is named: suites, scenarios, or cases as scenario/case.
// No name keeps all.
func Select(suites []Suite, names ...string) ([]Suite, error) {
	if len(names) == 0 {
		return suites, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []Suite
	known := map[string]bool{}
	for _, suite := range suites {
		known[suite.Name] = true
		kept := suite
		kept.Scenarios = nil
		for _, s := range suite.Scenarios {
			known[s.Name] = true
			var cases []Case
			for _, c := range s.Cases {
				known[s.Name+"/"+c.Name] = true
				if wanted[s.Name+"/"+c.Name] {
					cases = append(cases, c)
				}
			}
			if !wanted[suite.Name] && !wanted[s.Name] {
				if s.Cases = cases; len(cases) == 0 {
					continue
				}
			}
			kept.Scenarios = append(kept.Scenarios, s)
		}
		if len(kept.Scenarios) > 0 {
			chosen = append(chosen, kept)
		}
	}
	var wrong []error
	for name := range wanted {
		scenario, _, isCase := strings.Cut(name, "/")
		switch {
		case known[name]:
		case isCase && known[scenario]:
			wrong = append(wrong, fmt.Errorf("scenario %s has no case %q; `lab list` names them", scenario, name))
		default:
			wrong = append(wrong, fmt.Errorf("there is no scenario or scenario/case %q; `lab list` names them", name))
		}
	}
	return chosen, errors.Join(wrong...)
}

// List writes the suites with their scenarios and cases.
func List(w io.Writer, suites []Suite) {
	for _, suite := range suites {
		fmt.Fprintf(w, "# %s: %s\n\n", suite.Name, suite.About)
		for _, s := range suite.Scenarios {
			fmt.Fprintf(w, "%s: %s\n", s.Name, s.About)
			for _, c := range s.Cases {
				fmt.Fprintf(w, "    %-34s %s\n", c.Name, c.Expect)
			}
		}
		fmt.Fprintln(w)
	}
}
