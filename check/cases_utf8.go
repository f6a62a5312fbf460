package check

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

var utf8Group = Group{
	Name:  "utf8",
	Title: "UTF-8",
	Why: "A text message is UTF-8 as RFC 3629 defines it: every character in its shortest form, none of the surrogates D800 to DFFF, nothing " +
		"beyond U+10FFFF. Whoever gets other bytes fails the connection (RFC 6455 §8.1) with 1007, because what two programs read differently gets past filters: an " +
		"overlong slash is no slash to the one and is one to the other. Only the message as a whole has to be valid. A character may be cut by the end of a fragment, of a " +
		"write, or of both, and an endpoint that looks at each piece alone refuses what is right or takes what is wrong.",
	cases: utf8Cases,
}

const rfcUTF8 = "RFC 6455 §8.1, RFC 3629"

func utf8Cases() []Case {
	var list []Case
	list = append(list, utf8Valid()...)
	list = append(list, utf8Planes()...)
	list = append(list, utf8Empty()...)
	list = append(list, utf8Split()...)
	list = append(list, utf8Binary()...)
	list = append(list, utf8Invalid()...)
	list = append(list, utf8InvalidSplit()...)
	list = append(list, utf8Place()...)
	list = append(list, utf8Early()...)
	list = append(list, utf8Wait()...)
	return list
}

// echoCase sends text messages one after the other and expects each to come back.
func echoCase(id, expect string, messages ...Message) Case {
	c := Case{ID: id, RFC: rfcUTF8, Expect: expect}
	var seen []Pattern
	for _, m := range messages {
		c.Steps = append(c.Steps, message(m))
		seen = append(seen, echoed(m.Op, m.Payload))
	}
	c.Steps = append(c.Steps, await(len(messages)), closing(1000, ""))
	c.Outcomes = echoes(seen...)
	return c
}

func textOf(s string) Message { return Message{Op: OpText, Payload: lit(s)} }

func utf8Valid() []Case {
	var list []Case
	for _, v := range []struct{ name, text, what string }{
		{"first-1", "\x00", "U+0000, the first character of one byte,"},
		{"last-1", "\x7f", "U+007F, the last character of one byte,"},
		{"first-2", "\u0080", "U+0080, the first character of two bytes,"},
		{"last-2", "\u07ff", "U+07FF, the last character of two bytes,"},
		{"first-3", "\u0800", "U+0800, the first character of three bytes,"},
		{"last-3", "\uffff", "U+FFFF, the last character of three bytes,"},
		{"first-4", "\U00010000", "U+10000, the first character of four bytes,"},
		{"last-4", "\U0010ffff", "U+10FFFF, the last of all characters,"},
		{"before-surrogates", "\ud7ff", "U+D7FF, the last character before the surrogates,"},
		{"after-surrogates", "\ue000", "U+E000, the first character after the surrogates,"},
		{"replacement", "\ufffd", "U+FFFD, what others put for bytes that are wrong,"},
		{"last-e0", "\u0fff", "U+0FFF, the last character that begins with e0,"},
		{"first-e1", "\u1000", "U+1000, the first character that begins with e1,"},
		{"last-ec", "\ucfff", "U+CFFF, the last character that begins with ec,"},
		{"first-ed", "\ud000", "U+D000, the first character that begins with ed,"},
		{"last-f0", "\U0003ffff", "U+3FFFF, the last character that begins with f0,"},
		{"first-f1", "\U00040000", "U+40000, the first character that begins with f1,"},
		{"last-f3", "\U000fffff", "U+FFFFF, the last character that begins with f3,"},
		{"first-f4", "\U00100000", "U+100000, the first character that begins with f4,"},
		{"controls", "\x01\x08\t\n\r\x1b\x1f\u0085\u009f", "Control characters of C0 and C1"},
		{"bom", "\ufeff", "A byte order mark alone"},
		{"bom-first", "\ufeffabc", "A byte order mark before text, which is part of the text,"},
		{"bom-twice", "\ufeffabc\ufeff", "A byte order mark before and behind text"},
		{"combining", "e\u0301 \u0065\u0323\u0302 \u212b A\u030a \u00c5", "Characters that compose, which nobody may normalise,"},
		{"joined", "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 🇳🇿", "Emoji of several characters joined"},
		{"direction", "abc \u202eשלום\u202c العربية", "Text that runs from right to left"},
		{"greek", "κόσμε", "Greek of two and three bytes"},
		{"german", "Hello-µ@ßöäüàá-UTF-8!!", "Latin text with umlauts"},
		{"mixed", "aß€😀z日本語テキスト\U0010fffd", "Characters of one to four bytes"},
		{"noncharacters", "\ufdd0\ufdd7\ufdef", "U+FDD0 to U+FDEF, which are noncharacters but valid,"},
		{"private", "\ue000\uf8ff\U000f0000\U00100000", "Characters for private use"},
		{"unassigned", "\u0378\u0fff\U0001fffd\U000e0fff", "Characters that nobody has assigned"},
	} {
		list = append(list, echoCase("utf8.valid."+v.name, v.what+" comes back unchanged.", textOf(v.text)))
	}

	var bmp []Message
	var b []byte
	for r := rune(0); r <= 0xffff; r++ {
		if utf8.ValidRune(r) {
			b = utf8.AppendRune(b, r)
		}
		if len(b) >= 60000 || r == 0xffff {
			bmp = append(bmp, textOf(string(b)))
			b = nil
		}
	}
	list = append(list, echoCase("utf8.valid.all-of-plane-0", "Every character up to U+FFFF comes back unchanged, in four messages.", bmp...))
	for r := rune(0x10000); r <= utf8.MaxRune; r += 0xff {
		b = utf8.AppendRune(b, r)
	}
	return append(list, echoCase("utf8.valid.all-planes", "One of 255 characters beyond U+FFFF comes back unchanged.", textOf(string(b))))
}

