package check

// attackInject tries to make the response have a field of the request's choice.
func attackInject() []Case {
	const why = "A server that puts a part of the request into its response, such as the subprotocol that it chose or the path it redirects to, must not let the request end the line. What follows the " +
		"line's end would be a field of the attacker's choice: a cookie, a permission for another origin, or the end of the head and a body. Whether the server opens the connection or refuses does not matter " +
		"here; its head must not have the field that the request tried to put there."
	var list []Case
	add := func(name, expect string, h Head) {
		list = append(list, Case{ID: "attack.inject." + name, RFC: "RFC 9112 §11.1, RFC 6455 §10.5", Expect: expect, Why: why, Tags: []string{TagServer},
			Open: Open{Head: h}, Steps: []Step{closing(1000, "")}, Outcomes: []Outcome{
				{OK, "", []Pattern{opened(ruleInjected, ruleForm), closed(1000, 1005)}},
				{OK, "it refused the handshake", []Pattern{refused()}},
				{OK, "it ended the connection without an answer", []Pattern{dropped()}}}})
	}
	const field = injectedField + ": yes"
	for _, v := range []struct{ name, what, end string }{
		{"encoded", "an encoded line end", "%0d%0a"}, {"lf", "LF", "\n"}, {"cr", "CR", "\r"}, {"fold", "a folded line", "\r\n "}, {"unicode", "characters whose last bytes are CR and LF", "\u010d\u010a"},
	} {
		for _, f := range []struct{ name, what, line string }{
			{"protocol", "a subprotocol", "Sec-WebSocket-Protocol: chat"}, {"protocol-second", "the second of two subprotocols", "Sec-WebSocket-Protocol: chat, superchat"},
			{"extension", "the name of an extension", "Sec-WebSocket-Extensions: x-chat"}, {"parameter", "a parameter of permessage-deflate", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10"},
			{"quoted", "a quoted value of an extension", `Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="10`}, {"origin", "Origin", "Origin: http://{host}"},
			{"forwarded", "X-Forwarded-Host", "X-Forwarded-Host: {host}"}, {"request-id", "X-Request-Id", "X-Request-Id: 1"},
		} {
			line := f.line + v.end + field
			if f.name == "quoted" {
				line += `"`
			}
			add(f.name+"-"+v.name, "A response reflects no field that follows "+v.what+" in "+f.what+".", with(line))
		}
	}
	add("path", "A response reflects no field that follows an encoded line end in the path.", Head{Line: "GET {target}%0d%0a" + field[:len(injectedField)+1] + "%20yes HTTP/1.1"})
	add("path-slashes", "A response reflects no field that follows an encoded line end in a path that servers redirect.", Head{Line: "GET //{host}/%0d%0a" + injectedField + ":%20yes/.. HTTP/1.1"})
	add("query", "A response reflects no field that follows an encoded line end in the query.", Head{Line: "GET {target}?a=%0d%0a" + injectedField + ":%20yes HTTP/1.1"})
	add("query-lf", "A response reflects no field that follows an encoded LF in the query.", Head{Line: "GET {target}?a=%0a" + injectedField + ":%20yes HTTP/1.1"})
	add("query-double", "A response reflects no field that follows a line end in the query that is encoded twice.", Head{Line: "GET {target}?a=%250d%250a" + injectedField + ":%20yes HTTP/1.1"})
	add("query-unicode", "A response reflects no field that follows characters of the query whose last bytes are CR and LF.", Head{Line: "GET {target}?a=%c4%8d%c4%8a" + injectedField + ":%20yes HTTP/1.1"})
	add("host", "A response reflects no field that follows an encoded line end in Host.", replaced("Host: {host}%0d%0a"+field))
	add("host-lf", "A response reflects no field that follows LF in Host.", replaced("Host: {host}\n"+field))
	add("version", "A response reflects no field that follows LF in the version.", replaced("Sec-WebSocket-Version: 13\n"+field))
	add("key", "A response reflects no field that follows LF in the key.", replaced("Sec-WebSocket-Key: {key}\n"+field))
	add("method", "A response reflects no field that follows LF in the method.", Head{Line: "GET\n" + field + " {target} HTTP/1.1"})
	return list
}

// attackBody sends requests that have a body.
func attackBody() []Case {
	const why = "Content-Length and Transfer-Encoding say where a request ends, whatever it asks for, and only behind its end the new protocol begins (RFC 9110 §7.8, RFC 9112 §6.3). A server " +
		"refuses such a request, or it reads the body and leaves it out. One that takes the body for frames sees messages where a proxy in front of it sees a body that it has no reason to look at."
	var list []Case
	smuggled, after := lit("smuggled"), lit("after")
	add := func(name, expect, why string, o Open, outcomes ...Outcome) {
		list = append(list, Case{ID: "attack.body." + name, RFC: "RFC 9110 §7.8, RFC 9112 §6.3", Expect: expect, Why: why, Tags: []string{TagServer}, Open: o,
			Steps: []Step{text(after), await(1), closing(1000, "")}, Outcomes: outcomes})
	}
	const took = "it took the request's body for frames"
	skipped := []Pattern{opened(), echoed(OpText, after), closed(1000, 1005)}
	careful := []Outcome{
		{OK, "", []Pattern{refused()}},
		{OK, "it ended the connection without an answer", []Pattern{dropped()}},
		{OK, "it read the body and left it out", skipped},
		{NonStrict, took, []Pattern{opened(), echoed(OpText, smuggled), echoed(OpText, after).optional(), closed()}},
		{NonStrict, took, []Pattern{opened(), echoed(OpText, smuggled), echoed(OpText, after).optional(), dropped()}},
		{NonStrict, took + ", which failed the connection", []Pattern{opened(), closed()}},
		{NonStrict, "it opened the connection and then ended it", []Pattern{opened(), dropped()}},
	}
	frames := func(lines ...string) Open {
		return Open{Head: with(lines...), Pipelined: []Frame{{Op: OpText, Payload: smuggled}}} // 14 bytes
	}
	add("length", "A body of 14 bytes that look like a frame is no message.", why, frames("Content-Length: 14"), careful...)
	add("length-lines", "A body of which the length stands there twice is no message.", why, frames("Content-Length: 14", "Content-Length: 14"), careful...)
	add("chunked", "A chunked body is not read as frames.", why, Open{Head: with("Transfer-Encoding: chunked\r\n\r\n8\r\nsmuggled\r\n0")}, careful...)
	add("chunked-empty", "An empty chunked body is not read as frames.", why, Open{Head: with("Transfer-Encoding: chunked\r\n\r\n0")}, careful...)
	const whyUnclear = "Two programs that understand the length differently disagree on where the request ends, and what lies between is a request to the one and none to the other. RFC 9112 §6.1 and §6.3 let a server refuse " +
		"what has both fields, and demand that it refuses lengths that contradict each other or are no numbers."
	both := with("Content-Length: 5", "Transfer-Encoding: chunked\r\n\r\n8\r\nsmuggled\r\n0")
	add("both", "A request with Content-Length and Transfer-Encoding is refused.", whyUnclear, Open{Head: both}, careful...)
	for _, v := range []struct {
		name, expect string
		lines        []string
	}{
		{"lengths-differ", "A request with two lengths that differ is refused.", []string{"Content-Length: 14", "Content-Length: 0"}},
		{"length-negative", "A request with a negative length is refused.", []string{"Content-Length: -14"}},
		{"length-plus", "A request with a sign before its length is refused.", []string{"Content-Length: +14"}},
		{"length-hex", "A request whose length is written in hexadecimal is refused.", []string{"Content-Length: 0xe"}},
		{"length-huge", "A request whose length does not fit in 64 bits is refused.", []string{"Content-Length: 18446744073709551630"}},
	} {
		add(v.name, v.expect, whyUnclear, frames(v.lines...),
			Outcome{OK, "", []Pattern{refused()}},
			Outcome{OK, "it ended the connection without an answer", []Pattern{dropped()}})
	}
	add("length-0", "A request with a length of 0 opens the connection.", "A length of 0 is that of a request without a body and changes nothing.", Open{Head: with("Content-Length: 0")},
		Outcome{OK, "", skipped},
		Outcome{Informational, "it refused a request whose length is 0", []Pattern{refused()}},
		Outcome{Informational, "it ended the connection at a request whose length is 0", []Pattern{dropped()}})
	return list
}
