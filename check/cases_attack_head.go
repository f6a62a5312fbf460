package check

import (
	"fmt"
	"strings"
)

func padding(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

func repeated(s string, n int) string { return strings.Repeat(s, n) }

// many makes n lines of a format that takes the line's number.
func many(n int, format string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return list
}

// attackHead sends requests that are too large.
func attackHead() []Case {
	const why = "A request has no largest size by itself, so that a server has to set one. 414 is the answer to a target that is too long, 431 to fields that are too large " +
		"(RFC 6585 §5), and to end the connection is right, too. RFC 9112 §3 recommends that request lines of 8,000 bytes are understood."
	const takes = "it takes a head of this size"
	var list []Case
	add := func(name, expect string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "attack.head." + name, RFC: "RFC 9112 §3, RFC 6585 §5", Expect: expect, Why: why, Tags: []string{TagServer},
			Open: Open{Head: h}, Steps: []Step{closing(1000, "")}, Outcomes: outcomes})
	}
	line := func(n int) Head { return Head{Line: "GET {target}?" + padding(n-len("GET / HTTP/1.1?")) + " HTTP/1.1"} }
	add("line-8000", "A request line of 8,000 bytes is understood.", line(8000), []Outcome{
		{OK, "", []Pattern{opened(), closed(1000, 1005)}},
		{Informational, "it refused a line of a length that RFC 9112 §3 recommends to support", []Pattern{refused()}},
		{Informational, "it ended the connection at a line of a length that RFC 9112 §3 recommends to support", []Pattern{dropped()}}})
	add("line-64k", "A request line of 64 KiB is refused or ends the connection.", line(64<<10), refuses(Informational, takes))
	add("line-1m", "A request line of 1 MiB is refused or ends the connection.", line(1<<20), refuses(Informational, takes))
	add("line-without-end", "A request line of 2 MiB of which no end is in sight is refused or ends the connection.", Head{Raw: "GET /" + padding(2<<20)}, []Outcome{
		{OK, "", []Pattern{refused()}},
		{OK, "it ended the connection without an answer", []Pattern{dropped()}},
		{Informational, "it still waits for the end of the line", []Pattern{silent()}}})
	add("field-64k", "A field of 64 KiB is refused or ends the connection.", with("X-Flood: "+padding(64<<10)), refuses(Informational, takes))
	add("field-1m", "A field of 1 MiB is refused or ends the connection.", with("X-Flood: "+padding(1<<20)), refuses(Informational, takes))
	add("field-4m", "A field of 4 MiB is refused or ends the connection.", with("X-Flood: "+padding(4<<20)), refuses(Informational, takes))
	add("name-64k", "A field whose name has 64 KiB is refused or ends the connection.", with("X-"+padding(64<<10)+": flood"), refuses(Informational, takes))
	add("fields-2000", "A request of 2,000 fields is refused or ends the connection.", with(many(2000, "X-Flood-%d: flood")...), refuses(Informational, takes))
	add("fields-same", "A request that has one field 2,000 times is refused or ends the connection.", with(many(2000, "X-Flood: %d")...), refuses(Informational, takes))
	add("fields-4m", "A request of 4 MiB in fields of 4 KiB is refused or ends the connection.", with(many(1000, "X-Flood-%d: "+padding(4<<10))...), refuses(Informational, takes))
	add("key-64k", "A key of 64 KiB is refused or ends the connection.", replaced("Sec-WebSocket-Key: "+padding(64<<10)), []Outcome{
		{OK, "", []Pattern{refused()}},
		{OK, "it ended the connection without an answer", []Pattern{dropped()}}})
	return list
}