// utf8Planes are the two noncharacters at the end of each plane.
func utf8Planes() []Case {
	var ends []Message
	for plane := range rune(17) {
		ends = append(ends, textOf(string([]rune{plane<<16 | 0xfffe, plane<<16 | 0xffff})))
	}
	c := echoCase("utf8.valid.plane-ends", "The last two code points of each plane, U+FFFE and U+FFFF to U+10FFFE and U+10FFFF, come back unchanged.", ends...)
	c.Why = "The last two code points of each plane are noncharacters. They are for a program's own use, yet they are scalar values and UTF-8 has a form for them, so " +
		"that a receiver which fails on them is wrong."
	return []Case{c}
}

func utf8Empty() []Case {
	const whole = "Empty text is valid text."
	var list []Case
	for _, v := range []struct {
		name, what string
		m          Message
	}{
		{"whole", "An empty text message comes back.", textOf("")},
		{"fragments", "A text message of three empty fragments comes back.", Message{Op: OpText, Split: []int{0, 0}}},
		{"around", "A text message whose first and last fragments are empty comes back.", Message{Op: OpText, Payload: lit("mitte ß"), Split: []int{0, 8}}},
	} {
		c := echoCase("utf8.empty."+v.name, v.what, v.m)
		c.Why = whole
		list = append(list, c)
	}
	return list
}

