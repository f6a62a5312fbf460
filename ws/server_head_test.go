package ws_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// echoes answers each message with itself.
func echoes(c *ws.Conn) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
		return c.Write(c.Context(), t, p)
	}})
}

// What a head may look like, whole and byte by byte.
func TestServerHead(t *testing.T) {
	filled := func(n int) []string { // lines of n bytes in all, but for those of the handshake
		return []string{"X-Filling: " + strings.Repeat("x", n-len("X-Filling: \r\n"))}
	}
	fields := len(wstest.Head{}.Request()) - len("GET / HTTP/1.1\r\n\r\n")
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("X-%d: x", i))
		}
		return list
	}
	line := func(n int) string { return "GET /" + strings.Repeat("x", n-len("GET / HTTP/1.1")) + " HTTP/1.1" }
	for name, tc := range map[string]struct {
		head   wstest.Head
		status int
	}{
		"the example":                               {wstest.Head{}, 101},
		"RFC 9112 §2.2 an empty line before":        {wstest.Head{Line: "\r\nGET / HTTP/1.1"}, 400},
		"RFC 9112 §2.2 LF alone":                    {header("X: a\nY: b"), 400},
		"RFC 9112 §2.2 LF alone in the first line":  {wstest.Head{Line: "GET / HTTP/1.1\nX: a"}, 400},
		"RFC 9112 §2.2 CR in a value":               {header("X: a\rb"), 400},
		"RFC 9112 §2.2 CR before CR LF":             {header("X: a\r"), 400},
		"RFC 9112 §2.2 CR in the first line":        {wstest.Head{Line: "GET /\r HTTP/1.1"}, 400},
		"RFC 9112 §3 no version":                    {wstest.Head{Line: "GET /"}, 400},
		"RFC 9112 §3 two spaces":                    {wstest.Head{Line: "GET  / HTTP/1.1"}, 400},
		"RFC 9112 §3 a space behind":                {wstest.Head{Line: "GET / HTTP/1.1 "}, 400},
		"RFC 9112 §3 a tab":                         {wstest.Head{Line: "GET\t/ HTTP/1.1"}, 400},
		"RFC 9112 §3 method is no token":            {wstest.Head{Line: "G(T / HTTP/1.1"}, 400},
		"RFC 9112 §2.3 version in small letters":    {wstest.Head{Line: "GET / http/1.1"}, 400},
		"RFC 9112 §2.3 version of three digits":     {wstest.Head{Line: "GET / HTTP/1.10"}, 400},
		"RFC 9112 §2.3 version 0.9":                 {wstest.Head{Line: "GET / HTTP/0.9"}, 505},
		"RFC 9112 §2.3 version 2.0":                 {wstest.Head{Line: "GET / HTTP/2.0"}, 505},
		"RFC 9112 §3.2.1 escapes":                   {wstest.Head{Line: "GET /a%2Fb?%zz HTTP/1.1"}, 101},
		"RFC 9112 §3.2.1 what browsers leave":       {wstest.Head{Line: `GET /|[]?|{}^"[] HTTP/1.1`}, 101},
		"RFC 9112 §3.2.1 bad escape":                {wstest.Head{Line: "GET /%zz HTTP/1.1"}, 400},
		"RFC 9112 §3.2.1 escape cut off":            {wstest.Head{Line: "GET /%2?a HTTP/1.1"}, 400},
		"RFC 9112 §3.2 fragment":                    {wstest.Head{Line: "GET /#a HTTP/1.1"}, 400},
		"RFC 9112 §3.2 not ASCII":                   {wstest.Head{Line: "GET /ä HTTP/1.1"}, 400},
		"RFC 9112 §3.2 NUL":                         {wstest.Head{Line: "GET /\x00 HTTP/1.1"}, 400},
		"RFC 9112 §3.2 relative":                    {wstest.Head{Line: "GET a HTTP/1.1"}, 400},
		"RFC 9112 §3.2.3 authority":                 {wstest.Head{Line: "GET server.test:80 HTTP/1.1"}, 400},
		"RFC 9112 §3.2.4 asterisk":                  {wstest.Head{Line: "GET * HTTP/1.1"}, 400},
		"RFC 9112 §3.2.2 absolute, userinfo":        {wstest.Head{Line: "GET http://a@server.test/ HTTP/1.1"}, 400},
		"RFC 9112 §3.2.2 absolute, no host":         {wstest.Head{Line: "GET http:///a HTTP/1.1"}, 400},
		"RFC 9112 §3.2.2 absolute, another scheme":  {wstest.Head{Line: "GET ftp://server.test/ HTTP/1.1"}, 400},
		"RFC 9112 §3.2.2 absolute, no Host":         {wstest.Head{Line: "GET http://server.test/ HTTP/1.1", Without: []string{"Host"}}, 400},
		"RFC 9112 §3.2.2 absolute, its host counts": {wstest.Head{Line: "GET http://a.test/ HTTP/1.1", Lines: []string{"Origin: http://a.test"}}, 101},
		"RFC 9112 §3.2.2 absolute, Host counts not": {wstest.Head{Line: "GET http://a.test/ HTTP/1.1", Lines: []string{"Origin: http://server.test"}}, 403},
		"RFC 9112 §5.1 space before the colon":      {header("X : a"), 400},
		"RFC 9112 §5.1 tab before the colon":        {header("X\t: a"), 400},
		"RFC 9112 §5.1 no colon":                    {header("X"), 400},
		"RFC 9112 §5.1 no name":                     {header(": a"), 400},
		"RFC 9112 §5.1 name is no token":            {header("X(: a"), 400},
		"RFC 9112 §5.1 space in a name":             {header("X Y: a"), 400},
		"RFC 9112 §5.2 folded":                      {header("X: a", " b"), 400},
		"RFC 9112 §5.2 folded with a tab":           {header("X: a", "\tb"), 400},
		"RFC 9112 §5.2 folded at once":              {wstest.Head{Line: "GET / HTTP/1.1\r\n X: a"}, 400},
		"RFC 9110 §5.5 NUL":                         {header("X: a\x00b"), 400},
		"RFC 9110 §5.5 DEL":                         {header("X: a\x7fb"), 400},
		"RFC 9110 §5.5 tab and other bytes":         {header("X: a\tb\xff"), 101},
		"RFC 9110 §5.5 empty value":                 {header("X:"), 101},
		"RFC 9110 §5.5 spaces around":               {header("Sec-WebSocket-Version:\t 13 \t"), 101},
		"RFC 9110 §5.1 names in any case":           {header("SEC-websocket-VERSION: 13", "hOST: server.test"), 101},
		"RFC 9110 §10.1.1 Expect":                   {header("Expect: 100-continue"), 101},
		"RFC 9110 §10.1.1 Expect something":         {header("Expect: something"), 417},
		"RFC 9112 §6.1 unknown coding":              {header("Transfer-Encoding: gzip"), 501},
		"RFC 9112 §6.3 two lengths":                 {header("Content-Length: 0", "Content-Length: 1"), 400},
		"RFC 9112 §6.3 the same length twice":       {header("Content-Length: 0", "Content-Length: 0"), 101},
		"a first line of 8 KiB":                     {wstest.Head{Line: line(8 << 10)}, 101},
		"a first line of more":                      {wstest.Head{Line: line(8<<10 + 1)}, 431},
		"a first line without end":                  {wstest.Head{Line: line(100 << 10)}, 431},
		"fields of 8 KiB":                           {header(filled(8<<10 - fields)...), 101},
		"fields of more":                            {header(filled(8<<10 - fields + 1)...), 431},
		"fields of 1 MiB":                           {header(filled(1 << 20)...), 431},
		"64 fields":                                 {header(many(59)...), 101},
		"65 fields":                                 {header(many(60)...), 431},
		"2,000 fields":                              {header(many(2000)...), 431},
	} {
		for _, way := range []string{"whole", "byte by byte"} {
			if way == "byte by byte" && len(tc.head.Request()) > 20_000 {
				continue
			}
			t.Run(name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var l net.Listener = wstest.Listen(nil)
					dial := l.(*wstest.Listener).Dial
					if way == "byte by byte" {
						l = byteByByte{l}
					}
					servingOn(t, &ws.Server{Handler: ws.Handler{Handle: echoes}}, l)
					conn, err := dial(t.Context(), "tcp", "server.test:80")
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					peer := wstest.ClientPeer(conn)
					resp, err := peer.Upgrade(tc.head)
					if err != nil {
						t.Fatal(err)
					}
					if resp.StatusCode != tc.status {
						t.Fatalf("status %d, want %d: %s", resp.StatusCode, tc.status, resp.Content)
					}
					if tc.status == http.StatusSwitchingProtocols {
						peer.MustSend(t, wstest.Text("hello"))
						peer.ExpectMessage(t, wstest.OpText, "hello")
					}
				})
			})
		}
	}
}

