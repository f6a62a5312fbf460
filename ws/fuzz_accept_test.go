package ws_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// hijackable is a ResponseWriter over a pipe.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
	rw   *bufio.ReadWriter
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.rw, nil }

// elements splits list fields in the plainest way.
func elements(fields []string) (list []string) {
	for e := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		if e = strings.Trim(e, " \t"); e != "" {
			list = append(list, e)
		}
	}
	return list
}

var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// wrongRequest says what RFC 6455 §4.2.1 forbids in a request, or "".
func wrongRequest(r *http.Request) string {
	has := func(name, want string) bool {
		return slices.ContainsFunc(elements(r.Header[name]), func(s string) bool { return strings.ToLower(s) == want })
	}
	protocols := elements(r.Header["Sec-Websocket-Protocol"])
	for i, p := range protocols {
		if !token.MatchString(p) || slices.Contains(protocols[:i], p) {
			return "subprotocol"
		}
	}
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	switch {
	case r.Method != "GET" || r.ProtoMajor != 1 || r.ProtoMinor == 0:
		return "request line"
	case r.Host == "":
		return "host"
	case !has("Upgrade", "websocket") || !has("Connection", "upgrade"):
		return "upgrade"
	case !slices.Equal(r.Header["Sec-Websocket-Version"], []string{"13"}):
		return "version"
	case err != nil || len(key) != 16 || len(r.Header["Sec-Websocket-Key"]) != 1:
		return "key"
	case r.ContentLength != 0 || r.TransferEncoding != nil:
		return "body"
	case len(r.Header["Origin"]) > 1:
		return "origin twice"
	}
	if o := r.Header["Origin"]; o != nil {
		// What stands behind the scheme is the host itself, but for a default port.
		host := strings.ToLower(r.Host)
		scheme, rest, _ := strings.Cut(strings.ToLower(o[0]), "://")
		port := map[string]string{"http": ":80", "https": ":443"}[scheme]
		if port == "" || strings.TrimSuffix(rest, port) != strings.TrimSuffix(host, port) {
			return "origin"
		}
	}
	return ""
}

// The answer's head, line by line: nothing else may stand there.
var answerLines = regexp.MustCompile("^HTTP/1\\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: [0-9A-Za-z+/]{27}=\r\n" +
	"(Sec-WebSocket-Protocol: [!#$%&'*+.^_`|~0-9A-Za-z-]+\r\n)?" +
	"(Sec-WebSocket-Extensions: permessage-deflate(; (server|client)_(no_context_takeover|max_window_bits=(8|9|1[0-5]))){0,4}\r\n)?" +
	"\r\n$")

// No request makes Accept panic, take what RFC 6455 §4.2.1 forbids, or answer with lines that the request smuggled in.
func FuzzHandshakeRequest(f *testing.F) {
	for _, h := range []wstest.Head{
		{}, {Line: "POST / HTTP/1.1"}, {Line: "GET / HTTP/1.0"}, {Line: "GET http://a/b?c HTTP/1.1"}, {After: []byte("\x81\x85\x00\x00\x00\x00hello")},
		header("Upgrade: h2c, WebSocket", "Connection: keep-alive, upgrade"),
		header("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"),
		header("Sec-WebSocket-Protocol: a\rX-Injected: 1"),
		header("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=\"10\", x"),
		header("Origin: https://server.test"), header("Origin: http://server.test:80"), header("Origin: https://server.test.evil"),
		header("Host: [::1]:80", "Origin: http://[::1]"), header("Host:"), header("Host: a@b", "Origin: http://a@b"),
		header("Content-Length: 3"), header("Transfer-Encoding: chunked"), header("Sec-WebSocket-Version: 13, 13"),
	} {
		f.Add(h.Request())
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		br := bufio.NewReader(bytes.NewReader(request))
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		a, b := wstest.Pipe(&wstest.PipeOptions{Buffer: 1 << 20})
		defer a.Close()
		defer b.Close()
		w := hijackable{httptest.NewRecorder(), b, bufio.NewReadWriter(br, bufio.NewWriter(b))}
		var offered []string
		c, err := ws.Accept(w, r, &ws.AcceptOptions{
			Options:     ws.Options{PingInterval: -1},
			Compression: &ws.Compression{ServerTakeover: true, ServerWindowBits: 12},
			SelectSubprotocol: func(_ *http.Request, names []string) string {
				if offered = names; len(names) == 0 {
					return ""
				}
				return names[len(names)-1]
			},
		})
		why := wrongRequest(r)
		if err != nil {
			if w.Code < 400 || w.Code == 500 {
				t.Fatalf("refused with status %d: %v", w.Code, err)
			}
			return
		}
		c.CloseNow()
		b.Close()
		head, err := io.ReadAll(a)
		if err != nil {
			t.Fatal(err)
		}
		if why != "" {
			t.Fatalf("accepted although its %s is wrong", why)
		}
		if !answerLines.Match(head) { // nothing stands behind it either: nobody read a frame
			t.Fatalf("the answer is %q", head)
		}
		if !slices.Equal(offered, elements(r.Header["Sec-Websocket-Protocol"])) {
			t.Fatalf("SelectSubprotocol was offered %q", offered)
		}
		if len(offered) > 0 && c.Subprotocol() != offered[len(offered)-1] {
			t.Fatalf("the subprotocol is %q of %q", c.Subprotocol(), offered)
		}
	})
}
