package screen

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
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
			if width := runeWidth(r); width > last.width || r == emojiStyle && last.width == 1 {
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
	i := sort.Search(len(wide), func(i int) bool { return r <= wide[i][1] })
	if i < len(wide) && r >= wide[i][0] {
		return 2
	}
	return 1
}

// wide are the characters that take two columns: W and F in Unicode's EastAsianWidth, with the gaps of nothing between them.
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0}, {0x23f3, 0x23f3},
	{0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f}, {0x2693, 0x2693}, {0x26a1, 0x26a1},
	{0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5}, {0x26ce, 0x26ce}, {0x26d4, 0x26d4}, {0x26ea, 0x26ea},
	{0x26f2, 0x26f3}, {0x26f5, 0x26f5}, {0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b},
	{0x2728, 0x2728}, {0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
	{0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55}, {0x2e80, 0x303e},
	{0x3041, 0x3247}, {0x3250, 0x4dbf}, {0x4e00, 0xa4c6}, {0xa960, 0xa97c}, {0xac00, 0xd7a3}, {0xf900, 0xfad9},
	{0xfe10, 0xfe19}, {0xfe30, 0xfe6b}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x16fe0, 0x1b2fb}, {0x1f004, 0x1f004},
	{0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c},
	{0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e},
	{0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a},
	{0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2},
	{0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945},
	{0x1f947, 0x1f9ff}, {0x1fa70, 0x1faf6}, {0x20000, 0x3fffd},
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
