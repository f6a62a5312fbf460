package check

import (
	"slices"
	"strings"
)

// clientUpgrade has other values of Upgrade.
func clientUpgrade() []Case {
	const why = "If Upgrade is missing, or has a value that is not websocket in any case, a client must fail the connection (§4.1): the server has switched to another protocol."
	list := wrongFields("upgrade", "Upgrade", why, nil, []value{
		{"empty", ""}, {"h2c", "h2c"}, {"websockets", "websockets"}, {"prefix", "web"}, {"version", "websocket/13"}, {"quoted", `"websocket"`}, {"space", "web socket"}, {"list", "websocket, h2c"}, {"list-last", "h2c, websocket"},
	})
	list = append(list, Case{ID: "client.upgrade.two", RFC: "RFC 6455 §4.1", Expect: "A response with two fields Upgrade, of which one has another value, fails the connection.", Why: why, Open: Open{Head: replaced("Upgrade: h2c", "Upgrade: websocket")}, Steps: use(), Outcomes: rejects()})
	list = append(list, Case{ID: "client.upgrade.twice", RFC: "RFC 6455 §4.1", Expect: "A response with the same Upgrade twice fails the connection, or is understood.",
		Why: "No value in it is another than websocket, so that it is not forbidden; but no server says it twice.", Open: Open{Head: with("Upgrade: websocket")}, Steps: use(), Outcomes: rejects(taken(Informational, "it takes Upgrade twice"))})
	return list
}

// clientConnection has other values of Connection.
func clientConnection() []Case {
	const why = "If Connection is missing, or lacks the token Upgrade, a client must fail the connection (§4.1). Without it Upgrade does not speak of this connection."
	return wrongFields("connection", "Connection", why, nil, []value{
		{"empty", ""}, {"keep-alive", "keep-alive"}, {"close", "close"}, {"upgraded", "Upgraded"}, {"prefix", "Up"}, {"suffix", "no-upgrade"}, {"websocket", "websocket"}, {"quoted", `"Upgrade"`}, {"semicolon", "keep-alive; Upgrade"}, {"space", "keep-alive Upgrade"},
	})
}

