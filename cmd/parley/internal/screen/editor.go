package screen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// longestLine is where the terminal package stops taking characters. A line of that length may have been cut.
const longestLine = 4096

// ErrCut is returned by Editor.ReadLine for a line that was too long to be typed; what was left of it is lost.
var ErrCut = errors.New("the line was longer than 4095 characters and was cut")

// Editor is a prompt with history on a terminal. It owns the terminal until Close.
type Editor struct {
	in        *os.File
	out       io.Writer
	term      *term.Terminal
	saved     *term.State
	interrupt func()
	closeOnce sync.Once
	closeErr  error
}

// OpenEditor takes over the terminal that in and out are. The terminal no longer turns Ctrl-C into a signal then, so
// interrupt is called instead, from within ReadLine.
func OpenEditor(in, out *os.File, prompt string, interrupt func()) (*Editor, error) {
	saved, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("screen: raw mode: %w", err)
	}
	e := &Editor{in: in, out: out, saved: saved, interrupt: interrupt}
	e.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{e, out}, prompt)
	e.term.AutoCompleteCallback = insertTab
	e.Resize()
	e.term.SetBracketedPasteMode(true)
	return e, nil
}

// Read gives the keys to the terminal package, which makes the same io.EOF of Ctrl-C and of Ctrl-D.
func (e *Editor) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	if bytes.IndexByte(p[:n], 3) >= 0 && bytes.IndexByte(p[:n], 0x1b) < 0 {
		e.interrupt()
	}
	return n, err
}

// insertTab keeps the tabs of pasted text, which would be dropped as unprintable.
func insertTab(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	return line[:pos] + "\t" + line[pos:], pos + 1, true
}

// ReadLine returns the next line, io.EOF after Ctrl-D or Ctrl-C. Lines that were pasted together stay together: Enter,
// pressed once more, ends them.
func (e *Editor) ReadLine() (string, error) {
	var pasted []string
	for {
		line, err := e.term.ReadLine()
		if err == nil || errors.Is(err, term.ErrPasteIndicator) {
			if utf8.RuneCountInString(line) >= longestLine {
				return "", ErrCut
			}
		}
		switch {
		case errors.Is(err, term.ErrPasteIndicator):
			pasted = append(pasted, line)
			continue
		case err != nil:
			return "", err
		case len(pasted) > 0 && line == "":
			return strings.Join(pasted, "\n"), nil
		}
		return strings.Join(append(pasted, line), "\n"), nil
	}
}

// Write shows p, whole lines, above the line that is being typed.
func (e *Editor) Write(p []byte) (int, error) { return e.term.Write(p) }

// Resize asks for the size of the window, which may have changed.
func (e *Editor) Resize() {
	if width, height, err := term.GetSize(int(e.in.Fd())); err == nil && width > 0 {
		e.term.SetSize(width, height) // its error is that of writing, which the next write reports
	}
}

// Close gives the terminal back as it was. It may be called at any time, more than once; a ReadLine that waits for a
// key is left to wait.
func (e *Editor) Close() error {
	e.closeOnce.Do(func() {
		// Not through e.term: its lock may be held by a write that hangs. \r\x1b[K removes the empty prompt.
		io.WriteString(e.out, "\x1b[?2004l\r\x1b[K")
		e.closeErr = term.Restore(int(e.in.Fd()), e.saved)
	})
	return e.closeErr
}
