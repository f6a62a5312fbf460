package check

import (
	"fmt"
	"strings"
	"time"
)

var controlGroup = Group{
	Name:  "control",
	Title: "Ping and pong",
	Why: "A ping is answered with a pong that has the same payload, as soon as is practical, also between the fragments of a message. A pong that nobody asked for " +
		"is ignored. Control frames have at most 125 bytes and are never fragmented, so that they can pass between fragments and need no large buffer. A side that does not see its " +
		"ping answered takes the connection for dead.",
	cases: controlCases,
}

func controlCases() []Case {
	list := pinged()
	list = append(list, unsolicited()...)
	return append(list, brokenControl()...)
}

// pinged are pings that have to be answered.
func pinged() []Case {
	var list []Case
	payload := func(n int) string { return strings.Repeat("0123456789", 13)[:n] }
	for _, n := range []int{0, 1, 2, 7, 8, 9, 63, 64, 124, 125} {
		p := payload(n)
		list = append(list,
			echoing(fmt.Sprintf("control.ping.%d", n), "RFC 6455 §5.5.2", fmt.Sprintf("A ping of %d bytes is answered with the same payload.", n), []Step{send(ping(p))}, ponged(lit(p))),
			echoing(fmt.Sprintf("control.ping.%d-bytewise", n), "RFC 6455 §5.5.2", fmt.Sprintf("A ping of %d bytes that arrives byte by byte is answered.", n),
				[]Step{send(ping(p)).chop(1)}, ponged(lit(p))))
	}
	for _, c := range []struct{ name, payload string }{
		{"binary", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"}, {"zeros", "\x00\x00\x00\x00"}, {"bad-utf8", "\xed\xa0\x80\xc0\xaf"}, {"looks-like-a-frame", "\x88\x02\x03\xe8\x81\x05Hello"},
	} {
		list = append(list, echoing("control.ping."+c.name, "RFC 6455 §5.5.2", "A ping of any bytes ("+c.name+") is answered with the same payload.", []Step{send(ping(c.payload))}, ponged(lit(c.payload))))
	}
	junk := fill(FillRandom, 125)
	list = append(list, echoing("control.ping.random-125", "RFC 6455 §5.5.2", "A ping of 125 random bytes is answered with the same payload.",
		[]Step{send(Frame{Op: OpPing, Payload: junk})}, ponged(junk)))
	for _, n := range []int{10, 100} {
		var frames []Frame
		var all []Pattern
		for i := range n {
			p := fmt.Sprintf("ping %d", i)
			frames = append(frames, ping(p))
			all = append(all, ponged(lit(p)))
		}
		some := append(optional(all[:n-1]), all[n-1])
		steps := []Step{send(frames...), grace(), closing(1000, "")}
		c := Case{ID: fmt.Sprintf("control.ping.row-of-%d", n), RFC: "RFC 6455 §5.5.3", Expect: fmt.Sprintf("%d pings in a row are answered in order, or the last of those that were waiting.", n),
			Why:   "Who has several pings to answer may answer only the latest: it says as much as all of them. The answers keep the order of the pings.",
			Steps: steps, Outcomes: []Outcome{
				{OK, "", append(clone(all), late(), closed(1000, 1005))},
				{Informational, "it answered only some of them, as it may", append(clone(some), late(), closed(1000, 1005))},
				{Informational, "it has a limit for pings, and says so", append(optional(all), closed(1008))},
				{NonStrict, "it ended the connection: it may have a limit for pings", append(optional(all), dropped())},
			}}
		list = append(list, c)
	}
	slow := []Step{}
	var each []Pattern
	for i := range 10 {
		p := fmt.Sprintf("ping %d", i)
		slow = append(slow, send(ping(p)), await(1))
		each = append(each, ponged(lit(p)))
	}
	list = append(list, Case{ID: "control.ping.one-by-one", RFC: "RFC 6455 §5.5.2", Expect: "Ten pings, each sent after the answer to the one before, are all answered.",
		Steps: append(slow, closing(1000, "")), Outcomes: echoes(each...)})
	hello := echoed(OpText, lit("Hello"))
	list = append(list,
		echoing("control.ping.after-message", "RFC 6455 §5.5.2", "A message, then a ping, are answered in that order.", []Step{send(frame(OpText, "Hello"), ping("p"))}, hello, ponged(lit("p"))),
		echoing("control.ping.before-message", "RFC 6455 §5.5.2", "A ping, then a message, are answered in that order.", []Step{send(ping("p"), frame(OpText, "Hello"))}, ponged(lit("p")), hello))
	for i := range list[len(list)-2:] {
		c := &list[len(list)-2+i]
		c.Outcomes = append(c.Outcomes, Outcome{Informational, "both are answered, in the other order", []Pattern{c.Outcomes[0].Seen[1], c.Outcomes[0].Seen[0], closed(1000, 1005)}})
	}
	// Between fragments.
	for _, c := range []struct {
		name   string
		frames []Frame
	}{
		{"two-fragments", []Frame{frame(OpText, "Hel").more(), ping("p"), frame(OpContinuation, "lo")}},
		{"three-fragments", []Frame{frame(OpText, "H").more(), frame(OpContinuation, "e").more(), ping("p"), frame(OpContinuation, "llo")}},
		{"empty-fragments", []Frame{frame(OpText, "").more(), ping("p"), frame(OpContinuation, "Hello")}},
		{"in-pieces", []Frame{frame(OpText, "Hel").more(), ping("p"), frame(OpContinuation, "lo")}},
	} {
		step := send(c.frames...)
		if c.name == "in-pieces" {
			step = step.chop(1)
		}
		list = append(list, between("control.between."+c.name, "A ping between fragments ("+c.name+") is answered, before the message that it stands in.", hello, step))
	}
	list = append(list, Case{ID: "control.between.at-once", RFC: "RFC 6455 §5.4", Expect: "A ping between fragments is answered before the rest of the message comes.",
		Steps: []Step{send(frame(OpText, "Hel").more(), ping("p")), await(1), send(frame(OpContinuation, "lo")), await(1), closing(1000, "")}, Outcomes: echoes(ponged(lit("p")), hello)})
	both := between("control.between.several", "Two pings between fragments are answered in order.", hello,
		send(frame(OpText, "H").more(), ping("p"), frame(OpContinuation, "el").more(), ping("q"), frame(OpContinuation, "lo")))
	both.Steps[1] = await(3)
	p, q := ponged(lit("p")), ponged(lit("q"))
	both.Outcomes = []Outcome{
		{OK, "", []Pattern{p, q, hello, closed(1000, 1005)}},
		{NonStrict, "a ping is answered after the message that it stands in", []Pattern{p, hello, q, closed(1000, 1005)}},
		{NonStrict, "the pings are answered after the message that they stand in", []Pattern{hello, p, q, closed(1000, 1005)}},
	}
	list = append(list, both)
	list = append(list, Case{ID: "control.ping.then-close", RFC: "RFC 6455 §5.5.2", Expect: "A ping, then a close, are both answered.",
		Steps: []Step{send(ping("p"), closeFrame(1000, ""))}, Outcomes: append(echoes(ponged(lit("p"))),
			Outcome{Informational, "it had received the close, and did not answer the ping any more", []Pattern{closed(1000, 1005)}})})
	return list
}

// between is a case with a ping inside a message.
func between(id, expect string, back Pattern, step Step) Case {
	p := ponged(lit("p"))
	c := echoing(id, "RFC 6455 §5.4", expect, []Step{step}, p, back)
	c.Outcomes = append(c.Outcomes, Outcome{NonStrict, "the ping is answered after the message that it stands in", []Pattern{back, p, closed(1000, 1005)}})
	return c
}

// unsolicited are pongs that nobody asked for.
func unsolicited() []Case {
	hello := echoed(OpText, lit("Hello"))
	after := send(frame(OpText, "Hello"))
	return []Case{
		echoing("control.pong.empty", "RFC 6455 §5.5.3", "An empty pong that nobody asked for is ignored.", []Step{send(pong("")), after}, hello),
		echoing("control.pong.payload", "RFC 6455 §5.5.3", "A pong with a payload that nobody asked for is ignored.", []Step{send(pong("unasked")), after}, hello),
		echoing("control.pong.largest", "RFC 6455 §5.5.3", "A pong of 125 bytes that nobody asked for is ignored.", []Step{send(pong(strings.Repeat("p", 125))), after}, hello),
		echoing("control.pong.ten", "RFC 6455 §5.5.3", "Ten pongs that nobody asked for are ignored.", []Step{send(pong("unasked")).times(10), after}, hello),
		echoing("control.pong.bytewise", "RFC 6455 §5.5.3", "A pong that arrives byte by byte is ignored.", []Step{send(pong("unasked")).chop(1), after}, hello),
		echoing("control.pong.between", "RFC 6455 §5.5.3", "A pong between fragments is ignored.", []Step{send(frame(OpText, "Hel").more(), pong("unasked"), frame(OpContinuation, "lo"))}, hello),
		echoing("control.pong.then-ping", "RFC 6455 §5.5.3", "A ping after a pong that nobody asked for is answered.", []Step{send(pong("unasked"), ping("p"))}, ponged(lit("p"))),
		echoing("control.pong.not-answered", "RFC 6455 §5.5.3", "A pong is not answered.", []Step{send(pong("unasked")), pause(50 * time.Millisecond), after}, hello),
	}
}

// brokenControl are control frames that are too long, or not whole.
func brokenControl() []Case {
	var list []Case
	for _, op := range []Op{OpPing, OpPong, OpClose} {
		add := func(name, expect string, frames ...Frame) {
			c := failing(fmt.Sprintf("control.broken.%v-%s", op, name), "RFC 6455 §5.5", expect, 1002, frames...)
			if op == OpClose { // an answer to the close would look like a failure with another code
				c.Outcomes = []Outcome{c.Outcomes[0], {NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
					{WrongCode, "it failed the connection, but with another code", []Pattern{closed(1006, 1007, 1008, 1009, 1011)}}}
			}
			list = append(list, c)
		}
		start := ""
		if op == OpClose {
			start = "\x03\xe8"
		}
		for _, n := range []int{126, 127, 1000, 65535, 65536} {
			add(fmt.Sprintf("of-%d", n), fmt.Sprintf("A %v of %d bytes fails the connection.", op, n), frame(op, start+strings.Repeat("x", n-len(start))))
		}
		bytewise := len(list)
		add("of-126-bytewise", fmt.Sprintf("A %v of 126 bytes that arrives byte by byte fails the connection.", op), frame(op, start+strings.Repeat("x", 126-len(start))))
		list[bytewise].Steps[0] = list[bytewise].Steps[0].chop(1)
		add("fragment", fmt.Sprintf("A %v that is not final fails the connection.", op), frame(op, start).more())
		add("fragments", fmt.Sprintf("A %v in two fragments fails the connection.", op), frame(op, start).more(), frame(OpContinuation, "rest"))
		add("fragment-between", fmt.Sprintf("A %v that is not final between fragments fails the connection.", op), frame(OpText, "Hel").more(), frame(op, start).more(), frame(OpContinuation, "lo"))
		add("too-long-between", fmt.Sprintf("A %v of 126 bytes between fragments fails the connection.", op), frame(OpText, "Hel").more(), frame(op, start+strings.Repeat("x", 126-len(start))), frame(OpContinuation, "lo"))
	}
	return list
}
