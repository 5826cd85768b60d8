package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is one line of the table.
type row struct {
	what     string
	measured string
	limit    string // what bounds it, measured in the same step
	goal     string
	met      verdict
}

// verdict says whether a goal was met.
type verdict string

const (
	none verdict = "" // no goal
	yes  verdict = "yes"
	no   verdict = "**no**"
)

func met(ok bool) verdict {
	if ok {
		return yes
	}
	return no
}

// writeTable writes Markdown, which is a table in a terminal as well.
func writeTable(w io.Writer, rows []row) {
	cells := [][]string{{"what", "measured", "beside it, in the same step", "goal", "met"}}
	for _, r := range rows {
		cells = append(cells, []string{r.what, r.measured, r.limit, r.goal, string(r.met)})
	}
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
	for _, line := range slices.Insert(cells, 1, rule) {
		for i, cell := range line {
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		fmt.Fprintln(w, "|")
	}
}
