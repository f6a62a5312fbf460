package check

import (
	"fmt"
	"strings"
)

var framingGroup = Group{
	Name:  "framing",
	Title: "Frames",
	Why: "A frame is a header that says what it is and how long, then the payload. Every length is written in the shortest of " +
		"three forms, reserved bits are zero without an extension, reserved opcodes are not used, and frames of a client are masked while those of a " +
		"server are not. Who takes what is not so may see other frames than the proxy in between, which is how caches are poisoned and requests smuggled.",
	cases: framingCases,
}

func framingCases() []Case {
	var list []Case
	for _, part := range []func() []Case{framingLengths, framingForms, framingHuge, framingMasks, framingReserved, framingOpcodes, framingPieces} {
		list = append(list, part()...)
	}
	return list
}

// echoing is a case in which what is sent has to come back, then a close is answered.
func echoing(id, rfc, expect string, steps []Step, seen ...Pattern) Case {
	return Case{ID: id, RFC: rfc, Expect: expect, Steps: append(append([]Step(nil), steps...), await(len(seen)), closing(1000, "")), Outcomes: echoes(seen...)}
}

// failing is a case in which the frames have to fail the connection; a ping behind them shows who goes on.
func failing(id, rfc, expect string, code int, frames ...Frame) Case {
	return Case{ID: id, RFC: rfc, Expect: expect, Steps: []Step{send(append(frames, ping("alive"))...)}, Outcomes: fails(code)}
}

// framingLengths are messages of each length at which the header changes, whole and in pieces.
func framingLengths() []Case {
	var list []Case
	for _, kind := range []struct {
		name string
		op   Op
		fill Fill
	}{{"text", OpText, FillASCII}, {"utf8", OpText, FillUTF8}, {"binary", OpBinary, FillRandom}} {
		for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536} {
			d := fill(kind.fill, n)
			if n == 0 {
				if kind.name == "utf8" {
					continue
				}
				d = lit("")
			}
			back := echoed(kind.op, d)
			whole := message(Message{Op: kind.op, Payload: d})
			list = append(list, echoing(fmt.Sprintf("framing.length.%s-%d", kind.name, n), "RFC 6455 §5.2",
				fmt.Sprintf("A message of %d bytes (%s) comes back.", n, kind.name), []Step{whole}, back))
			chop := 1
			if n > 128 {
				chop = 997
			}
			list = append(list, echoing(fmt.Sprintf("framing.length.%s-%d-chopped", kind.name, n), "RFC 6455 §5.2",
				fmt.Sprintf("A message of %d bytes (%s) comes back that arrives in pieces of %d.", n, kind.name, chop), []Step{whole.chop(chop)}, back))
		}
	}
	three := []Pattern{echoed(OpText, lit("one")), echoed(OpBinary, lit("two")), echoed(OpText, lit("three"))}
	return append(list, echoing("framing.length.together", "RFC 6455 §5.2", "Three messages that arrive in one write come back in order.",
		[]Step{send(frame(OpText, "one"), frame(OpBinary, "two"), frame(OpText, "three"))}, three...))
}

