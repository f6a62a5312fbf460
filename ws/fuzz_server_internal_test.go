package ws

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Whatever head our own listener takes, net/http takes too and understands in the same way; and how its bytes arrive does
// not matter.
func FuzzServerHead(f *testing.F) {
	const fields = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	for _, s := range []string{
		"GET / HTTP/1.1\r\n" + fields + "\r\n\x81\x85",
		"GET /a?b=%zz HTTP/1.1\r\n" + fields + "\r\n",
		"GET /a%2fb%zz HTTP/1.1\r\n" + fields + "\r\n",
		"GET //a/b HTTP/1.1\r\n" + fields + "\r\n",
		"GET http://b:80/?c HTTP/1.1\r\n" + fields + "\r\n",
		"GET http://u@b/ HTTP/1.1\r\n" + fields + "\r\n",
		"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nOrigin: null\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 00\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nHOST:\ta \t\r\nX:\xff\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 512
		whole := headScanner{limit: limit}
		end, status := whole.scan(b, 0)
		pieces := headScanner{limit: limit}
		for n := 1; n <= len(b); n++ {
			e, s := pieces.scan(b[:n], n-1)
			if e == 0 && s == 0 {
				continue
			}
			if e != end || (s == 0) != (status == 0) {
				t.Fatalf("in pieces %d, %d; at once %d, %d", e, s, end, status)
			}
			break
		}
		if end == 0 {
			return
		}
		if end > 2*limit+4 || !bytes.HasSuffix(b[:end], []byte("\r\n\r\n")) {
			t.Fatalf("the head has %d bytes", end)
		}
		var h head
		if !h.parse(string(b[:end])) {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			if h.body || h.method != http.MethodGet {
				return // left to net/http
			}
			t.Fatalf("net/http refuses it: %v", err)
		}
		in := openingOf(r)
		if h.method != in.method || h.proto != in.proto || h.recent != in.recent || h.target != r.RequestURI {
			t.Errorf("%s %s %s, want %s %s %s", h.method, h.target, h.proto, in.method, r.RequestURI, in.proto)
		}
		if h.host != in.host && h.method == http.MethodGet {
			t.Errorf("Host is %q, want %q", h.host, in.host)
		}
		if in.body && !h.body && h.method == http.MethodGet {
			t.Error("it has a body")
		}
		for i, list := range [][2][]string{
			{h.upgrade, in.upgrade}, {h.connection, in.connection}, {h.origin, in.origin}, {h.key, in.key}, {h.version, in.version},
			{h.protocols, in.protocols}, {h.extensions, in.extensions},
		} {
			if !slices.Equal(list[0], list[1]) {
				t.Errorf("list %d is %q, want %q", i, list[0], list[1])
			}
		}
		if h.expect != (r.Header["Expect"] != nil) {
			t.Errorf("expect is %t", h.expect)
		}
		n := 0
		for name, values := range r.Header {
			n += len(values)
			if strings.ContainsAny(name, " \t\r\n") {
				t.Errorf("the field %q", name)
			}
		}
		if n > maxFields+1 { // net/http adds Cache-Control to Pragma
			t.Errorf("%d fields", n)
		}
	})
}
