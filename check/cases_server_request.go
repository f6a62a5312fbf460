package check

import "slices"

// serverMethod asks with other methods than GET.
func serverMethod() []Case {
	var list []Case
	for _, v := range []struct{ name, method string }{
		{"post", "POST"}, {"put", "PUT"}, {"head", "HEAD"}, {"delete", "DELETE"}, {"options", "OPTIONS"}, {"trace", "TRACE"}, {"lower-case", "get"}, {"mixed-case", "Get"},
		{"unknown", "WEBSOCKET"}, {"longer", "GETX"}, {"garbage", "G\x7fT"},
	} {
		outcomes := turnsAway(turnedAway(OK, "", 501))
		if v.method == "OPTIONS" || v.method == "TRACE" || v.method == "HEAD" {
			outcomes = turnsAway(turnedAway(OK, "", 501), turnedAway(Informational, "it answered the request for what its method means without a WebSocket", 2, 3))
		}
		list = append(list, Case{ID: "server.method." + v.name, RFC: "RFC 6455 §4.2.1, RFC 9110 §9.1", Expect: "A handshake with the method " + quote([]byte(v.method)) + " is refused.",
			Why: "The opening handshake is a GET request, and methods are compared with regard to case. Pages may send other methods to other sites by rules of their own, which a server that takes all of them undoes. " +
				"405 says it best where the method is known, and 501 where it is not.",
			Open: Open{Head: Head{Line: v.method + " {target} HTTP/1.1"}}, Outcomes: outcomes})
	}
	return list
}

// serverLine writes the first line in other ways.
func serverLine() []Case {
	var list []Case
	add := func(name, rfc, expect, why, line string, outcomes []Outcome) {
		list = append(list, Case{ID: "server.line." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: Head{Line: line}}, Outcomes: outcomes})
	}
	const whyVersion = "WebSockets need HTTP/1.1 or higher: HTTP/1.0 has no Upgrade, and a server must ignore that field there (RFC 9110 §7.8). What proxies keep of such a connection is not known."
	old := turnsAway(turnedAway(OK, "", 505), ordinary())
	add("http-1.0", "RFC 6455 §4.2.1", "A handshake of HTTP/1.0 is refused.", whyVersion, "GET {target} HTTP/1.0", old)
	add("http-0.9", "RFC 6455 §4.2.1", "A handshake whose first line has no version is refused.", whyVersion, "GET {target}", old)
	add("http-1.2", "RFC 9110 §2.5", "A handshake of HTTP/1.2 is understood as one of HTTP/1.1.",
		"A higher minor version of HTTP adds nothing that a recipient has to know, and it should go on as with the highest that it knows.", "GET {target} HTTP/1.2",
		slices.Concat(admits(ruleForm), []Outcome{turnedAway(NonStrict, "it refused a minor version that it should take as HTTP/1.1", 4, 5)}))
	const whyMajor = "Another major version is written in another form. RFC 6455 asks for HTTP/1.1 or higher, so that it does not forbid to go on, but it cannot be what the client speaks."
	const major = "it takes another major version of HTTP for HTTP/1.1"
	add("http-2.0", "RFC 9110 §15.6.6", "A handshake that calls itself HTTP/2.0 is refused.", whyMajor, "GET {target} HTTP/2.0", turnsAway(turnedAway(OK, "", 505), admitted(Informational, major)))
	add("http-9.9", "RFC 9110 §15.6.6", "A handshake that calls itself HTTP/9.9 is refused.", whyMajor, "GET {target} HTTP/9.9", turnsAway(turnedAway(OK, "", 505), admitted(Informational, major)))
	const whyForm = "The version is HTTP/, a digit, a point and a digit, and its case counts (RFC 9112 §2.3). A server should answer a line that is not so with 400 (§3)."
	malformed := turnsAway(turnedAway(OK, "", 505), admitted(NonStrict, "it takes a first line that is not valid"))
	for _, v := range []struct{ name, version string }{
		{"lower-case-version", "http/1.1"}, {"short-version", "HTTP/1"}, {"long-version", "HTTP/1.11"}, {"padded-version", "HTTP/01.1"}, {"comma-version", "HTTP/1,1"}, {"other-name", "HTTPS/1.1"}, {"word", "websocket"},
	} {
		add(v.name, "RFC 9112 §2.3, §3", "A handshake whose first line ends with "+quote([]byte(v.version))+" is refused.", whyForm, "GET {target} "+v.version, malformed)
	}
	const whySpace = "One space stands between the parts of the line, and none at its ends. A recipient may take other white space for it (RFC 9112 §3), though that has let requests be smuggled past those who do not."
	lenient := turnsAway(admitted(Informational, "it takes other white space than a single space"))
	for _, v := range []struct{ name, expect, line string }{
		{"two-spaces", "A first line with two spaces is refused.", "GET  {target} HTTP/1.1"}, {"tabs", "A first line with tabs for spaces is refused.", "GET\t{target}\tHTTP/1.1"},
		{"trailing-space", "A first line with a space at its end is refused.", "GET {target} HTTP/1.1 "}, {"leading-space", "A first line with a space at its beginning is refused.", " GET {target} HTTP/1.1"},
	} {
		add(v.name, "RFC 9112 §3", v.expect, whySpace, v.line, lenient)
	}
	add("extra-word", "RFC 9112 §3", "A first line of four parts is refused.", whySpace, "GET {target} now HTTP/1.1", turnsAway(admitted(NonStrict, "it takes a first line that is not valid")))
	add("no-target", "RFC 9112 §3", "A first line without target is refused.", whySpace, "GET HTTP/1.1", turnsAway(admitted(NonStrict, "it takes a first line that is not valid")))
	add("empty-line", "RFC 9112 §2.2", "An empty line before the request is skipped, or refused.",
		"A server should skip an empty line before a request. That is meant for clients that send one more line end than they should behind a body, and nothing comes before the first request of a connection, so that the "+
			"suite tells a refusal and does not blame it.", "\r\nGET {target} HTTP/1.1",
		slices.Concat(admits(), []Outcome{turnedAway(Informational, "it refused a request with an empty line before it", 4), {Informational, "it ended the connection at an empty line", []Pattern{dropped()}}}))
	for _, v := range []struct{ name, expect, text string }{
		{"not-http", "Text that is no request is refused.", "hello, is this a WebSocket?\r\n\r\n"},
		{"tls", "The beginning of TLS where a request should be is refused.", "\x16\x03\x01\x00\x30\x01\x00\x00\x2c\x03\x03\r\n\r\n"},
		{"frames", "Frames without a handshake are refused.", "\x81\x85\x00\x00\x00\x00Hello\x88\x80\x00\x00\x00\x00\r\n\r\n"},
		{"request-0.9", "A request of HTTP/0.9 is refused.", "GET {target}\r\n\r\n"},
	} {
		list = append(list, Case{ID: "server.line." + v.name, RFC: "RFC 6455 §4.2.1, RFC 9112 §3", Expect: v.expect,
			Why:  "What comes first has to be a request. Anything else is answered with an error, or not at all where it can hardly be meant for HTTP; it must never become a connection.",
			Open: Open{Head: Head{Raw: v.text}}, Outcomes: []Outcome{
				turnedAway(OK, "", 4), turnedAway(OK, "", 5),
				{OK, "it ended the connection without an answer", []Pattern{dropped()}},
				turnedAway(Informational, "it answered as HTTP/0.9 did, or as to an ordinary request", 0, 2, 3)}})
	}
	return slices.Concat(list, serverTarget())
}

