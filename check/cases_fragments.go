package check

import (
	"fmt"
	"strings"
)

var fragmentsGroup = Group{
	Name:  "fragments",
	Title: "Fragmented messages",
	Why: "A message may come in several frames: the first has its type, the others are continuations, and the last has FIN set. Control frames may stand " +
		"between them, other messages may not, and a frame may be empty. Where the ends disagree about what belongs together, two messages become one, or one becomes two.",
	cases: fragmentsCases,
}

func fragmentsCases() []Case {
	list := wholeAgain()
	list = append(list, fragmentsWithPings()...)
	list = append(list, emptyFragments()...)
	return append(list, brokenFragments()...)
}

// wholeAgain are messages in fragments.
func wholeAgain() []Case {
	var list []Case
	for _, kind := range []struct {
		name string
		op   Op
		d    Data
	}{{"text", OpText, fill(FillUTF8, 60)}, {"binary", OpBinary, fill(FillRandom, 60)}} {
		back := echoed(kind.op, kind.d)
		for n := 1; n <= 20; n++ {
			list = append(list, echoing(fmt.Sprintf("fragments.whole.%s-of-%d", kind.name, n), "RFC 6455 §5.4",
				fmt.Sprintf("A %s message of 60 bytes in fragments of %d comes back whole.", kind.name, n),
				[]Step{message(Message{Op: kind.op, Payload: kind.d, Fragment: n})}, back))
		}
		for _, n := range []int{1, 7, 30} {
			m := message(Message{Op: kind.op, Payload: kind.d, Fragment: n})
			list = append(list, echoing(fmt.Sprintf("fragments.whole.%s-of-%d-bytewise", kind.name, n), "RFC 6455 §5.4",
				fmt.Sprintf("A %s message in fragments of %d comes back that arrives byte by byte.", kind.name, n), []Step{m.chop(1)}, back))
			p := pong("between")
			list = append(list, echoing(fmt.Sprintf("fragments.whole.%s-of-%d-with-pongs", kind.name, n), "RFC 6455 §5.4",
				fmt.Sprintf("A %s message in fragments of %d, with a pong after each, comes back.", kind.name, n),
				[]Step{message(Message{Op: kind.op, Payload: kind.d, Fragment: n, Between: &p})}, back))
		}
		long := sized(kind.d.Fill, 70000, 1)
		for _, n := range []int{125, 126, 700, 1000, 65535, 65536} {
			list = append(list, echoing(fmt.Sprintf("fragments.whole.%s-long-of-%d", kind.name, n), "RFC 6455 §5.4",
				fmt.Sprintf("A %s message of 70,000 bytes in fragments of %d comes back whole.", kind.name, n),
				[]Step{message(Message{Op: kind.op, Payload: long, Fragment: n})}, echoed(kind.op, long)))
		}
	}
	one, two := echoed(OpText, lit("first")), echoed(OpBinary, lit("second"))
	return append(list,
		echoing("fragments.whole.two", "RFC 6455 §5.4", "Two fragmented messages in one write come back one after the other.",
			[]Step{send(frame(OpText, "fi").more(), frame(OpContinuation, "rst"), frame(OpBinary, "sec").more(), frame(OpContinuation, "ond"))}, one, two),
		echoing("fragments.whole.then-single", "RFC 6455 §5.4", "A message in one frame after a fragmented one comes back.",
			[]Step{send(frame(OpText, "fi").more(), frame(OpContinuation, "rst"), frame(OpBinary, "second"))}, one, two))
}

// emptyFragments are fragments without payload.
func emptyFragments() []Case {
	var list []Case
	for _, op := range []Op{OpText, OpBinary} {
		for _, c := range []struct {
			name  string
			parts []string
		}{
			{"first", []string{"", "Hello"}},
			{"last", []string{"Hello", ""}},
			{"middle", []string{"Hel", "", "lo"}},
			{"both-ends", []string{"", "Hello", ""}},
			{"every-second", []string{"", "H", "", "e", "", "llo", ""}},
			{"two", []string{"", ""}},
			{"three", []string{"", "", ""}},
			{"twenty", make([]string, 20)},
		} {
			frames := make([]Frame, len(c.parts))
			for i, p := range c.parts {
				frames[i] = Frame{Op: OpContinuation, Payload: lit(p), More: i < len(c.parts)-1}
			}
			frames[0].Op = op
			back := echoed(op, lit(strings.Join(c.parts, "")))
			list = append(list, echoing(fmt.Sprintf("fragments.empty.%s-%v", c.name, op), "RFC 6455 §5.4",
				fmt.Sprintf("A %v message with empty fragments (%s) comes back.", op, c.name), []Step{send(frames...)}, back))
		}
	}
	for _, n := range []int{1000, 10000} {
		d := lit("Hello")
		empty := send(frame(OpContinuation, "").more()).times(n)
		c := echoing(fmt.Sprintf("fragments.empty.%d", n), "RFC 6455 §5.4", fmt.Sprintf("A message with %d empty fragments comes back, or is refused with 1008 or 1009.", n),
			[]Step{send(frame(OpText, "Hel").more()), empty, send(frame(OpContinuation, "lo"))}, echoed(OpText, d))
		c.Tags = []string{TagSecurity}
		c.Why = "Empty fragments cost the sender two to six bytes and the receiver a frame each. No RFC limits their number, so an endpoint may take them all, or draw a line."
		c.Outcomes = append([]Outcome{{Informational, "it draws a line", []Pattern{closed(1008, 1009)}}}, c.Outcomes...)
		c.Outcomes = append(c.Outcomes, Outcome{NonStrict, "it draws a line, and says so by the end of the connection", []Pattern{dropped()}})
		list = append(list, c)
	}
	return list
}

