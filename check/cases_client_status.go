package check

import (
	"slices"
	"strings"
)

// use sends a message that comes back only from a client which took the connection for open.
func use() []Step { return []Step{text(lit("Hello")), await(1), closing(1000, "")} }

// clientLine has responses whose first lines are not as they should be.
func clientLine() []Case {
	var list []Case
	add := func(name, rfc, expect, why, line string, outcomes []Outcome) {
		list = append(list, Case{ID: "client.line." + name, RFC: rfc, Expect: expect, Why: why, Open: Open{Head: Head{Line: line}}, Steps: use(), Outcomes: outcomes})
	}
	add("http-1.2", "RFC 9110 §2.5", "A response of HTTP/1.2 is understood as one of HTTP/1.1.", "A higher minor version of HTTP adds nothing that a recipient has to know, and it should go on as with the highest that it knows.",
		"HTTP/1.2 101 Switching Protocols", slices.Concat(takes(), []Outcome{{NonStrict, "it ended the connection at a minor version that it should take for HTTP/1.1", []Pattern{dropped()}}}))
	const whyVersion = "The response to a handshake has to be a valid one of HTTP with the status 101 (§4.2.2), and a client must fail the connection if it is not (§4.1). HTTP/1.0 has no 101 and no Upgrade, and other major versions are written in another form."
	version := rejects(taken(NonStrict, "it takes the status 101 of another version of HTTP"))
	for _, v := range []string{"HTTP/1.0", "HTTP/0.9", "HTTP/2", "HTTP/2.0", "HTTP/3"} {
		add(strings.ToLower(strings.Replace(v, "/", "-", 1)), "RFC 6455 §4.1, §4.2.2", "A response of "+v+" fails the connection.", whyVersion, v+" 101 Switching Protocols", version)
	}
	const whyForm = "The first line is HTTP/1.1, a space, three digits, a space and a phrase. What is not so is no response, and a client that finds 101 in it finds that in other text, too."
	malformed := rejects(taken(NonStrict, "it takes a first line that is not valid"))
	for _, v := range []struct{ name, line string }{
		{"lower-case", "http/1.1 101 Switching Protocols"}, {"short-version", "HTTP/1 101 Switching Protocols"}, {"long-version", "HTTP/1.11 101 Switching Protocols"}, {"no-version", "HTTP 101 Switching Protocols"}, {"no-name", "101 Switching Protocols"},
		{"other-name", "ICY 101 OK"}, {"glued", "HTTP/1.1 101Switching Protocols"}, {"leading-space", " HTTP/1.1 101 Switching Protocols"},
	} {
		add(v.name, "RFC 9112 §4", "A response that begins with “"+v.line+"” fails the connection.", whyForm, v.line, malformed)
	}
	for _, v := range []struct{ name, line string }{
		{"request", "GET /101 HTTP/1.1"}, {"text", "Switching Protocols: 101"}, {"word", "HTTP/1.1 one hundred and one"}, {"leading-zero", "HTTP/1.1 0101 Switching Protocols"}, {"four-digits", "HTTP/1.1 1010 Switching Protocols"},
		{"two-digits", "HTTP/1.1 10 1 Switching Protocols"}, {"signed", "HTTP/1.1 +101 Switching Protocols"}, {"negative", "HTTP/1.1 -101 Switching Protocols"}, {"hexadecimal", "HTTP/1.1 0x65 Switching Protocols"},
		{"decimal-point", "HTTP/1.1 101.0 Switching Protocols"}, {"no-status", "HTTP/1.1"}, {"status-empty", "HTTP/1.1  Switching Protocols"}, {"html", "<html>101 Switching Protocols</html>"},
	} {
		add(v.name, "RFC 9112 §4", "A response that begins with “"+v.line+"” fails the connection.", whyForm, v.line, rejects())
	}
	const whySpace = "A recipient may take other white space for the single spaces between the parts of the line (RFC 9112 §4), and many do not miss the space before a phrase that is not there."
	lenient := rejects(taken(Informational, "it takes a first line with other white space than it should have"))
	add("no-phrase", "RFC 9112 §4", "A first line that ends with the status fails the connection, or is understood.", whySpace, "HTTP/1.1 101", lenient)
	add("two-spaces", "RFC 9112 §4", "A first line with two spaces fails the connection, or is understood.", whySpace, "HTTP/1.1  101  Switching Protocols", lenient)
	add("tabs", "RFC 9112 §4", "A first line with tabs for spaces fails the connection, or is understood.", whySpace, "HTTP/1.1\t101\tSwitching Protocols", lenient)
	add("empty-line", "RFC 9112 §2.2", "An empty line before the response fails the connection, or is skipped.", "Servers should skip an empty line before a request; nothing is said of clients and responses.", "\r\nHTTP/1.1 101 Switching Protocols",
		rejects(taken(Informational, "it skips an empty line before a response")))
	return list
}

