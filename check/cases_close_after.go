package check

import (
	"fmt"
	"strings"
	"time"
)

const whyAfter = "A close frame is the last that its sender sends. What follows belongs to no message, and whoever got the close frame reads nothing more (§1.4, §5.5.1). To answer data " +
	"behind it, or to fail because of it after the close was answered, means that the endpoint has not stopped."

// closeAfter sends something behind the close frame.
func closeAfter() []Case {
	var ten []Frame
	for range 10 {
		ten = append(ten, frame(OpText, "too late"))
	}
	first := closeFrame(1000, "")
	behind := func(frames ...Frame) []Step { return []Step{send(append([]Frame{first}, frames...)...)} }
	large := frame(OpBinary, "")
	large.Payload = fill(FillRandom, 60000)
	list := []Case{
		{ID: "close.after.text", Expect: "A text message in the same write behind a close does not come back.", Steps: behind(frame(OpText, "too late"))},
		{ID: "close.after.binary", Expect: "A binary message of 60,000 bytes in the same write behind a close does not come back.", Steps: behind(large)},
		{ID: "close.after.ten", Expect: "Ten messages in the same write behind a close do not come back.", Steps: behind(ten...)},
		{ID: "close.after.fragments", Expect: "A message in fragments behind a close does not come back.",
			Steps: behind(frame(OpText, "too ").more(), frame(OpContinuation, "late"))},
		{ID: "close.after.invalid-text", Expect: "Text behind a close that is not valid UTF-8 changes nothing.", Steps: behind(frame(OpText, "\xff"))},
		{ID: "close.after.reserved", Expect: "A frame with a reserved opcode behind a close changes nothing.", Steps: behind(frame(0xb, "too late"))},
		{ID: "close.after.garbage", Expect: "Bytes behind a close that are no frames change nothing.",
			Steps: []Step{send(first, Frame{Op: OpPong}), raw("\xff\xff\xff\xff\xff\xff\xff\xff garbage \x00\x01\x02")}},
		{ID: "close.after.unfinished", Expect: "The beginning of a frame behind a close is not waited for.",
			Steps: behind(Frame{Op: OpText, Payload: lit("too"), Declare: 1000})},
		{ID: "close.after.double", Expect: "A second close behind the first changes nothing.", Steps: behind(closeFrame(1000, ""))},
		{ID: "close.after.double-other", Expect: "A second close with another code behind the first changes nothing.", Steps: behind(closeFrame(4000, "another"))},
		{ID: "close.after.double-invalid", Expect: "A second close with one byte behind the first changes nothing.", Steps: behind(frame(OpClose, "\x03"))},
		{ID: "close.after.pong", Expect: "A pong behind a close changes nothing.", Steps: behind(pong("too late"))},
		{ID: "close.after.ping", Expect: "A ping behind a close need not be answered, and the close is.", Steps: behind(ping("too late"))},
		{ID: "close.after.many-pings", Expect: "A hundred pings behind a close need not be answered, and the close is.",
			Steps: []Step{send(first, ping("too late")), send(ping("too late")).times(99)}},
	}
	for i := range list {
		list[i].RFC, list[i].Why, list[i].Outcomes = "RFC 6455 §1.4, §5.5.1", whyAfter, answers(1000)
		if strings.Contains(list[i].ID, "ping") {
			list[i].Outcomes = append(list[i].Outcomes[:1:1], append([]Outcome{{Informational, "it answered a ping that came behind the close frame",
				[]Pattern{ponged(lit("too late")).repeated(), closed(1000)}}}, list[i].Outcomes[1:]...)...)
		}
	}
	return list
}