// clientAccept has other values of Sec-WebSocket-Accept.
func clientAccept() []Case {
	const why = "If Sec-WebSocket-Accept is missing, or is anything else than the hash of the key, but for space around it, a client must fail the connection (§4.1). It is the proof that the server read this request and meant a WebSocket: " +
		"a response from a cache, or one that an attacker had a server say, cannot have it."
	list := wrongFields("accept", "Sec-WebSocket-Accept", why, nil, []value{
		{"empty", ""}, {"other", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, {"key", "{key}"}, {"lower-case", "{accept:lower}"}, {"unpadded", "{accept:cut}"}, {"space-inside", "{accept:spaced}"}, {"quoted", `"{accept}"`}, {"doubled", "{accept}{accept}"},
		{"list", "{accept}, {accept}"}, {"comma", "{accept},"}, {"prefix", "x{accept}"}, {"tail", "{accept}x"}, {"over-padded", "{accept}="}, {"parameter", "{accept}; v=13"}, {"true", "true"}, {"not-base64", "*** not base64 at all ***"}, {"zeros", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
	})
	const other = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	const whyTwice = "The field must not be there twice (§11.3.3), and one of two that differ is wrong."
	two := func(name, expect string, outcomes []Outcome, lines ...string) {
		list = append(list, Case{ID: "client.accept." + name, RFC: "RFC 6455 §4.1, §11.3.3", Expect: expect, Why: whyTwice, Open: Open{Head: replaced(lines...)}, Steps: use(), Outcomes: outcomes})
	}
	two("right-then-wrong", "A response with the right accept and, in a field of its own, a wrong one fails the connection.", rejects(), "Sec-WebSocket-Accept: {accept}", other)
	two("wrong-then-right", "A response with a wrong accept and, in a field of its own, the right one fails the connection.", rejects(), other, "Sec-WebSocket-Accept: {accept}")
	two("twice", "A response with the right accept in two fields fails the connection.", rejects(taken(NonStrict, "it takes the field twice, which it must not be there")), "Sec-WebSocket-Accept: {accept}", "Sec-WebSocket-Accept: {accept}")
	return list
}

// A value is what a field has in a case.
type value struct{ name, text string }

// wrongFields are responses in which a field is missing, or has values with which a client must fail the connection.
func wrongFields(topic, name, why string, special []Outcome, values []value) []Case {
	list := []Case{{ID: "client." + topic + ".missing", RFC: "RFC 6455 §4.1", Expect: "A response without " + name + " fails the connection.", Why: why, Open: Open{Head: without(name)}, Steps: use(), Outcomes: rejects(special...)}}
	for _, v := range values {
		list = append(list, Case{ID: "client." + topic + "." + v.name, RFC: "RFC 6455 §4.1", Expect: "A response whose " + name + " is “" + strings.ToValidUTF8(v.text, "\ufffd") + "” fails the connection.", Why: why,
			Open: Open{Head: replaced(name + ": " + v.text)}, Steps: use(), Outcomes: rejects(special...)})
	}
	return list
}

// clientProtocol answers with subprotocols that the client has not offered.
func clientProtocol() []Case {
	const why = "If the response names a subprotocol that the client did not offer, the client must fail the connection (§4.1). The field must not be there twice (§11.3.4), and names one subprotocol, not a list."
	list := wrongFields("protocol", "Sec-WebSocket-Protocol", why, nil, []value{
		{"unasked", "x-unasked"}, {"unasked-list", "x-unasked, x-neither"}, {"unasked-space", "x unasked"}, {"unasked-quoted", `"x-unasked"`}, {"unasked-known", "x-mqtt-not-asked-for"}, {"unasked-long", strings.Repeat("x-unasked.", 40)}, {"list", "{protocol}, x-unasked"}, {"comma", "{protocol},,"},
	})[1:]
	add := func(name, expect, why string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "client.protocol." + name, RFC: "RFC 6455 §4.1, §11.3.4", Expect: expect, Why: why, Open: Open{Head: h}, Steps: use(), Outcomes: outcomes})
	}
	add("two-unasked", "A response with two subprotocols that the client has not offered fails the connection.", why, replaced("Sec-WebSocket-Protocol: x-unasked", "Sec-WebSocket-Protocol: x-neither"), rejects())
	add("asked-then-unasked", "A response with an unasked subprotocol in a field behind an asked one, if any, fails the connection.", why, with("Sec-WebSocket-Protocol: x-unasked"), rejects())
	add("empty", "A response with an empty subprotocol fails the connection, or counts as one without.", "No client offers a subprotocol without a name; but an empty field can hardly be misunderstood.", replaced("Sec-WebSocket-Protocol:"),
		rejects(taken(Informational, "it takes an empty subprotocol for none")))
	add("none", "A response without subprotocol opens the connection, or fails it where the client has offered one.", "A server need not choose a subprotocol, and the connection then has none. A client that has offered some may not want to go on.", without("Sec-WebSocket-Protocol"),
		slices.Concat(takes(), []Outcome{{Informational, "it does not go on without a subprotocol", []Pattern{dropped()}}}))
	return list
}

// clientExtensions answers with extensions that the client has not offered.
func clientExtensions() []Case {
	const why = "If the response names an extension that the client did not offer, or breaks the grammar, the client must fail the connection (§4.1, §9.1). The server might use what the client cannot read."
	list := wrongFields("extensions", "Sec-WebSocket-Extensions", why, nil, []value{
		{"unknown", "x-unknown"}, {"unknown-parameters", `x-unknown; a=1; b="two"; c`}, {"two-unknown", "x-one, x-two"}, {"old-webkit", "x-webkit-deflate-frame"}, {"old-deflate", "deflate-stream"}, {"bzip2", "permessage-bzip2"}, {"similar", "permessage-deflate2"},
		{"similar-prefix", "x-permessage-deflate"}, {"beside-deflate", "permessage-deflate, x-unknown"}, {"malformed-semicolon", "permessage-deflate;"}, {"malformed-semicolon-first", "; permessage-deflate"}, {"malformed-no-name", "permessage-deflate; =1"},
		{"malformed-no-value", "permessage-deflate; client_max_window_bits="}, {"malformed-two-words", "permessage-deflate client_no_context_takeover"}, {"malformed-equals", "permessage-deflate=1"}, {"malformed-quoted-name", `"permessage-deflate"`},
		{"malformed-quoted-open", `permessage-deflate; client_max_window_bits="15`}, {"malformed-slash", "permessage/deflate"}, {"malformed-text", "(none)"}, {"malformed-latin-1", "x-\xf6ne"},
	})[1:]
	add := func(name, expect, why string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "client.extensions." + name, RFC: "RFC 6455 §4.1, §9.1", Expect: expect, Why: why, Open: Open{Head: h}, Steps: use(), Outcomes: outcomes})
	}
	add("two-fields", "A response with unknown extensions in two fields fails the connection.", why, replaced("Sec-WebSocket-Extensions: x-one", "Sec-WebSocket-Extensions: x-two"), rejects())
	const whyEmpty = "The list has at least one element by its grammar, but an empty one says nothing that could be misunderstood."
	for _, v := range []value{{"empty", ""}, {"commas", ", ,,"}} {
		add(v.name, "A list of extensions that is “"+v.text+"” fails the connection, or counts as none.", whyEmpty, replaced("Sec-WebSocket-Extensions: "+v.text), rejects(taken(Informational, "it takes an empty list for no extension")))
	}
	return list
}

