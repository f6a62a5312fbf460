package check

import (
	"fmt"
	"strings"
	"time"
)

// badClasses are the ways of being no UTF-8, each with what a decoder that takes it gets wrong.
var badClasses = []struct {
	name, why string
	texts     []badText
}{
	{"continuation", "The bytes 80 to bf only continue a character. Without one that has begun they mean nothing.", []badText{
		{"80", "\x80"}, {"bf", "\xbf"}, {"two", "\x80\xbf"}, {"three", "\x80\xbf\x80"}, {"four", "\x80\xbf\x80\xbf"}, {"five", "\x80\xbf\x80\xbf\x80"},
		{"six", "\x80\xbf\x80\xbf\x80\xbf"}, {"all", allContinuations()}, {"after-two", "\xc3\x9f\x80"}, {"after-three", "\xe2\x82\xac\x80"}, {"after-four", "\xf0\x9f\x98\x80\x80"},
	}},
	{"start", "A byte from c2 to f4 begins a character of two to four bytes, and continuation bytes have to follow it at once.", []badText{
		{"two", "\xc3 "}, {"three", "\xe2 "}, {"four", "\xf0 "}, {"all-two", spaced(0xc2, 0xdf)}, {"all-three", spaced(0xe0, 0xef)}, {"all-four", spaced(0xf0, 0xf4)},
		{"five", spaced(0xf8, 0xfb)}, {"six", spaced(0xfc, 0xfd)}, {"three-one-more", "\xe2\x82 "}, {"four-one-more", "\xf0\x9f "}, {"four-two-more", "\xf0\x9f\x98 "},
		{"twice", "\xe2\xe2\x82\xac"},
	}},
	{"truncated", "A text that ends inside a character is not valid, and its receiver may not cut off or replace what is left.", []badText{
		{"two", "\xc3"}, {"two-last", "\xdf"}, {"three-1", "\xe2"}, {"three-2", "\xe2\x82"}, {"three-first", "\xe0\xa0"}, {"three-last", "\xef\xbf"}, {"four-1", "\xf0"},
		{"four-2", "\xf0\x9f"}, {"four-3", "\xf0\x9f\x98"}, {"four-first", "\xf0\x90\x80"}, {"four-last", "\xf4\x8f\xbf"}, {"before-surrogates", "\xed\x9f"},
		{"several", "\xc3\xe2\x82\xf0\x9f\x98"},
	}},
	{"overlong", "A character has one form, the shortest. A longer one of the same number, such as c0 af for a slash, gets forbidden characters past those who look for the " +
		"short form.", []badText{
		{"two-nul", "\xc0\x80"}, {"two-slash", "\xc0\xaf"}, {"two-last", "\xc1\xbf"}, {"three-nul", "\xe0\x80\x80"}, {"three-slash", "\xe0\x80\xaf"},
		{"three-last", "\xe0\x9f\xbf"}, {"four-nul", "\xf0\x80\x80\x80"}, {"four-slash", "\xf0\x80\x80\xaf"}, {"four-last", "\xf0\x8f\xbf\xbf"},
		{"five-nul", "\xf8\x80\x80\x80\x80"}, {"five-last", "\xf8\x87\xbf\xbf\xbf"}, {"six-nul", "\xfc\x80\x80\x80\x80\x80"}, {"six-last", "\xfc\x83\xbf\xbf\xbf\xbf"},
	}},
	{"surrogate", "The numbers D800 to DFFF are halves that UTF-16 writes characters with, and no characters. UTF-8 has no form for them, not in pairs either.", []badText{
		{"high-first", "\xed\xa0\x80"}, {"high-last", "\xed\xaf\xbf"}, {"private-first", "\xed\xae\x80"}, {"low-first", "\xed\xb0\x80"}, {"low-last", "\xed\xbf\xbf"},
		{"pair-first", "\xed\xa0\x80\xed\xb0\x80"}, {"pair-last", "\xed\xaf\xbf\xed\xbf\xbf"}, {"pair-emoji", "\xed\xa0\xbd\xed\xb8\x80"}, {"pair-swapped", "\xed\xb0\x80\xed\xa0\x80"},
	}},
	{"beyond", "Unicode ends with U+10FFFF, so that f4 90 and all that begins with f5 or more stand for nothing.", []badText{
		{"first", "\xf4\x90\x80\x80"}, {"f4-last", "\xf4\xbf\xbf\xbf"}, {"f5", "\xf5\x80\x80\x80"}, {"f6", "\xf6\x80\x80\x80"}, {"f7-last", "\xf7\xbf\xbf\xbf"}, {"five-first", "\xf8\x88\x80\x80\x80"},
		{"five-last", "\xfb\xbf\xbf\xbf\xbf"}, {"six-first", "\xfc\x84\x80\x80\x80\x80"}, {"six-last", "\xfd\xbf\xbf\xbf\xbf\xbf"},
	}},
	{"byte", "The bytes c0, c1 and f5 to ff occur nowhere in UTF-8. Text in another encoding is full of them.", []badText{
		{"fe", "\xfe"}, {"ff", "\xff"}, {"fe-fe-ff-ff", "\xfe\xfe\xff\xff"}, {"utf-16", "\xff\xfeh\x00i\x00"}, {"latin-1", "caf\xe9 cr\xe8me"}, {"c0", "\xc0"}, {"c1", "\xc1"}, {"f5", "\xf5"},
	}},
}