// serverTarget writes the request's target in other ways.
func serverTarget() []Case {
	var list []Case
	add := func(name, rfc, expect, why, target string, outcomes []Outcome) {
		list = append(list, Case{ID: "server.target." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: Head{Line: "GET " + target + " HTTP/1.1"}}, Outcomes: outcomes})
	}
	const whyAbsolute = "A target may be a whole URI, as it is sent to proxies. RFC 9112 §3.2.2 has every server accept that, and RFC 6455 §4.2.1 names it as well."
	add("absolute", "RFC 9112 §3.2.2, RFC 6455 §4.2.1", "A whole URI is accepted for a target.", whyAbsolute, "http://{host}{target}",
		slices.Concat(admits(), []Outcome{turnedAway(NonStrict, "it refused the absolute form, which every server has to accept", 3, 4)}))
	add("absolute-upper-case", "RFC 9110 §4.2.3", "A whole URI whose scheme is in upper case is accepted for a target.", whyAbsolute, "HTTP://{host}{target}",
		slices.Concat(admits(), []Outcome{turnedAway(NonStrict, "it refused the absolute form, which every server has to accept", 3, 4)}))
	add("absolute-ws", "RFC 6455 §4.2.1", "A whole URI with the scheme ws is refused, or understood.", "The target is a path, or a whole URI with the scheme http or https. What ws means there is not said.", "ws://{host}{target}",
		turnsAway(admitted(Informational, "it takes a target with the scheme ws")))
	const whyQuery = "The query is a part of the resource's name, which a server may use or not. Escapes in it are none of the handshake's business."
	query := slices.Concat(admits(), []Outcome{turnedAway(Informational, "it has no resource of this name", 400, 403, 404, 410)})
	add("query", "RFC 6455 §3", "A query does not disturb the handshake.", whyQuery, "{target}?a=b&c=d", query)
	add("query-escaped", "RFC 6455 §3", "A query with escapes does not disturb the handshake.", whyQuery, "{target}?text=%F0%9F%98%80%20%2F%3F%23%25&empty=", query)
	add("query-characters", "RFC 3986 §3.4", "A query with all characters that it may have does not disturb the handshake.", whyQuery, "{target}?-._~!$&'()*+,;=:@/?", query)
	add("query-empty", "RFC 3986 §3.4", "An empty query does not disturb the handshake.", whyQuery, "{target}?", query)
	const whyForm = "The target of a handshake is a path with its query, or a whole URI. The other forms of HTTP belong to OPTIONS and CONNECT, and a fragment is never sent."
	lenient := turnsAway(admitted(Informational, "it takes a target that is no path"))
	add("asterisk", "RFC 9112 §3.2.4", "An asterisk for a target is refused.", whyForm, "*", lenient)
	add("authority", "RFC 9112 §3.2.3", "A host with its port for a target is refused.", whyForm, "example.com:80", lenient)
	add("relative", "RFC 9112 §3.2", "A target that does not begin with a slash is refused.", whyForm, "echo", lenient)
	add("fragment", "RFC 9112 §3.2, RFC 6455 §3", "A target with a fragment is refused, or the fragment counts for nothing.", whyForm, "{target}#fragment", lenient)
	add("bad-escape", "RFC 3986 §2.1", "An escape in the query without its digits is refused, or counts for nothing.", whyQuery, "{target}?%zz", turnsAway(admitted(Informational, "it does not look at escapes in a query")))
	return list
}