// clientFields has fields that have nothing to do with WebSockets, or are none.
func clientFields() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "client.fields." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: h}, Steps: use(), Outcomes: outcomes})
	}
	const whyBody = "A response of the class 1xx ends with its empty line, whatever its fields say (RFC 9112 §6.3), and must have neither Content-Length nor Transfer-Encoding. What follows are frames: a client goes on, or gives up on a server that writes such things."
	body := slices.Concat(takes(), []Outcome{{Informational, "it ended the connection at a response that announces a body", []Pattern{dropped()}}})
	add("content-length-0", "RFC 9110 §8.6, RFC 9112 §6.3", "A response with a Content-Length of 0 does not disturb a client, or fails the connection.", whyBody, with("Content-Length: 0"), body)
	add("content-length", "RFC 9110 §8.6, RFC 9112 §6.3", "What a response with a Content-Length announces for a body are frames, or it fails the connection.", whyBody, with("Content-Length: 7"), body)
	add("chunked", "RFC 9112 §6.1, §6.3", "What a response with Transfer-Encoding announces for chunks are frames, or it fails the connection.", whyBody, with("Transfer-Encoding: chunked"), body)
	const whyForm = "A field is a token, a colon and a value. RFC 9112 lets a client that is no proxy choose what to do about lines that are not so: to leave them out has been the custom, and to give up is safer."
	loose := rejects(taken(Informational, "it takes a response with a line that is no field"))
	add("no-colon", "RFC 9112 §5", "A line without a colon fails the connection, or is left out.", whyForm, with("nonsense"), loose)
	add("no-name", "RFC 9112 §5", "A field without a name fails the connection, or is left out.", whyForm, with(": nonsense"), loose)
	add("space-in-name", "RFC 9112 §5", "A field with a space in its name fails the connection, or is left out.", whyForm, with("X Test: a"), loose)
	add("space-before-colon", "RFC 9112 §5.1", "A field with a space before its colon fails the connection, or is understood.", whyForm, replaced("Upgrade : websocket"), loose)
	add("nul", "RFC 9110 §5.5", "NUL in a value fails the connection, or is replaced.", whyForm, with("X-Test: a\x00b"), loose)
	add("cr", "RFC 9112 §2.2", "CR in a value fails the connection, or is replaced.", whyForm, with("X-Test: a\rb"), loose)
	const whyFold = "A line that begins with a space once continued the one before. A client that gets such a thing puts a space in its place (RFC 9112 §5.2), or gives up."
	fold := slices.Concat(takes(), []Outcome{{Informational, "it ended the connection at a folded field", []Pattern{dropped()}}})
	add("fold", "RFC 9112 §5.2", "A folded field that does not matter is understood, or fails the connection.", whyFold, with("X-Test: a\r\n b"), fold)
	add("fold-connection", "RFC 9112 §5.2", "A folded Connection is understood, or fails the connection.", whyFold, replaced("Connection: keep-alive,\r\n Upgrade"), fold)
	add("lf", "RFC 9112 §2.2", "Lines that end with LF alone fail the connection, or are understood.", "A recipient may take LF for the end of a line.",
		Head{Raw: "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: {accept}\n\n"}, rejects(taken(Informational, "it takes LF for the end of a line")))
	return list
}