// byteByByte is a listener whose connections read one byte at a time.
type byteByByte struct{ net.Listener }

func (l byteByByte) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return oneByteConn{c}, err
}

type oneByteConn struct{ net.Conn }

func (c oneByteConn) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(1, len(p))]) }

// Who is slow is disconnected, and told so if there was anything to answer. Nobody else waits for it.
func TestServerSlow(t *testing.T) {
	request := string(wstest.Head{}.Request())
	for name, tc := range map[string]struct {
		send  string
		every time.Duration // a byte at a time
		want  string        // how the answer begins
	}{
		"nothing":      {"", 0, ""},
		"one byte":     {"G", 0, "HTTP/1.1 408 "},
		"almost all":   {request[:len(request)-1], 0, "HTTP/1.1 408 "},
		"byte by byte": {request, time.Second, "HTTP/1.1 408 "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serving(t, &ws.Server{Handler: ws.Handler{Handle: echoes}})
				begun := time.Now()
				const n = 100
				var clients sync.WaitGroup
				for range n {
					conn, err := l.Dial(t.Context(), "tcp", "server.test:80")
					if err != nil {
						t.Fatal(err)
					}
					clients.Go(func() {
						if tc.every == 0 {
							conn.Write([]byte(tc.send))
							return
						}
						for i := range len(tc.send) {
							if _, err := conn.Write([]byte(tc.send[i : i+1])); err != nil {
								return
							}
							time.Sleep(tc.every)
						}
					})
					clients.Go(func() {
						defer conn.Close()
						answer, err := io.ReadAll(conn)
						if took := time.Since(begun); took < 5*time.Second || took > 6*time.Second {
							t.Errorf("disconnected after %v", took)
						}
						if tc.want == "" && len(answer) > 0 || !strings.HasPrefix(string(answer), tc.want) {
							t.Errorf("answer %q, %v", answer, err)
						}
					})
				}
				peer, err := l.Peer(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer peer.Close()
				if resp, err := peer.Upgrade(wstest.Head{}); err != nil || resp.StatusCode != 101 {
					t.Errorf("%v, %v", resp, err)
				}
				if time.Since(begun) > 0 {
					t.Error("a good client had to wait")
				}
				clients.Wait()
			})
		})
	}
}

// HandshakeTimeout and MaxHeaderBytes are what counts.
func TestServerLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serving(t, &ws.Server{Handler: ws.Handler{Handle: echoes}, HandshakeTimeout: time.Minute, MaxHeaderBytes: 200})
		conn, err := l.Dial(t.Context(), "tcp", "server.test:80")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begun := time.Now()
		if b, err := io.ReadAll(conn); len(b) > 0 || time.Since(begun) != time.Minute {
			t.Errorf("%q, %v after %v", b, err, time.Since(begun))
		}
		for size, status := range map[int]int{10: 101, 200: 431} {
			peer, err := l.Peer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			if resp, err := peer.Upgrade(header("X: " + strings.Repeat("x", size))); err != nil || resp.StatusCode != status {
				t.Errorf("a field of %d bytes: %v, %v", size, resp, err)
			}
		}
	})
}