// utf8Split cuts valid text in every place.
func utf8Split() []Case {
	var list []Case
	for _, v := range []struct{ name, text string }{
		{"two", "ß"}, {"three", "€"}, {"four", "😀"}, {"first", "\u0080\u0800\U00010000"}, {"around-surrogates", "\ud7ff\ue000"}, {"last", "\u07ff\uffff\U0010ffff"},
		{"bom", "\ufeffa"}, {"greek", "κόσμε"}, {"mixed", "aß€😀z"},
	} {
		shown := hexed([]byte(v.text))
		var cut []Message
		for i := 1; i < len(v.text); i++ {
			cut = append(cut, Message{Op: OpText, Payload: lit(v.text), Split: []int{i}}, Message{Op: OpText, Payload: lit(v.text), Split: []int{i, 0}})
		}
		bytewise := Message{Op: OpText, Payload: lit(v.text), Fragment: 1}
		list = append(list, echoCase("utf8.split.fragments-"+v.name,
			fmt.Sprintf("The text %s comes back, cut in two in each place, with and without an empty fragment there, then in fragments of one byte.", shown), append(cut, bytewise)...))
		writes := echoCase("utf8.split.writes-"+v.name, fmt.Sprintf("The text %s comes back when each byte of its frame comes by itself.", shown), textOf(v.text))
		writes.Steps[0] = writes.Steps[0].chop(1).every(time.Millisecond)
		between := ping("\xff between")
		m := bytewise
		m.Between = &between
		list = append(list, writes, Case{ID: "utf8.split.pings-" + v.name, RFC: "RFC 6455 §5.4, §8.1",
			Expect: fmt.Sprintf("The text %s comes back in fragments of one byte with pings between them.", shown),
			Why: "A control frame may come between any two fragments, also in the middle of a character. Its payload is no text, and what is known of the open message " +
				"must survive it.",
			Steps:    []Step{message(m), awaitMessages(1), closing(1000, "")},
			Outcomes: echoes(ponged(between.Payload).optional().repeated(), echoed(OpText, m.Payload))})
	}
	return list
}

// utf8Binary sends bytes that are no UTF-8 where nobody may look at them as text.
func utf8Binary() []Case {
	const wrong = "\x80\xbf\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xf8\xfe\xff"
	bin := func(s string) Message { return Message{Op: OpBinary, Payload: lit(s)} }
	const why = "Only text messages are UTF-8. Binary messages and the payloads of pings and pongs are bytes without a meaning."
	list := []Case{
		echoCase("utf8.binary.whole", "A binary message of bytes that are no UTF-8 comes back.", bin(wrong)),
		echoCase("utf8.binary.fragments", "A binary message of bytes that are no UTF-8 comes back in fragments of one byte.",
			Message{Op: OpBinary, Payload: lit(wrong), Fragment: 1}),
		echoCase("utf8.binary.truncated", "A binary message that ends inside a character comes back.", bin("abc\xf0\x9f")),
		echoCase("utf8.binary.carry", "Bytes that end a binary message are no beginning of the text after it.", bin("abc\xe2\x82"), textOf("text"), bin("\xac"), textOf("€")),
		echoCase("utf8.binary.random", "A binary message of 4,096 random bytes comes back.", Message{Op: OpBinary, Payload: fill(FillRandom, 4096)}),
		{ID: "utf8.binary.ping", RFC: "RFC 6455 §5.5.2", Expect: "A ping whose payload is no UTF-8 is answered.",
			Steps: []Step{send(ping(wrong)), await(1), closing(1000, "")}, Outcomes: echoes(ponged(lit(wrong)))},
		{ID: "utf8.binary.pong", RFC: "RFC 6455 §5.5.3", Expect: "A pong whose payload is no UTF-8 changes nothing.",
			Steps: []Step{send(pong(wrong)), text(lit("after")), await(1), closing(1000, "")}, Outcomes: echoes(echoed(OpText, lit("after")))},
		{ID: "utf8.binary.ping-inside", RFC: "RFC 6455 §5.4", Expect: "A ping of continuation bytes inside a text message does not become part of the text.",
			Steps:    []Step{send(frame(OpText, "\xe2").more(), ping("\x82\xac"), frame(OpContinuation, "\x82\xac")), await(2), closing(1000, "")},
			Outcomes: echoes(ponged(lit("\x82\xac")), echoed(OpText, lit("€")))},
	}
	for i := range list {
		list[i].Why = why
	}
	return list
}

// A badText is bytes that are no UTF-8.
type badText struct{ name, bytes string }

// spaced puts a space behind each byte from first to last.
func spaced(first, last byte) string {
	var b strings.Builder
	for c := int(first); c <= int(last); c++ {
		b.WriteByte(byte(c))
		b.WriteByte(' ')
	}
	return b.String()
}

func allContinuations() string {
	var b strings.Builder
	for c := 0x80; c <= 0xbf; c++ {
		b.WriteByte(byte(c))
	}
	return b.String()
}
