package check

import "slices"

// serverUpgrade has other values of Upgrade.
func serverUpgrade() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "server.upgrade." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	const whyWrong = "A request is for a WebSocket only if Upgrade says websocket. Anything else asks for another protocol or for none, and the answer is an error, such as 400 or 426, or that to an ordinary request."
	wrong := turnsAway(ordinary(), turnedAway(OK, "", 501))
	add("missing", "RFC 6455 §4.2.1", "A request without Upgrade is refused.", whyWrong, without("Upgrade"), wrong)
	for _, v := range []struct{ name, value string }{
		{"empty", ""}, {"h2c", "h2c"}, {"websockets", "websockets"}, {"prefix", "websock"}, {"suffix", "xwebsocket"}, {"space", "web socket"}, {"two-words", "websocket now"}, {"quoted", `"websocket"`}, {"parameter", "websocket;v=13"},
		{"other-list", "h2c, websockets"}, {"true", "true"},
	} {
		add(v.name, "RFC 6455 §4.2.1", "A request whose Upgrade is “"+v.value+"” is refused.", whyWrong, replaced("Upgrade: "+v.value), wrong)
	}
	const whyCase = "The value is compared without regard to case, and space around it does not count."
	for _, v := range []struct{ name, value string }{
		{"camel-case", "WebSocket"}, {"upper-case", "WEBSOCKET"}, {"mixed-case", "wEbSoCkEt"}, {"white-space", "\t  websocket \t"},
	} {
		add(v.name, "RFC 6455 §4.2.1", "A request whose Upgrade is “"+v.value+"” opens the connection.", whyCase, replaced("Upgrade: "+v.value), admits())
	}
	const whyList = "Upgrade is a list of protocols (RFC 9110 §7.8), of which a server takes one that it speaks, and RFC 6455 §4.2.1 asks that it contains websocket. Clients of WebSockets send nothing else, and a server may " +
		"always go on without an upgrade, so that a refusal is no more than strange."
	refuses := turnedAway(NonStrict, "it refused a list of protocols that has websocket in it", 2, 4)
	for _, v := range []struct {
		name, expect string
		lines        []string
	}{
		{"first", "Of two protocols in Upgrade, the first one websocket, the server takes websocket.", []string{"Upgrade: websocket, foo/2"}},
		{"last", "Of two protocols in Upgrade, the last one websocket, the server takes websocket.", []string{"Upgrade: foo/2, websocket"}},
		{"dense", "Of three protocols in Upgrade without a space, the server takes websocket.", []string{"Upgrade: foo,websocket,bar"}},
		{"empty-elements", "Empty elements in Upgrade do not count.", []string{"Upgrade: , websocket, ,"}},
		{"two-fields", "Of two fields Upgrade, the server takes the one with websocket.", []string{"Upgrade: foo", "Upgrade: websocket"}},
		{"twice", "An Upgrade that is there twice opens the connection.", []string{"Upgrade: websocket", "Upgrade: websocket"}},
	} {
		add("list-"+v.name, "RFC 9110 §7.8, RFC 6455 §4.2.1", v.expect, whyList, replaced(v.lines...), slices.Concat(admits(ruleUpgrade), []Outcome{refuses}))
	}
	add("version", "RFC 9110 §7.8, RFC 6455 §11.2", "A version behind websocket in Upgrade is refused, or counts for nothing.", "The protocol is registered as websocket, without a version, and what one there would mean is not said.",
		replaced("Upgrade: websocket/13"), turnsAway(ordinary(), admitted(Informational, "it takes websocket with a version")))
	return list
}

