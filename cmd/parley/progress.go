package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
)

// progress is a line about a run of the conformance suite: on a terminal it changes, elsewhere there is a new one every
// five seconds.
type progress struct {
	out      *os.File
	total    int
	animated bool

	mu       sync.Mutex
	done     int
	count    check.Count
	last     string
	stopped  bool
	finished chan struct{}
	ended    chan struct{}
}

func newProgress(out *os.File, total int) *progress {
	p := &progress{out: out, total: total, count: check.Count{}, finished: make(chan struct{}), ended: make(chan struct{}),
		animated: screen.IsTerminal(out) && os.Getenv("TERM") != "dumb"}
	go p.tick()
	return p
}

// tick shows the line, whether or not there is anything new.
func (p *progress) tick() {
	defer close(p.ended)
	every := 5 * time.Second
	if p.animated {
		every = 100 * time.Millisecond
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-p.finished:
			return
		case <-t.C:
			p.mu.Lock()
			p.show()
			p.mu.Unlock()
		}
	}
}

// add counts a result.
func (p *progress) add(r *check.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.count[r.Verdict]++
	p.last = r.ID
}

// show prints the line. p.mu is held.
func (p *progress) show() {
	if p.done == 0 && !p.animated {
		return
	}
	failed := p.count[check.Fail] + p.count[check.WrongCode]
	line := fmt.Sprintf("%d of %d cases, %d failed", p.done, p.total, failed)
	if !p.animated {
		notice(p.out, "%s", line)
		return
	}
	width := 80
	if w, _, err := screen.Size(p.out); err == nil && w > 0 {
		width = w
	}
	if line += "  " + p.last; len(line) >= width {
		line = line[:width-1]
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", line)
}

// restart begins to count anew, on a line of its own.
func (p *progress) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.count, p.last = 0, check.Count{}, ""
	p.clear()
}

// clear removes the line from a terminal. p.mu is held.
func (p *progress) clear() {
	if p.animated {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// end stops showing and clears the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.stopped = true
	close(p.finished)
	p.mu.Unlock()
	<-p.ended
	p.mu.Lock()
	p.clear()
}