// clientStatus has responses with other statuses, and all that else is needed.
func clientStatus() []Case {
	var list []Case
	const why = "Only the status 101 opens a WebSocket (§4.1). With any other, a client handles the response by the rules of HTTP, and never as a connection, even if all fields are those of a WebSocket: " +
		"it is the server's way to say no."
	for _, v := range []struct{ status, phrase string }{
		{"200", "OK"}, {"201", "Created"}, {"202", "Accepted"}, {"204", "No Content"}, {"206", "Partial Content"}, {"299", "Other"}, {"300", "Multiple Choices"}, {"304", "Not Modified"}, {"400", "Bad Request"}, {"403", "Forbidden"}, {"404", "Not Found"},
		{"426", "Upgrade Required"}, {"451", "Unavailable For Legal Reasons"}, {"500", "Internal Server Error"}, {"501", "Not Implemented"}, {"503", "Service Unavailable"}, {"600", "Unknown"}, {"999", "Unknown"},
	} {
		h := Head{Line: "HTTP/1.1 " + v.status + " " + v.phrase, Without: []string{"Connection"}, With: []string{"Connection: Upgrade, close"}}
		if v.status != "204" && v.status != "304" {
			h.With = append(h.With, "Content-Length: 0")
		}
		list = append(list, Case{ID: "client.status." + v.status, RFC: "RFC 6455 §4.1", Expect: "A response with the status " + v.status + " and the fields of a WebSocket opens no connection.", Why: why,
			Open: Open{Head: h}, Steps: use(), Outcomes: rejects()})
	}
	list = append(list, Case{ID: "client.status.200-phrase", RFC: "RFC 6455 §4.1", Expect: "A response with the status 200 and 101 in its phrase opens no connection.", Why: why,
		Open: Open{Head: Head{Line: "HTTP/1.1 200 101 Switching Protocols", Without: []string{"Connection"}, With: []string{"Connection: Upgrade, close", "Content-Length: 0"}}}, Steps: use(), Outcomes: rejects()})
	list = append(list, Case{ID: "client.status.200-body", RFC: "RFC 6455 §4.1", Expect: "A response with the status 200, the fields of a WebSocket and no end of its body opens no connection.", Why: why,
		Open: Open{Head: Head{Line: "HTTP/1.1 200 OK", Without: []string{"Connection"}, With: []string{"Connection: Upgrade, close"}}}, Steps: []Step{text(lit("Hello")), end()}, Outcomes: rejects()})

	const whyInterim = "A response of the class 1xx other than 101 is an interim one: a client goes on to wait for the final response (RFC 9110 §15.2), and must be able to skip such responses. RFC 6455 §4.1 leaves what is not 101 to the rules of HTTP."
	interim := slices.Concat(takes(), []Outcome{{NonStrict, "it ended the connection at an interim response", []Pattern{dropped()}}})
	for _, v := range []struct{ name, expect, before string }{
		{"100-then-101", "A response with 100 before the one with 101 is skipped.", "HTTP/1.1 100 Continue\r\n\r\n"},
		{"102-then-101", "A response with 102 before the one with 101 is skipped.", "HTTP/1.1 102 Processing\r\n\r\n"},
		{"103-then-101", "A response with 103 and its fields before the one with 101 is skipped.", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"},
		{"199-then-101", "A response with the unknown status 199 before the one with 101 is skipped.", "HTTP/1.1 199 Unknown\r\n\r\n"},
		{"two-then-101", "Two interim responses before the one with 101 are skipped.", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"},
	} {
		list = append(list, Case{ID: "client.status." + v.name, RFC: "RFC 9110 §15.2, RFC 6455 §4.1", Expect: v.expect, Why: whyInterim, Open: Open{Head: Head{Line: v.before + "HTTP/1.1 101 Switching Protocols"}}, Steps: hello(), Outcomes: interim})
	}
	for _, v := range []struct{ status, phrase string }{{"100", "Continue"}, {"102", "Processing"}, {"103", "Early Hints"}, {"199", "Unknown"}} {
		list = append(list, Case{ID: "client.status." + v.status, RFC: "RFC 6455 §4.1, RFC 9110 §15.2", Expect: "A response with the status " + v.status + " and the fields of a WebSocket opens no connection.", Why: whyInterim,
			Open: Open{Head: Head{Line: "HTTP/1.1 " + v.status + " " + v.phrase}}, Steps: []Step{text(lit("Hello")), end()}, Outcomes: rejects()})
	}
	list = append(list, Case{ID: "client.status.101-then-200", RFC: "RFC 6455 §4.1", Expect: "What follows the response with 101 are frames, even if it looks like another response.",
		Why:  "Behind the empty line HTTP has ended. As a frame, the bytes of a second response are a close with RSV1 and without FIN, which fails the connection.",
		Open: Open{}, Steps: []Step{raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}, Outcomes: fails(1002)})
	return list
}

// clientRefusal has responses as servers give them when they refuse.
func clientRefusal() []Case {
	const why = "A server that refuses answers with another status than 101, and the handshake is over. A client may follow a redirect, or ask its user for a password and try again on a new connection, but need not (§4.1); on this one it has nothing more to do."
	var list []Case
	for _, v := range []struct{ name, expect, head string }{
		{"400", "A refusal with 400 and a text ends the handshake.", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nConnection: close\r\n\r\nrefused"},
		{"401", "A refusal with 401 ends the handshake on this connection.", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"suite\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"403", "A refusal with 403 ends the handshake.", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"404", "A refusal with 404 and a page ends the handshake.", "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 24\r\nConnection: close\r\n\r\n<title>Not Found</title>"},
		{"407", "A refusal with 407 ends the handshake.", "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"suite\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"426", "A refusal with 426 and another version ends the handshake on this connection.", "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 14\r\nContent-Length: 0\r\nConnection: Upgrade, close\r\n\r\n"},
		{"429", "A refusal with 429 ends the handshake.", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"500", "A refusal with 500 and a body in chunks ends the handshake.", "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n7\r\nrefused\r\n0\r\n\r\n"},
		{"502", "A refusal with 502 whose body ends with the connection ends the handshake.", "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nthe gateway is down"},
		{"503", "A refusal with 503 ends the handshake.", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"http-1.0", "A refusal of HTTP/1.0 ends the handshake.", "HTTP/1.0 400 Bad Request\r\n\r\nrefused"},
		{"301", "A redirect with 301 is followed, or ends the handshake.", "HTTP/1.1 301 Moved Permanently\r\nLocation: /redirected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"302", "A redirect with 302 is followed, or ends the handshake.", "HTTP/1.1 302 Found\r\nLocation: /redirected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"303", "A redirect with 303 is followed, or ends the handshake.", "HTTP/1.1 303 See Other\r\nLocation: /redirected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"307", "A redirect with 307 is followed, or ends the handshake.", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /redirected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"308", "A redirect with 308 is followed, or ends the handshake.", "HTTP/1.1 308 Permanent Redirect\r\nLocation: /redirected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"no-location", "A redirect that does not say where to ends the handshake.", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"bad-location", "A redirect to what is no URL ends the handshake.", "HTTP/1.1 302 Found\r\nLocation: http://[::bad/%zz\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
	} {
		list = append(list, Case{ID: "client.refusal." + v.name, RFC: "RFC 6455 §4.1, §4.2.2", Expect: v.expect, Why: why, Open: Open{Head: Head{Raw: v.head}}, Steps: []Step{end()}, Outcomes: rejects()})
	}
	return list
}
