package doctor

import (
	"fmt"
	"io"

	"github.com/privatereply/privatereply/internal/console"
)

var levelMarks = map[Level]string{OK: "✓", Unknown: "?", Warning: "!", Failure: "✗"}

// Write writes the report for people: a line for each finding, and under what is
// wrong its repair.
func (r Report) Write(w io.Writer) error {
	for _, s := range r.Sections {
		if _, err := fmt.Fprintln(w, console.Sanitize(s.Subject)); err != nil {
			return err
		}
		var facts console.Facts
		for _, f := range s.Findings {
			facts.Add(levelMarks[f.Level]+" "+f.Check, "%s", f.Text)
			if f.Repair != "" {
				facts.Add("", "→ %s", f.Repair)
			}
			for _, command := range f.Commands {
				facts.AddUnwrapped("", command)
			}
		}
		if err := facts.Write(w); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, r.verdict())
	return err
}

func (r Report) verdict() string {
	if r.Failures == 0 && r.Warnings == 0 {
		return "nothing is wrong"
	}
	return fmt.Sprintf("%s, %s", plural(r.Failures, "failure"), plural(r.Warnings, "warning"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
