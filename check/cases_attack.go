package check

import (
	"slices"
	"time"
)

var attackGroup = Group{
	Name:  "attack",
	Title: "Attacks",
	Why: "An endpoint faces whoever can reach it. RFC 6455 §10 tells what that means: limits for what one peer may make it keep (§10.4), no trust in what a request says (§10.5, §10.6), " +
		"and a handshake that no other protocol can be tricked into. HTTP adds its own (RFC 9112 §11): bytes that one program takes as the end of a line or a body and another does not. " +
		"There are few rules that an endpoint could break here, but much that takes down one that nobody tried. So an endpoint may refuse, end the connection, or cope; what it may " +
		"not do is to grow without bound, to reflect what ends a line, or to be dead afterwards.",
	cases: attackCases,
}

func attackCases() []Case {
	list := slices.Concat(attackSlow(), attackHead(), attackLists(), attackBytes(), attackInject(), attackBody(), attackResponse(), attackFlood())
	for i := range list {
		list[i].Tags = append(list[i].Tags, TagSecurity)
	}
	return list
}

// attackSlow keeps a server waiting for a request. They come first: others run meanwhile.
func attackSlow() []Case {
	const why = "A connection without a request costs a socket, and in many servers a thread or a buffer. Who opens thousands of them and says next to nothing shuts out everybody " +
		"else. A deadline for the whole request ends that. One for each read does not, as every byte starts it again."
	const begun = "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
	lines := begun
	for range 10 {
		lines += "X-Slow: 23456789\r\n"
	}
	var list []Case
	for _, v := range []struct {
		name, expect string
		head         Head
	}{
		{"nothing", "A connection on which nothing comes is ended within 10 seconds.", Head{Nothing: true, Wait: 5 * time.Second}},
		{"half-line", "A request that ends after its method is given up within 10 seconds.", Head{Raw: "GET ", Wait: 5 * time.Second}},
		{"line", "A request that ends after its first line is given up within 10 seconds.", Head{Raw: "GET {target} HTTP/1.1\r\n", Wait: 5 * time.Second}},
		{"no-end", "A request without the empty line at its end is given up within 10 seconds.", Head{Raw: begun, Wait: 5 * time.Second}},
		{"bytes", "A request of which a byte comes every 100 ms, and never the last, is given up while it comes.",
			Head{Raw: "GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Slow: and one byte comes after the other, with no end\r\n", Chop: 1, Delay: 100 * time.Millisecond}},
		{"fields", "A request of which a field comes every 500 ms, and never the last, is given up while it comes.", Head{Raw: lines, Chop: len("X-Slow: 23456789\r\n"), Delay: 500 * time.Millisecond}},
	} {
		list = append(list, Case{ID: "attack.slow." + v.name, RFC: "RFC 9112 §9.5", Expect: v.expect, Why: why, Tags: []string{TagServer, TagSlow},
			Open: Open{Head: v.head},
			Outcomes: []Outcome{
				{OK, "", []Pattern{dropped()}},
				{OK, "it answered that it does not wait longer", []Pattern{refused()}},
				{Informational, "it still waits for the request: it sets no deadline on a handshake, or a later one", []Pattern{silent()}},
			}})
	}
	return list
}

// refuses are the outcomes of a request that is refused, or that leads to a connection, which then is judged as told.
func refuses(opens Verdict, say string) []Outcome {
	return []Outcome{
		{OK, "", []Pattern{refused()}},
		{OK, "it ended the connection without an answer", []Pattern{dropped()}},
		{opens, say, []Pattern{opened(), closed(1000, 1005)}},
	}
}

// opensOrRefuses are the outcomes of a request that may be refused as well as answered.
func opensOrRefuses() []Outcome { return refuses(OK, "") }

// attackResponse is what a server does to a client before the connection is open.
func attackResponse() []Case {
	const why = "A client that follows a link talks to a server which it has no reason to trust. What it reads before the connection is open needs limits as much as what comes after."
	const good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
	hello := []Step{text(lit("hello")), await(1), closing(1000, "")}
	copes := append(echoes(echoed(OpText, lit("hello")))[:1:1], Outcome{OK, "it gave up the handshake", []Pattern{dropped()}})
	waits := []Outcome{
		{OK, "", []Pattern{dropped()}},
		{Informational, "it still waits for the response: its caller has to set a deadline, or it has a later one", []Pattern{silent()}},
	}
	list := []Case{
		{ID: "attack.response.silence", Expect: "A client ends a handshake that is not answered within 10 seconds.", Tags: []string{TagSlow},
			Open: Open{Head: Head{Nothing: true}}, Steps: []Step{pause(5 * time.Second)}, Outcomes: waits},
		{ID: "attack.response.fields-2000", Expect: "A response of 2,000 fields is taken or refused.", Open: Open{Head: with(many(2000, "X-Flood-%d: flood")...)}},
		{ID: "attack.response.field-64k", Expect: "A response with a field of 64 KiB is taken or refused.", Open: Open{Head: with("X-Flood: " + padding(64<<10))}},
		{ID: "attack.response.field-1m", Expect: "A response with a field of 1 MiB is taken or refused.", Open: Open{Head: with("X-Flood: " + padding(1<<20))}},
		{ID: "attack.response.head-8m", Expect: "A response with a head of 8 MiB is refused.", Open: Open{Head: with(many(8<<10, "X-Flood-%d: "+padding(1000))...)}, Memory: 32 << 20},
		{ID: "attack.response.phrase-64k", Expect: "A response whose reason phrase has 64 KiB is taken or refused.", Open: Open{Head: Head{Line: "HTTP/1.1 101 " + padding(64<<10)}}},
		{ID: "attack.response.continue", Expect: "A thousand interim responses before the response are skipped or refused.",
			Open: Open{Head: Head{Raw: repeated("HTTP/1.1 100 Continue\r\n\r\n", 1000) + "HTTP/1.1 101 Switching Protocols\r\n" + good + "\r\n"}}},
	}
	for i := range list {
		c := &list[i]
		c.RFC, c.Why, c.Tags = "RFC 6455 §4.1, §10.4", why, append(c.Tags, TagClient)
		if c.Outcomes == nil {
			c.Steps, c.Outcomes = hello, copes
		}
		if c.Memory > 0 {
			c.Outcomes = []Outcome{copes[1], {Informational, "it took a head of 8 MiB", copes[0].Seen}}
		}
	}
	return list
}
