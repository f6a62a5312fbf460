package check

import (
	"slices"
	"time"
)

var serverGroup = Group{
	Name:  "server",
	Title: "A server's side of the handshake",
	Why: "A WebSocket begins as a request of HTTP/1.1 that asks for another protocol. The server has to find in it all that RFC 6455 §4.2.1 lists: the method and version of HTTP, Host, " +
		"Upgrade, Connection, a key, and version 13 of the protocol. If anything is missing or not written as it should be, it must not go on but answer with an error, such as 400. Otherwise it " +
		"answers with 101 and with a hash of the key. That proves to the client that the request reached a WebSocket server which read it, not a cache or a server that speaks something else, " +
		"and it is what keeps web pages from talking to services that never meant to be reached by them. A server that refuses good requests shuts out clients; one that takes " +
		"bad ones undoes that protection, and sees another request than the proxy in front of it.",
	cases: serverCases,
}

func serverCases() []Case {
	list := slices.Concat(serverResponse(), serverMethod(), serverLine(), serverHost(), serverUpgrade(), serverConnection(), serverKey(), serverVersion(),
		serverProtocol(), serverExtensions(), serverOrigin(), serverFields(), serverWrites(), serverPipelined(), serverRefusal())
	for i := range list {
		list[i].Tags = append(list[i].Tags, TagServer)
		if list[i].Steps == nil {
			list[i].Steps = hello()
		}
	}
	return list
}

// hello is what is done once a handshake has led to a connection: a message has to come back.
func hello() []Step { return []Step{text(lit("Hello")), await(1), closing(1000, "")} }

// admits are the outcomes of a handshake that has to succeed, by the rules named.
func admits(rules ...string) []Outcome {
	return echoes(opened(slices.Concat(rules, []string{ruleStatus})...), echoed(OpText, lit("Hello")))
}

// admitted is the outcome of a handshake that succeeds.
func admitted(v Verdict, say string, rules ...string) Outcome {
	return Outcome{v, say, []Pattern{opened(slices.Concat(rules, []string{ruleStatus})...), echoed(OpText, lit("Hello")), closed()}}
}

// turnedAway is the outcome of a handshake that is refused with one of the statuses.
func turnedAway(v Verdict, say string, statuses ...int) Outcome {
	return Outcome{v, say, []Pattern{refused(statuses...)}}
}

// turnsAway are the outcomes of a handshake that has to be refused, besides those that are special to it.
func turnsAway(special ...Outcome) []Outcome {
	return slices.Concat([]Outcome{turnedAway(OK, "", 4)}, special, []Outcome{
		turnedAway(WrongCode, "it refused, but as if the fault were its own", 5),
		turnedAway(WrongCode, "it opened no WebSocket, but answered as if the request were good", 2, 3),
		{NonStrict, "it ended the connection without an answer: RFC 6455 §4.2.1 demands one", []Pattern{dropped()}},
	})
}

// ordinary is the outcome of a request that is answered as one that asks for no WebSocket.
func ordinary() Outcome {
	return turnedAway(Informational, "it answered as to a request that does not ask for a WebSocket", 2, 3)
}

// serverResponse judges the response to a plain request, rule by rule.
func serverResponse() []Case {
	var list []Case
	for _, v := range []struct{ rule, rfc, expect, why string }{
		{ruleForm, "RFC 9112 §4, §5", "The response begins with HTTP/1.1 101, each field is a name, a colon and a value, and each line ends with CR LF.",
			"The response to an opening handshake is one of HTTP, up to the empty line. What is not in HTTP's form is read in one way by one client and in another by the next."},
		{ruleUpgrade, "RFC 6455 §4.2.2", "The response has the field Upgrade with the value websocket.", "A client must fail the connection if Upgrade is missing or names another protocol."},
		{ruleConnection, "RFC 6455 §4.2.2", "The response has the field Connection with the token Upgrade.", "A client must fail the connection if Connection lacks Upgrade; for a proxy it is what makes Upgrade count."},
		{ruleAccept, "RFC 6455 §4.2.2", "The response has Sec-WebSocket-Accept once, with the hash of the key and of the RFC's GUID.",
			"The accept is the base64 form of SHA-1 over the key as it was sent, followed by 258EAFA5-E914-47DA-95CA-C5AB0DC85B11. It proves that the server read this very request and meant a WebSocket."},
		{ruleProtocol, "RFC 6455 §4.2.2", "The response names no subprotocol that the request did not offer.", "A client must fail the connection on a subprotocol that it did not ask for."},
		{ruleExtensions, "RFC 6455 §4.2.2", "The response names no extension that the request did not offer.", "A client must fail the connection on an extension that it did not ask for."},
		{ruleBody, "RFC 9110 §8.6, RFC 9112 §6.1", "The response announces no body.",
			"Responses of the class 1xx have no body, and must have neither Content-Length nor Transfer-Encoding. A proxy that believes them takes the first frames for the body."},
	} {
		list = append(list, Case{ID: "server.response." + v.rule, RFC: v.rfc, Expect: v.expect, Why: v.why, Outcomes: admits(v.rule)})
	}
	const why = "The accept is the base64 form of SHA-1 over the key as it was sent, as text, followed by the RFC's GUID. The key is not decoded for that, and each of its characters counts."
	for _, v := range []struct{ name, what, key string }{
		{"sample", "the RFC's sample key", "dGhlIHNhbXBsZSBub25jZQ=="},
		{"zeros", "a key of zeros", "AAAAAAAAAAAAAAAAAAAAAA=="},
		{"slashes", "a key of slashes", "/////////////////////w=="},
		{"plus", "a key with plus signs", "+++++++++++++++++++++w=="},
	} {
		list = append(list, Case{ID: "server.response.accept-" + v.name, RFC: "RFC 6455 §4.2.2, §1.3", Expect: "The accept for " + v.what + " is right.", Why: why,
			Open: Open{Head: replaced("Sec-WebSocket-Key: " + v.key)}, Outcomes: admits(ruleAccept)})
	}
	return list
}