func utf8Invalid() []Case {
	var list []Case
	for _, class := range badClasses {
		for i, t := range class.texts {
			shown := hexed([]byte(t.bytes[:min(len(t.bytes), 8)]))
			if len(t.bytes) > 8 {
				shown += " …"
			}
			list = append(list, Case{ID: fmt.Sprintf("utf8.invalid.%s-%s", class.name, t.name), RFC: rfcUTF8, Why: class.why,
				Expect:   fmt.Sprintf("The text %s fails the connection with 1007.", shown),
				Steps:    []Step{text(lit(t.bytes)), send(ping("alive"))},
				Outcomes: fails(1007)})
			if i > 2 && class.name != "truncated" {
				continue
			}
			list = append(list, Case{ID: fmt.Sprintf("utf8.inside.%s-%s", class.name, t.name), RFC: rfcUTF8, Why: class.why,
				Expect:   fmt.Sprintf("The bytes %s between valid text fail the connection with 1007.", shown),
				Steps:    []Step{text(lit("κόσμε" + t.bytes + "edited")), send(ping("alive"))},
				Outcomes: fails(1007)})
		}
	}
	return list
}

// utf8InvalidSplit cuts what is invalid, where each piece alone may look as if it could become valid.
func utf8InvalidSplit() []Case {
	var list []Case
	for _, class := range badClasses {
		why := class.why + " That the bytes come in several fragments changes nothing."
		for _, t := range class.texts {
			if len(t.bytes) < 2 || len(t.bytes) > 8 {
				continue
			}
			shown := hexed([]byte(t.bytes))
			list = append(list, Case{ID: fmt.Sprintf("utf8.invalid-split.fragments-%s-%s", class.name, t.name), RFC: "RFC 6455 §5.4, §8.1", Why: why,
				Expect:   fmt.Sprintf("The text %s fails the connection with 1007 when its last byte comes in a fragment of its own.", shown),
				Steps:    []Step{message(Message{Op: OpText, Payload: lit(t.bytes), Split: []int{len(t.bytes) - 1}}), send(ping("alive"))},
				Outcomes: fails(1007)})
		}
		for _, t := range class.texts[:2] {
			shown := hexed([]byte(t.bytes))
			m := Message{Op: OpText, Payload: lit("aß" + t.bytes + "€"), Fragment: 1}
			list = append(list, Case{ID: fmt.Sprintf("utf8.invalid-split.bytes-%s-%s", class.name, t.name), RFC: "RFC 6455 §5.4, §8.1", Why: why,
				Expect:   fmt.Sprintf("The bytes %s inside a text fail the connection with 1007 in fragments of one byte.", shown),
				Steps:    []Step{message(m), send(ping("alive"))},
				Outcomes: fails(1007)})
			m.Fragment = 0
			list = append(list, Case{ID: fmt.Sprintf("utf8.invalid-split.writes-%s-%s", class.name, t.name), RFC: "RFC 6455 §8.1",
				Why:      class.why + " That each byte of the frame comes by itself changes nothing.",
				Expect:   fmt.Sprintf("The bytes %s inside a text fail the connection with 1007 when each byte of the frame comes by itself.", shown),
				Steps:    []Step{message(m).chop(1).every(time.Millisecond), send(ping("alive"))},
				Outcomes: fails(1007)})
		}
	}
	return list
}

