package screen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	// longestInline is how many characters of pasted text become part of the line that is being typed; for more there is a
	// stand-in.
	longestInline = 500
	// mostAhead is how many bytes may be typed before somebody reads them.
	mostAhead = 16 << 20
)

// EditorOptions are what an Editor needs.
type EditorOptions struct {
	// In and Out are the terminal.
	In, Out *os.File
	// Prompt stands before the line that is being typed.
	Prompt string
	// Interrupt is called for Ctrl-C, which the terminal no longer turns into a signal, also while nobody reads a line. After
	// it, ReadLine returns io.EOF.
	Interrupt func()
	// Suspend, if set, is called for Ctrl-Z in the same way. No key is read until it returns.
	Suspend func()
	// History is what the arrow keys bring back; it is the Editor's alone. If nil, it begins empty.
	History *History
	// Complete, if set, is called for the Tab key with what stands before the cursor, and returns what should stand there
	// instead, or false.
	Complete func(before string) (string, bool)
}

// Editor is a prompt with history on a terminal. It owns the terminal until Close.
type Editor struct {
	options   EditorOptions
	saved     *term.State
	closeOnce sync.Once
	closeErr  error
	ahead     ahead

	// Of ReadLine alone.
	keys  []byte // not understood yet
	draft []cell // what was typed before the arrow keys were used
	entry int    // of the history: 0 is the draft, 1 the newest

	mu            sync.Mutex // guards what follows
	line          line
	prompting     bool  // the line is shown
	at            place // of the cursor, while it is
	whole         bool  // the line is shown as it is, with the cursor at its end
	width, height int
	given         bool // the terminal is given back
	closed        bool // ... for good
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
	e := &Editor{options: o, saved: saved, width: 80, height: 24}
	e.ahead.news = make(chan struct{}, 1)
	e.ahead.pastes = map[int]string{}
	e.Resize()
	io.WriteString(o.Out, pasteOn) // an error would be seen when the prompt is written
	go e.listen()
	return e, nil
}

// What asks a terminal to put marks around pasted text, and not to.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// ahead is what was typed, and not read yet.
type ahead struct {
	news   chan struct{} // has something in it when there may be more
	filter pasteFilter   // of listen alone
	number int           // of the last paste; of listen alone

	mu     sync.Mutex // guards what follows
	keys   []byte
	pastes map[int]string // by number
	err    error
}

// listen reads all keys as they come, so that Ctrl-C works whatever the rest of the program waits for. It ends with the terminal.
func (e *Editor) listen() {
	p := make([]byte, 4096)
	a := &e.ahead
	for {
		n, err := e.options.In.Read(p)
		keys := a.filter.feed(p[:n], a.paste)
		a.mu.Lock()
		if len(a.keys) < mostAhead {
			a.keys = append(a.keys, keys...)
		}
		a.err = err
		a.mu.Unlock()
		select {
		case a.news <- struct{}{}:
		default:
		}
		for range bytes.Count(keys, []byte{3}) {
			e.options.Interrupt()
		}
		if e.options.Suspend != nil && bytes.IndexByte(keys, 26) >= 0 {
			e.options.Suspend()
		}
		if err != nil {
			return
		}
	}
}

// paste keeps pasted text, and returns the key that stands for it. The last line break is left out, for it is Enter that sends.
func (a *ahead) paste(text []byte) []byte {
	s := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
	a.number++
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pastes[a.number] = strings.TrimSuffix(s, "\n")
	return fmt.Appendf(nil, "\x1b[%d;%d~", pasteMark, a.number)
}

// pasted returns the text of a paste, once.
func (a *ahead) pasted(number string) string {
	n, err := strconv.Atoi(number)
	if err != nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	text := a.pastes[n]
	delete(a.pastes, n)
	return text
}

