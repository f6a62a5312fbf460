package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// cell is what the cursor moves over in one step: a character with the marks that belong to it, or what stands for pasted text.
type cell struct {
	text  string // what it is in the message
	shown string // what the terminal gets
	width int    // columns
}

// standsIn reports whether something else is shown in the place of the text.
func (c cell) standsIn() bool { return strings.HasPrefix(c.shown, "[#") && c.text != c.shown }

// cells cuts text into what the cursor moves over. What could command the terminal is shown as escapes.
func cells(text string) []cell {
	var list []cell
	joining := false // the last character was one that joins it with the next one
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		one := text[:size]
		text = text[size:]
		if risky(r) || r == utf8.RuneError && size == 1 {
			shown := Escape(one)
			list = append(list, cell{one, shown, len(shown)})
			joining = false
			continue
		}
		if len(list) > 0 && (joining || extends(r) || flag(r) && loneFlag(list[len(list)-1].text)) {
			last := &list[len(list)-1]
			last.text += one
			last.shown += one
			if runeWidth(r) > last.width || r == emojiStyle && last.width == 1 {
				last.width = 2
			}
			joining = r == joiner
			continue
		}
		list = append(list, cell{one, one, runeWidth(r)})
		joining = false
	}
	return list
}

const (
	joiner     = 0x200d // ZERO WIDTH JOINER, between the parts of an emoji
	emojiStyle = 0xfe0f // VARIATION SELECTOR-16
)

// extends reports whether r belongs to the character before it.
func extends(r rune) bool {
	return r == joiner || r >= 0x1f3fb && r <= 0x1f3ff || r >= 0xe0020 && r <= 0xe007f || unicode.In(r, unicode.Mn, unicode.Me)
}

// flag reports whether r is one of two letters that make a flag.
func flag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// loneFlag reports whether text is the first of these letters.
func loneFlag(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	return flag(r) && size == len(text)
}

// runeWidth returns how many columns r takes.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// plain joins the texts of cells.
func plain(list []cell) string {
	var b strings.Builder
	for _, c := range list {
		b.WriteString(c.text)
	}
	return b.String()
}

// columns adds up the widths of cells.
func columns(list []cell) int {
	n := 0
	for _, c := range list {
		n += c.width
	}
	return n
}
