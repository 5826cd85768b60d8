package faults

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Row is what came of one case.
type Row struct {
	Group, Case    string
	Expected, Seen string
	OK             bool
	LeftOut        bool
	Took           time.Duration
}

// verdict is the row's word for it.
func (r Row) verdict() string {
	switch {
	case r.LeftOut:
		return "left out"
	case r.OK:
		return "ok"
	}
	return "FAILED"
}

// Line is the row as a line of its own, while the others still run.
func (r Row) Line() string {
	line := fmt.Sprintf("%-8s %s/%s (%v)", r.verdict(), r.Group, r.Case, r.Took.Round(100*time.Millisecond))
	if !r.OK {
		line += fmt.Sprintf("\n         expected %s\n         seen     %s", r.Expected, r.Seen)
	}
	return line
}

// WriteTable writes Markdown.
func WriteTable(w io.Writer, rows []Row) {
	fmt.Fprintln(w, "| group | case | expected | seen | | seconds |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	for _, r := range rows {
		cells := []string{r.Group, r.Case, r.Expected, r.Seen, r.verdict(), fmt.Sprintf("%.1f", r.Took.Seconds())}
		for i, cell := range cells {
			cells[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// Summary counts the rows.
func Summary(rows []Row) (text string, ok bool) {
	var fine, failed, leftOut int
	for _, r := range rows {
		switch {
		case r.LeftOut:
			leftOut++
		case r.OK:
			fine++
		default:
			failed++
		}
	}
	text = fmt.Sprintf("%s: %d ok, %d failed", plural(len(rows), "case"), fine, failed)
	if leftOut > 0 {
		text += fmt.Sprintf(", %d left out", leftOut)
	}
	return text, failed == 0 && fine > 0
}