// take waits for keys, and returns an error if there will be none.
func (a *ahead) take() ([]byte, error) {
	for {
		a.mu.Lock()
		keys, err := a.keys, a.err
		a.keys = nil
		a.mu.Unlock()
		if len(keys) > 0 {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		<-a.news
	}
}

// ReadLine returns the next line, io.EOF after Ctrl-D or Ctrl-C. Text that was pasted is part of it with all its lines; pasted
// tells that something stood for it.
func (e *Editor) ReadLine() (line string, pasted bool, err error) {
	e.show(true)
	for {
		k, text, n := nextKey(e.keys)
		if n == 0 { // all that was typed is understood
			e.show(false)
			more, err := e.ahead.take()
			if err != nil {
				return "", false, err
			}
			e.keys = append(e.keys, more...)
			continue
		}
		e.keys = e.keys[n:]
		switch {
		case k == keyInterrupt, k == keyDeleteOrEOF && e.empty():
			return "", false, io.EOF
		case k == keyEnter:
			line, pasted := e.enter()
			return line, pasted, nil
		}
		e.press(k, text)
	}
}

func (e *Editor) empty() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.line.cells) == 0
}

// enter ends the line that was typed.
func (e *Editor) enter() (text string, pasted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	if e.line.pos = len(e.line.cells); !e.whole {
		e.draw(&b)
	}
	if e.at.column > 0 {
		b.WriteString("\r\n")
	}
	e.emit(b.String())
	for _, c := range e.line.cells {
		pasted = pasted || c.standsIn()
	}
	text = plain(e.line.cells)
	e.line.set(nil)
	e.prompting, e.at, e.whole = false, place{}, false
	e.draft, e.entry = nil, 0
	return text, pasted
}

// press does what any other key says. What it changes is not shown yet.
func (e *Editor) press(k key, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := &e.line
	switch k {
	case keyNone, keySuspend:
		return
	case keyText:
		if e.whole && l.pos == len(l.cells) {
			e.append(text)
			return
		}
		l.typeText(text)
	case keyPasted:
		l.insert(e.display(e.ahead.pasted(text)))
	case keyTab:
		e.tab()
	case keyUp:
		e.recall(e.entry + 1)
	case keyDown:
		e.recall(e.entry - 1)
	case keyClear:
		e.emit("\x1b[2J\x1b[H")
		e.at = place{}
	default:
		l.edit(k)
	}
	e.whole = false
}

// append adds text to the end of a line that is shown as it is: by far the most frequent case, in which nothing else moves.
func (e *Editor) append(text string) {
	before := len(e.line.cells)
	var last cell
	if before > 0 {
		last = e.line.cells[before-1]
	}
	e.line.typeText(text)
	if before > 0 && (len(e.line.cells) < before || e.line.cells[before-1] != last) || columns(e.line.cells) > e.room() {
		e.whole = false
		return
	}
	var b strings.Builder
	e.at = write(&b, e.at, e.line.cells[before:], e.width)
	e.emit(b.String())
}

// tab completes, or else inserts the tab.
func (e *Editor) tab() {
	l := &e.line
	if e.options.Complete != nil {
		if text, ok := e.options.Complete(plain(l.cells[:l.pos])); ok {
			after := append([]cell(nil), l.cells[l.pos:]...)
			l.set(cells(text))
			l.insert(after)
			l.pos -= len(after)
			return
		}
	}
	l.typeText("\t")
}

// recall brings an entry of the history back.
func (e *Editor) recall(entry int) {
	if entry < 0 || entry > e.options.History.Len() {
		return
	}
	if e.entry == 0 {
		e.draft = e.line.cells
	}
	if e.entry = entry; entry == 0 {
		e.line.set(e.draft)
		return
	}
	e.line.set(nil)
	e.line.set(e.display(e.options.History.At(entry - 1)))
}

// display returns text as it can stand in the line that is being typed: itself, or what stands for it.
func (e *Editor) display(text string) []cell {
	if utf8.RuneCountInString(text) <= longestInline && utf8.ValidString(text) && !strings.Contains(text, "\n") {
		return cells(text)
	}
	number := 1
	for _, c := range e.line.cells {
		if c.standsIn() {
			number++
		}
	}
	lines := "1 line"
	if n := strings.Count(text, "\n") + 1; n > 1 {
		lines = fmt.Sprintf("%d lines", n)
	}
	standIn := fmt.Sprintf("[#%d: %s, %d bytes]", number, lines, len(text))
	return []cell{{text, standIn, len(standIn)}}
}

// Remember adds a line to the history. It is to be called by the goroutine that calls ReadLine.
func (e *Editor) Remember(line string) error { return e.options.History.Add(line) }

