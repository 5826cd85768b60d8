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
	head       []string
	rows       []row
	shrinkable []int // the columns that are cut when the table is too wide
}

type row struct {
	cells []string
	below string
}

// NewTable makes a table. The columns with the indexes flex are cut when the rows
// would be wider than Width, the widest first.
func NewTable(flex []int, head ...string) *Table { return &Table{head: head, shrinkable: flex} }

// Row adds a row. Below, unless empty, stands on a line of its own under it.
func (t *Table) Row(below string, cells ...string) {
	for i, cell := range cells {
		cells[i] = Sanitize(cell)
	}
	t.rows = append(t.rows, row{cells, Sanitize(below)})
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
	for ; total > Width; total-- {
		widest := t.shrinkable[0]
		for _, i := range t.shrinkable {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= Columns(t.head[widest]) {
			break
		}
		widths[widest]--
	}

	var b strings.Builder
	t.writeRow(&b, widths, t.head)
	for _, r := range t.rows {
		t.writeRow(&b, widths, r.cells)
		if r.below != "" {
			fmt.Fprintf(&b, "%s%s\n", gap, Truncate(r.below, Width-len(gap)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writeRow(b *strings.Builder, widths []int, cells []string) {
	line := ""
	for i, cell := range cells {
		cell = Truncate(cell, widths[i])
		line += cell + strings.Repeat(" ", widths[i]-Columns(cell)) + gap
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}
