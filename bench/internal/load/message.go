package load

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// maskKey is the masking key of every frame.
var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

const (
	text = 1
	rsv1 = 0x40
)

// appendFrame appends a final frame, masked as a client's or not as a server's.
func appendFrame(b []byte, first byte, p []byte, masked bool) []byte {
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	b = append(b, 0x80|first)
	switch n := len(p); {
	case n < 126:
		b = append(b, bit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	}
	if !masked {
		return append(b, p...)
	}
	b = append(b, maskKey[:]...)
	at := len(b)
	b = append(b, p...)
	for i := range p {
		b[at+i] ^= maskKey[i&3]
	}
	return b
}

// words are what messages are made of.
var words = strings.Fields(`alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november
	oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu price order room user status message
	created updated deleted online offline Paris Berlin Tokyo Lagos Quito Oslo`)

// plain returns text of that size: a line of words and numbers.
func plain(r *rand.Rand, size int) []byte {
	var b []byte
	for len(b) < size {
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
		b = append(strconv.AppendInt(b, r.Int64N(100000), 10), ' ')
	}
	return b[:size]
}

// document returns JSON of that size: a list of events, of which no two are alike.
func document(r *rand.Rand, size int) []byte {
	b := fmt.Appendf(nil, `{"seq":%d,"room":"%s/%s","events":[`, r.IntN(1e9), pick(r), pick(r))
	for i := 0; ; i++ {
		e := fmt.Sprintf(`{"id":"%08x-%04x","at":"2026-03-%02dT%02d:%02d:%02d.%03dZ","user":{"id":%d,"name":"%s %s"},"type":"%s","price":%.2f,"tags":["%s","%s"],"ok":%t}`,
			r.Uint32(), r.IntN(1<<16), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(1e6),
			pick(r), pick(r), pick(r), r.Float64()*1000, pick(r), pick(r), r.IntN(2) == 0)
		if len(b)+len(e)+16 > size {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	b = append(b, `],"note":"`...)
	for len(b) < size-2 {
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, ' ')
	}
	return append(b[:size-2], `"}`...)
}

func pick(r *rand.Rand) string { return words[r.IntN(len(words))] }