// show draws the line if it is not shown as it is, and again if it has to be.
func (e *Editor) show(again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.whole && !again {
		return
	}
	var b strings.Builder
	e.prompting = true
	e.draw(&b)
	e.emit(b.String())
}

// room is how many columns the line may have.
func (e *Editor) room() int {
	return max((e.width-1)*(e.height-1)-columns(cells(e.options.Prompt)), 4)
}

// draw draws prompt and line where they are, or where the cursor is. The cursor is brought to its place by writing what stands
// before it once more: how wide some characters are the terminal alone knows.
func (e *Editor) draw(b *strings.Builder) {
	home(b, e.at)
	b.WriteString("\x1b[J")
	prompt := cells(e.options.Prompt)
	shown, before := e.line.view(e.room())
	e.at = write(b, write(b, place{}, prompt, e.width), shown, e.width)
	if before < len(shown) {
		home(b, e.at)
		e.at = write(b, write(b, place{}, prompt, e.width), shown[:before], e.width)
	}
	e.whole = e.line.pos == len(e.line.cells) && len(shown) == len(e.line.cells)
}

// emit writes to the terminal, unless somebody else has it. An error is left to what is written next: whoever writes messages
// has to know it, and of keys nobody can be told.
func (e *Editor) emit(s string) {
	if !e.given && s != "" {
		io.WriteString(e.options.Out, s)
	}
}

// Write shows p, whole lines, above the line that is being typed.
func (e *Editor) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.given {
		return e.options.Out.Write(p)
	}
	var b strings.Builder
	b.Grow(len(p) + 256)
	if e.prompting {
		home(&b, e.at)
		b.WriteString("\x1b[J")
		e.at = place{}
	}
	b.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n")))
	if e.prompting {
		e.draw(&b)
	}
	if _, err := io.WriteString(e.options.Out, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Resize asks for the size of the window, which may have changed.
func (e *Editor) Resize() {
	e.mu.Lock()
	defer e.mu.Unlock()
	width, height, err := term.GetSize(int(e.options.In.Fd()))
	if err != nil || width <= 0 || height <= 0 || width == e.width && height == e.height {
		return
	}
	shown, before := e.line.view(e.room())
	e.width, e.height = width, height
	if !e.prompting {
		return
	}
	// Most terminals have wrapped the lines anew, and moved the cursor with them.
	e.at = place{}.after(cells(e.options.Prompt), width).after(shown[:before], width)
	var b strings.Builder
	e.draw(&b)
	e.emit(b.String())
}

// erase removes the prompt, if it is shown.
func (e *Editor) erase() string {
	var b strings.Builder
	if e.prompting {
		home(&b, e.at)
		b.WriteString("\x1b[J")
	}
	e.at = place{}
	return b.String()
}

// Pause gives the terminal back until Resume.
func (e *Editor) Pause() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.given {
		return nil
	}
	e.emit(e.erase() + pasteOff)
	e.given = true
	return term.Restore(int(e.options.In.Fd()), e.saved)
}

// Resume takes the terminal again, after Pause, or after somebody else has changed it. After Close it does nothing.
func (e *Editor) Resume() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	if _, err := term.MakeRaw(int(e.options.In.Fd())); err != nil {
		return fmt.Errorf("screen: raw mode: %w", err)
	}
	e.given, e.at = false, place{}
	var b strings.Builder
	b.WriteString(pasteOn)
	if e.prompting {
		e.draw(&b)
	}
	e.emit(b.String())
	return nil
}

// Close gives the terminal back as it was. It may be called at any time, more than once; a ReadLine that waits for a
// key is left to wait.
func (e *Editor) Close() error {
	e.closeOnce.Do(func() {
		// Its lock may be held by a write that hangs: then \r\x1b[K has to do.
		e.closeErr = term.Restore(int(e.options.In.Fd()), e.saved)
		erase := "\r\x1b[K"
		if e.mu.TryLock() {
			erase = e.erase()
			e.given, e.closed = true, true
			e.mu.Unlock()
		}
		_, err := io.WriteString(e.options.Out, erase+pasteOff)
		e.closeErr = errors.Join(e.closeErr, err)
	})
	return e.closeErr
}
