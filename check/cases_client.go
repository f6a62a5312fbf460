package check

import (
	"slices"
	"time"
)

var clientGroup = Group{
	Name:  "client",
	Title: "A client's side of the handshake",
	Why: "A client asks for a WebSocket with a request of HTTP/1.1 that has to be just as RFC 6455 §4.1 describes it, with a key that is new for each connection. It then has to look at the response: the status 101, " +
		"websocket in Upgrade, Upgrade in Connection, the hash of its key in Sec-WebSocket-Accept, and no subprotocol or extension that it did not ask for. If one of them is wrong it must fail the connection and " +
		"send nothing. A client that looks less closely takes a cache, a proxy, or a server of another protocol for a WebSocket server: it then sends data to somebody who reads it as something else, and takes for " +
		"messages what somebody else was told to say. The suite sends a message behind each wrong response; a client that echoes it has taken the connection for open.",
	cases: clientCases,
}

func clientCases() []Case {
	list := slices.Concat(clientRequest(), clientResponse(), clientWrites(), clientLine(), clientStatus(), clientRefusal(), clientUpgrade(), clientConnection(), clientAccept(),
		clientProtocol(), clientExtensions(), clientFields(), clientEnd())
	for i := range list {
		list[i].Tags = append(list[i].Tags, TagClient)
	}
	return list
}

// takes are the outcomes of a response that a client has to take.
func takes() []Outcome { return echoes(echoed(OpText, lit("Hello"))) }

// taken are outcomes of a response that a client takes.
func taken(v Verdict, say string) Outcome {
	return Outcome{v, say, []Pattern{echoed(OpText, lit("Hello")), closed()}}
}

// rejects are the outcomes of a response on which a client has to fail the connection, besides those that are special to it.
func rejects(special ...Outcome) []Outcome {
	return slices.Concat([]Outcome{{OK, "", []Pattern{dropped()}}}, special, []Outcome{
		{Informational, "it took the connection for open, then closed it", []Pattern{closed(1002, 1006, 1010)}},
		{WrongCode, "it took the connection for open, then closed it as if nothing were wrong", []Pattern{closed()}},
		{NonStrict, "it neither used the connection nor ended it", []Pattern{silent()}},
	})
}

// clientRequest judges the request, rule by rule.
func clientRequest() []Case {
	var list []Case
	for _, v := range []struct{ rule, rfc, expect, why string }{
		{ruleForm, "RFC 9112 §3, §5", "The request is written as HTTP/1.1 wants it.", "Each line ends with CR LF, the first has three parts, and each other is a name, a colon and a value. What is not in HTTP's form is refused by one server and misread by the next."},
		{ruleMethod, "RFC 6455 §4.1", "The request has the method GET and is of HTTP/1.1.", "The method must be GET, and HTTP/1.0 has no Upgrade."},
		{ruleTarget, "RFC 6455 §4.1, §3", "The request asks for the path and the query that the client was told.", "The target is the path and the query of the URL, as they are. A fragment has no meaning in a WebSocket's URL, and is never sent."},
		{ruleHost, "RFC 6455 §4.1", "The request has one Host, with the port unless it is 80.", "Host names the host of the URL, and the port if it is not the default one. Servers choose the site by it, and compare it with the origin of a page."},
		{ruleUpgrade, "RFC 6455 §4.1", "The request has the field Upgrade with the value websocket.", "It is what the client asks for."},
		{ruleConnection, "RFC 6455 §4.1", "The request has the field Connection with the token Upgrade.", "Without it Upgrade does not count, and proxies may pass it on or not."},
		{ruleKey, "RFC 6455 §4.1", "The request has one key, the base64 form of 16 bytes.", "The key is what the server proves that it has read. It must be there once, and have the right length."},
		{ruleFresh, "RFC 6455 §4.1", "The key is not that of an earlier connection.", "The key is chosen at random for each connection. With one that is always the same, a cached response would look right."},
		{ruleVersion, "RFC 6455 §4.1", "The request asks for version 13.", "13 is the version that RFC 6455 describes, and the only one."},
		{ruleProtocol, "RFC 6455 §4.1", "The subprotocols that are offered, if any, are tokens, and each is there once.", "Servers refuse what breaks the grammar, and repetitions."},
		{ruleExtensions, "RFC 6455 §4.1, §9.1", "The extensions that are offered, if any, are in the right form.", "Servers refuse what breaks the grammar, and decline permessage-deflate with parameters that it does not have."},
		{ruleBody, "RFC 6455 §4.1, RFC 9110 §9.3.1", "The request announces no body.", "What follows the request are frames. A server that expects a body takes the first of them for it."},
	} {
		list = append(list, Case{ID: "client.request." + v.rule, RFC: v.rfc, Expect: v.expect, Why: v.why, Steps: hello(), Outcomes: echoes(opened(v.rule), echoed(OpText, lit("Hello")))})
	}
	return list
}

