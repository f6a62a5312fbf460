package screen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// longestLine is where the terminal package stops taking characters. A line of that length may have been cut.
const longestLine = 4096

// longestInline is how many characters of pasted text become part of the line that is being typed; for more there is a stand-in.
const longestInline = 500

// ErrCut is returned by Editor.ReadLine for a line that was too long to be typed; what was left of it is lost.
var ErrCut = errors.New("the line was longer than 4095 characters and was cut")

// EditorOptions are what an Editor needs.
type EditorOptions struct {
	// In and Out are the terminal.
	In, Out *os.File
	// Prompt stands before the line that is being typed.
	Prompt string
	// Interrupt is called from within ReadLine for Ctrl-C, which the terminal no longer turns into a signal.
	Interrupt func()
	// History is what the arrow keys bring back; it is the Editor's alone. If nil, it begins empty.
	History *History
	// Complete, if set, is called for the Tab key with what stands before the cursor, and returns what should stand there
	// instead, or false.
	Complete func(before string) (string, bool)
}

// Editor is a prompt with history on a terminal. It owns the terminal until Close.
type Editor struct {
	options   EditorOptions
	term      *term.Terminal
	saved     *term.State
	closeOnce sync.Once
	closeErr  error

	// Of ReadLine alone.
	filter pasteFilter
	keys   []byte            // read, filtered, and not yet taken
	texts  map[string]string // by stand-in
}

// OpenEditor takes over a terminal.
func OpenEditor(o EditorOptions) (*Editor, error) {
	saved, err := term.MakeRaw(int(o.In.Fd()))
	if err != nil {
		return nil, fmt.Errorf("screen: raw mode: %w", err)
	}
	if o.History == nil {
		o.History = &History{}
	}
	e := &Editor{options: o, saved: saved, texts: map[string]string{}}
	e.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{e, o.Out}, o.Prompt)
	e.term.AutoCompleteCallback = e.tab
	e.term.History = recall{e}
	e.Resize()
	e.term.SetBracketedPasteMode(true)
	return e, nil
}

// Read gives the keys to the terminal package, which makes the same io.EOF of Ctrl-C and of Ctrl-D.
func (e *Editor) Read(p []byte) (int, error) {
	for len(e.keys) == 0 {
		n, err := e.options.In.Read(p)
		e.keys = e.filter.feed(p[:n], e.paste)
		if err != nil && len(e.keys) == 0 {
			return 0, err
		}
	}
	n := copy(p, e.keys)
	e.keys = e.keys[n:]
	if bytes.IndexByte(p[:n], 3) >= 0 && bytes.IndexByte(p[:n], 0x1b) < 0 {
		e.options.Interrupt()
	}
	return n, nil
}

// paste returns the keys that stand for pasted text: itself if it is short and one line, else a stand-in. The last line break
// is left out, for it is Enter that sends.
func (e *Editor) paste(text []byte) []byte {
	s := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
	return []byte(e.display(strings.TrimSuffix(s, "\n")))
}

// display returns text as it can stand in the line that is being typed.
func (e *Editor) display(text string) string {
	if utf8.RuneCountInString(text) <= longestInline && utf8.ValidString(text) && !strings.ContainsFunc(text, unprintable) {
		return text
	}
	for number := 1; ; number++ {
		lines := "1 line"
		if n := strings.Count(text, "\n") + 1; n > 1 {
			lines = fmt.Sprintf("%d lines", n)
		}
		standIn := fmt.Sprintf("[#%d: %s, %d bytes]", number, lines, len(text))
		if old, taken := e.texts[standIn]; !taken || old == text {
			e.texts[standIn] = text
			return standIn
		}
	}
}

// unprintable reports whether the terminal package or the terminal would not show r as it is.
func unprintable(r rune) bool { return risky(r) || !unicode.IsGraphic(r) }

// tab completes, or else inserts the tab, which the terminal package would drop as unprintable.
func (e *Editor) tab(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	if e.options.Complete != nil {
		if text, ok := e.options.Complete(line[:pos]); ok {
			return text + line[pos:], len(text), true
		}
	}
	return line[:pos] + "\t" + line[pos:], pos + 1, true
}

// ReadLine returns the next line, io.EOF after Ctrl-D or Ctrl-C. Text that was pasted is part of it with all its lines; pasted
// tells that there is such.
func (e *Editor) ReadLine() (line string, pasted bool, err error) {
	line, err = e.term.ReadLine()
	if err != nil {
		return "", false, err
	}
	if utf8.RuneCountInString(line) >= longestLine {
		return "", false, ErrCut
	}
	var text strings.Builder
	for line != "" {
		before, standIn, after := e.nextStandIn(line)
		text.WriteString(before)
		if standIn != "" {
			text.WriteString(e.texts[standIn])
			pasted = true
		}
		line = after
	}
	return text.String(), pasted, nil
}

// nextStandIn cuts line at the first stand-in.
func (e *Editor) nextStandIn(line string) (before, standIn, after string) {
	for i := 0; ; {
		n := strings.Index(line[i:], "[#")
		if n < 0 {
			return line, "", ""
		}
		i += n
		if end := strings.IndexByte(line[i:], ']'); end >= 0 {
			if name := line[i : i+end+1]; e.texts[name] != "" {
				return line[:i], name, line[i+end+1:]
			}
		}
		i += len("[#")
	}
}

// recall gives the terminal package what the arrow keys bring back. Entries are added by Remember, for only then the texts of
// stand-ins are in them.
type recall struct{ e *Editor }

func (r recall) Add(string)      {}
func (r recall) Len() int        { return r.e.options.History.Len() }
func (r recall) At(i int) string { return r.e.display(r.e.options.History.At(i)) }

// Remember adds a line to the history. It is to be called by the goroutine that calls ReadLine.
func (e *Editor) Remember(line string) error { return e.options.History.Add(line) }

// Write shows p, whole lines, above the line that is being typed.
func (e *Editor) Write(p []byte) (int, error) { return e.term.Write(p) }

// Resize asks for the size of the window, which may have changed.
func (e *Editor) Resize() {
	if width, height, err := term.GetSize(int(e.options.In.Fd())); err == nil && width > 0 {
		e.term.SetSize(width, height) // its error is that of writing, which the next write reports
	}
}

// Close gives the terminal back as it was. It may be called at any time, more than once; a ReadLine that waits for a
// key is left to wait.
func (e *Editor) Close() error {
	e.closeOnce.Do(func() {
		// Not through e.term: its lock may be held by a write that hangs. \r\x1b[K removes the empty prompt.
		io.WriteString(e.options.Out, "\x1b[?2004l\r\x1b[K")
		e.closeErr = term.Restore(int(e.options.In.Fd()), e.saved)
	})
	return e.closeErr
}
