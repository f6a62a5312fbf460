package check

import (
	"fmt"
	"strings"

	"github.com/parley-ws/parley/check/internal/deflate"
)

var deflateGroup = Group{
	Name:  "deflate",
	Title: "Compressed messages",
	Why: "With permessage-deflate a message may go compressed: RSV1 on its first frame says so, its payload is a DEFLATE stream of any blocks whose last " +
		"four bytes are left out. References reach back through earlier compressed messages, unless takeover was excluded, but never farther than the window " +
		"that was agreed on, and nothing but the payload of compressed messages is in that window. Who remembers more, less or something else than the other side " +
		"sees garbage.",
	cases: deflateCases,
}

func deflateCases() []Case {
	var list []Case
	for _, part := range []func() []Case{deflateVectors, deflateBlocks, deflateFrames, deflateWindows, deflateCorrupt, deflateSizes} {
		list = append(list, part()...)
	}
	return list
}

// packed is a compressed message, from its payload as it is on the wire.
func packed(op Op, payload string) Step { return send(packedFrame(op, payload)) }

func packedFrame(op Op, payload string) Frame { return frame(op, payload).rsv(RSV1) }

// build is what a Builder has built.
func build(b *deflate.Builder) string { return string(b.Bytes()) }

func builder() *deflate.Builder { return new(deflate.Builder) }

// deflated is a case about compressed messages, with the plain parameters.
func deflated(id, rfc, expect string, steps []Step, outcomes []Outcome) Case {
	return Case{ID: "deflate." + id, RFC: rfc, Expect: expect, Tags: []string{TagExtension}, Open: Open{Deflate: &Deflate{}},
		Steps: steps, Outcomes: outcomes}
}

// referring is a case whose messages refer to earlier ones.
func referring(c Case) Case {
	d := *c.Open.Deflate
	d.OwnTakeover = true
	c.Open.Deflate = &d
	return c
}

// thenClose sends steps, waits for n answers and closes.
func thenClose(n int, steps ...Step) []Step { return append(steps, await(n), closing(1000, "")) }

