package console

import (
	"fmt"
	"io"
	"strings"
)

// gap stands between two columns.
const gap = "  "

// Table is aligned text. text/tabwriter would not do: it takes every character
// for one column wide, which Chinese and emoji are not.
type Table struct {
	head []string
	rows []row
	flex int // the column that is cut when the table is too wide
}

type row struct {
	cells []string
	below string
}

// NewTable makes a table. The column with the index flex is cut when the rows
// would be wider than Width.
func NewTable(flex int, head ...string) *Table { return &Table{head: head, flex: flex} }

// Row adds a row. Below, unless empty, stands on a line of its own under it.
func (t *Table) Row(below string, cells ...string) {
	for i, cell := range cells {
		cells[i] = Line(cell)
	}
	t.rows = append(t.rows, row{cells, Line(below)})
}

// Write writes the table.
func (t *Table) Write(w io.Writer) error {
	widths := make([]int, len(t.head))
	for _, r := range append([]row{{cells: t.head}}, t.rows...) {
		for i, cell := range r.cells {
			widths[i] = max(widths[i], Columns(cell))
		}
	}
	total := len(gap) * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	widths[t.flex] = max(len(t.head[t.flex]), widths[t.flex]-max(0, total-Width))

	var b strings.Builder
	t.writeRow(&b, widths, t.head)
	for _, r := range t.rows {
		t.writeRow(&b, widths, r.cells)
		if r.below != "" {
			fmt.Fprintf(&b, "%s%s\n", gap, Cut(r.below, Width-len(gap)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writeRow(b *strings.Builder, widths []int, cells []string) {
	line := ""
	for i, cell := range cells {
		cell = Cut(cell, widths[i])
		line += cell + strings.Repeat(" ", widths[i]-Columns(cell)) + gap
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}