// utf8Place puts a bad byte where fast ways through ASCII and borders of buffers may miss it.
func utf8Place() []Case {
	var list []Case
	const why = "Whoever checks eight, sixteen or more bytes in one go has to get the borders right, and the bytes that are left at the end."
	for _, at := range []int{0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129} {
		list = append(list, Case{ID: fmt.Sprintf("utf8.place.bad-%d", at), RFC: rfcUTF8, Why: why,
			Expect:   fmt.Sprintf("The byte ff after %d bytes of a text of 130 bytes fails the connection with 1007.", at),
			Steps:    []Step{text(lit(strings.Repeat("a", at) + "\xff" + strings.Repeat("z", 129-at))), send(ping("alive"))},
			Outcomes: fails(1007)})
	}
	for _, n := range []int{4095, 16383, 60000} {
		list = append(list, Case{ID: fmt.Sprintf("utf8.place.last-of-%d", n+1), RFC: rfcUTF8, Why: why,
			Expect:   fmt.Sprintf("A text of %d valid bytes and a last one that begins a character fails the connection with 1007.", n),
			Steps:    []Step{text(lit(strings.Repeat("€", n/3) + "\xe2")), send(ping("alive"))},
			Outcomes: fails(1007)})
	}
	var shifted []Message
	for n := range 70 {
		shifted = append(shifted, textOf(strings.Repeat("a", n)+"ß€😀\U0010ffff"+strings.Repeat("z", 70-n)))
	}
	valid := echoCase("utf8.place.valid", "Characters of two, three and four bytes come back from each place in a text of 83 bytes.", shifted...)
	valid.Why = why

	after := func(name, expect, bad string) Case {
		return Case{ID: "utf8.second." + name, RFC: rfcUTF8, Expect: expect,
			Why:      "Every message is checked for itself, also after one that was good, and no character reaches from one message into the next.",
			Steps:    []Step{text(lit("good €")), await(1), text(lit(bad)), send(ping("alive"))},
			Outcomes: fails(1007, echoed(OpText, lit("good €")))}
	}
	return append(list, valid,
		after("surrogate", "A surrogate in the second message fails the connection with 1007, after the first came back.", "a\xed\xa0\x80b"),
		after("continuation", "A second message that begins with a continuation byte fails the connection with 1007.", "\xac good"),
		after("truncated", "A second message that ends inside a character fails the connection with 1007.", "not good \xe2\x82"),
		Case{ID: "utf8.second.carry", RFC: rfcUTF8, Expect: "A character begun in one message and ended in the next fails the connection with 1007.",
			Why:      "Every message is checked for itself: both of these are wrong.",
			Steps:    []Step{send(frame(OpText, "\xe2\x82"), frame(OpText, "\xac"), ping("alive"))},
			Outcomes: fails(1007)},
		Case{ID: "utf8.second.after-binary", RFC: rfcUTF8, Expect: "A continuation byte in a text fails the connection with 1007 though a binary message ended with the beginning of its character.",
			Steps:    []Step{binaryMessage(lit("\xe2\x82")), await(1), text(lit("\xac")), send(ping("alive"))},
			Outcomes: fails(1007, echoed(OpBinary, lit("\xe2\x82")))},
		Case{ID: "utf8.second.three-good", RFC: rfcUTF8, Expect: "A bad message right behind three good ones fails the connection with 1007, and the good ones come back before.",
			Why: "What came whole and right before the fault was received. The RFC does not say that it has to be answered: an endpoint that fails first has lost no more than its " +
				"answers.",
			Steps:    []Step{send(frame(OpText, "one"), frame(OpText, "two"), frame(OpText, "three"), frame(OpText, "\xff"), ping("alive"))},
			Outcomes: fails(1007, echoed(OpText, lit("one")), echoed(OpText, lit("two")), echoed(OpText, lit("three")))},
	)
}