// attackLists sends lists that cost much to those who parse them badly.
func attackLists() []Case {
	const why = "What a server parses in each request has to take time in proportion to its length. Regular expressions with two repetitions side by side, and lists that are searched for each " +
		"of their elements, take the square of it, and one request then holds up all others. A refusal is as good as an answer."
	var list []Case
	add := func(name, expect string, lines ...string) {
		list = append(list, Case{ID: "attack.lists." + name, RFC: "RFC 6455 §10.5, RFC 9110 §5.6.1", Expect: expect, Why: why, Tags: []string{TagServer},
			Open: Open{Head: with(lines...)}, Steps: []Step{closing(1000, "")}, Outcomes: opensOrRefuses()})
	}
	const protocol, extensions = "Sec-WebSocket-Protocol: ", "Sec-WebSocket-Extensions: "
	add("protocols-4000", "4,000 subprotocols in one line are answered.", protocol+strings.Join(many(4000, "p%d"), ", "))
	add("protocols-lines", "4,000 subprotocols in 40 lines are answered.", splitLines(protocol, many(4000, "p%d"), 100)...)
	add("protocols-same", "One subprotocol 4,000 times is answered.", protocol+strings.Repeat("same, ", 3999)+"same")
	add("protocols-long", "A subprotocol of 8 KiB is answered.", protocol+padding(8<<10))
	add("extensions-4000", "4,000 extensions are answered.", extensions+strings.Join(many(4000, "x-%d"), ", "))
	add("extensions-parameters", "An extension with 4,000 parameters is answered.", extensions+"x-flood; "+strings.Join(many(4000, "p%d=1"), "; "))
	add("extensions-deflate", "1,000 offers of permessage-deflate are answered.", extensions+strings.Join(many(1000, "permessage-deflate; unknown=%d"), ", "))
	add("extensions-deflate-parameters", "An offer of permessage-deflate with 1,000 unknown parameters is answered.", extensions+"permessage-deflate; "+strings.Join(many(1000, "p%d=1"), "; "))
	for _, f := range []struct{ name, field, first, last string }{
		{"protocol", protocol, "first", "last"}, {"extensions", extensions, "x-first", "x-last"}, {"connection", "Connection: ", "first", "last"}, {"upgrade", "Upgrade: ", "first/1", "last/2"},
	} {
		add(f.name+"-commas", fmt.Sprintf("1,000 empty elements in %s are answered.", f.field[:len(f.field)-2]), f.field+f.first+strings.Repeat(",", 1000)+f.last)
		add(f.name+"-spaces", fmt.Sprintf("1,000 spaces between two elements of %s are answered.", f.field[:len(f.field)-2]), f.field+f.first+", "+strings.Repeat(" ", 1000)+f.last)
		add(f.name+"-spaces-12k", fmt.Sprintf("12 KiB of spaces without a comma in %s are answered.", f.field[:len(f.field)-2]), f.field+f.first+strings.Repeat(" ", 12<<10)+f.last)
	}
	add("extensions-spaces-32k", "32 KiB of spaces in Sec-WebSocket-Extensions are answered.", extensions+"x-first"+strings.Repeat(" ", 32<<10)+"; last")
	add("extensions-semicolons", "12 KiB of semicolons in Sec-WebSocket-Extensions are answered.", extensions+"x-first"+strings.Repeat(";", 12<<10)+"last")
	add("extensions-equals", "12 KiB of equals signs in Sec-WebSocket-Extensions are answered.", extensions+"x-first; a"+strings.Repeat("=", 12<<10)+"b")
	add("extensions-quoted", "A quoted value of 12 KiB without its end is answered.", extensions+`x-first; a="`+padding(12<<10))
	add("extensions-escapes", "A quoted value of 12 KiB of backslashes without its end is answered.", extensions+`x-first; a="`+strings.Repeat(`\`, 12<<10))
	add("extensions-window-digits", "A window of 12 KiB of digits is answered.", extensions+"permessage-deflate; client_max_window_bits=1"+strings.Repeat("0", 12<<10))
	add("version-digits", "A second version of 12 KiB of digits is answered.", "Sec-WebSocket-Version: 13"+strings.Repeat("0", 12<<10))
	add("cookies", "A Cookie of 1,000 pairs is answered.", "Cookie: "+strings.Join(many(1000, "c%d=1"), "; "))
	return list
}

// splitLines puts lists of n elements in lines of a field.
func splitLines(field string, elements []string, n int) []string {
	var lines []string
	for ; len(elements) > 0; elements = elements[min(n, len(elements)):] {
		lines = append(lines, field+strings.Join(elements[:min(n, len(elements))], ", "))
	}
	return lines
}

// attackBytes sends bytes that programs read differently.
func attackBytes() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, h Head, opens Verdict, say string) {
		list = append(list, Case{ID: "attack.bytes." + name, RFC: rfc, Expect: expect, Why: why, Tags: []string{TagServer},
			Open: Open{Head: h}, Steps: []Step{closing(1000, "")}, Outcomes: refuses(opens, say)})
	}
	const whyValue = "CR, LF and NUL in a value are invalid and dangerous, as some programs end the line or the string there. A recipient refuses the message or puts a space in their place; " +
		"which of the two an endpoint that opens the connection did cannot be seen. Other control characters are invalid, too, and may be kept."
	const value = "it takes the request; whether it replaced the byte is not seen"
	for _, v := range []struct{ name, what, c string }{{"nul", "NUL", "\x00"}, {"cr", "CR", "\r"}, {"soh", "the control character 01", "\x01"}, {"escape", "the control character 1b", "\x1b"}, {"del", "DEL", "\x7f"}} {
		add("value-"+v.name, "RFC 9110 §5.5, RFC 9112 §2.2", fmt.Sprintf("A request with %s in the value of a field is refused.", v.what), whyValue, with("X-Test: a"+v.c+"b"), Informational, value)
		add("origin-"+v.name, "RFC 9110 §5.5, RFC 6455 §10.2", fmt.Sprintf("A request with %s in Origin is refused.", v.what), whyValue,
			with("Origin: http://{host}"+v.c+".example.com"), Informational, value)
	}
	const whyName = "The name of a field is a token. What else a program makes of such a name depends on where it thinks that the name ends."
	add("name-nul", "RFC 9112 §5", "A request with NUL in the name of a field is refused.", whyName, with("X-Te\x00st: a"), Informational, "it takes a field whose name is no token")
	add("name-cr", "RFC 9112 §2.2", "A request with CR in the name of a field is refused.", whyName, with("X-Te\rst: a"), Informational, "it takes a field whose name is no token")
	add("name-space", "RFC 9112 §5", "A request with a space inside the name of a field is refused.", whyName, with("X-Te st: a"), Informational, "it takes a field whose name is no token")
	add("name-empty", "RFC 9112 §5", "A request with a field without a name is refused.", whyName, with(": a"), Informational, "it takes a field without a name")
	add("space-before-colon", "RFC 9112 §5.1", "A request with a space between a field's name and the colon is refused with 400.",
		"Proxies and servers that disagreed on it have let requests be smuggled, so that §5.1 demands 400 of a server: it must not be taken, whatever the field is.",
		with("X-Test : a"), Fail, "it takes a field with a space before the colon")
	const whyFold = "A line that begins with a space once continued the one before. Now nobody may send that, and a server refuses it with 400 or puts a space in its place. Behind the first line " +
		"it is neither, and a server refuses it or leaves it out."
	add("fold", "RFC 9112 §5.2", "A request with a folded field is refused, or the fold counts as a space.", whyFold, with("X-Test: a,\r\n b"), Informational, "it takes a folded field")
	add("fold-tab", "RFC 9112 §5.2", "A request with a field that is folded with a tab is refused, or the fold counts as a space.", whyFold, with("X-Test: a,\r\n\tb"), Informational, "it takes a folded field")
	add("fold-protocol", "RFC 9112 §5.2", "A request with folded subprotocols is refused, or the fold counts as a space.", whyFold, with("Sec-WebSocket-Protocol: one,\r\n two"), Informational, "it takes a folded field")
	add("fold-first", "RFC 9112 §2.2", "A request with a space before the first field is refused, or the line is left out.", whyFold, Head{Line: "GET {target} HTTP/1.1\r\n X-Test: a"}, Informational,
		"it takes the request")
	const whyLF = "A line ends with CR LF, and a recipient may take a lone LF for it. Who does so agrees with proxies that do and disagrees with those that do not."
	plain := "GET {target} HTTP/1.1\nHost: {host}\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: {key}\nSec-WebSocket-Version: 13\n\n"
	add("lf", "RFC 9112 §2.2", "A request whose lines end with LF alone is refused.", whyLF, Head{Raw: plain}, Informational, "it takes LF for the end of a line")
	add("lf-field", "RFC 9112 §2.2", "A request with one field that ends with LF alone is refused.", whyLF, with("X-Test: a\nX-Other: b"), Informational, "it takes LF for the end of a line")
	list = append(list, Case{ID: "attack.bytes.cr-lines", RFC: "RFC 9112 §2.2", Expect: "A request whose lines end with CR alone is refused, or its end is waited for.", Why: whyLF,
		Tags: []string{TagServer}, Open: Open{Head: Head{Raw: strings.ReplaceAll(plain, "\n", "\r") + "\r\n\r\n"}},
		Outcomes: []Outcome{{OK, "", []Pattern{refused()}}, {OK, "it ended the connection without an answer", []Pattern{dropped()}},
			{Informational, "it waits for the end of the request", []Pattern{silent()}}}})
	const whyTarget = "A target has no control characters and no spaces. A server that gets one refuses the request: to cut the target there, or to leave the byte out, lets a request reach what a filter in front of it denies."
	for _, v := range []struct{ name, what, c string }{{"nul", "NUL", "\x00"}, {"tab", "a tab", "\t"}, {"space", "a space", " "}, {"cr", "CR", "\r"}} {
		add("target-"+v.name, "RFC 9112 §3.2", fmt.Sprintf("A request with %s in its target is refused.", v.what), whyTarget, Head{Line: "GET {target}?a" + v.c + "b HTTP/1.1"}, NonStrict,
			"it takes the request: RFC 9112 §3.2 says that it should answer 400")
	}
	return list
}
