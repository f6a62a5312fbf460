package check

import (
	"fmt"
	"strings"
	"time"
)

var closeGroup = Group{
	Name:  "close",
	Title: "Closing",
	Why: "A close frame says that no more data follows, with a code and a reason if its sender likes. Whoever gets one answers with one, unless it has sent its own before, and " +
		"then the TCP connection ends (RFC 6455 §5.5.1, §7). That is how both sides know that everything arrived. The codes have ranges: those below 1000 are not used, 1004, 1005, " +
		"1006 and 1015 never go over the wire, 1000 to 2999 belong to the protocol, 3000 to 3999 to libraries, 4000 to 4999 to applications (§7.4). A payload of one byte has no " +
		"room for a code, and a reason is UTF-8.",
	cases: closeCases,
}

func closeCases() []Case {
	var list []Case
	list = append(list, closeValidCodes()...)
	list = append(list, closeInvalidCodes()...)
	list = append(list, closeReasons()...)
	list = append(list, closePayloads()...)
	list = append(list, closeAfter()...)
	list = append(list, closeOpen()...)
	list = append(list, closeOrder()...)
	list = append(list, closeTCP()...)
	return list
}

// answers are the outcomes of a close that is right, after what is seen.
func answers(code int, seen ...Pattern) []Outcome {
	after := func(p ...Pattern) []Pattern { return append(clone(seen), p...) }
	return []Outcome{
		{OK, "", after(closed(code))},
		{Informational, "it answered with 1000 or without a code: RFC 6455 §5.5.1 says that an endpoint typically echoes the code", after(closed(1000, 1005))},
		{WrongCode, "it answered with a code that says something else", after(closed())},
		{Fail, "it ended the connection without answering the close frame, which it must: RFC 6455 §5.5.1", after(dropped())},
	}
}

func closeValidCodes() []Case {
	var list []Case
	for _, v := range []struct {
		code int
		what string
	}{
		{1000, "normal closure"}, {1001, "going away"}, {1002, "protocol error"}, {1003, "unsupported data"}, {1007, "invalid payload"}, {1008, "policy violation"},
		{1009, "message too big"}, {1010, "mandatory extension"}, {1011, "internal error"}, {1012, "service restart"}, {1013, "try again later"}, {1014, "bad gateway"},
		{3000, "the first for libraries"}, {3001, "for libraries"}, {3500, "for libraries"}, {3999, "the last for libraries"}, {4000, "the first for applications"},
		{4001, "for applications"}, {4500, "for applications"}, {4999, "the last for applications"},
	} {
		c := Case{ID: fmt.Sprintf("close.code.%d", v.code), RFC: "RFC 6455 §5.5.1, §7.4",
			Expect:   fmt.Sprintf("A close with %d (%s) is answered with the same code.", v.code, v.what),
			Steps:    []Step{closing(v.code, "reason")},
			Outcomes: answers(v.code)}
		if v.code >= 1012 && v.code <= 1014 {
			c.Why = "IANA has registered 1012 to 1014 after RFC 6455 came out, and its registry is the one that §7.4.2 and §11.7 name. Who does not know a code of that range cannot " +
				"know whether it is valid and has no reason to call it a fault."
			c.Outcomes = append(c.Outcomes[:2:2], Outcome{NonStrict, "it failed the connection with 1002 though the code is registered", []Pattern{closed(1002)}}, c.Outcomes[2], c.Outcomes[3])
		}
		list = append(list, c)
	}
	return list
}

