package jsonread

import "bytes"

// Half returns where in a JSON value the first escape begins that is half of a surrogate pair without the other (RFC 8259 section 8.2), or
// -1 if there is none. Such a string is JSON, but no text: whoever decodes it puts something else in its place, or fails.
func Half(v []byte) int {
	i := 0
	for {
		next := bytes.IndexByte(v[i:], '\\')
		if next < 0 {
			return -1
		}
		i += next
		unit, ok := escaped(v[i:])
		switch {
		case !ok:
			i += 2 // whatever is escaped there
		case unit < 0xd800 || unit > 0xdfff:
			i += 6
		default:
			other, ok := escaped(v[i+6:])
			if unit > 0xdbff || !ok || other < 0xdc00 || other > 0xdfff {
				return i
			}
			i += 12
		}
		if i >= len(v) {
			return -1
		}
	}
}

// escaped returns the UTF-16 code unit that v begins with, if it begins with the escape of one.
func escaped(v []byte) (unit rune, ok bool) {
	if len(v) < 6 || v[0] != '\\' || v[1] != 'u' {
		return 0, false
	}
	for _, c := range v[2:6] {
		digit := rune(c)
		switch {
		case '0' <= c && c <= '9':
			digit -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			digit = digit | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | digit
	}
	return unit, true
}
