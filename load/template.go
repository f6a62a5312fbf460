package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Template makes messages. Its text stands as it is but for what is in double braces:
//
//	{{n}}         the number of the message, from 0, different for all of a run
//	{{conn}}      the number of the connection, from 0
//	{{time}}      the time, in milliseconds since 1970
//	{{nanos}}     the time, in nanoseconds since 1970
//	{{random 8}}  so many random characters of 0 to 9 and a to f
//	{{int 1 6}}   a random whole number from 1 to 6
//	{{pad 100}}   so many times the letter x
//	{{stamp}}     only in a fan-out: what a subscriber needs to know which message it is and when it was due
//
// Anything else in double braces is an error, so that a slip of the pen is not sent. A Template may be used from any
// goroutine.
type Template struct {
	parts []part
}

// part is one piece of a template: a text, or what makes one.
type part struct {
	text string
	kind partKind
	a, b int64 // of random, int and pad
}

type partKind byte

const (
	partText partKind = iota
	partNumber
	partConn
	partTime
	partNanos
	partRandom
	partInt
	partPad
	partFill
	partStamp
)

// maxFill bounds what {{random}} and {{pad}} make, in bytes.
const maxFill = 64 << 20

// ParseTemplate reads a template.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{}
	for {
		before, rest, ok := strings.Cut(text, "{{")
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !ok {
			return t, nil
		}
		inside, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return nil, fmt.Errorf("load: template: %q has no }} at its end", shorten("{{"+rest))
		}
		p, err := parsePart(inside)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
		text = after
	}
}

// parsePart reads what stands in double braces.
func parsePart(inside string) (part, error) {
	words := strings.Fields(inside)
	want := func(kind partKind, numbers int, low, high int64) (part, error) {
		p := part{kind: kind}
		if len(words) != 1+numbers {
			return p, fmt.Errorf("load: template: {{%s}} takes %d numbers, not %d", words[0], numbers, len(words)-1)
		}
		for i, to := range []*int64{&p.a, &p.b}[:numbers] {
			n, err := strconv.ParseInt(words[1+i], 10, 64)
			if err != nil || n < low || n > high {
				return p, fmt.Errorf("load: template: {{%s}}: %q is not a number from %d to %d", words[0], words[1+i], low, high)
			}
			*to = n
		}
		return p, nil
	}
	if len(words) > 0 {
		switch words[0] {
		case "n":
			return want(partNumber, 0, 0, 0)
		case "conn":
			return want(partConn, 0, 0, 0)
		case "time":
			return want(partTime, 0, 0, 0)
		case "nanos":
			return want(partNanos, 0, 0, 0)
		case "stamp":
			return want(partStamp, 0, 0, 0)
		case "random":
			return want(partRandom, 1, 1, maxFill)
		case "pad":
			return want(partPad, 1, 0, maxFill)
		case "int":
			p, err := want(partInt, 2, -1<<53, 1<<53)
			if err == nil && p.a > p.b {
				err = fmt.Errorf("load: template: {{int %d %d}}: the first number is larger than the second", p.a, p.b)
			}
			return p, err
		}
	}
	return part{}, fmt.Errorf("load: template: {{%s}} means nothing: known are n, conn, time, nanos, random N, int A B, pad N and stamp", shorten(inside))
}

// Fill returns the template of messages of random sizes from low to high, in bytes: the number of the message, then letters.
func Fill(low, high int) *Template {
	return &Template{parts: []part{{kind: partFill, a: int64(low), b: int64(high)}}}
}

// FillStamp returns the template of messages of a fan-out, of random sizes from low to high, in bytes: JSON strings. They
// are larger if the stamp is.
func FillStamp(low, high int) *Template {
	return &Template{parts: []part{{text: `"`}, {kind: partStamp, a: int64(low) - 2, b: int64(high) - 2}, {text: `"`}}}
}

// stamped reports whether the template has a stamp.
func (t *Template) stamped() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.kind == partStamp })
}

// values are what a template needs to make a message.
type values struct {
	n     int64 // the number of the message
	conn  int   // that of the connection
	stamp stamp
}

const (
	hexDigits = "0123456789abcdef"
	padding   = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
)

// appendPad adds n letters.
func appendPad(b []byte, n int64) []byte {
	for ; n > 0; n -= int64(len(padding)) {
		b = append(b, padding[:min(n, int64(len(padding)))]...)
	}
	return b
}

// append adds the message to b.
func (t *Template) append(b []byte, v values) []byte {
	for _, p := range t.parts {
		switch p.kind {
		case partText:
			b = append(b, p.text...)
		case partNumber:
			b = strconv.AppendInt(b, v.n, 10)
		case partFill:
			start, size := len(b), int(p.a+rand.Int64N(p.b-p.a+1))
			b = strconv.AppendInt(b, v.n, 10)
			if over := len(b) - start - size; over > 0 { // the last digits are those that differ
				b = append(b[:start], b[start+over:]...)
			} else {
				b = appendPad(b, int64(-over))
			}
		case partConn:
			b = strconv.AppendInt(b, int64(v.conn), 10)
		case partTime:
			b = strconv.AppendInt(b, time.Now().UnixMilli(), 10)
		case partNanos:
			b = strconv.AppendInt(b, time.Now().UnixNano(), 10)
		case partRandom:
			for i := p.a; i > 0; i -= 16 {
				bits := rand.Uint64()
				for range min(i, 16) {
					b = append(b, hexDigits[bits&15])
					bits >>= 4
				}
			}
		case partInt:
			b = strconv.AppendInt(b, p.a+rand.Int64N(p.b-p.a+1), 10)
		case partPad:
			b = appendPad(b, p.a)
		case partStamp:
			start := len(b)
			b = v.stamp.append(b)
			b = appendPad(b, p.a+rand.Int64N(p.b-p.a+1)-int64(len(b)-start))
		}
	}
	return b
}

// shorten makes a text fit a message about it.
func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
