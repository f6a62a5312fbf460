package screen

import (
	"strconv"
	"strings"
)

// place is where the cursor is, counted from where the prompt begins.
type place struct{ row, column int }

// after returns where the cursor is after cells were written in a window of that width, which wraps them.
func (p place) after(list []cell, width int) place {
	for _, c := range list {
		for rest := c.width; rest > 0; { // what stands for pasted text may be wrapped in the middle
			n := rest
			if n > 2 {
				n = 1
			}
			if p.column+n > width { // a wide character is not cut
				p.row, p.column = p.row+1, 0
			}
			p.column += n
			rest -= n
		}
	}
	return p
}

// write writes cells from a place. If they fill a row, the cursor is moved to the next one, which terminals delay.
func write(b *strings.Builder, at place, list []cell, width int) place {
	for _, c := range list {
		b.WriteString(c.shown)
	}
	at = at.after(list, width)
	if at.column >= width {
		b.WriteString("\r\n")
		at = place{at.row + 1, 0}
	}
	return at
}

// home returns what moves the cursor from a place to where the prompt begins.
func home(b *strings.Builder, from place) {
	if from.row > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(from.row) + "A")
	}
	b.WriteString("\x1b[G")
}
