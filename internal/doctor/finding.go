package doctor

import (
	"fmt"
	"io"

	"github.com/privatereply/privatereply/internal/console"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Unknown Level = "unknown" // nobody can be asked, or something else has to be repaired first
	Warning Level = "warning"
	Failure Level = "failure" // the product does not work as it is set up
)

// Finding is what one check found.
type Finding struct {
	Check    string   `json:"check"` // its name, which does not change
	Level    Level    `json:"level"`
	Text     string   `json:"text"`
	Repair   string   `json:"repair,omitempty"`
	Commands []string `json:"commands,omitempty"` // to be copied, belonging to Repair
}

// Section has the findings about one subject.
type Section struct {
	Subject  string    `json:"subject"`
	Findings []Finding `json:"findings"`
}

func (s *Section) add(found ...Finding) { s.Findings = append(s.Findings, found...) }

// Report is the outcome of all checks.
type Report struct {
	Failures int       `json:"failures"`
	Warnings int       `json:"warnings"`
	Sections []Section `json:"sections"`
}

func newReport(sections []Section) Report {
	r := Report{Sections: sections}
	for _, s := range sections {
		for _, f := range s.Findings {
			switch f.Level {
			case Failure:
				r.Failures++
			case Warning:
				r.Warnings++
			}
		}
	}
	return r
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Level: OK, Text: fmt.Sprintf(format, args...)}
}

func unknown(check, format string, args ...any) Finding {
	return Finding{Check: check, Level: Unknown, Text: fmt.Sprintf(format, args...)}
}

func warning(check, text, repair string, commands ...string) Finding {
	return Finding{check, Warning, text, repair, commands}
}

func failure(check, text, repair string, commands ...string) Finding {
	return Finding{check, Failure, text, repair, commands}
}

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
