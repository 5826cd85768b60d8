package scenario

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Row is one line of a table of figures.
type Row struct {
	What     string
	Measured string
	Baseline string // what bounds it, measured in the same step
	Goal     string
	Passed   string // Yes or No; empty: it has no goal
}

// The words for whether a goal was met.
const (
	Yes = "yes"
	No  = "**no**"
)

// Passed is the word for ok.
func PassedWord(ok bool) string {
	if ok {
		return Yes
	}
	return No
}

// WriteRows writes a table of figures.
func WriteRows(w io.Writer, rows []Row) {
	cells := [][]string{{"what", "measured", "beside it, in the same step", "goal", "met"}}
	for _, r := range rows {
		cells = append(cells, []string{r.What, r.Measured, r.Baseline, r.Goal, r.Passed})
	}
	WriteTable(w, cells)
}

// WriteTable writes Markdown, which is a table in a terminal as well. The first line
// has the heads.
func WriteTable(w io.Writer, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	rule := make([]string, len(widths))
	for i, n := range widths {
		rule[i] = strings.Repeat("-", n)
	}
	for _, line := range slices.Insert(slices.Clone(cells), 1, rule) {
		for i, cell := range line {
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		fmt.Fprintln(w, "|")
	}
}