// serverHost has other fields Host.
func serverHost() []Case {
	var list []Case
	const why = "A server must answer 400 to a request of HTTP/1.1 that has no Host, more than one, or one that is no host with or without a port. Where the site is chosen by Host, a proxy and a server that read it " +
		"differently let a request reach a site that it is not for."
	add := func(name, expect string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "server.host." + name, RFC: "RFC 9112 §3.2", Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	// bad are the outcomes of a Host that has to be answered with 400.
	bad := func(special ...Outcome) []Outcome {
		return slices.Concat([]Outcome{turnedAway(OK, "", 400), turnedAway(NonStrict, "it refused, but not with 400 as RFC 9112 §3.2 demands", 4)}, turnsAway(special...)[1:])
	}
	add("missing", "A request without Host is refused with 400.", without("Host"), bad())
	add("twice", "A request that has the same Host twice is refused with 400.", with("Host: {host}"), bad())
	add("two", "A request with two Hosts is refused with 400.", with("Host: other.example"), bad())
	for _, v := range []struct{ name, host string }{
		{"space", "exam ple.com"}, {"slash", "example.com/path"}, {"userinfo", "user@example.com"}, {"scheme", "http://example.com"}, {"list", "{host}, {host}"}, {"quoted", `"example.com"`},
		{"port-word", "example.com:http"}, {"two-ports", "example.com:80:80"}, {"bracket", "[::1"}, {"escape", "example%zz.com"}, {"question", "example.com?a=b"},
	} {
		add(v.name, "A request with the Host “"+v.host+"” is refused with 400.", replaced("Host: "+v.host), bad())
	}
	add("empty", "A request with an empty Host is refused with 400, or accepted.", replaced("Host:"), bad(admitted(Informational, "it takes an empty Host, which the grammar allows but no URI of http may have")))
	const other = "it does not answer for this host"
	for _, v := range []struct{ name, host string }{
		{"other", "other.example"}, {"port", "other.example:8080"}, {"port-empty", "other.example:"}, {"upper-case", "OTHER.EXAMPLE"}, {"ipv4", "192.0.2.1:80"}, {"ipv6", "[2001:db8::1]:80"}, {"escaped", "other%2dhost.example"},
	} {
		add(v.name, "A request with the Host “"+v.host+"” is understood; whether the server answers for it is its own matter.", replaced("Host: "+v.host),
			slices.Concat(admits(), []Outcome{turnedAway(Informational, other, 3, 4)}))
	}
	add("white-space", "Space around the Host does not count.", replaced("Host: \t {host} \t "), admits())
	return list
}

// serverFields has fields that are none of a WebSocket's, or are written in unusual ways.
func serverFields() []Case {
	var list []Case
	add := func(name, rfc, expect, why string, h Head, outcomes []Outcome) {
		list = append(list, Case{ID: "server.fields." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: h}, Outcomes: outcomes})
	}
	var upper, lower, mixed, dense, reversed Head
	names := []string{"Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}
	upper = Head{Without: append(names, "Host"), With: []string{"HOST: {host}", "UPGRADE: websocket", "CONNECTION: Upgrade", "SEC-WEBSOCKET-KEY: {key}", "SEC-WEBSOCKET-VERSION: 13"}}
	lower = Head{Without: upper.Without, With: []string{"host: {host}", "upgrade: websocket", "connection: Upgrade", "sec-websocket-key: {key}", "sec-websocket-version: 13"}}
	mixed = Head{Without: upper.Without, With: []string{"hOsT: {host}", "uPgRaDe: websocket", "cOnNeCtIoN: Upgrade", "sEc-WeBsOcKeT-kEy: {key}", "Sec-Websocket-Version: 13"}}
	dense = Head{Without: upper.Without, With: []string{"Host:{host}", "Upgrade:websocket", "Connection:Upgrade", "Sec-WebSocket-Key:{key}", "Sec-WebSocket-Version:13"}}
	reversed = Head{Without: upper.Without, With: []string{"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: {key}", "Connection: Upgrade", "Upgrade: websocket", "Host: {host}"}}
	const whyNames = "The names of fields have no case, their order has no meaning, and the space behind the colon need not be there."
	add("upper-case", "RFC 9110 §5.1", "Names in upper case are understood.", whyNames, upper, admits(ruleAccept))
	add("lower-case", "RFC 9110 §5.1", "Names in lower case are understood.", whyNames, lower, admits(ruleAccept))
	add("mixed-case", "RFC 9110 §5.1", "Names in mixed case are understood.", whyNames, mixed, admits(ruleAccept))
	add("no-space", "RFC 9112 §5", "Fields without a space behind the colon are understood.", whyNames, dense, admits(ruleAccept))
	add("reversed", "RFC 6455 §4.2.1", "Fields in another order are understood.", whyNames, reversed, admits(ruleAccept))
	const whyOther = "A request may have other fields, and those that a server does not know are ignored."
	add("browser", "RFC 6455 §4.2.1", "The fields that browsers send are understood.", whyOther,
		Head{Without: []string{"Connection"}, With: []string{"Connection: keep-alive, Upgrade", "Pragma: no-cache", "Cache-Control: no-cache", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Accept: */*",
			"Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-US,en;q=0.5", "Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: websocket", "Sec-Fetch-Site: same-origin", "DNT: 1"}}, admits())
	add("unknown", "RFC 6455 §4.2.1", "Unknown fields are ignored, those whose names begin with Sec-WebSocket- too.", whyOther,
		with("X-Unknown: 1", "X-Unknown: 2", "Sec-WebSocket-Unknown: 1", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5"), admits(ruleAccept))
	add("empty-value", "RFC 9110 §5.5", "A field without a value is understood.", whyOther, with("X-Empty:"), admits())
	add("characters", "RFC 9110 §5.5, §5.6.2", "All characters that names and values may have are understood.", whyOther,
		with("!#$%&'*+-.^_`|~09AZaz: "+"!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\t end"), admits())
	add("latin-1", "RFC 9110 §5.5", "Bytes above 127 in the value of an unknown field are ignored with it.", whyOther, with("X-Name: J\xfcrgen", "X-UTF-8: Jürgen"),
		slices.Concat(admits(), []Outcome{turnedAway(Informational, "it refused bytes above 127 in a value", 400)}))
	add("cookies", "RFC 6455 §4.2.1, RFC 6265 §6.1", "Fifty cookies are understood.", whyOther, with(cookies()),
		slices.Concat(admits(), []Outcome{turnedAway(Informational, "its limit for the head of a request is smaller than 4 KiB", 400, 413, 431)}))
	const whyName = "A field is a token, a colon and a value; a server should answer 400 to anything else. RFC 6455 §4.2.1 has it refuse what does not match the grammar."
	loose := turnsAway(admitted(NonStrict, "it takes a line that is no field"))
	add("no-colon", "RFC 9112 §5", "A line without a colon is refused.", whyName, with("nonsense"), loose)
	add("parentheses", "RFC 9112 §5", "A field with parentheses in its name is refused.", whyName, with("X-Te(st): a"), loose)
	const whyExpect = "A client that has no body may not expect 100, but a server may ignore that, or answer 417 to what it does not support."
	add("expect", "RFC 9110 §10.1.1", "A request that expects 100 opens the connection, or is refused.", whyExpect, with("Expect: 100-continue"),
		slices.Concat(admits(), []Outcome{turnedAway(OK, "", 417, 400), turnedAway(Informational, "it sent an interim response first", 100)}))
	add("expect-unknown", "RFC 9110 §10.1.1", "A request that expects something unknown is refused with 417, or opens the connection.", whyExpect, with("Expect: x-unknown"),
		slices.Concat(admits(), []Outcome{turnedAway(OK, "", 417, 400)}))
	return list
}

// cookies is a field of fifty cookies in less than 4 KiB.
func cookies() string {
	line := "Cookie: first=1"
	for _, s := range many(49, "; session-%d=0123456789abcdefghijklmnopqrstuvwxyz0123456789") {
		line += s
	}
	return line
}