// closeOpen closes while a message is open.
func closeOpen() []Case {
	const why = "A close frame may come between the fragments of a message, as every control frame may. It ends the connection there; the message was never whole, and nothing of it may " +
		"come back."
	large := frame(OpBinary, "").more()
	large.Payload = fill(FillRandom, 60000)
	list := []Case{
		{ID: "close.open.text", Expect: "A close after the first fragment of a text is answered, and nothing comes back.", Steps: []Step{send(frame(OpText, "half").more(), closeFrame(1000, ""))}},
		{ID: "close.open.binary", Expect: "A close after the first fragment of a binary message of 60,000 bytes is answered, and nothing comes back.", Steps: []Step{send(large, closeFrame(1000, ""))}},
		{ID: "close.open.empty", Expect: "A close after a first fragment without payload is answered, and nothing comes back.", Steps: []Step{send(frame(OpText, "").more(), closeFrame(1000, ""))}},
		{ID: "close.open.cut-character", Expect: "A close in the middle of a character is answered: its message has not ended.",
			Steps: []Step{send(frame(OpText, "\xe2\x82").more(), closeFrame(1000, ""))}},
		{ID: "close.open.continued", Expect: "A close between two fragments is answered, and the message does not come back though its end follows.",
			Steps: []Step{send(frame(OpText, "half ").more(), closeFrame(1000, ""), frame(OpContinuation, "whole"))}},
		{ID: "close.open.continued-binary", Expect: "A close between three fragments of a binary message is answered, and the message does not come back though its end follows.",
			Steps: []Step{send(frame(OpBinary, "\x00").more(), frame(OpContinuation, "\x01").more(), closeFrame(1000, ""), frame(OpContinuation, "\x02"))}},
		{ID: "close.open.later", Expect: "A close some time after the first fragment is answered, and nothing comes back.",
			Steps: []Step{send(frame(OpText, "half").more()), pause(50 * time.Millisecond), closing(1000, "")}},
	}
	for i := range list {
		list[i].RFC, list[i].Why, list[i].Outcomes = "RFC 6455 §5.4, §5.5.1", why, answers(1000)
	}
	return list
}

// closeOrder has messages before the close.
func closeOrder() []Case {
	var list []Case
	const why = "A close frame comes after the messages that were sent before it, and so do the answers of an endpoint that handles one after the other. The RFC lets an endpoint answer " +
		"the close at once, so that answers which are lost are told and are no fault."
	add := func(id, expect string, c Case, seen []Pattern) {
		c.ID, c.Expect, c.RFC, c.Why = id, expect, "RFC 6455 §5.5.1, §1.4", why
		lost := clone(seen)
		for i := range lost {
			lost[i].Optional = true
		}
		c.Outcomes = append(answers(1000, seen...), Outcome{Informational, "it answered the close before all messages that came before it", append(lost, closed(1000, 1005))})
		list = append(list, c)
	}
	for _, n := range []int{1, 10, 100} {
		var frames []Frame
		var seen []Pattern
		for i := range n {
			f := frame(OpText, fmt.Sprintf("message %d", i+1))
			frames = append(frames, f)
			seen = append(seen, echoed(OpText, f.Payload))
		}
		add(fmt.Sprintf("close.order.after-%d", n), fmt.Sprintf("%d messages and a close in one write: all come back before the close is answered.", n),
			Case{Steps: []Step{send(append(frames, closeFrame(1000, ""))...)}}, seen)
	}
	d := fill(FillRandom, 60000)
	add("close.order.large", "A message of 60,000 bytes and a close in one write: the message comes back before the close is answered.",
		Case{Steps: []Step{send(Frame{Op: OpBinary, Payload: d}, closeFrame(1000, ""))}}, []Pattern{echoed(OpBinary, d)})
	add("close.order.ping", "A ping and a close in one write: the pong comes before the close is answered.",
		Case{Steps: []Step{send(ping("before"), closeFrame(1000, ""))}}, []Pattern{ponged(lit("before"))})
	add("close.order.fragments", "A message in fragments of one byte and a close in one write: the message comes back before the close is answered.",
		Case{Steps: []Step{send(frame(OpText, "a").more(), frame(OpContinuation, "b").more(), frame(OpContinuation, "c"), closeFrame(1000, ""))}}, []Pattern{echoed(OpText, lit("abc"))})

	var waited []Step
	var seen []Pattern
	for i := range 100 {
		d := lit(fmt.Sprintf("message %d", i+1))
		waited = append(waited, text(d), await(1))
		seen = append(seen, echoed(OpText, d))
	}
	c := Case{Steps: append(waited, closing(1000, ""))}
	add("close.order.after-100-echoes", "A close after 100 messages that came back one by one is answered.", c, seen)
	add("close.order.silence", "A close on a connection without a message is answered.", Case{Steps: []Step{pause(50 * time.Millisecond), closing(1000, "")}}, nil)
	return list
}