// brokenFragments are frames that do not belong where they are.
func brokenFragments() []Case {
	hello := echoed(OpText, lit("Hello"))
	var list []Case
	for _, c := range []struct {
		name, expect string
		frames       []Frame
	}{
		{"continuation-alone", "A final continuation without a message fails the connection.", []Frame{frame(OpContinuation, "alone")}},
		{"continuation-open", "A continuation that is not final, without a message, fails the connection.", []Frame{frame(OpContinuation, "alone").more()}},
		{"continuation-empty", "An empty continuation without a message fails the connection.", []Frame{frame(OpContinuation, "")}},
		{"continuations-then-text", "A continuation without a message, then a good message, fails the connection.", []Frame{frame(OpContinuation, "alone").more(), frame(OpText, "Hello")}},
		{"text-inside-text", "A text frame inside a text message fails the connection.", []Frame{frame(OpText, "Hel").more(), frame(OpText, "lo")}},
		{"text-inside-binary", "A text frame inside a binary message fails the connection.", []Frame{frame(OpBinary, "Hel").more(), frame(OpText, "lo")}},
		{"binary-inside-text", "A binary frame inside a text message fails the connection.", []Frame{frame(OpText, "Hel").more(), frame(OpBinary, "lo")}},
		{"binary-inside-binary", "A binary frame inside a binary message fails the connection.", []Frame{frame(OpBinary, "Hel").more(), frame(OpBinary, "lo")}},
		{"empty-text-inside-text", "An empty text frame inside a text message fails the connection.", []Frame{frame(OpText, "Hel").more(), frame(OpText, "")}},
		{"text-inside-later", "A text frame after a continuation that is not final fails the connection.", []Frame{frame(OpText, "H").more(), frame(OpContinuation, "el").more(), frame(OpText, "lo")}},
		{"open-text-inside-text", "A second text frame that is not final fails the connection.", []Frame{frame(OpText, "Hel").more(), frame(OpText, "lo").more()}},
		{"text-inside-empty", "A text frame inside a message that began empty fails the connection.", []Frame{frame(OpText, "").more(), frame(OpText, "Hello")}},
		{"text-after-ping", "A text frame inside a message, with a pong between, fails the connection.", []Frame{frame(OpText, "Hel").more(), pong("p"), frame(OpText, "lo")}},
	} {
		list = append(list, failing("fragments.broken."+c.name, "RFC 6455 §5.4", c.expect, 1002, c.frames...))
		bytewise := failing("fragments.broken."+c.name+"-bytewise", "RFC 6455 §5.4", strings.TrimSuffix(c.expect, " fails the connection.")+", byte by byte, fails the connection.", 1002, c.frames...)
		bytewise.Steps[0] = bytewise.Steps[0].chop(1)
		list = append(list, bytewise)
	}
	after := func(name, expect string, frames ...Frame) {
		list = append(list, Case{ID: "fragments.broken." + name, RFC: "RFC 6455 §5.4", Expect: expect, Steps: []Step{send(append(frames, ping("alive"))...)}, Outcomes: fails(1002, hello)})
	}
	after("continuation-after-single", "A continuation after a message in one frame fails the connection, and the message is answered.", frame(OpText, "Hello"), frame(OpContinuation, "more"))
	after("continuation-after-last", "A continuation after the last fragment fails the connection, and the message is answered.",
		frame(OpText, "Hel").more(), frame(OpContinuation, "lo"), frame(OpContinuation, "more"))
	after("continuation-open-after-last", "A continuation that is not final after the last fragment fails the connection, and the message is answered.",
		frame(OpText, "Hel").more(), frame(OpContinuation, "lo"), frame(OpContinuation, "more").more())
	after("interleaved", "Two messages whose fragments are interleaved fail the connection.",
		frame(OpText, "Hello"), frame(OpText, "one ").more(), frame(OpBinary, "two ").more(), frame(OpContinuation, "one"), frame(OpContinuation, "two"))
	return list
}
