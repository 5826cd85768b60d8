package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is one line of the first table, with the columns of make bench.
type row struct {
	what     string
	measured string
	beside   string // what bounds it, measured in the same step
	goal     string
	met      string
}

const (
	yes = "yes"
	no  = "**no**"
)

func met(ok bool) string {
	if ok {
		return yes
	}
	return no
}

var heads = []string{"what", "measured", "beside it, in the same step", "goal", "met"}

func (r *run) add(rows ...row) { r.rows = append(r.rows, rows...) }

// print writes the tables of all steps.
func (r *run) print(w io.Writer) {
	cells := [][]string{heads}
	for _, row := range r.rows {
		cells = append(cells, []string{row.what, row.measured, row.beside, row.goal, row.met})
	}
	writeTable(w, cells)
	for _, table := range []struct {
		about string
		cells [][]string
	}{{"What a comment costs", r.costs}, {"A million comments an hour", r.scales}, {"A million comments an hour, in the server", r.serverParts}} {
		if len(table.cells) > 0 {
			fmt.Fprintf(w, "\n%s:\n\n", table.about)
			writeTable(w, table.cells)
		}
	}
}

// writeTable writes Markdown, which is a table in a terminal as well. The first line
// has the heads.
func writeTable(w io.Writer, cells [][]string) {
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

// readTable reads back what make bench and make faults print: the lines of all tables
// without their heads and rules.
func readTable(text string) []row {
	var rows []row
	ruled := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			ruled = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case strings.Trim(cells[0], "-") == "" && cells[0] != "":
			ruled = true
		case ruled:
			cells = append(cells, make([]string, len(heads))...)
			rows = append(rows, row{cells[0], cells[1], cells[2], cells[3], cells[4]})
		}
	}
	return rows
}
