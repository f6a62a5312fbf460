package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// line is the line that is being typed.
type line struct {
	cells  []cell
	pos    int    // of the cursor: before this cell
	killed []cell // what Ctrl-Y brings back
}

func (l *line) set(list []cell) { l.cells, l.pos = list, len(list) }

// insert puts cells before the cursor.
func (l *line) insert(list []cell) {
	after := l.cells[l.pos:]
	whole := make([]cell, 0, len(l.cells)+len(list)+16)
	whole = append(append(append(whole, l.cells[:l.pos]...), list...), after...)
	l.cells, l.pos = whole, l.pos+len(list)
}

// typeText puts text before the cursor. A mark belongs to the character that it is typed behind.
func (l *line) typeText(text string) {
	r, _ := utf8.DecodeRuneInString(text)
	if l.pos == len(l.cells) && l.pos > 0 {
		last := l.cells[l.pos-1]
		if !last.standsIn() && (extends(r) || flag(r) || strings.HasSuffix(last.text, string(rune(joiner)))) {
			l.cells, l.pos = l.cells[:l.pos-1], l.pos-1
			text = last.text + text
		}
	}
	list := cells(text)
	if l.pos == len(l.cells) { // by far most often
		l.cells = append(l.cells, list...)
		l.pos = len(l.cells)
		return
	}
	l.insert(list)
}

// remove takes out the cells of a range.
func (l *line) remove(from, to int) {
	l.cells = append(l.cells[:from:from], l.cells[to:]...)
	l.pos = from
}

// kill is remove for what can be brought back.
func (l *line) kill(from, to int) {
	if from == to {
		return
	}
	l.killed = append([]cell(nil), l.cells[from:to]...)
	l.remove(from, to)
}

func (l *line) space(i int) bool {
	r, _ := utf8.DecodeRuneInString(l.cells[i].text)
	return unicode.IsSpace(r) && !l.cells[i].standsIn()
}

// wordLeft returns where the word begins that is before the cursor, wordRight where the one ends that is behind it.
func (l *line) wordLeft() int {
	i := l.pos
	for i > 0 && l.space(i-1) {
		i--
	}
	for i > 0 && !l.space(i-1) {
		i--
	}
	return i
}

func (l *line) wordRight() int {
	i := l.pos
	for i < len(l.cells) && l.space(i) {
		i++
	}
	for i < len(l.cells) && !l.space(i) {
		i++
	}
	return i
}

// edit does what a key says, and reports whether it is one that edits.
func (l *line) edit(k key) bool {
	switch k {
	case keyHome:
		l.pos = 0
	case keyEnd:
		l.pos = len(l.cells)
	case keyLeft:
		l.pos = max(0, l.pos-1)
	case keyRight:
		l.pos = min(len(l.cells), l.pos+1)
	case keyWordLeft:
		l.pos = l.wordLeft()
	case keyWordRight:
		l.pos = l.wordRight()
	case keyBackspace:
		if l.pos > 0 {
			l.remove(l.pos-1, l.pos)
		}
	case keyDelete, keyDeleteOrEOF:
		if l.pos < len(l.cells) {
			l.remove(l.pos, l.pos+1)
		}
	case keyKillWordLeft:
		l.kill(l.wordLeft(), l.pos)
	case keyKillWordRight:
		l.kill(l.pos, l.wordRight())
	case keyKillLeft:
		l.kill(0, l.pos)
	case keyKillRight:
		l.kill(l.pos, len(l.cells))
	case keyYank:
		l.insert(l.killed)
	case keyTranspose:
		if n := len(l.cells); n > 1 && l.pos > 0 {
			at := min(l.pos, n-1)
			l.cells[at-1], l.cells[at] = l.cells[at], l.cells[at-1]
			l.pos = at + 1
		}
	default:
		return false
	}
	return true
}

// view returns the part of the line that is shown in room columns, with the cursor in it, and how many cells of it are
// before the cursor.
func (l *line) view(room int) (shown []cell, before int) {
	if columns(l.cells) <= room {
		return l.cells, l.pos
	}
	cut := cell{"", "…", 1}
	room = max(room-2, 1)
	// The cursor is in the second half of what is shown, or at the end.
	from, used := l.pos, 0
	for from > 0 && used+l.cells[from-1].width <= room*3/4 {
		from--
		used += l.cells[from].width
	}
	to := l.pos
	for to < len(l.cells) && used+l.cells[to].width <= room {
		used += l.cells[to].width
		to++
	}
	for from > 0 && used+l.cells[from-1].width <= room {
		from--
		used += l.cells[from].width
	}
	if from > 0 {
		shown = append(shown, cut)
	}
	before = len(shown) + l.pos - from
	shown = append(shown, l.cells[from:to]...)
	if to < len(l.cells) {
		shown = append(shown, cut)
	}
	return shown, before
}
