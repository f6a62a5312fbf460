package check

import (
	"fmt"
	"strings"

	"github.com/parley-ws/parley/check/internal/deflate"
)

// deflateWindows are about how far back references reach, in both directions.
func deflateWindows() []Case {
	var list []Case
	random := func(n int) string { return string(fill(FillRandom, n).Bytes()) }
	for bits := 8; bits <= 15; bits++ {
		size := 1 << bits
		// What the subject sends: its echoes are inflated with just the window agreed on. The data repeats itself a little
		// within it, then just beyond it.
		near, far := random(size-40), random(size+300)
		tail := strings.Repeat("worth compressing ", size/8)
		for _, c := range []struct {
			id, what string
			messages []string
		}{
			{"near", "repeats itself within the window", []string{near + near + tail}},
			{"far", "repeats itself just beyond the window", []string{far + far + far + tail}},
			{"across", "repeats an earlier message", []string{near + tail, near + tail, far + tail, far + tail}},
		} {
			one := Case{ID: fmt.Sprintf("deflate.window.subject-%d-%s", bits, c.id), RFC: "RFC 7692 §7.1.2", Tags: []string{TagExtension},
				Expect: fmt.Sprintf("What it compresses with a window of %d bits agreed on, from data that %s, can be inflated with that window.", bits, c.what),
				Open:   Open{Deflate: &Deflate{SubjectBits: bits, Judged: true}}}
			var seen []Pattern
			for _, m := range c.messages {
				one.Steps = append(one.Steps, binaryMessage(lit(m)), await(1))
				seen = append(seen, echoed(OpBinary, lit(m)))
			}
			one.Steps = append(one.Steps, closing(1000, ""))
			one.Outcomes = echoes(seen...)
			list = append(list, one)
		}

		// What the suite sends: a reference over the whole window.
		data := random(size)
		match := build(builder().Fixed(false, deflate.Match(200, size)).Sync())
		stored := build(storedBlocks(data).Sync())
		list = append(list, Case{ID: fmt.Sprintf("deflate.window.own-%d-full", bits), RFC: "RFC 7692 §7.1.2", Tags: []string{TagExtension},
			Expect:   fmt.Sprintf("With a window of %d bits for the other side, a reference over all of its %d bytes is read, into an earlier message too.", bits, size),
			Open:     Open{Deflate: &Deflate{OwnBits: bits, OwnTakeover: true}},
			Steps:    thenClose(1, packed(OpBinary, stored), await(1), packed(OpBinary, match)),
			Outcomes: echoes(echoed(OpBinary, lit(data)), echoed(OpBinary, lit(data[:200])))})
		json := sized(FillJSON, 3*size, bits)
		list = append(list, Case{ID: fmt.Sprintf("deflate.window.own-%d-compressed", bits), RFC: "RFC 7692 §7.1.2", Tags: []string{TagExtension},
			Expect: fmt.Sprintf("With a window of %d bits for the other side, what is compressed with it is read.", bits),
			Open:   Open{Deflate: &Deflate{OwnBits: bits, SubjectBits: bits}},
			Steps: thenClose(1, message(Message{Op: OpText, Payload: json, Compress: true}), await(1),
				message(Message{Op: OpText, Payload: json, Compress: true, Fragment: 100})),
			Outcomes: echoes(echoed(OpText, json), echoed(OpText, json))})
		if bits < 15 {
			beyond := build(builder().Fixed(false, deflate.Match(200, size+1)).Sync())
			earlier := random(size + 1)
			before := echoed(OpBinary, lit(earlier))
			list = append(list, Case{ID: fmt.Sprintf("deflate.window.own-%d-beyond", bits), RFC: "RFC 7692 §7.1.2", Tags: []string{TagExtension},
				Expect: fmt.Sprintf("A reference that reaches one byte beyond the window of %d bits fails the connection, or is read by who keeps more.", bits),
				Why:    "Who agreed on a window promises not to reach beyond it. The other side needs not keep more, and may.",
				Open:   Open{Deflate: &Deflate{OwnBits: bits, OwnTakeover: true}},
				Steps:  thenClose(1, packed(OpBinary, build(storedBlocks(earlier).Sync())), await(1), packed(OpBinary, beyond)),
				Outcomes: []Outcome{
					{OK, "", []Pattern{before, closed(1002, 1007)}},
					{Informational, "it keeps more than the window agreed on", []Pattern{before, echoed(OpBinary, lit(earlier[:200])), closed(1000, 1005)}},
					{WrongCode, "it failed the connection, but with another code", []Pattern{before, closed(1003, 1006, 1008, 1009, 1010, 1011)}},
					{NonStrict, "it ended the connection without a close frame", []Pattern{before, dropped()}},
				}})
		}
	}

	// Without takeover each message stands for itself.
	hello := lit(strings.Repeat("Hello, Hello. ", 30))
	for _, c := range []struct {
		id, expect string
		d          Deflate
	}{
		{"subject", "With its takeover excluded, each message it sends can be inflated by itself.", Deflate{SubjectNoTakeover: true, Judged: true}},
		{"own", "With the other side's takeover excluded, messages are read.", Deflate{OwnNoTakeover: true}},
		{"both", "With both takeovers excluded, messages are read and can be read.", Deflate{SubjectNoTakeover: true, OwnNoTakeover: true}},
		{"both-9-bits", "With both takeovers excluded and windows of 9 bits, messages are read and can be read.",
			Deflate{SubjectNoTakeover: true, OwnNoTakeover: true, SubjectBits: 9, OwnBits: 9, Judged: true}},
		{"neither", "With takeover allowed, messages are read and can be read.", Deflate{}},
	} {
		m := message(Message{Op: OpText, Payload: hello, Compress: true})
		list = append(list, Case{ID: "deflate.takeover." + c.id, RFC: "RFC 7692 §7.1.1", Tags: []string{TagExtension}, Expect: c.expect,
			Open: Open{Deflate: &c.d}, Steps: thenClose(1, m, m, m, await(3), m), Outcomes: echoes(repeat(4, echoed(OpText, hello))...)})
	}
	first := echoed(OpText, lit("in the window"))
	list = append(list, Case{ID: "deflate.takeover.own-reference", RFC: "RFC 7692 §7.1.1", Tags: []string{TagExtension},
		Expect: "With the other side's takeover excluded, a reference into an earlier message fails the connection, or is read by who keeps it all the same.",
		Open:   Open{Deflate: &Deflate{OwnNoTakeover: true}},
		Steps: thenClose(1, packed(OpText, build(builder().Stored(false, "in the window").Sync())), await(1),
			packed(OpText, build(builder().Fixed(false, deflate.Match(13, 13)).Sync()))),
		Outcomes: []Outcome{
			{OK, "", []Pattern{first, closed(1002, 1007)}},
			{Informational, "it keeps the window all the same", []Pattern{first, first, closed(1000, 1005)}},
			{WrongCode, "it failed the connection, but with another code", []Pattern{first, closed()}},
			{NonStrict, "it ended the connection without a close frame", []Pattern{first, dropped()}},
		}})
	return list
}