// serverConnection has other values of Connection.
func serverConnection() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "server.connection." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	const whyWrong = "Connection has to hold the token Upgrade. It says that Upgrade was meant for this server: a proxy that does not know the field passes it on, but not what Connection names. Pages cannot set it, either."
	wrong := turnsAway(ordinary(), turnedAway(OK, "", 501))
	add("missing", "RFC 6455 §4.2.1", "A request without Connection is refused.", whyWrong, without("Connection"), wrong)
	for _, v := range []struct{ name, value string }{
		{"empty", ""}, {"keep-alive", "keep-alive"}, {"close", "close"}, {"upgraded", "Upgraded"}, {"prefix", "Up"}, {"suffix", "no-upgrade"}, {"space", "Upgrade now"}, {"quoted", `"Upgrade"`}, {"websocket", "websocket"},
		{"semicolon", "keep-alive; Upgrade"}, {"parameter", "Upgrade=1"},
	} {
		add(v.name, "RFC 6455 §4.2.1", "A request whose Connection is “"+v.value+"” is refused.", whyWrong, replaced("Connection: "+v.value), wrong)
	}
	const whyList = "Connection is a list of tokens, which are compared without regard to case (RFC 9110 §7.6.1). Firefox sends keep-alive, Upgrade. Empty elements do not count (§5.6.1.2), and a list may be spread over fields (§5.3)."
	for _, v := range []struct {
		name  string
		lines []string
	}{
		{"lower-case", []string{"upgrade"}}, {"upper-case", []string{"UPGRADE"}}, {"mixed-case", []string{"uPgRaDe"}}, {"list-last", []string{"keep-alive, Upgrade"}}, {"list-first", []string{"Upgrade, keep-alive"}},
		{"list-dense", []string{"keep-alive,Upgrade"}}, {"list-spaces", []string{"keep-alive \t,\t  Upgrade  "}}, {"list-three", []string{"x-one, upgrade, x-two"}}, {"list-empty-elements", []string{", Upgrade,,"}},
		{"list-names", []string{"Upgrade, Sec-WebSocket-Unknown"}}, {"two-fields", []string{"keep-alive", "Upgrade"}}, {"twice", []string{"Upgrade", "Upgrade"}},
	} {
		var lines []string
		expect := "A request whose Connection is"
		for i, l := range v.lines {
			lines = append(lines, "Connection: "+l)
			if i > 0 {
				expect += " and, in a field of its own,"
			}
			expect += " “" + l + "”"
		}
		add(v.name, "RFC 6455 §4.2.1, RFC 9110 §7.6.1", expect+" opens the connection.", whyList, replaced(lines...), admits(ruleConnection))
	}
	return list
}