// deflateVectors are the examples of RFC 7692 §7.2.3.
func deflateVectors() []Case {
	hello := echoed(OpText, lit("Hello"))
	one := func(id, section, what, payload string) Case {
		return deflated("vector."+id, "RFC 7692 "+section, "The RFC's example of "+what+" is read as “Hello”.",
			thenClose(1, packed(OpText, payload)), echoes(hello))
	}
	const first = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	list := []Case{
		one("one-block", "§7.2.3.1", "one block", first),
		one("stored", "§7.2.3.3", "a block without compression", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
		one("final-block", "§7.2.3.4", "a block with BFINAL", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
		one("two-blocks", "§7.2.3.5", "two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
		deflated("vector.fragments", "RFC 7692 §7.2.3.1", "The RFC's example of one block in two fragments is read as “Hello”.",
			thenClose(1, send(packedFrame(OpText, first[:3]).more(), frame(OpContinuation, first[3:]))), echoes(hello)),
		referring(deflated("vector.shared-window", "RFC 7692 §7.2.3.2", "The RFC's example of a second message that refers to the first is read as “Hello” twice.",
			thenClose(2, packed(OpText, first), packed(OpText, "\xf2\x00\x11\x00\x00")), echoes(hello, hello))),
		referring(deflated("vector.shared-window-apart", "RFC 7692 §7.2.3.2", "The second message may come after the answer to the first.",
			thenClose(1, packed(OpText, first), await(1), packed(OpText, "\xf2\x00\x11\x00\x00")), echoes(hello, hello))),
		deflated("vector.repeated", "RFC 7692 §7.2.3.1", "Twenty equal messages that do not refer to each other are all read.",
			thenClose(20, packed(OpText, first).times(20)), echoes(repeat(20, hello)...)),
		deflated("vector.empty", "RFC 7692 §7.2.3.6", "The byte 00 is a compressed message without content.",
			thenClose(1, packed(OpText, "\x00")), echoes(echoed(OpText, lit("")))),
		deflated("vector.empty-fixed", "RFC 7692 §7.2.3.6", "An empty block with fixed codes is a compressed message without content.",
			thenClose(1, packed(OpBinary, "\x02\x00")), echoes(echoed(OpBinary, lit("")))),
	}
	return list
}

func repeat(n int, p Pattern) []Pattern {
	list := make([]Pattern, n)
	for i := range list {
		list[i] = p
	}
	return list
}

// deflateBlocks are messages of unusual blocks.
func deflateBlocks() []Case {
	const words = "the window, the whole window and nothing but the window "
	long := strings.Repeat(words, 20)
	var list []Case
	add := func(id, expect, want string, b *deflate.Builder) {
		d := lit(want)
		list = append(list, deflated("blocks."+id, "RFC 7692 §7.2.2", expect, thenClose(1, packed(OpText, build(b))), echoes(echoed(OpText, d))))
	}
	match := []deflate.Token{deflate.Lit(words), deflate.Match(258, len(words)), deflate.Match(258, len(words)),
		deflate.Match(258, len(words)), deflate.Match(258, len(words)), deflate.Match(len(long)-len(words)-4*258, len(words))}
	add("stored", "A stored block is read.", long, builder().Stored(false, long).Sync())
	add("fixed", "A block with fixed codes and references is read.", long, builder().Fixed(false, match...).Sync())
	add("dynamic", "A block with codes of its own is read.", long, builder().Dynamic(false, match...).Sync())
	add("dynamic-literals", "A block with codes for literals alone is read.", words, builder().Dynamic(false, deflate.Lit(words)).Sync())
	add("every-kind", "Blocks of every kind in one message are read.", "stored fixed dynamic fixed",
		builder().Stored(false, "stored ").Fixed(false, deflate.Lit("fixed ")).Dynamic(false, deflate.Lit("dynamic ")).
			Fixed(false, deflate.Match(5, 14)).Sync())
	add("reference-across", "A reference may reach into an earlier block of the same message.", words+words,
		builder().Stored(false, words).Fixed(false, deflate.Match(len(words), len(words))).Sync())
	add("overlapping", "A reference may overlap what it makes.", strings.Repeat("a", 259), builder().Fixed(false, deflate.Lit("a"), deflate.Match(258, 1)).Sync())
	add("empty-stored-first", "An empty stored block before the data is read.", "data", builder().Stored(false, "").Fixed(false, deflate.Lit("data")).Sync())
	add("empty-stored-last", "A stored block that is empty and whole, 00 00 ff ff included, before the end is read.", "data",
		builder().Fixed(false, deflate.Lit("data")).Stored(false, "").Sync())
	empties := builder()
	for range 100 {
		empties.Stored(false, "").Fixed(false)
	}
	add("empty-hundred", "Two hundred empty blocks before the data are read.", "data", empties.Fixed(false, deflate.Lit("data")).Sync())
	single := builder()
	for _, c := range words {
		single.Fixed(false, deflate.Lit(string(c)))
	}
	add("single-bytes", "A block for each byte is read.", words, single.Sync())
	syncs := builder()
	for _, c := range words {
		syncs.Stored(false, string(c))
	}
	add("stored-bytes", "A stored block for each byte is read.", words, syncs.Sync())
	add("final-fixed", "A block with fixed codes and BFINAL does not end the window or the connection.", words, builder().Fixed(true, deflate.Lit(words)).Align().Sync())
	add("final-stored", "A stored block with BFINAL is read.", words, builder().Stored(true, words).Align().Sync())
	add("final-dynamic", "A block with codes of its own and BFINAL is read.", words, builder().Dynamic(true, deflate.Lit(words)).Align().Sync())
	add("final-then-more", "Blocks after one with BFINAL belong to the message.", "first second",
		builder().Fixed(true, deflate.Lit("first ")).Align().Fixed(false, deflate.Lit("second")).Sync())
	for i := range list {
		if strings.HasPrefix(list[i].ID, "deflate.blocks.final-") {
			list[i].RFC = "RFC 7692 §7.2.1, §7.2.3.4"
			list[i].Why = "A compressor may set BFINAL, for many libraries can end a stream but not flush it. The last block of such a message is followed by an " +
				"empty one, and what comes after a block with BFINAL still belongs to the message: §7.2.1 has the next block follow at the byte boundary."
		}
	}
	final := builder().Fixed(true, deflate.Lit("first message ")).Align().Sync()
	next := builder().Fixed(false, deflate.Match(13, 14)).Sync()
	list = append(list, deflated("blocks.final-then-message", "RFC 7692 §7.2.3.4", "A message after one with BFINAL is read, without reference to it.",
		thenClose(1, packed(OpText, build(final)), await(1), packed(OpText, build(builder().Fixed(false, deflate.Lit("second")).Sync()))),
		echoes(echoed(OpText, lit("first message ")), echoed(OpText, lit("second")))))
	across := referring(deflated("blocks.final-then-reference", "RFC 7692 §7.2.1", "A reference into a message that had BFINAL is read: the window is that of the messages, not of a stream.",
		thenClose(1, packed(OpText, build(final)), await(1), packed(OpText, build(next))),
		append(echoes(echoed(OpText, lit("first message ")), echoed(OpText, lit("first message"))),
			Outcome{Informational, "it takes BFINAL for the end of the window", []Pattern{echoed(OpText, lit("first message ")), closed(1002, 1007)}},
			Outcome{Informational, "it takes BFINAL for the end of the window", []Pattern{echoed(OpText, lit("first message ")), dropped()}})))
	across.Why = "RFC 7692 §7.2.1 has the compressor keep its window from message to message, and says nothing of an exception for BFINAL, but many inflaters " +
		"begin anew after it. No compressor is known to refer across."
	return append(list, across)
}

// deflateFrames are about frames: RSV1, fragments, and what comes between.
func deflateFrames() []Case {
	d := fill(FillJSON, 300)
	back := echoed(OpText, d)
	whole := Message{Op: OpText, Payload: d, Compress: true}
	var list []Case
	add := func(id, rfc, expect string, outcomes []Outcome, steps ...Step) {
		list = append(list, deflated("frames."+id, rfc, expect, steps, outcomes))
	}
	for n := 1; n <= 7; n++ {
		m := whole
		m.Fragment = n
		add(fmt.Sprintf("fragments-of-%d", n), "RFC 7692 §6.1", fmt.Sprintf("A compressed message in fragments of %d bytes is read.", n),
			echoes(back), thenClose(1, message(m))...)
	}
	hello := "\xf2\x48\xcd\xc9\xc9\x07\x00"
	for n := range len(hello) + 1 {
		add(fmt.Sprintf("split-after-%d", n), "RFC 7692 §7.2.2", fmt.Sprintf("A compressed message cut into two fragments after %d of its 7 bytes is read.", n),
			echoes(echoed(OpText, lit("Hello"))), thenClose(1, send(packedFrame(OpText, hello[:n]).more(), frame(OpContinuation, hello[n:])))...)
	}
	pinged := whole
	p := ping("between")
	pinged.Split, pinged.Between = []int{20}, &p
	between := echoes(ponged(lit("between")), back)
	add("ping-between", "RFC 7692 §6.1", "A ping between two fragments of a compressed message is answered and changes nothing.",
		append(between, Outcome{NonStrict, "the ping is answered after the message", []Pattern{back, ponged(lit("between")), closed(1000, 1005)}}), thenClose(2, message(pinged))...)
	emptyFirst := send(packedFrame(OpText, "").more(), frame(OpContinuation, hello[:4]).more(), frame(OpContinuation, "").more(), frame(OpContinuation, hello[4:]).more(), frame(OpContinuation, ""))
	add("empty-fragments", "RFC 7692 §6.1", "Empty fragments of a compressed message are read.", echoes(echoed(OpText, lit("Hello"))), thenClose(1, emptyFirst)...)
	add("byte-by-byte", "RFC 7692 §6.1", "A compressed message that arrives byte by byte is read.", echoes(back), thenClose(1, message(whole).chop(1))...)

	alive := ping("alive")
	const rsv = "RSV1 belongs to the first frame of a message. Elsewhere it has no meaning, and a bit without meaning fails the connection: RFC 6455 §5.2."
	for _, c := range []struct {
		id, expect string
		frames     []Frame
	}{
		{"rsv1-on-continuation", "RSV1 on a continuation of a compressed message fails the connection.",
			[]Frame{packedFrame(OpText, hello[:3]).more(), packedFrame(OpContinuation, hello[3:])}},
		{"rsv1-on-second-only", "RSV1 on a continuation of a message that is not compressed fails the connection.",
			[]Frame{frame(OpText, "He").more(), packedFrame(OpContinuation, "llo")}},
		{"rsv1-on-middle", "RSV1 on a continuation in the middle fails the connection.",
			[]Frame{packedFrame(OpText, hello[:3]).more(), packedFrame(OpContinuation, hello[3:5]).more(), frame(OpContinuation, hello[5:])}},
		{"rsv1-on-ping", "RSV1 on a ping fails the connection.", []Frame{packedFrame(OpPing, "ping")}},
		{"rsv1-on-empty-ping", "RSV1 on an empty ping fails the connection.", []Frame{packedFrame(OpPing, "")}},
		{"rsv1-on-pong", "RSV1 on a pong fails the connection.", []Frame{packedFrame(OpPong, "pong")}},
		{"rsv1-on-ping-between", "RSV1 on a ping between fragments fails the connection.",
			[]Frame{packedFrame(OpText, hello[:3]).more(), packedFrame(OpPing, ""), frame(OpContinuation, hello[3:])}},
		{"rsv2", "RSV2 with compression agreed on fails the connection.", []Frame{frame(OpText, hello).rsv(RSV1 | RSV2)}},
		{"rsv3", "RSV3 with compression agreed on fails the connection.", []Frame{frame(OpText, hello).rsv(RSV1 | RSV3)}},
		{"rsv2-alone", "RSV2 alone with compression agreed on fails the connection.", []Frame{frame(OpText, "Hello").rsv(RSV2)}},
	} {
		add(c.id, "RFC 7692 §6", c.expect, fails(1002), send(append(c.frames, alive)...))
		list[len(list)-1].Why = rsv
	}
	add("rsv1-on-close", "RFC 7692 §6", "RSV1 on a close frame fails the connection.", []Outcome{
		{OK, "", []Pattern{closed(1002)}},
		{NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
	}, send(packedFrame(OpClose, "\x03\xe8")))

	// What is not the payload of a compressed message stays out of the window.
	first := build(builder().Stored(false, "in the window").Sync())
	second := build(builder().Fixed(false, deflate.Match(13, 13)).Sync())
	in := echoed(OpText, lit("in the window"))
	add("window-without-plain", "RFC 7692 §7.2.1", "A message that is not compressed does not enter the window.",
		echoes(in, echoed(OpText, lit("elsewhere")), in), thenClose(3, packed(OpText, first), text(lit("elsewhere")), packed(OpText, second))...)
	add("window-without-ping", "RFC 7692 §7.2.1", "The payload of a ping does not enter the window.",
		echoes(in, ponged(lit("elsewhere")), in), thenClose(3, packed(OpText, first), send(ping("elsewhere")), packed(OpText, second))...)
	add("window-without-pong", "RFC 7692 §7.2.1", "The payload of a pong does not enter the window.",
		echoes(in, in), thenClose(2, packed(OpText, first), send(pong("elsewhere")), packed(OpText, second))...)
	add("window-without-ping-between", "RFC 7692 §7.2.1", "The payload of a ping between two fragments does not enter the window.",
		append(echoes(ponged(lit("nor this")), in, in), Outcome{NonStrict, "the ping is answered after the message", []Pattern{in, ponged(lit("nor this")), in, closed()}}),
		thenClose(3, send(packedFrame(OpText, first[:5]).more(), ping("nor this"), frame(OpContinuation, first[5:])), packed(OpText, second))...)
	list[len(list)-1].Outcomes = append(list[len(list)-1].Outcomes, Outcome{NonStrict, "the ping is answered after the messages", []Pattern{in, in, ponged(lit("nor this")), closed()}})
	list[len(list)-3].Outcomes = append(list[len(list)-3].Outcomes,
		Outcome{Informational, "the ping is answered before the message ahead of it", []Pattern{ponged(lit("elsewhere")), in, in, closed()}},
		Outcome{Informational, "the ping is answered after the message behind it", []Pattern{in, in, ponged(lit("elsewhere")), closed()}})
	for i := range list {
		if strings.HasPrefix(list[i].ID, "deflate.frames.window-") {
			list[i] = referring(list[i])
		}
	}
	mixed := []Step{}
	var seen []Pattern
	for i := range 20 {
		m := Message{Op: OpText, Payload: sized(FillJSON, 400, i/3), Compress: i%3 != 1}
		mixed = append(mixed, message(m))
		seen = append(seen, echoed(OpText, m.Payload))
	}
	add("mixed", "RFC 7692 §6.1", "Messages with and without compression in turn are read.", echoes(seen...), thenClose(20, mixed...)...)
	add("not-compressed", "RFC 7692 §6.1", "With compression agreed on, messages without it are read.", echoes(back, echoed(OpBinary, d)),
		thenClose(2, text(d), binaryMessage(d))...)
	return list
}