func closeInvalidCodes() []Case {
	const never = "it took the code as a good one"
	refuses := func(more ...Outcome) []Outcome {
		list := append([]Outcome{{OK, "", []Pattern{closed(1002)}}}, more...)
		return append(list,
			Outcome{WrongCode, never, []Pattern{closed()}},
			Outcome{NonStrict, "it ended the connection without a close frame: RFC 6455 §7.1.7 says that one should be sent", []Pattern{dropped()}})
	}
	var list []Case
	add := func(code int, why string, outcomes []Outcome) {
		list = append(list, Case{ID: fmt.Sprintf("close.code.%d", code), RFC: "RFC 6455 §7.4", Why: why,
			Expect: fmt.Sprintf("A close with %d fails the connection with 1002.", code),
			Steps:  []Step{closing(code, "")}, Outcomes: outcomes})
	}
	for _, code := range []int{0, 1, 100, 999} {
		add(code, "Codes from 0 to 999 are not used (§7.4.2). A close frame with one is no valid frame, and to send it back repeats the fault.", refuses())
	}
	for _, code := range []int{1005, 1006, 1015} {
		add(code, "1005, 1006 and 1015 are for a program's own interface: no code, no close frame, no TLS. §7.4.1 says of each that it must not be set in a close frame, as those who are told "+
			"it could not trust it any more.", refuses())
	}
	for _, code := range []int{1004, 1016, 1100, 1999, 2000, 2999} {
		add(code, "The range 1000 to 2999 is reserved for what the protocol and its registry define (§7.4.2), and this code is not defined. Its sender breaks that rule. What "+
			"the receiver has to do the RFC does not say: a later revision may define the code, so that an endpoint which echoes it does nothing that is forbidden to it.",
			refuses(Outcome{Informational, "it echoed a code that nobody has defined", []Pattern{closed(code)}},
				Outcome{Informational, "it answered a code that nobody has defined with 1000 or without a code", []Pattern{closed(1000, 1005)}}))
	}
	for _, code := range []int{5000, 5001, 9999, 32768, 65535} {
		add(code, "The ranges of §7.4.2 end with 4999, and the RFC says nothing about what is beyond. An endpoint that knows the ranges takes it as a fault. To echo it breaks no "+
			"rule that is written down.",
			refuses(Outcome{Informational, "it echoed a code beyond all ranges", []Pattern{closed(code)}},
				Outcome{Informational, "it answered a code beyond all ranges with 1000 or without a code", []Pattern{closed(1000, 1005)}}))
	}
	return list
}

func closeReasons() []Case {
	var list []Case
	add := func(name, what, reason string) {
		list = append(list, Case{ID: "close.reason." + name, RFC: "RFC 6455 §5.5.1, §7.1.6",
			Expect: fmt.Sprintf("A close with 1000 and %s is answered.", what),
			Steps:  []Step{closing(1000, reason)}, Outcomes: answers(1000)})
	}
	for _, n := range []int{0, 1, 2, 7, 8, 50, 122, 123} {
		add(fmt.Sprintf("ascii-%d", n), fmt.Sprintf("a reason of %d bytes", n), strings.Repeat("reason, ", 16)[:n])
	}
	for _, v := range []struct{ name, what, reason string }{
		{"two", "a reason of one character of two bytes", "ß"},
		{"three", "a reason of one character of three bytes", "€"},
		{"four", "a reason of one character of four bytes", "😀"},
		{"last", "a reason of the last character of all", "\U0010ffff"},
		{"noncharacter", "a reason of a noncharacter", "\uffff"},
		{"nul", "a reason that holds a NUL", "a\x00b"},
		{"bom", "a reason that begins with a byte order mark", "\ufeffbye"},
		{"utf8-123", "a reason of 123 bytes, which are 41 characters,", strings.Repeat("€", 41)},
		{"utf8-122", "a reason of 122 bytes, which are 61 characters,", strings.Repeat("ß", 61)},
	} {
		add(v.name, v.what, v.reason)
	}
	list = append(list, Case{ID: "close.reason.too-long", RFC: "RFC 6455 §5.5", Expect: "A close with a reason of 124 bytes, a payload of 126, fails the connection with 1002.",
		Steps: []Step{closing(1000, strings.Repeat("r", 124))}, Outcomes: fails(1002)})
	for _, v := range []struct{ name, what, reason string }{
		{"ff", "the byte ff", "bye\xff"},
		{"continuation", "a lone continuation byte", "\x80bye"},
		{"start", "a character that is begun and not ended", "\xe2 bye"},
		{"truncated-2", "a cut character of two bytes at the end", "bye\xc3"},
		{"truncated-3", "a cut character of three bytes at the end", "bye\xe2\x82"},
		{"truncated-4", "a cut character of four bytes at the end", "bye\xf0\x9f\x98"},
		{"overlong-2", "an overlong form of two bytes", "\xc0\xaf"},
		{"overlong-3", "an overlong form of three bytes", "\xe0\x80\xaf"},
		{"overlong-4", "an overlong form of four bytes", "\xf0\x80\x80\xaf"},
		{"surrogate", "a surrogate", "\xed\xa0\x80"},
		{"surrogate-pair", "a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80"},
		{"beyond", "a number beyond U+10FFFF", "\xf4\x90\x80\x80"},
		{"mixed", "valid text, a surrogate and valid text", "κόσμε\xed\xa0\x80edited"},
		{"last-of-123", "a cut character in the last of 123 bytes", strings.Repeat("a", 122) + "\xe2"},
	} {
		list = append(list, Case{ID: "close.reason-invalid." + v.name, RFC: "RFC 6455 §5.5.1, §8.1",
			Expect: fmt.Sprintf("A close whose reason has %s fails the connection with 1007.", v.what),
			Why: "A reason is UTF-8, though it need not be for people (§5.5.1), and whoever finds bytes that are none fails the connection (§8.1). 1007 is the code for data that does not " +
				"fit its type. §7.4.1 speaks of data in a message there, and a close frame is none, so that 1002 can be argued for. Sent back, the bytes repeat the fault.",
			Steps: []Step{closing(1000, v.reason)},
			Outcomes: []Outcome{
				{OK, "", []Pattern{closed(1007)}},
				{Informational, "it failed the connection with 1002, which says less", []Pattern{closed(1002)}},
				{WrongCode, "it took the reason as a good one", []Pattern{closed()}},
				{NonStrict, "it ended the connection without a close frame: RFC 6455 §7.1.7 says that one should be sent", []Pattern{dropped()}},
			}})
	}
	return list
}