// storedBlocks are stored blocks, each at most as large as one can be.
func storedBlocks(data string) *deflate.Builder {
	b := builder()
	for len(data) > 0 {
		n := min(len(data), 0xffff)
		b.Stored(false, data[:n])
		data = data[n:]
	}
	return b
}

// corrupted are the outcomes of compressed data that cannot be read. No RFC says the code: the data is not what was
// agreed on (1002), or not consistent with its type (1007).
func corrupted(seen ...Pattern) []Outcome {
	list := fails(1007, seen...)
	for i := range list {
		if last := &list[i].Seen[len(list[i].Seen)-1]; len(last.Codes) > 0 {
			last.Codes = []int{1002, 1007}
		}
	}
	return list
}

// deflateCorrupt are compressed messages that cannot be inflated, or should not be.
func deflateCorrupt() []Case {
	var list []Case
	add := func(id, expect, payload string) {
		list = append(list, deflated("corrupt."+id, "RFC 7692 §7.2.2", expect, []Step{send(packedFrame(OpBinary, payload), ping("alive"))}, corrupted()))
	}
	add("block-type-3", "A block of the type that does not exist fails the connection.", build(builder().Raw(0, 1).Raw(3, 2).Align()))
	add("block-type-3-later", "A block of the type that does not exist, after a good one, fails the connection.", build(builder().Fixed(false, deflate.Lit("good")).Raw(0, 1).Raw(3, 2).Align()))
	add("stored-length", "A stored block whose length and its complement differ fails the connection.", "\x00\x05\x00\xfa\xfeHello\x00")
	add("stored-short", "A stored block that is longer than the message fails the connection.", "\x00\xff\x00\x00\xffHello")
	add("distance-too-far", "A reference to before the first byte of the connection fails it.", build(builder().Fixed(false, deflate.Lit("abc"), deflate.Match(10, 4)).Sync()))
	add("distance-at-once", "A reference as the first thing of all fails the connection.", build(builder().Fixed(false, deflate.Match(3, 1)).Sync()))
	add("distance-far", "A reference over 32 KiB with nothing before it fails the connection.", build(builder().Fixed(false, deflate.Lit("abc"), deflate.Match(258, 32768)).Sync()))
	add("length-code-286", "A length code that does not exist fails the connection.", build(builder().Raw(0, 1).Raw(1, 2).Code(0b11000110, 8).Align()))
	add("length-code-287", "The other length code that does not exist fails the connection.", build(builder().Raw(0, 1).Raw(1, 2).Code(0b11000111, 8).Align()))
	add("distance-code-30", "A distance code that does not exist fails the connection.",
		build(builder().Raw(0, 1).Raw(1, 2).Code(0b00110000+'a', 8).Code(0b0000001, 7).Code(30, 5).Align()))
	add("codes-oversubscribed", "A set of codes that cannot be fails the connection.", build(builder().Raw(0, 1).Raw(2, 2).Raw(0, 5).Raw(0, 5).Raw(15, 4).Raw(0x249249, 24).Raw(0x249249, 24).Raw(1, 9).Align().Stored(false, "")))
	add("no-end", "Data that ends within a block fails the connection.", build(builder().Raw(0, 1).Raw(1, 2).Code(0b00110000+'a', 8).Code(0b00110000+'b', 8).Align()))
	add("dynamic-cut", "Data that ends within the codes of a block fails the connection.", build(builder().Dynamic(false, deflate.Lit("the codes of this block are cut")).Sync())[:9])
	add("random", "Random bytes fail the connection.", string(sized(FillRandom, 200, 5).Bytes()))
	add("ones", "A payload of ff bytes fails the connection.", strings.Repeat("\xff", 64))
	add("zlib", "The header of zlib, which does not belong there, fails the connection.", "\x78\x9c\xf2\x48\xcd\xc9\xc9\x07\x00")
	add("gzip", "The header of gzip, which does not belong there, fails the connection.", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xf2\x48\xcd\xc9\xc9\x07\x00")
	add("plain-text", "Plain text said to be compressed fails the connection.", "Hello, is this compressed?")

	for i := range list {
		switch c := &list[i]; c.ID {
		case "deflate.corrupt.no-end", "deflate.corrupt.dynamic-cut", "deflate.corrupt.stored-short":
			c.Steps = []Step{send(c.Steps[0].Frames[0]), await(1), closing(1000, "")}
			c.Outcomes = append(c.Outcomes, Outcome{NonStrict, "it takes data that is cut for whole", []Pattern{{Kind: SawMessage, Op: OpBinary}, closed()}})
		}
	}

	hello := echoed(OpText, lit("Hello"))
	good := packedFrame(OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00")
	list = append(list,
		deflated("corrupt.after-good", "RFC 7692 §7.2.2", "Corrupt data after a good message fails the connection, and the good one is answered.",
			[]Step{send(good, packedFrame(OpText, "\xff\xff\xff"), ping("alive"))}, corrupted(hello)),
		deflated("corrupt.in-fragment", "RFC 7692 §7.2.2", "Corrupt data in the last of three fragments fails the connection.",
			[]Step{send(packedFrame(OpBinary, "\xf2\x48").more(), frame(OpContinuation, "\xcd\xc9\xc9\x07").more(), frame(OpContinuation, "\x06\xff\xff"), ping("alive"))}, corrupted()),
		deflated("corrupt.utf8", "RFC 6455 §8.1", "Compressed text that is not UTF-8 fails the connection with 1007.",
			[]Step{send(packedFrame(OpText, build(builder().Stored(false, "Hello \xff world").Sync())), ping("alive"))}, fails(1007)),
		deflated("corrupt.utf8-truncated", "RFC 6455 §8.1", "Compressed text whose last character is cut fails the connection with 1007.",
			[]Step{send(packedFrame(OpText, build(builder().Fixed(false, deflate.Lit("κόσμ\xce")).Sync())), ping("alive"))}, fails(1007)),
		deflated("corrupt.utf8-surrogate", "RFC 6455 §8.1", "Compressed text with a surrogate fails the connection with 1007.",
			[]Step{send(packedFrame(OpText, build(builder().Dynamic(false, deflate.Lit("abc\xed\xa0\x80")).Sync())), ping("alive"))}, fails(1007)),
		deflated("corrupt.utf8-by-reference", "RFC 6455 §8.1", "Characters that a reference completes are valid text.",
			thenClose(1, packed(OpText, build(builder().Fixed(false, deflate.Lit("κό"), deflate.Match(3, 4), deflate.Lit("\x8c")).Sync()))), echoes(echoed(OpText, lit("κόκό")))),
		deflated("corrupt.binary", "RFC 6455 §8.1", "Compressed binary data needs not be UTF-8.",
			thenClose(1, packed(OpBinary, build(builder().Stored(false, "\xff\xfe\xed\xa0\x80").Sync()))), echoes(echoed(OpBinary, lit("\xff\xfe\xed\xa0\x80")))),
	)

	bomb := fill(FillZero, 48<<20)
	large := deflated("bomb.48-mib", "RFC 7692 §8", "A message of 48 KiB that inflates to 48 MiB is refused with 1009 before it fills the memory.",
		[]Step{message(Message{Op: OpBinary, Payload: bomb, Compress: true}), await(1), closing(1000, "")},
		[]Outcome{
			{OK, "", []Pattern{closed(1009)}},
			{Informational, "it has no limit that 48 MiB would pass", []Pattern{echoed(OpBinary, bomb), closed(1000, 1005)}},
			{WrongCode, "it failed the connection, but with another code", []Pattern{closed()}},
			{NonStrict, "it ended the connection without a close frame", []Pattern{dropped()}},
		})
	large.Tags = append(large.Tags, TagSecurity)
	large.Memory = 96 << 20
	large.Why = "DEFLATE makes data up to a thousand times smaller, so a limit that counts compressed bytes is none. What counts is how much memory a few bytes can take."
	inFragments := large
	inFragments.ID = "deflate.bomb.fragments"
	inFragments.Expect = "The same in fragments of 1 KiB is refused with 1009 too."
	inFragments.Steps = []Step{message(Message{Op: OpBinary, Payload: bomb, Compress: true, Fragment: 1024}), await(1), closing(1000, "")}
	return append(list, large, inFragments)
}

// deflateSizes are messages of many sizes and kinds, with several parameters.
func deflateSizes() []Case {
	var list []Case
	kinds := []struct {
		name string
		fill Fill
		op   Op
	}{{"json", FillJSON, OpText}, {"utf8", FillUTF8, OpText}, {"random", FillRandom, OpBinary}, {"zeros", FillZero, OpBinary}}
	add := func(parameters string, d Deflate, kind, size, fragment int) {
		k := kinds[kind]
		count := max(4, min(60, 256<<10/size))
		c := Case{ID: fmt.Sprintf("deflate.messages.%s.%s-%d", parameters, k.name, size), RFC: "RFC 7692 §7.2", Tags: []string{TagExtension, TagPerformance},
			Expect: fmt.Sprintf("%d compressed messages of %d bytes (%s) come back.", count, size, k.name), Open: Open{Deflate: &d}}
		if fragment > 0 {
			c.ID += fmt.Sprintf("-in-%d", fragment)
			c.Expect = fmt.Sprintf("%d compressed messages of %d bytes (%s) in fragments of %d come back.", count, size, k.name, fragment)
		}
		var seen []Pattern
		for i := range count {
			m := Message{Op: k.op, Payload: sized(k.fill, size, i*2/3), Compress: true, Fragment: fragment}
			c.Steps = append(c.Steps, message(m))
			seen = append(seen, echoed(k.op, m.Payload))
			if i%20 == 19 {
				c.Steps = append(c.Steps, await(20))
			}
		}
		if count%20 > 0 {
			c.Steps = append(c.Steps, await(count%20))
		}
		c.Steps = append(c.Steps, closing(1000, ""))
		c.Outcomes = echoes(seen...)
		list = append(list, c)
	}
	for kind := range kinds {
		for _, size := range []int{1, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072} {
			add("takeover", Deflate{}, kind, size, 0)
		}
	}
	for _, p := range []struct {
		name string
		d    Deflate
	}{
		{"no-takeover", Deflate{SubjectNoTakeover: true, OwnNoTakeover: true}},
		{"subject-no-takeover", Deflate{SubjectNoTakeover: true}},
		{"own-no-takeover", Deflate{OwnNoTakeover: true}},
		{"subject-9-bits", Deflate{SubjectBits: 9}},
		{"own-9-bits", Deflate{OwnBits: 9}},
		{"12-bits", Deflate{SubjectBits: 12, OwnBits: 12}},
		{"9-bits-no-takeover", Deflate{SubjectBits: 9, OwnBits: 9, SubjectNoTakeover: true, OwnNoTakeover: true}},
	} {
		for _, size := range []int{64, 1024, 8192, 65536} {
			add(p.name, p.d, 0, size, 0)
			add(p.name, p.d, 2, size, 0)
		}
	}
	for _, fragment := range []int{1, 16, 256, 4096} {
		add("fragmented", Deflate{}, 0, 1024, fragment)
		add("fragmented", Deflate{}, 1, 16384, fragment*4)
	}
	return list
}
