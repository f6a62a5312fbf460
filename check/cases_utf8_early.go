package check

import (
	"fmt"
	"strings"
	"time"
)

const whyEarly = "The first bad byte settles it: no byte after it makes the message valid. Who checks what comes as it comes fails the connection there, and keeps nothing of a " +
	"message that it will throw away. The RFC says that the connection fails, not when, so that waiting for the rest is late but not wrong."

// failsEarly are the outcomes of a case in which a bad byte comes long before the end of what it is in.
func failsEarly(seen ...Pattern) []Outcome {
	after := func(p ...Pattern) []Pattern { return append(clone(seen), p...) }
	return []Outcome{
		{OK, "", after(closed(1007))},
		{NonStrict, "it failed the connection only after the rest had come", after(late(), closed(1007))},
		{WrongCode, "it failed the connection, but with another code", after(late().optional(), closed())},
		{NonStrict, "it ended the connection without a close frame: RFC 6455 §7.1.7 says that one should be sent", after(late().optional(), dropped())},
	}
}

// decided are beginnings of text that nothing makes valid any more.
var decided = []struct{ name, text, what string }{
	{"ff", "κόσμε\xff", "the byte ff"},
	{"continuation", "κόσμε\x80", "a continuation byte without beginning"},
	{"overlong-two", "κόσμε\xc0", "c0, which begins only overlong forms,"},
	{"overlong-three", "κόσμε\xe0\x9f", "e0 9f, which begins only overlong forms,"},
	{"overlong-four", "κόσμε\xf0\x8f", "f0 8f, which begins only overlong forms,"},
	{"surrogate", "κόσμε\xed\xa0", "ed a0, which begins only surrogates,"},
	{"beyond", "κόσμε\xf4\x90", "f4 90, which begins only what is beyond U+10FFFF,"},
	{"beyond-f5", "κόσμε\xf5", "f5, which begins only what is beyond U+10FFFF,"},
	{"truncated", "κόσμε\xe2\x82a", "a letter inside a character"},
}

func utf8Early() []Case {
	var list []Case
	rest := strings.Repeat("rest", 25)
	for _, d := range decided {
		list = append(list, Case{ID: "utf8.early.fragment-" + d.name, RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: fmt.Sprintf("In the first of two fragments %s fails the connection with 1007 before the second comes.", d.what),
			Steps: []Step{send(frame(OpText, d.text).more()), grace(),
				send(frame(OpContinuation, rest), ping("alive"))},
			Outcomes: failsEarly()})
		// The frame is masked with zeros so that its rest is the same for both roles.
		list = append(list, Case{ID: "utf8.early.frame-" + d.name, RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: fmt.Sprintf("In a frame of which 100 bytes are not there yet %s fails the connection with 1007 before they come.", d.what),
			Steps: []Step{send(Frame{Op: OpText, Payload: lit(d.text), Declare: uint64(len(d.text) + len(rest)), Mask: MaskZero}), grace(),
				raw(rest), send(ping("alive"))},
			Outcomes: failsEarly()})
	}
	unfinished := func(f Frame, p string, size int) Frame {
		f.Payload, f.Declare, f.Mask = lit(p), uint64(size), MaskZero
		return f
	}
	long := strings.Repeat("long", 15000)
	return append(list,
		Case{ID: "utf8.early.frame-16-bit", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A bad byte at the beginning of a frame of 1,000 bytes fails the connection with 1007 before the rest comes.",
			Steps: []Step{send(unfinished(frame(OpText, ""), "ab\xff", 1000)), grace(),
				raw(strings.Repeat("r", 997)), send(ping("alive"))},
			Outcomes: failsEarly()},
		Case{ID: "utf8.early.frame-60000", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A bad byte after 50,000 bytes of a frame of 60,000 fails the connection with 1007 before the rest comes.",
			Steps: []Step{send(unfinished(frame(OpText, ""), long[:50000]+"\xff", 60000)), grace(),
				raw(long[:9999]), send(ping("alive"))},
			Outcomes: failsEarly()},
		Case{ID: "utf8.early.frame-second-write", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A bad byte in the second of three writes that make a frame fails the connection with 1007 before the third.",
			Steps: []Step{send(unfinished(frame(OpText, ""), "first", 110)), pause(pauseBetween), raw("\xff    "), grace(),
				raw(rest), send(ping("alive"))},
			Outcomes: failsEarly()},
		Case{ID: "utf8.early.frame-across-writes", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A surrogate that is cut by the end of a write fails the connection with 1007 before the rest of its frame comes.",
			Steps: []Step{send(unfinished(frame(OpText, ""), "firs\xed", 110)), pause(pauseBetween), raw("\xa0\x80   "), grace(),
				raw(rest[:99]), send(ping("alive"))},
			Outcomes: failsEarly()},
		Case{ID: "utf8.early.continuation-frame", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A surrogate that begins in one fragment and is in the unfinished frame of the next fails the connection with 1007 before the rest comes.",
			Steps: []Step{send(frame(OpText, "first \xed").more(), unfinished(frame(OpContinuation, ""), "\xbf", 101)), grace(),
				raw(rest), send(ping("alive"))},
			Outcomes: failsEarly()},
		Case{ID: "utf8.early.second-fragment", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A bad byte in the second of three fragments fails the connection with 1007 before the third comes.",
			Steps: []Step{send(frame(OpText, "first").more(), frame(OpContinuation, "\xc1").more()), grace(),
				send(frame(OpContinuation, rest), ping("alive"))},
			Outcomes: failsEarly()},
		Case{ID: "utf8.early.after-echo", RFC: "RFC 6455 §8.1", Why: whyEarly,
			Expect: "A bad byte in the first fragment of the second message fails the connection with 1007 before the next comes.",
			Steps: []Step{text(lit("good")), await(1), send(frame(OpText, "not good \xf8").more()), grace(),
				send(frame(OpContinuation, rest), ping("alive"))},
			Outcomes: failsEarly(echoed(OpText, lit("good")))},
	)
}

