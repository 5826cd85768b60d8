package devserver

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// How often a wait is reported: on a terminal the same line again, elsewhere a
// line of its own.
const (
	terminalEvery = time.Second
	plainEvery    = 15 * time.Second
)

// progressLine reports how long something has been going on.
type progressLine struct {
	w        io.Writer
	what     string
	began    time.Time
	terminal bool
	stop     chan struct{}
	done     sync.WaitGroup
}

func startProgress(w io.Writer, what string) *progressLine {
	p := &progressLine{w: w, what: what, began: time.Now(), terminal: isTerminal(w), stop: make(chan struct{})}
	every := plainEvery
	if p.terminal {
		every = terminalEvery
	}
	p.print("…")
	p.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.print("… " + p.elapsed())
			}
		}
	})
	return p
}

// end closes the line with how it went.
func (p *progressLine) end(ok bool) {
	close(p.stop)
	p.done.Wait()
	verdict := "done in "
	if !ok {
		verdict = "failed after "
	}
	p.print("… " + verdict + p.elapsed())
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

func (p *progressLine) print(rest string) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s %s", p.what, rest)
		return
	}
	fmt.Fprintln(p.w, p.what, rest)
}

func (p *progressLine) elapsed() string { return time.Since(p.began).Round(time.Second).String() }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
