package console

import (
	"fmt"
	"io"
	"strings"
)

// Facts is a list of labelled lines, such as a report about one thing.
type Facts struct{ lines []fact }

type fact struct {
	label, text string
	unwrapped   bool // not wrapped
}

// Add adds a line. An empty text adds nothing; an empty label goes on with what
// stands above.
func (f *Facts) Add(label, format string, args ...any) {
	if text := Sanitize(fmt.Sprintf(format, args...)); text != "" {
		f.lines = append(f.lines, fact{label: label, text: text})
	}
}

// AddUnwrapped is Add for a link or a command, which must stay on one line to be
// clicked or copied.
func (f *Facts) AddUnwrapped(label, text string) {
	f.lines = append(f.lines, fact{label: label, text: Sanitize(text), unwrapped: true})
}

// Write writes the lines, wrapped to Width.
func (f *Facts) Write(w io.Writer) error {
	labels := 0
	for _, l := range f.lines {
		labels = max(labels, Columns(l.label))
	}
	var b strings.Builder
	for _, l := range f.lines {
		label, texts := l.label, []string{l.text}
		if !l.unwrapped {
			texts = Wrap(l.text, Width-labels-2*len(gap))
		}
		for _, text := range texts {
			fmt.Fprintf(&b, "%s%-*s%s%s\n", gap, labels, label, gap, text)
			label = ""
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
