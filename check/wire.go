package check

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// A Wire is a line of what went over the wire in a case.
type Wire struct {
	At   time.Duration `json:"at_ns"`         // since the case began
	Dir  string        `json:"dir,omitempty"` // "out" from the suite, "in" from the subject; empty for a remark
	Text string        `json:"text"`          // what it is
	Hex  string        `json:"hex,omitempty"` // its first bytes as they went over the wire
}

// The log of a case ends after so many lines, and each shows so many bytes.
const (
	maxWireLines = 100
	maxWireBytes = 40
)

// A wireLog collects what went over the wire.
type wireLog struct {
	start time.Time

	mu    sync.Mutex
	lines []Wire
	more  int
}

func (l *wireLog) add(dir, text string, bytes []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) >= maxWireLines {
		l.more++
		return
	}
	w := Wire{At: time.Since(l.start), Dir: dir, Text: text}
	if len(bytes) > 0 {
		w.Hex = hexed(bytes[:min(len(bytes), maxWireBytes)])
		if len(bytes) > maxWireBytes {
			w.Hex += fmt.Sprintf(" … (%d bytes)", len(bytes))
		}
	}
	l.lines = append(l.lines, w)
}

func (l *wireLog) remark(format string, args ...any) {
	l.add("", fmt.Sprintf(format, args...), nil)
}

// done returns the lines.
func (l *wireLog) done() []Wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more > 0 {
		l.lines = append(l.lines, Wire{At: time.Since(l.start), Text: fmt.Sprintf("%d more lines are left out", l.more)})
		l.more = 0
	}
	return l.lines
}

// wireText writes the log as text, a line each.
func wireText(lines []Wire) string {
	var b strings.Builder
	for _, w := range lines {
		mark := "  "
		switch w.Dir {
		case "out":
			mark = "->"
		case "in":
			mark = "<-"
		}
		fmt.Fprintf(&b, "%9.3fms %s %s\n", float64(w.At)/1e6, mark, strings.ReplaceAll(w.Text, "\n", "\n               "))
	}
	return b.String()
}
