package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/privatereply/privatereply/lab/scenario"
)

func (r *run) add(rows ...scenario.Row) { r.rows = append(r.rows, rows...) }

// print writes the tables of all steps.
func (r *run) print(w io.Writer) {
	scenario.WriteRows(w, r.rows)
	for _, table := range []struct {
		about string
		cells [][]string
	}{{"What a comment costs", r.costs}, {"A million comments an hour", r.scales}, {"A million comments an hour, in the server", r.serverParts}} {
		if len(table.cells) > 0 {
			fmt.Fprintf(w, "\n%s:\n\n", table.about)
			scenario.WriteTable(w, table.cells)
		}
	}
}

// readTable reads back what make bench and make faults print: the lines of all tables
// without their heads and rules.
func readTable(text string) []scenario.Row {
	var rows []scenario.Row
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
			cells = append(cells, "", "", "", "")
			rows = append(rows, scenario.Row{What: cells[0], Measured: cells[1], Baseline: cells[2], Goal: cells[3], Passed: cells[4]})
		}
	}
	return rows
}