// framingForms are lengths in a longer form than they need.
func framingForms() []Case {
	const why = "A length must be written in the shortest form. With several forms for one length, a proxy and an endpoint that disagree about which they accept see different frames."
	var list []Case
	add := func(name, what string, f Frame) {
		c := failing("framing.length."+name, "RFC 6455 §5.2", what+" fails the connection.", 1002, f)
		c.Why = why
		list = append(list, c)
	}
	for _, op := range []Op{OpText, OpBinary} {
		suffix := ""
		if op == OpBinary {
			suffix = "-binary"
		}
		for _, n := range []int{0, 1, 124, 125} {
			add(fmt.Sprintf("non-minimal-16-of-%d%s", n, suffix), fmt.Sprintf("A length of %d in the 16-bit form (%v)", n, op),
				Frame{Op: op, Length: Length16, Payload: lit(strings.Repeat("x", n))})
		}
		for _, n := range []int{0, 1, 125, 126, 65535} {
			add(fmt.Sprintf("non-minimal-64-of-%d%s", n, suffix), fmt.Sprintf("A length of %d in the 64-bit form (%v)", n, op),
				Frame{Op: op, Length: Length64, Payload: lit(strings.Repeat("x", n))})
		}
	}
	add("non-minimal-16", "A length of 100 in the 16-bit form", Frame{Op: OpText, Length: Length16, Payload: lit(strings.Repeat("x", 100))})
	add("non-minimal-64", "A length of 1000 in the 64-bit form", Frame{Op: OpText, Length: Length64, Payload: lit(strings.Repeat("x", 1000))})
	for _, c := range []struct {
		name string
		f    Frame
	}{
		{"ping-16", Frame{Op: OpPing, Length: Length16, Payload: lit("ping")}},
		{"ping-64", Frame{Op: OpPing, Length: Length64, Payload: lit("ping")}},
		{"pong-16", Frame{Op: OpPong, Length: Length16, Payload: lit("pong")}},
		{"pong-64", Frame{Op: OpPong, Length: Length64, Payload: lit("pong")}},
	} {
		add("non-minimal-"+c.name, "A control frame with a length in a longer form ("+c.name+")", c.f)
	}
	c := Case{ID: "framing.length.non-minimal-close", RFC: "RFC 6455 §5.2", Expect: "A close frame with its length in the 16-bit form fails the connection.", Why: why,
		Steps:    []Step{send(Frame{Op: OpClose, Length: Length16, Payload: lit("\x03\xe8")})},
		Outcomes: []Outcome{{OK, "", []Pattern{closed(1002)}}, {NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}}}}
	list = append(list, c)
	list = append(list, Case{ID: "framing.length.non-minimal-continuation", RFC: "RFC 6455 §5.2", Expect: "A continuation with its length in the 16-bit form fails the connection.", Why: why,
		Steps: []Step{send(frame(OpText, "begin").more(), Frame{Op: OpContinuation, Length: Length16, Payload: lit("end")}, ping("alive"))}, Outcomes: fails(1002)})
	return append(list, Case{ID: "framing.length.non-minimal-after-good", RFC: "RFC 6455 §5.2", Expect: "A good message is answered before the bad one behind it fails the connection.", Why: why,
		Steps:    []Step{send(frame(OpText, "good"), Frame{Op: OpText, Length: Length16, Payload: lit("bad")}, ping("alive"))},
		Outcomes: fails(1002, echoed(OpText, lit("good")))})
}

