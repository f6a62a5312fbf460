package ws_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// FuzzHandshakeResponse answers Dial with any bytes: it fails or succeeds, and takes no subprotocol or extension that
// was not offered.
func FuzzHandshakeResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n\r\n\x81\x02hi",
		"HTTP/1.1 101 X\r\nupgrade: a, WebSocket\r\nconnection: x, upgrade\r\nSec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: one\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		o := &ws.DialOptions{Subprotocols: []string{"one"}, Compression: &ws.Compression{}, MaxRedirects: 1}
		done := make(chan struct{}, 2)
		o.NetDial = func(context.Context, string, string) (net.Conn, error) {
			a, b := wstest.Pipe(nil)
			go func() {
				defer func() { done <- struct{}{} }()
				defer b.Close()
				r, err := http.ReadRequest(bufio.NewReader(b))
				if err != nil {
					return
				}
				accept := wstest.AcceptKey(r.Header.Get("Sec-Websocket-Key"))
				b.Write([]byte(strings.ReplaceAll(string(answer), "KEY", accept)))
			}()
			return a, nil
		}
		c, err := ws.Dial(context.Background(), "ws://host.test/", o)
		<-done
		if err != nil {
			var he *ws.HandshakeError
			if !errors.As(err, &he) || len(he.Body) > 64<<10 {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		defer c.CloseNow()
		if c.Response().StatusCode != 101 || c.Subprotocol() != "" && c.Subprotocol() != "one" ||
			c.Extensions() != "" && !strings.HasPrefix(strings.TrimLeft(c.Extensions(), ", \t"), "permessage-deflate") {
			t.Errorf("accepted %+v", c.Response())
		}
	})
}
