package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/load"
)

// liveLine is a line about a load test: on a terminal it changes, elsewhere there is a new one every five seconds.
type liveLine struct {
	out      *os.File
	animated bool

	mu    sync.Mutex
	last  time.Time
	ended bool
	known load.Progress // the latest
}

func newLiveLine(out *os.File) *liveLine {
	return &liveLine{out: out, last: time.Now(), animated: screen.IsTerminal(out) && os.Getenv("TERM") != "dumb"}
}

// progress shows how far the test is.
func (l *liveLine) progress(p load.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = p
	switch {
	case l.ended:
	case l.animated:
		width := 80
		if w, _, err := screen.Size(l.out); err == nil && w > 0 {
			width = w
		}
		line := []rune(p.String())
		fmt.Fprintf(l.out, "\r\x1b[K%s", string(line[:min(len(line), width-1)]))
	case time.Since(l.last) >= 5*time.Second:
		l.last = time.Now()
		notice(l.out, "%s", p)
	}
}

// tell says at once how far the test is, in a line that stays.
func (l *liveLine) tell() {
	l.mu.Lock()
	text := l.known.String()
	l.mu.Unlock()
	l.say(text)
}

// say prints a line that stays.
func (l *liveLine) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	notice(l.out, "%s", text)
}

// end clears the line.
func (l *liveLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.clear()
}

// clear removes the line from a terminal. l.mu is held.
func (l *liveLine) clear() {
	if l.animated {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
}