// framingHuge are lengths that nothing follows.
func framingHuge() []Case {
	var list []Case
	const why = "The most significant bit of the 64-bit length must be 0: RFC 6455 §5.2. Where a length becomes a signed number, it turns negative, passes the limit, and is allocated or skipped."
	for _, c := range []struct {
		name string
		n    uint64
	}{{"alone", 1 << 63}, {"and-5", 1<<63 + 5}, {"all-ones", 1<<64 - 1}, {"and-65536", 1<<63 + 65536}} {
		for _, op := range []Op{OpText, OpBinary} {
			one := Case{ID: fmt.Sprintf("framing.length.top-bit-%s-%v", c.name, op), RFC: "RFC 6455 §5.2", Tags: []string{TagSecurity},
				Expect: fmt.Sprintf("The length %#x, whose top bit is set, fails the connection.", c.n), Why: why,
				Steps: []Step{send(Frame{Op: op, Length: Length64, Declare: c.n, Payload: lit("Hello")}), grace(), cut()}}
			one.Outcomes = append(fails(1002), Outcome{Fail, "it waits for the payload", []Pattern{late()}})
			list = append(list, one)
		}
	}
	for _, c := range []struct {
		name   string
		frames []Frame
	}{
		{"continuation", []Frame{frame(OpText, "begin").more(), {Op: OpContinuation, Length: Length64, Declare: 1<<63 + 5, Payload: lit("Hello")}}},
		{"ping", []Frame{{Op: OpPing, Length: Length64, Declare: 1<<63 + 4, Payload: lit("ping")}}},
		{"pong", []Frame{{Op: OpPong, Length: Length64, Declare: 1<<63 + 4, Payload: lit("pong")}}},
	} {
		list = append(list, Case{ID: "framing.length.top-bit-" + c.name, RFC: "RFC 6455 §5.2", Tags: []string{TagSecurity},
			Expect: "A " + c.name + " with a length whose top bit is set fails the connection.", Why: why,
			Steps:    []Step{send(c.frames...), grace(), cut()},
			Outcomes: append(fails(1002), Outcome{Fail, "it waits for the payload", []Pattern{late()}})})
	}
	for _, bits := range []int{31, 32, 40, 53, 62} {
		for _, op := range []Op{OpText, OpBinary} {
			list = append(list, Case{ID: fmt.Sprintf("framing.length.declared-2-%d-%v", bits, op), RFC: "RFC 6455 §10.4", Tags: []string{TagSecurity}, Memory: 32 << 20,
				Expect: fmt.Sprintf("A frame that declares 2^%d bytes and brings five is refused with 1009, or waited for without taking memory for it.", bits),
				Why:    "A length is a claim. Memory that is taken for what was announced, not for what has come, lets a few bytes stop a server.",
				Steps:  []Step{send(Frame{Op: op, Length: Length64, Declare: 1 << bits, Payload: lit("Hello")}), grace(), cut()},
				Outcomes: []Outcome{
					{OK, "", []Pattern{closed(1009)}},
					{Informational, "it waits for the payload: its limit is larger, or there is none", []Pattern{late()}},
					{WrongCode, "it refused the frame, but not with 1009", []Pattern{closed()}},
					{NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
				}})
		}
	}
	list = append(list, Case{ID: "framing.length.declared-in-continuation", RFC: "RFC 6455 §10.4", Tags: []string{TagSecurity}, Memory: 32 << 20,
		Expect: "A continuation that declares 2^62 bytes is refused with 1009, or waited for.",
		Steps:  []Step{send(frame(OpText, "begin").more(), Frame{Op: OpContinuation, Length: Length64, Declare: 1 << 62, Payload: lit("Hello")}), grace(), cut()},
		Outcomes: []Outcome{
			{OK, "", []Pattern{closed(1009)}},
			{Informational, "it waits for the payload", []Pattern{late()}},
			{WrongCode, "it refused the frame, but not with 1009", []Pattern{closed()}},
			{NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
		}})
	return list
}

// framingMasks are about who masks.
func framingMasks() []Case {
	var list []Case
	for _, c := range []struct {
		name string
		f    []Frame
	}{
		{"text", []Frame{frame(OpText, "Hello")}},
		{"empty-text", []Frame{frame(OpText, "")}},
		{"binary", []Frame{frame(OpBinary, "\x00\x01\x02")}},
		{"ping", []Frame{ping("ping")}},
		{"pong", []Frame{pong("pong")}},
		{"continuation", []Frame{frame(OpText, "be").more(), frame(OpContinuation, "gin")}},
		{"long", []Frame{{Op: OpText, Payload: fill(FillASCII, 1000)}}},
		{"fragment", []Frame{frame(OpText, "be").more()}},
	} {
		for _, role := range []struct{ tag, id, who string }{{TagServer, "unmasked", "A client's frame that is not masked"}, {TagClient, "masked", "A server's frame that is masked"}} {
			frames := append([]Frame(nil), c.f...)
			if frames[len(frames)-1].Mask = MaskNever; role.tag == TagClient {
				frames[len(frames)-1].Mask = MaskAlways
			}
			one := failing("framing.mask."+role.id+"-"+c.name, "RFC 6455 §5.1", role.who+" ("+c.name+") fails the connection.", 1002, frames...)
			one.Tags = []string{role.tag, TagSecurity}
			one.Why = "Clients mask, so that a page cannot choose the bytes on the wire and pass them off as HTTP to a proxy. A server must not accept frames without mask, " +
				"and a client must not accept frames with one."
			list = append(list, one)
		}
	}
	for _, role := range []struct {
		tag, id, who string
		mask         MaskForm
	}{{TagServer, "unmasked-close", "A client's close frame that is not masked", MaskNever}, {TagClient, "masked-close", "A server's close frame that is masked", MaskAlways}} {
		f := closeFrame(1000, "")
		f.Mask = role.mask
		list = append(list, Case{ID: "framing.mask." + role.id, RFC: "RFC 6455 §5.1", Tags: []string{role.tag}, Expect: role.who + " fails the connection.", Steps: []Step{send(f)},
			Outcomes: []Outcome{
				{OK, "", []Pattern{closed(1002)}},
				{NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
				{WrongCode, "it answered as if the frame were right", []Pattern{closed()}},
			}})
	}
	zero := frame(OpText, "masked with zeros")
	zero.Mask = MaskZero
	one := echoing("framing.mask.zeros", "RFC 6455 §5.3", "A frame masked with a key of zeros comes back.", []Step{send(zero)}, echoed(OpText, lit("masked with zeros")))
	one.Tags = []string{TagServer}
	return append(list, one)
}

// framingReserved are the reserved bits, on every kind of frame.
func framingReserved() []Case {
	var list []Case
	names := map[byte]string{RSV1: "1", RSV2: "2", RSV3: "3", RSV1 | RSV2: "12", RSV1 | RSV3: "13", RSV2 | RSV3: "23", RSV1 | RSV2 | RSV3: "123"}
	for _, bits := range []byte{RSV1, RSV2, RSV3, RSV1 | RSV2, RSV1 | RSV3, RSV2 | RSV3, RSV1 | RSV2 | RSV3} {
		for _, c := range []struct {
			name   string
			frames []Frame
		}{
			{"text", []Frame{frame(OpText, "Hello")}},
			{"binary", []Frame{frame(OpBinary, "Hello")}},
			{"continuation", []Frame{frame(OpText, "Hel").more(), frame(OpContinuation, "lo")}},
			{"fragment", []Frame{frame(OpText, "Hel").more()}},
			{"ping", []Frame{ping("ping")}},
			{"pong", []Frame{pong("pong")}},
			{"ping-between", []Frame{frame(OpText, "Hel").more(), ping("ping")}},
		} {
			frames := append([]Frame(nil), c.frames...)
			frames[len(frames)-1].RSV = bits
			list = append(list, failing(fmt.Sprintf("framing.rsv.%s-%s", names[bits], c.name), "RFC 6455 §5.2",
				fmt.Sprintf("A reserved bit (RSV%s, %s) without an extension fails the connection.", names[bits], c.name), 1002, frames...))
		}
		list = append(list, Case{ID: fmt.Sprintf("framing.rsv.%s-close", names[bits]), RFC: "RFC 6455 §5.2",
			Expect: fmt.Sprintf("A reserved bit (RSV%s) on a close frame fails the connection.", names[bits]), Steps: []Step{send(closeFrame(1000, "").rsv(bits))},
			Outcomes: []Outcome{
				{OK, "", []Pattern{closed(1002)}},
				{NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
			}})
		list = append(list, Case{ID: fmt.Sprintf("framing.rsv.%s-after-good", names[bits]), RFC: "RFC 6455 §5.2",
			Expect:   fmt.Sprintf("A good message is answered before a frame with RSV%s fails the connection.", names[bits]),
			Steps:    []Step{send(frame(OpText, "good"), frame(OpText, "bad").rsv(bits), ping("alive"))},
			Outcomes: fails(1002, echoed(OpText, lit("good")))})
	}
	return append(list, framingReservedAgreed()...)
}

// framingReservedAgreed are the reserved bits that have no meaning with permessage-deflate either.
func framingReservedAgreed() []Case {
	var list []Case
	for _, bits := range []struct {
		name string
		rsv  byte
	}{{"2", RSV2}, {"3", RSV3}, {"23", RSV2 | RSV3}} {
		for _, c := range []struct {
			name   string
			frames []Frame
		}{
			{"text", []Frame{frame(OpText, "Hello")}},
			{"binary", []Frame{frame(OpBinary, "Hello")}},
			{"continuation", []Frame{frame(OpText, "Hel").more(), frame(OpContinuation, "lo")}},
			{"ping", []Frame{ping("ping")}},
			{"pong", []Frame{pong("pong")}},
		} {
			frames := append([]Frame(nil), c.frames...)
			frames[len(frames)-1].RSV = bits.rsv
			one := failing(fmt.Sprintf("framing.rsv.agreed-%s-%s", bits.name, c.name), "RFC 6455 §5.2",
				fmt.Sprintf("A reserved bit (RSV%s, %s) fails the connection though compression is agreed on.", bits.name, c.name), 1002, frames...)
			one.Why = "An extension gives a meaning to the bits that it names. permessage-deflate names RSV1 alone: the others stay reserved."
			one.Open, one.Tags = Open{Deflate: &Deflate{}}, []string{TagExtension}
			list = append(list, one)
		}
	}
	return list
}

// framingOpcodes are the opcodes without a meaning.
func framingOpcodes() []Case {
	var list []Case
	for _, op := range []Op{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		id := func(what string) string { return fmt.Sprintf("framing.opcode.%d-%s", op, what) }
		expect := func(what string) string {
			return fmt.Sprintf("A frame with the reserved opcode %#x %s fails the connection.", byte(op), what)
		}
		list = append(list,
			failing(id("empty"), "RFC 6455 §5.2", expect("without payload"), 1002, frame(op, "")),
			failing(id("payload"), "RFC 6455 §5.2", expect("and a payload"), 1002, frame(op, "payload")),
			failing(id("between"), "RFC 6455 §5.2", expect("between two fragments"), 1002, frame(OpText, "Hel").more(), frame(op, ""), frame(OpContinuation, "lo")),
			failing(id("fragment"), "RFC 6455 §5.2", expect("that is not final"), 1002, frame(op, "Hel").more()),
			Case{ID: id("after-good"), RFC: "RFC 6455 §5.2", Expect: expect("after a good message, which is answered,"),
				Steps:    []Step{send(frame(OpText, "good"), frame(op, "bad"), ping("alive"))},
				Outcomes: fails(1002, echoed(OpText, lit("good")))})
	}
	return list
}