// serverKey has other keys.
func serverKey() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, lines []string, outcomes []Outcome) {
		h := without("Sec-WebSocket-Key")
		for _, l := range lines {
			h.With = append(h.With, "Sec-WebSocket-Key: "+l)
		}
		list = append(list, Case{ID: "server.key." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	const whyKey = "A handshake without a key, or with more than one, does not match the description in §4.2.1 (see also §11.3.1), and the server must not go on. The key is what shows that the client means a WebSocket: pages " +
		"cannot set the field by other means."
	add("missing", "RFC 6455 §4.2.1", "A request without a key is refused.", whyKey, nil, turnsAway())
	add("empty", "RFC 6455 §4.2.1", "A request with an empty key is refused.", whyKey, []string{""}, turnsAway())
	add("two", "RFC 6455 §11.3.1", "A request with two keys is refused.", whyKey, []string{"{key}", "dGhlIHNhbXBsZSBub25jZQ=="}, turnsAway())
	add("twice", "RFC 6455 §11.3.1", "A request with the same key twice is refused.", whyKey, []string{"{key}", "{key}"}, turnsAway())
	add("list", "RFC 6455 §4.2.1", "Two keys with a comma between them are refused.", whyKey, []string{"{key}, {key}"}, turnsAway(admitted(NonStrict, "it takes any text for a key")))
	const whyForm = "The key is the base64 form of 16 bytes, and a handshake that is not so must be refused (§4.2.1). As §4.2.2 adds that a server need not decode the key, one that takes any text is told, and not blamed for more than that. " +
		"It could still look at its length, which is always 24."
	form := turnsAway(admitted(NonStrict, "it takes any text for a key", ruleAccept))
	for _, v := range []struct{ name, what, key string }{
		{"15-bytes", "15 bytes", "AAECAwQFBgcICQoLDA0O"}, {"17-bytes", "17 bytes", "AAECAwQFBgcICQoLDA0ODxA="}, {"18-bytes", "18 bytes", "AAECAwQFBgcICQoLDA0ODxAR"}, {"24-bytes", "24 bytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}, {"1-byte", "one byte", "AA=="},
		{"not-base64", "text that is not base64", "*** not base64 at all **"}, {"word", "a word", "key"}, {"hexadecimal", "hexadecimal digits", "000102030405060708090a0b0c0d0e0f"}, {"unpadded", "16 bytes without the padding", "AAECAwQFBgcICQoLDA0ODw"},
		{"half-padded", "16 bytes with half the padding", "AAECAwQFBgcICQoLDA0ODw="}, {"over-padded", "16 bytes with too much padding", "AAECAwQFBgcICQoLDA0ODw==="}, {"url-alphabet", "16 bytes in the alphabet for URLs", "-_-_-_-_-_-_-_-_-_-_-w=="},
		{"space-inside", "16 bytes with a space inside", "AAECAwQFBgc ICQoLDA0ODw=="}, {"padding-inside", "padding in the middle", "AAECAwQFBg==CQoLDA0ODw=="}, {"quoted", "16 bytes in quotes", `"AAECAwQFBgcICQoLDA0ODw=="`}, {"tail", "16 bytes and more text behind the padding", "AAECAwQFBgcICQoLDA0ODw==AA"},
	} {
		add(v.name, "RFC 6455 §4.2.1", "A key of "+v.what+" is refused.", whyForm, []string{v.key}, form)
	}
	add("loose-bits", "RFC 4648 §3.5", "A key whose last bits are not zero is refused, or accepted.", "Of the last character of 16 bytes in base64, four bits have no meaning. Who writes base64 sets them to zero, and a reader may insist on that.",
		[]string{"AAECAwQFBgcICQoLDA0ODx=="}, turnsAway(admitted(Informational, "it does not look at the bits that have no meaning", ruleAccept)))
	add("white-space", "RFC 9110 §5.5", "Space around the key does not count.", "Space around the value of a field is not a part of it, and the accept is made from the key alone.", []string{" \t {key} \t "}, admits(ruleAccept))
	return list
}

// serverVersion has other versions of the protocol.
func serverVersion() []Case {
	var list []Case
	add := func(name, expect, why string, lines []string, outcomes []Outcome) {
		h := without("Sec-WebSocket-Version")
		for _, l := range lines {
			h.With = append(h.With, "Sec-WebSocket-Version: "+l)
		}
		list = append(list, Case{ID: "server.version." + name, RFC: "RFC 6455 §4.2.1, §4.2.2, §4.4", Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	const whyOther = "A server that does not know the version must answer with an error, such as 426, and with Sec-WebSocket-Version to say which versions it knows, so that the client can try again with one of them. Many servers " +
		"answer 400, which is an error, too. Versions below 13 were drafts, 9 to 12 never stood for anything (§4.1), and numbers up to 255 are left for others."
	other := []Outcome{
		{OK, "", []Pattern{refused(426).field("Sec-WebSocket-Version: 13")}},
		{OK, "it refused, and told its version", []Pattern{refused(4, 505, 501).field("Sec-WebSocket-Version: 13")}},
		turnedAway(WrongCode, "it refused, but did not tell in Sec-WebSocket-Version which version it knows", 4, 501, 505),
	}
	other = append(other, turnsAway()[1:]...)
	for _, v := range []string{"0", "4", "9", "12", "14", "25", "255"} {
		add(v, "A request for version "+v+" is refused, and the response tells the version that the server knows.", whyOther, []string{v}, other)
	}
	for _, v := range []string{"7", "8"} {
		add(v, "A request for version "+v+" is refused, and the response tells the version that the server knows, unless it knows that draft.",
			"A server may speak other versions besides 13 (§4.4). The drafts that were version 7 and 8 have frames like those of the RFC.", []string{v},
			slices.Concat(other, []Outcome{admitted(Informational, "it takes a request of the drafts' version "+v, ruleAccept)}))
	}
	const whyForm = "The version is a number from 0 to 255 without leading zeros, and it is there once (§4.3, §11.3.5). What is not so does not match the description in §4.2.1 and must be refused."
	add("missing", "A request without version is refused.", whyForm, nil, turnsAway())
	for _, v := range []struct{ name, value string }{
		{"empty", ""}, {"leading-zero", "013"}, {"signed", "+13"}, {"decimal-point", "13.0"}, {"word", "thirteen"}, {"tail", "13a"}, {"256", "256"}, {"999", "999"}, {"269", "269"}, {"2-32-plus-13", "4294967309"}, {"list", "13, 8"},
		{"list-reversed", "8, 13"}, {"quoted", `"13"`}, {"hexadecimal", "0xd"},
	} {
		add(v.name, "A request for version “"+v.value+"” is refused.", whyForm, []string{v.value}, turnsAway())
	}
	add("two", "A request for version 13 and, in a field of its own, 8 is refused.", whyForm, []string{"13", "8"}, turnsAway())
	add("two-reversed", "A request for version 8 and, in a field of its own, 13 is refused.", whyForm, []string{"8", "13"}, turnsAway())
	add("twice", "A request for version 13 in two fields is refused.", whyForm, []string{"13", "13"}, turnsAway(admitted(NonStrict, "it takes the same version twice, which the field must not be there")))
	add("white-space", "Space around the version does not count.", whyForm, []string{" \t 13 \t "}, admits())
	return list
}

// serverRefusal looks at refusals.
func serverRefusal() []Case {
	const whyRefusal = "A refusal is a response like any other, and some statuses are not complete without a field: 426 names the protocol in Upgrade, and 405 the methods that work in Allow."
	return []Case{
		{ID: "server.refusal.upgrade", RFC: "RFC 9110 §15.5.22", Expect: "A refusal with 426 names websocket in Upgrade.", Why: whyRefusal, Open: Open{Head: replaced("Sec-WebSocket-Version: 9")}, Outcomes: []Outcome{
			{OK, "", []Pattern{refused(426).field("Upgrade: websocket")}},
			turnedAway(NonStrict, "it answered 426 without naming websocket in Upgrade, which RFC 9110 demands", 426),
			turnedAway(Informational, "it refused with another status", 4, 5)}},
		{ID: "server.refusal.allow", RFC: "RFC 9110 §15.5.6", Expect: "A refusal with 405 has Allow.", Why: whyRefusal, Open: Open{Head: Head{Line: "POST {target} HTTP/1.1"}}, Outcomes: []Outcome{
			{OK, "", []Pattern{refused(405).field("Allow")}},
			turnedAway(NonStrict, "it answered 405 without Allow, which RFC 9110 demands", 405),
			turnedAway(Informational, "it refused with another status", 2, 4, 5)}},
		{ID: "server.refusal.accept", RFC: "RFC 6455 §4.2.2", Expect: "A refusal has no Sec-WebSocket-Accept.", Why: "Sec-WebSocket-Accept says that the server is willing to accept the connection. A careless client might believe it.",
			Open: Open{Head: without("Sec-WebSocket-Version")}, Outcomes: []Outcome{
				{NonStrict, "it refused, but with Sec-WebSocket-Accept", []Pattern{refused(4, 5).field("Sec-WebSocket-Accept")}},
				turnedAway(OK, "", 4, 5),
				{Informational, "it ended the connection without an answer", []Pattern{dropped()}}}},
	}
}