// pauseBetween is long enough for an endpoint to see the writes before and behind it as two.
const pauseBetween = 20 * time.Millisecond

// utf8Wait has text that is not whole yet, which must not fail before its message ends.
func utf8Wait() []Case {
	const why = "As long as the message goes on, the bytes that are missing may come. A ping between the fragments shows that the endpoint still waits for them. When the message ends " +
		"without them it is not valid."
	var list []Case
	for _, v := range []struct{ name, text string }{
		{"two", "ß"}, {"three", "€"}, {"three-first", "\u0800"}, {"before-surrogates", "\ud7ff"}, {"four", "😀"}, {"four-first", "\U00010000"}, {"last", "\U0010ffff"},
	} {
		for i := 1; i < len(v.text); i++ {
			shown := hexed([]byte(v.text[:i]))
			begin := []Step{send(frame(OpText, "abc"+v.text[:i]).more(), ping("alive")), await(1)}
			list = append(list, Case{ID: fmt.Sprintf("utf8.wait.whole-%s-%d", v.name, i), RFC: "RFC 6455 §5.4, §8.1", Why: why,
				Expect:   fmt.Sprintf("A fragment that ends with %s is fine, and the message comes back when the rest of the character has come.", shown),
				Steps:    append(begin[:2:2], send(frame(OpContinuation, v.text[i:]+"xyz")), await(1), closing(1000, "")),
				Outcomes: echoes(ponged(lit("alive")), echoed(OpText, lit("abc"+v.text+"xyz")))})
			if v.name != "three" && v.name != "four" && v.name != "two" {
				continue
			}
			for _, end := range []struct{ name, text, what string }{{"empty", "", "an empty fragment"}, {"ascii", "xyz", "a fragment of letters"}} {
				list = append(list, Case{ID: fmt.Sprintf("utf8.wait.%s-%s-%d", end.name, v.name, i), RFC: "RFC 6455 §5.4, §8.1", Why: why,
					Expect:   fmt.Sprintf("A fragment that ends with %s is fine, and %s at the end of the message fails the connection with 1007.", shown, end.what),
					Steps:    append(begin[:2:2], send(frame(OpContinuation, end.text), ping("too late"))),
					Outcomes: fails(1007, ponged(lit("alive")))})
			}
		}
	}
	return list
}
