package desk

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// diffContext is how many lines around a change are shown.
const diffContext = 3

// diffLine is a line of the difference between two versions of a file.
type diffLine struct {
	Kind string // added, removed, same, or gap: lines that are alike are left out
	Old  int    // its number in the old version; 0: it is not in it
	New  int
	Text string
}

// diffLines is the difference between two versions of a file, by line; empty if there is none.
func diffLines(old, new string) []diffLine {
	if old != "" && !strings.HasSuffix(old, "\n") {
		old += "\n"
	}
	if new != "" && !strings.HasSuffix(new, "\n") {
		new += "\n"
	}
	diff, err := udiff.ToUnifiedDiff("", "", old, udiff.Lines(old, new), diffContext)
	if err != nil {
		return nil // edits of its own making always fit
	}
	var lines []diffLine
	for i, hunk := range diff.Hunks {
		if i > 0 {
			lines = append(lines, diffLine{Kind: "gap"})
		}
		from, to := hunk.FromLine, hunk.ToLine
		for _, l := range hunk.Lines {
			line := diffLine{Text: strings.TrimSuffix(l.Content, "\n")}
			switch l.Kind {
			case udiff.Delete:
				line.Kind, line.Old = "removed", from
				from++
			case udiff.Insert:
				line.Kind, line.New = "added", to
				to++
			default:
				line.Kind, line.Old, line.New = "same", from, to
				from, to = from+1, to+1
			}
			lines = append(lines, line)
		}
	}
	return lines
}
