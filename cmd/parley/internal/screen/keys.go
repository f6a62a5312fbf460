package screen

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// key is what somebody has pressed.
type key int

// The keys that do something; text is everything that is not one of them.
const (
	keyNone key = iota // one that does nothing
	keyText
	keyPasted // the number of the paste is in the text
	keyEnter
	keyTab
	keyEnd
	keyHome
	keyLeft
	keyRight
	keyWordLeft
	keyWordRight
	keyUp
	keyDown
	keyBackspace
	keyDelete
	keyDeleteOrEOF   // Ctrl-D
	keyKillWordLeft  // Ctrl-W, Alt-Backspace
	keyKillWordRight // Alt-D
	keyKillLeft      // Ctrl-U
	keyKillRight     // Ctrl-K
	keyYank          // Ctrl-Y
	keyTranspose     // Ctrl-T
	keyClear         // Ctrl-L
	keyInterrupt     // Ctrl-C
	keySuspend       // Ctrl-Z
)

// controls are the keys of one byte.
var controls = map[byte]key{
	1: keyHome, 2: keyLeft, 3: keyInterrupt, 4: keyDeleteOrEOF, 5: keyEnd, 6: keyRight, 8: keyBackspace, '\t': keyTab,
	'\n': keyEnter, 11: keyKillRight, 12: keyClear, '\r': keyEnter, 14: keyDown, 16: keyUp, 20: keyTranspose, 21: keyKillLeft,
	23: keyKillWordLeft, 25: keyYank, 26: keySuspend, 127: keyBackspace,
}

// finals are the keys by the last byte of their sequence, numbered by the number before "~" (ECMA-48 and xterm).
var (
	finals   = map[byte]key{'A': keyUp, 'B': keyDown, 'C': keyRight, 'D': keyLeft, 'F': keyEnd, 'H': keyHome}
	numbered = map[int]key{1: keyHome, 3: keyDelete, 4: keyEnd, 7: keyHome, 8: keyEnd}
	metas    = map[byte]key{'b': keyWordLeft, 'f': keyWordRight, 'd': keyKillWordRight, 127: keyKillWordLeft, 8: keyKillWordLeft}
)

// pasteMark is what the editor puts in the place of pasted text, with its number. The filter of pastes lets no such number in.
const pasteMark = 200

// nextKey takes the first key from what a terminal sent. It takes nothing, and n is 0, if a part is missing.
func nextKey(p []byte) (k key, text string, n int) {
	if len(p) == 0 {
		return keyNone, "", 0
	}
	if p[0] == 0x1b {
		return escaped(p)
	}
	if k, ok := controls[p[0]]; ok {
		if p[0] == '\r' && len(p) > 1 && p[1] == '\n' {
			return k, "", 2
		}
		return k, "", 1
	}
	if p[0] < 0x20 {
		return keyNone, "", 1
	}
	for n < len(p) && p[n] >= 0x20 && p[n] != 127 {
		if !utf8.FullRune(p[n:]) {
			break
		}
		r, size := utf8.DecodeRune(p[n:])
		if r == utf8.RuneError && size == 1 || r >= 0x80 && r < 0xa0 {
			if n == 0 {
				return keyNone, "", size // no character
			}
			break
		}
		n += size
	}
	return keyText, string(p[:n]), n
}

// escaped is nextKey for what begins with an escape.
func escaped(p []byte) (k key, text string, n int) {
	if len(p) == 1 {
		return keyNone, "", 0
	}
	switch p[1] {
	case 'O':
		if len(p) == 2 {
			return keyNone, "", 0
		}
		return finals[p[2]], "", 3
	case '[':
		end := bytes.IndexFunc(p[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e || r < 0x20 })
		if end < 0 {
			if len(p) > 64 {
				return keyNone, "", len(p) // no key is as long
			}
			return keyNone, "", 0
		}
		if p[2+end] < 0x20 {
			return keyNone, "", 2 + end // it was cut off by another key
		}
		k, text = sequence(string(p[2:2+end]), p[2+end])
		return k, text, 2 + end + 1
	case 0x1b:
		return keyNone, "", 1
	case 3, 26:
		return keyNone, "", 1 // Ctrl-C and Ctrl-Z are never part of another key
	}
	return metas[p[1]], "", 2
}

// sequence returns the key of a control sequence.
func sequence(parameters string, final byte) (key, string) {
	first, modifier, _ := strings.Cut(parameters, ";")
	number, _ := strconv.Atoi(first)
	k := finals[final]
	if final == '~' {
		if number == pasteMark {
			return keyPasted, modifier
		}
		k = numbered[number]
	}
	if modifier == "3" || modifier == "5" { // with Alt or Ctrl
		switch k {
		case keyLeft:
			k = keyWordLeft
		case keyRight:
			k = keyWordRight
		case keyDelete:
			k = keyKillWordRight
		}
	}
	return k, ""
}