// clientResponse has good responses that are written in unusual ways.
func clientResponse() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, h Head) {
		list = append(list, Case{ID: "client.response." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: h}, Steps: hello(), Outcomes: takes()})
	}
	all := []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"}
	const whyCase = "The names of fields have no case, nor have the values of Upgrade and Connection; the order of fields has no meaning."
	add("plain", "RFC 6455 §4.1, §4.2.2", "A plain response opens the connection.", "Whatever a client refuses, it has to take this.", Head{})
	add("upper-case", "RFC 9110 §5.1, RFC 6455 §4.1", "Fields in upper case are understood.", whyCase, Head{Without: all, With: []string{"UPGRADE: WEBSOCKET", "CONNECTION: UPGRADE", "SEC-WEBSOCKET-ACCEPT: {accept}"}})
	add("lower-case", "RFC 9110 §5.1, RFC 6455 §4.1", "Fields in lower case are understood.", whyCase, Head{Without: all, With: []string{"upgrade: websocket", "connection: upgrade", "sec-websocket-accept: {accept}"}})
	add("mixed-case", "RFC 9110 §5.1, RFC 6455 §4.1", "Fields in mixed case are understood.", whyCase, Head{Without: all, With: []string{"uPgRaDe: WebSocket", "cOnNeCtIoN: uPGRADE", "Sec-Websocket-Accept: {accept}"}})
	add("reversed", "RFC 9110 §5.3", "Fields in another order are understood.", whyCase, Head{Without: all, With: []string{"Sec-WebSocket-Accept: {accept}", "Connection: Upgrade", "Upgrade: websocket"}})
	const whySpace = "Space around the value of a field does not count, and need not be there."
	add("no-space", "RFC 9112 §5", "Fields without a space behind the colon are understood.", whySpace, Head{Without: all, With: []string{"Upgrade:websocket", "Connection:Upgrade", "Sec-WebSocket-Accept:{accept}"}})
	add("white-space", "RFC 9112 §5, RFC 6455 §4.1", "Space and tabs around the values of fields do not count.", whySpace,
		Head{Without: all, With: []string{"Upgrade: \t websocket \t ", "Connection:\tUpgrade\t", "Sec-WebSocket-Accept:   {accept}   "}})
	const whyList = "Connection is a list of tokens, which may be spread over fields, and Upgrade need not be alone in it."
	add("connection-list", "RFC 6455 §4.1, RFC 9110 §7.6.1", "A Connection with Upgrade at the end of a list is understood.", whyList, replaced("Connection: keep-alive, Upgrade"))
	add("connection-list-first", "RFC 6455 §4.1, RFC 9110 §7.6.1", "A Connection with Upgrade at the beginning of a list is understood.", whyList, replaced("Connection: Upgrade,keep-alive"))
	add("connection-two", "RFC 9110 §5.3", "Two fields Connection are one list.", whyList, replaced("Connection: keep-alive", "Connection: Upgrade"))
	add("connection-empty-elements", "RFC 9110 §5.6.1.2", "Empty elements in Connection do not count.", whyList, replaced("Connection: , Upgrade ,"))
	const whyOther = "A response may have more fields than it needs. Those that a client does not know are ignored, whatever their names begin with."
	add("more-fields", "RFC 6455 §4.1", "Fields that servers often send are ignored.", whyOther,
		with("Server: test/1.0 (suite)", "Date: Mon, 01 Jan 2024 00:00:00 GMT", "X-Powered-By: nothing", "Access-Control-Allow-Origin: *", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d; HttpOnly", "Cache-Control: no-cache", "Vary: Origin"))
	add("unknown-fields", "RFC 6455 §4.1", "Unknown fields are ignored, those whose names begin with Sec-WebSocket- too.", whyOther, with("X-Unknown: 1", "Sec-WebSocket-Unknown: 1", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: {key}", "X-Empty:"))
	add("hundred-fields", "RFC 6455 §4.1", "A hundred more fields are ignored.", whyOther, with(many(90, "X-Field-%d: value")...))
	add("long-field", "RFC 6455 §4.1", "A field of 4,000 bytes is ignored.", whyOther, with("X-Long: "+padding(4000)))
	const whyPhrase = "The phrase behind the status is for people, and a client should ignore it (RFC 9112 §4). It may be empty."
	add("phrase", "RFC 9112 §4", "Another phrase than Switching Protocols does not matter.", whyPhrase, Head{Line: "HTTP/1.1 101 Web Socket Protocol Handshake"})
	add("phrase-empty", "RFC 9112 §4", "An empty phrase does not matter.", whyPhrase, Head{Line: "HTTP/1.1 101 "})
	add("phrase-number", "RFC 9112 §4", "A phrase that looks like another status does not matter.", whyPhrase, Head{Line: "HTTP/1.1 101 200 OK"})
	add("phrase-latin-1", "RFC 9112 §4", "A phrase with a byte above 127 does not matter.", whyPhrase, Head{Line: "HTTP/1.1 101 D'acc\xf4rd"})
	return list
}

// clientWrites sends good responses in pieces, and frames right behind them.
func clientWrites() []Case {
	const why = "TCP carries bytes, not responses: a response may come in pieces, and a server may send frames as soon as it has written its response. They often come in the same read, and none of them may be lost."
	late := lit("Hello")
	early := lit("early")
	large := sized(FillASCII, 60000, 5)
	var list []Case
	add := func(name, expect string, o Open, steps []Step, seen ...Pattern) {
		list = append(list, Case{ID: "client.writes." + name, RFC: "RFC 6455 §4.1, RFC 9112 §2", Expect: expect, Why: why, Open: o, Steps: steps, Outcomes: echoes(seen...)})
	}
	next := []Step{text(late), await(2), closing(1000, "")}
	add("bytes", "A response of which each byte comes alone opens the connection.", Open{Head: Head{Chop: 1, Delay: time.Millisecond}}, hello(), echoed(OpText, late))
	add("sevens", "A response that comes in pieces of seven bytes opens the connection.", Open{Head: Head{Chop: 7, Delay: 2 * time.Millisecond}}, hello(), echoed(OpText, late))
	add("fifties", "A response that comes in pieces of fifty bytes, 20 ms apart, opens the connection.", Open{Head: Head{Chop: 50, Delay: 20 * time.Millisecond}}, hello(), echoed(OpText, late))
	add("text", "A message in the same write as the response comes back.", Open{Pipelined: []Frame{frame(OpText, "early")}}, next, echoed(OpText, early), echoed(OpText, late))
	add("two", "Two messages in the same write as the response come back.", Open{Pipelined: []Frame{frame(OpText, "early"), frame(OpBinary, "early")}}, []Step{await(2), closing(1000, "")},
		echoed(OpText, early), echoed(OpBinary, early))
	add("ping", "A ping in the same write as the response is answered.", Open{Pipelined: []Frame{ping("early")}}, next, ponged(early), echoed(OpText, late))
	add("fragment", "A message of which the first fragment is in the same write as the response comes back.", Open{Pipelined: []Frame{frame(OpText, "ear").more()}},
		[]Step{send(frame(OpContinuation, "ly")), await(1), closing(1000, "")}, echoed(OpText, early))
	add("large", "A message of 60,000 bytes in the same write as the response comes back.", Open{Pipelined: []Frame{{Op: OpBinary, Payload: large}}}, next, echoed(OpBinary, large), echoed(OpText, late))
	add("cut", "A frame whose beginning comes with the end of the response comes back.", Open{Head: Head{Chop: 50, Delay: 10 * time.Millisecond}, Pipelined: []Frame{{Op: OpText, Payload: sized(FillASCII, 300, 6)}}}, next,
		echoed(OpText, sized(FillASCII, 300, 6)), echoed(OpText, late))
	add("all-bytes", "A response and a frame behind it of which each byte comes alone are understood.", Open{Head: Head{Chop: 1, Delay: time.Millisecond}, Pipelined: []Frame{frame(OpText, "early")}}, next, echoed(OpText, early), echoed(OpText, late))
	add("close", "A close in the same write as the response is answered.", Open{Pipelined: []Frame{closeFrame(1000, "")}}, nil)
	add("text-close", "A message and a close in the same write as the response are answered.", Open{Pipelined: []Frame{frame(OpText, "early"), closeFrame(1000, "")}}, nil, echoed(OpText, early).optional())
	return list
}

// clientEnd ends the TCP connection before there is a connection.
func clientEnd() []Case {
	const why = "A server, or a proxy on the way, may end the TCP connection at any time. The handshake has then failed, and a client ends its side, too, rather than to wait for what cannot come."
	const begun = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	var list []Case
	for _, v := range []struct {
		name, expect string
		head         Head
	}{
		{"at-once", "A client ends a handshake that is answered with the end of the TCP connection.", Head{Nothing: true}},
		{"line", "A client ends a handshake whose response ends in the first line.", Head{Raw: "HTTP/1.1 1"}},
		{"fields", "A client ends a handshake whose response ends in a field.", Head{Raw: begun + "Sec-WebSocket-Acc"}},
		{"value", "A client ends a handshake whose response ends behind the accept, before its line does.", Head{Raw: begun + "Sec-WebSocket-Accept: {accept}"}},
		{"last-line", "A client ends a handshake whose response ends before the empty line.", Head{Raw: begun + "Sec-WebSocket-Accept: {accept}\r\n"}},
		{"half-line-end", "A client ends a handshake whose response ends in the middle of the last line end.", Head{Raw: begun + "Sec-WebSocket-Accept: {accept}\r\n\r"}},
		{"behind", "A client ends a connection whose TCP connection ends right behind the response.", Head{}},
	} {
		outcomes := []Outcome{{OK, "", []Pattern{dropped()}}}
		if v.name == "behind" {
			outcomes = append(outcomes, Outcome{OK, "it sent a close frame first", []Pattern{closed()}})
		}
		list = append(list, Case{ID: "client.end." + v.name, RFC: "RFC 6455 §4.1, §7.1.7", Expect: v.expect, Why: why, Open: Open{Head: v.head}, Steps: []Step{end()}, Outcomes: outcomes})
	}
	return list
}