// closeTCP looks at the end of the TCP connection.
func closeTCP() []Case {
	const why = "When both have sent a close frame the connection is closed, and each side must end the TCP connection: a server at once, so that the port that waits for stray packets is " +
		"its own, while a client should leave that to the server (§5.5.1, §7.1.1). Here a server has to end it by itself, and a client once the suite has. Who does not keeps a socket, " +
		"and often a goroutine or a buffer, for a connection that is over."
	ends := func(code int, seen ...Pattern) []Outcome {
		after := func(p ...Pattern) []Pattern { return append(clone(seen), p...) }
		return []Outcome{
			{OK, "", after(closed(code), gone())},
			{Informational, "it answered with 1000 or without a code, then ended the TCP connection", after(closed(1000, 1005), gone())},
			{NonStrict, "it ended the TCP connection later than a second after the close frames", after(closed(), late(), gone())},
			{WrongCode, "it ended the TCP connection, but its close has another code", after(closed(), gone())},
			{NonStrict, "it ended the connection without a close frame", after(dropped())},
		}
	}
	list := []Case{
		{ID: "close.tcp.answered", Expect: "The TCP connection ends right after a close with 1000 is answered.", Steps: []Step{closing(1000, "")}, Outcomes: ends(1000)},
		{ID: "close.tcp.empty", Expect: "The TCP connection ends right after a close without code is answered.", Steps: []Step{send(frame(OpClose, ""))}, Outcomes: ends(1005)},
		{ID: "close.tcp.application", Expect: "The TCP connection ends right after a close with 4000 is answered.", Steps: []Step{closing(4000, "bye")}, Outcomes: ends(4000)},
		{ID: "close.tcp.used", Expect: "The TCP connection ends right after the close of a connection that was used.",
			Steps: []Step{text(lit("used")), await(1), closing(1000, "")}, Outcomes: ends(1000, echoed(OpText, lit("used")))},
		{ID: "close.tcp.open-message", Expect: "The TCP connection ends right after a close that came inside a message.",
			Steps: []Step{send(frame(OpText, "half").more(), closeFrame(1000, ""))}, Outcomes: ends(1000)},
		{ID: "close.tcp.data-behind", Expect: "The TCP connection ends right after a close though data follows it.",
			Steps: []Step{send(closeFrame(1000, "")), send(frame(OpBinary, strings.Repeat("too late", 1000))).times(8)}, Outcomes: ends(1000)},
		{ID: "close.tcp.protocol-error", Expect: "The TCP connection ends right after a reserved opcode failed it with 1002.", Steps: []Step{send(frame(0xb, ""))}, Outcomes: ends(1002)},
		{ID: "close.tcp.invalid-text", Expect: "The TCP connection ends right after invalid text failed it with 1007.", Steps: []Step{send(frame(OpText, "\xff"))}, Outcomes: ends(1007)},
		{ID: "close.tcp.invalid-code", Expect: "The TCP connection ends right after a close with 1005 failed it with 1002.", Steps: []Step{closing(1005, "")}, Outcomes: ends(1002)},
		{ID: "close.tcp.invalid-second", Expect: "The TCP connection ends right after a fault in the second message failed it with 1007.",
			Steps: []Step{text(lit("good")), await(1), text(lit("\xff"))}, Outcomes: ends(1007, echoed(OpText, lit("good")))},
	}
	for i := range list {
		list[i].RFC, list[i].Why = "RFC 6455 §5.5.1, §7.1.1", why
	}
	return list
}