// serverWrites sends good requests in pieces.
func serverWrites() []Case {
	const why = "TCP carries bytes, not requests: any part of a request may come alone, and the rest of it later. Only the empty line ends it."
	var list []Case
	for _, v := range []struct {
		name, expect string
		head         Head
	}{
		{"bytes", "A request of which each byte comes alone opens the connection.", Head{Chop: 1, Delay: time.Millisecond}},
		{"sevens", "A request that comes in pieces of seven bytes opens the connection.", Head{Chop: 7, Delay: 2 * time.Millisecond}},
		{"fifties", "A request that comes in pieces of fifty bytes, 20 ms apart, opens the connection.", Head{Chop: 50, Delay: 20 * time.Millisecond}},
	} {
		list = append(list, Case{ID: "server.writes." + v.name, RFC: "RFC 9112 §2", Expect: v.expect, Why: why, Open: Open{Head: v.head}, Outcomes: admits()})
	}
	return list
}

// serverPipelined sends frames right behind the request.
func serverPipelined() []Case {
	const why = "A client has to wait for the response before it sends a frame (§4.1), so that a server may end the connection of one that does not. But the bytes have come, and often with the request into the " +
		"same buffer: a server that goes on must not lose them, or the two sides take different bytes for the beginning of a frame."
	early, late := lit("early"), lit("late")
	large := sized(FillASCII, 60000, 3)
	var list []Case
	add := func(name, expect string, o Open, steps []Step, seen ...Pattern) {
		list = append(list, Case{ID: "server.pipelined." + name, RFC: "RFC 6455 §4.1, §4.2.2", Expect: expect, Why: why, Open: o, Steps: steps, Outcomes: []Outcome{
			{OK, "", slices.Concat([]Pattern{opened(ruleStatus)}, seen, []Pattern{closed(1000, 1005)})},
			turnedAway(Informational, "it refused a client that does not wait for the response", 4),
			{Informational, "it ended the connection of a client that does not wait for the response", []Pattern{opened(ruleStatus).optional(), dropped()}},
			{Informational, "it failed the connection of a client that does not wait for the response", []Pattern{opened(ruleStatus), closed(1002, 1008)}},
		}})
	}
	behind := func(frames ...Frame) Open { return Open{Pipelined: frames} }
	next := func(answers int) []Step { return []Step{text(late), await(answers), closing(1000, "")} }
	add("text", "A message in the same write as the request comes back.", behind(frame(OpText, "early")), next(2), echoed(OpText, early), echoed(OpText, late))
	add("fragments", "A message of which the first fragment is in the same write as the request comes back.", behind(frame(OpText, "ear").more()),
		[]Step{send(frame(OpContinuation, "ly")), await(1), closing(1000, "")}, echoed(OpText, early))
	add("ping", "A ping in the same write as the request is answered.", behind(ping("early")), next(2), ponged(early), echoed(OpText, late))
	add("close", "A message and a close in the same write as the request are answered.", behind(frame(OpText, "early"), closeFrame(1000, "")), []Step{}, echoed(OpText, early))
	closing := &list[len(list)-1]
	closing.Outcomes = append(closing.Outcomes, Outcome{Informational, "it answered the close, after which the message went unanswered", []Pattern{opened(ruleStatus), closed(1000, 1005)}})
	add("large", "A message of 60,000 bytes in the same write as the request comes back.", behind(Frame{Op: OpText, Payload: large}), next(2), echoed(OpText, large), echoed(OpText, late))
	cut := behind(Frame{Op: OpText, Payload: sized(FillASCII, 300, 4)})
	cut.Head = Head{Chop: 70, Delay: 10 * time.Millisecond}
	add("cut", "A frame whose beginning comes with the end of the request comes back.", cut, next(2), echoed(OpText, sized(FillASCII, 300, 4)), echoed(OpText, late))
	bytes := behind(frame(OpText, "early"))
	bytes.Head = Head{Chop: 1}
	add("bytes", "A request and a frame behind it in writes of one byte are answered.", bytes, next(2), echoed(OpText, early), echoed(OpText, late))
	return list
}
