package check

import (
	"slices"
	"strings"
)

// serverProtocol offers subprotocols.
func serverProtocol() []Case {
	var list []Case
	add := func(name, expect, why string, lines []string, outcomes []Outcome) {
		h := without("Sec-WebSocket-Protocol")
		for _, l := range lines {
			h.With = append(h.With, "Sec-WebSocket-Protocol: "+l)
		}
		list = append(list, Case{ID: "server.protocol." + name, RFC: "RFC 6455 §4.1, §4.2.2, §11.3.4", Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	const whyOffer = "A client offers subprotocols in the order of its preference, in one field or several. The server answers with one of them, just as it was written, or with none; it may also refuse to go on without one that it speaks."
	offer := slices.Concat(admits(ruleProtocol), []Outcome{turnedAway(Informational, "it does not go on without a subprotocol that it speaks", 4)})
	add("none", "No subprotocol is chosen where none is offered.", whyOffer, nil, admits(ruleProtocol))
	for _, v := range []struct {
		name, expect string
		lines        []string
	}{
		{"one", "Of one subprotocol, that one or none is chosen.", []string{"chat"}},
		{"two", "Of two subprotocols, one or none is chosen.", []string{"chat, superchat"}},
		{"dense", "Of three subprotocols without a space between them, one or none is chosen.", []string{"chat,superchat,v2.chat"}},
		{"several-fields", "Of subprotocols in three fields, one or none is chosen.", []string{"chat", "superchat, v2.chat", "v3.chat"}},
		{"empty-elements", "Empty elements between subprotocols do not count.", []string{", chat, ,superchat,"}},
		{"upper-case", "A subprotocol in upper case is chosen as it is written, or none.", []string{"CHAT"}},
		{"case", "Two subprotocols that differ in case are two.", []string{"chat, CHAT, Chat"}},
		{"characters", "A subprotocol with all characters that a token may have is chosen as it is written, or none.", []string{"!#$%&'*+-.^_`|~09AZaz"}},
		{"prefixes", "Subprotocols that are the beginnings of others are told apart.", []string{"c, ch, cha, chat"}},
		{"known", "Of subprotocols that servers often speak, one or none is chosen.", []string{"mqtt, graphql-transport-ws, json, wamp.2.json, soap, xmpp"}},
		{"long", "A subprotocol of 500 characters is chosen whole, or none.", []string{strings.Repeat("chat.", 100)}},
		{"thirty", "Of thirty subprotocols, one or none is chosen.", []string{strings.Join(many(30, "chat-%d"), ", ")}},
	} {
		add(v.name, v.expect, whyOffer, v.lines, offer)
	}
	const whyOnce = "A client must not offer a subprotocol twice. A server that chooses one should find that out; one that does not look at subprotocols does no harm."
	// chose is the outcome in which a server that looks at subprotocols goes on though it should not.
	chose := Outcome{NonStrict, "it chose a subprotocol from a list that it should have refused",
		[]Pattern{opened(ruleProtocol).field("Sec-WebSocket-Protocol"), echoed(OpText, lit("Hello")), closed()}}
	once := turnsAway(chose, admitted(Informational, "it does not mind a subprotocol that is offered twice", ruleProtocol))
	add("twice", "A subprotocol that is offered twice is refused, or does not matter.", whyOnce, []string{"chat, superchat, chat"}, once)
	add("twice-in-fields", "A subprotocol that is offered in two fields is refused, or does not matter.", whyOnce, []string{"chat", "chat"}, once)
	const whyToken = "Subprotocols are tokens, and a handshake that breaks the grammar must be refused (§4.2.1). A server that chooses none has no use for the field, so that one which goes on without is told and not blamed. One that does choose has looked at the field."
	token := turnsAway(chose, admitted(Informational, "it goes on without a subprotocol", ruleProtocol))
	for _, v := range []struct{ name, value string }{
		{"space", "chat room"}, {"slash", "chat/2"}, {"quoted", `"chat"`}, {"equals", "chat=2"}, {"semicolon", "chat; v=2"}, {"url", "http://example.com/chat"}, {"parentheses", "(chat)"}, {"at", "chat@example"}, {"braces", "{chat}"},
		{"backslash", `chat\2`}, {"latin-1", "ch\xe4t"}, {"utf-8", "плохо"}, {"second", "chat, chat room"},
	} {
		add("malformed-"+v.name, "A request that offers the subprotocol “"+strings.ToValidUTF8(v.value, "\ufffd")+"” is refused.", whyToken, []string{v.value}, token)
	}
	add("empty", "An empty list of subprotocols is refused, or counts as none.", whyToken, []string{""}, token)
	add("commas", "A list of subprotocols that has only commas is refused, or counts as none.", whyToken, []string{", ,,"}, token)
	return list
}

// serverExtensions offers extensions that nobody knows.
func serverExtensions() []Case {
	var list []Case
	add := func(name, expect, why string, lines []string, outcomes []Outcome) {
		list = append(list, Case{ID: "server.extensions." + name, RFC: "RFC 6455 §9.1", Expect: expect, Why: why, Open: Open{Extensions: lines}, Outcomes: outcomes})
	}
	const whyUnknown = "A server leaves out of its answer what it does not know, whatever parameters it has, and goes on."
	for _, v := range []struct {
		name, expect string
		lines        []string
	}{
		{"unknown", "An unknown extension is declined.", []string{"x-unknown"}},
		{"several", "Three unknown extensions are declined.", []string{"x-one, x-two; a=1, x-three"}},
		{"dense", "Unknown extensions without spaces are declined.", []string{"x-one,x-two;a=1;b,x-three"}},
		{"spaces", "Spaces and tabs around the parts of an unknown extension do not count.", []string{" x-one\t;\ta\t=\t1 ,\tx-two "}},
		{"several-fields", "Unknown extensions in three fields are declined.", []string{"x-one", "x-two; a=1", "x-three"}},
		{"same-twice", "An unknown extension that is offered twice is declined.", []string{"x-one; a=1, x-one"}},
		{"parameters", "An unknown extension with parameters, with and without values, is declined.", []string{"x-one; a; b=2; c=three; d"}},
		{"quoted", "An unknown extension with a quoted value is declined.", []string{`x-one; a="1"; b="two"`}},
		{"quoted-escape", "An unknown extension with an escape in a quoted value is declined.", []string{`x-one; a="\t\w\o"`}},
		{"characters", "An unknown extension with all characters that a token may have is declined.", []string{"!#$%&'*+-.^_`|~09AZaz; !#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~"}},
		{"empty-elements", "Empty elements between unknown extensions do not count.", []string{", x-one,, x-two,"}},
		{"similar", "Extensions whose names resemble known ones are declined.", []string{"permessage-deflat, permessage-deflate2, x-permessage-deflate, deflate"}},
	} {
		add(v.name, v.expect, whyUnknown, v.lines, admits(ruleExtensions))
	}
	const whyForm = "Who receives a value that does not match the grammar must fail the connection at once (§9.1), and a server must refuse such a handshake (§4.2.1). A server that knows no extension, and does not read the field at all, " +
		"is called lenient here and not wrong; but it must not agree to anything."
	form := turnsAway(admitted(NonStrict, "it goes on without extensions, where §9.1 has it fail the handshake", ruleExtensions))
	for _, v := range []struct{ name, value string }{
		{"semicolon-end", "x-one;"}, {"semicolon-first", "; a=1"}, {"semicolons", "x-one;; a"}, {"no-name", "x-one; =1"}, {"no-value", "x-one; a="}, {"no-value-more", "x-one; a=; b=2"}, {"equals", "x-one=1"}, {"two-words", "x-one x-two"},
		{"two-values", "x-one; a=1 2"}, {"slash", "x/one"}, {"quoted-name", `"x-one"`}, {"quoted-parameter", `x-one; "a"=1`}, {"quoted-open", `x-one; a="1`}, {"quoted-space", `x-one; a="1 2"`}, {"quoted-comma", `x-one; a="1,2"`},
		{"quoted-empty", `x-one; a=""`}, {"quoted-tail", `x-one; a="1"2`}, {"single-quotes", `x-one; a='(1)'`}, {"latin-1", "x-\xf6ne"}, {"second", "x-one, ="}, {"known", "permessage-deflate;"}, {"known-value", "permessage-deflate; server_max_window_bits="},
	} {
		add("malformed-"+v.name, "A request that offers the extensions “"+strings.ToValidUTF8(v.value, "\ufffd")+"” is refused.", whyForm, []string{v.value}, form)
	}
	empty := turnsAway(admitted(Informational, "it takes an empty list for no extension", ruleExtensions))
	const whyEmpty = "The list has at least one element by its grammar, but an empty one says nothing that could be misunderstood."
	add("empty", "An empty list of extensions is refused, or counts as none.", whyEmpty, []string{""}, empty)
	add("commas", "A list of extensions that has only commas is refused, or counts as none.", whyEmpty, []string{", ,,"}, empty)
	return list
}

// serverOrigin comes from other sites.
func serverOrigin() []Case {
	const why = "Browsers say in Origin which page opens a WebSocket, and they do so for pages of any site, with the user's cookies. A server that is not for all sites has to look at it and answers 403 (§4.2.2, §10.2). Whether it should, the suite " +
		"cannot know: it tells."
	var list []Case
	for _, v := range []struct {
		name, expect string
		values       []string
	}{
		{"same", "A request from a page of the server's own host is understood.", []string{"http://{host}"}},
		{"other", "A request from a page of another site is understood or refused.", []string{"http://evil.example"}},
		{"subdomain", "A request from a page of a host whose name begins with the server's is understood or refused.", []string{"http://{host}.evil.example"}},
		{"userinfo", "A request from an origin that has the server's host before an @ is understood or refused.", []string{"http://{host}@evil.example"}},
		{"null", "A request with the origin null is understood or refused.", []string{"null"}},
		{"file", "A request with the origin file:// is understood or refused.", []string{"file://"}},
		{"malformed", "A request with an origin that is none is understood or refused.", []string{"::: no origin :::"}},
		{"empty", "A request with an empty origin is understood or refused.", []string{""}},
		{"list", "A request with two origins in one field is understood or refused.", []string{"http://{host} http://evil.example"}},
		{"two", "A request with two fields Origin is understood or refused.", []string{"http://{host}", "http://evil.example"}},
	} {
		h := without("Origin")
		for _, o := range v.values {
			h.With = append(h.With, "Origin: "+o)
		}
		outcomes := []Outcome{turnedAway(OK, "", 4), admitted(Informational, "it does not keep other sites from connecting")}
		if v.name == "same" {
			outcomes = slices.Concat(admits(), []Outcome{turnedAway(Informational, "it refuses pages of the host that it was reached by", 4)})
		}
		list = append(list, Case{ID: "server.origin." + v.name, RFC: "RFC 6455 §4.2.2, §10.2", Expect: v.expect, Why: why, Tags: []string{TagSecurity}, Open: Open{Head: h}, Outcomes: outcomes})
	}
	return list
}
