package cli

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/workflows"
)

// sweepProgress shows how far the passes are: on a terminal in a line that is
// written over and over, and what a pass waits for in lines that stay.
type sweepProgress struct {
	out      io.Writer
	terminal bool

	mu       sync.Mutex
	counts   []workflows.SweepCounts
	done     int
	reported []string // what each pass was last said to wait for
	line     string   // as it stands on the terminal
}

func newSweepProgress(out io.Writer, accounts int) *sweepProgress {
	f, ok := out.(*os.File)
	return &sweepProgress{
		out: out, terminal: ok && isTerminal(f),
		counts: make([]workflows.SweepCounts, accounts), reported: make([]string, accounts),
	}
}

// of is told of the looks at the i-th account's pass.
func (p *sweepProgress) of(i int, title string) passObserver {
	return func(seen passStatus) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if seen.status != nil {
			p.counts[i] = seen.status.SweepCounts
		}
		if seen.waitingFor != "" && seen.waitingFor != p.reported[i] {
			p.erase()
			fmt.Fprintf(p.out, "starter: %s: %s\n", title, console.Sanitize(seen.waitingFor))
		}
		p.reported[i] = seen.waitingFor
		p.draw()
	}
}

// ended counts an account whose pass is over.
func (p *sweepProgress) ended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

func (p *sweepProgress) draw() {
	if !p.terminal {
		return
	}
	var all workflows.SweepCounts
	for _, c := range p.counts {
		all = all.Plus(c)
	}
	line := console.Truncate(fmt.Sprintf("%d of %d accounts swept; %d pages, %d posts, %d comments, %d replies started",
		p.done, len(p.counts), all.Pages, all.Posts, all.Comments, all.Started), console.Width-1)
	if line == p.line {
		return
	}
	p.erase()
	fmt.Fprint(p.out, line)
	p.line = line
}

func (p *sweepProgress) erase() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.line = ""
	}
}

// clear leaves nothing on the line.
func (p *sweepProgress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}