func closePayloads() []Case {
	list := []Case{
		{ID: "close.payload.empty", RFC: "RFC 6455 §5.5.1", Expect: "A close without a payload is answered with a close, without a code or with 1000.",
			Steps: []Step{send(frame(OpClose, ""))},
			Outcomes: []Outcome{
				{OK, "", []Pattern{closed(1005, 1000)}},
				{WrongCode, "it answered with a code that says something else", []Pattern{closed()}},
				{Fail, "it ended the connection without answering the close frame, which it must: RFC 6455 §5.5.1", []Pattern{dropped()}}}},
		{ID: "close.payload.bytewise", RFC: "RFC 6455 §5.5.1", Expect: "A close of which each byte comes by itself is answered with the same code.",
			Steps: []Step{closing(1001, "one after the other").chop(1).every(2 * time.Millisecond)}, Outcomes: answers(1001)},
		{ID: "close.payload.two-writes", RFC: "RFC 6455 §5.5.1", Expect: "A close of which the second byte of the code comes later is answered with the same code.",
			Steps: []Step{send(Frame{Op: OpClose, Payload: lit("\x0f"), Declare: 2, Mask: MaskZero}), pause(pauseBetween), raw("\xa1")}, Outcomes: answers(4001)},
		{ID: "close.payload.masked-with-zeros", RFC: "RFC 6455 §5.3", Expect: "A close masked with zeros is answered with the same code.",
			Steps: []Step{send(Frame{Op: OpClose, Payload: lit("\x03\xe9zeros"), Mask: MaskZero})}, Outcomes: answers(1001)},
	}
	for _, v := range []struct{ name, payload string }{{"one-byte", "\x03"}, {"one-byte-00", "\x00"}, {"one-byte-ff", "\xff"}} {
		list = append(list, Case{ID: "close.payload." + v.name, RFC: "RFC 6455 §5.5.1", Expect: fmt.Sprintf("A close with the one byte %s fails the connection with 1002.", hexed([]byte(v.payload))),
			Why:      "If there is a payload, its first two bytes are the code. Of one byte no code can be made, neither that byte nor 1005.",
			Steps:    []Step{send(frame(OpClose, v.payload))},
			Outcomes: append([]Outcome{fails(1002)[0], {WrongCode, "it took it as a close without a code", []Pattern{closed(1000, 1005)}}}, fails(1002)[1:]...)})
	}
	return list
}
