package ws_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func header(lines ...string) wstest.Head { return wstest.Head{Lines: lines} }

func without(names ...string) wstest.Head { return wstest.Head{Without: names} }

func TestAcceptRequest(t *testing.T) {
	upgradeRequired := map[string]string{
		"Sec-WebSocket-Version": "13", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": "",
	}
	protocols := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("p%d", i))
		}
		return "Sec-WebSocket-Protocol: " + strings.Join(list, ", ")
	}
	for name, tc := range map[string]struct {
		head   wstest.Head
		status int
		want   map[string]string // fields of the answer; "" if the field must not be there
	}{
		"RFC 6455 §4.2.2 the example": {wstest.Head{}, 101, map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
			"Sec-WebSocket-Protocol": "", "Sec-WebSocket-Extensions": "", "Sec-WebSocket-Version": "",
			"Content-Length": "", "Transfer-Encoding": "",
		}},

		"RFC 6455 §4.2.1 (1) POST":            {wstest.Head{Line: "POST / HTTP/1.1"}, 405, map[string]string{"Allow": "GET"}},
		"RFC 6455 §4.2.1 (1) get":             {wstest.Head{Line: "get / HTTP/1.1"}, 405, map[string]string{"Allow": "GET"}},
		"RFC 6455 §4.2.1 (1) HTTP/1.0":        {wstest.Head{Line: "GET / HTTP/1.0"}, 400, nil},
		"RFC 6455 §4.2.1 (1) HTTP/1.2":        {wstest.Head{Line: "GET / HTTP/1.2"}, 101, nil},
		"RFC 6455 §4.2.1 (1) absolute target": {wstest.Head{Line: "GET http://server.test/ HTTP/1.1"}, 101, nil},

		"RFC 6455 §4.2.1 (2) no Host":         {without("Host"), 400, nil},
		"RFC 6455 §4.2.1 (2) empty Host":      {header("Host:"), 400, nil},
		"RFC 6455 §4.2.1 (2) malformed Host":  {header("Host: server.test/path\\"), 400, nil},
		"RFC 6455 §4.2.1 (2) Host twice":      {header("Host: server.test", "Host: server.test"), 400, nil},
		"RFC 6455 §4.2.1 (2) Host with space": {header("Host: server test"), 400, nil},
		"RFC 9112 §3.2 port is no number":     {header("Host: server.test:http"), 400, nil},
		"RFC 9112 §3.2 two ports":             {header("Host: server.test:80:80"), 400, nil},
		"RFC 9112 §3.2 port alone":            {header("Host: :80"), 400, nil},
		"RFC 9112 §3.2 empty port":            {header("Host: server.test:"), 101, nil},
		"RFC 9112 §3.2 IPv6":                  {header("Host: [2001:db8::1]:80"), 101, nil},
		"RFC 9112 §3.2 IPv6 without brackets": {header("Host: 2001:db8::1"), 400, nil},
		"RFC 9112 §3.2 bracket left open":     {header("Host: [2001:db8::1"), 400, nil},
		"RFC 9112 §3.2 IPv4 in brackets":      {header("Host: [127.0.0.1]"), 400, nil},
		"RFC 9112 §3.2 escape":                {header("Host: server%2dtest"), 101, nil},
		"RFC 9112 §3.2 escape cut off":        {header("Host: server%2"), 400, nil},
		"RFC 9112 §3.2 underscore":            {header("Host: my_server:8080"), 101, nil},

		"RFC 6455 §4.2.1 (3) no Upgrade":             {without("Upgrade"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (3) empty Upgrade":          {header("Upgrade:"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (3) another Upgrade":        {header("Upgrade: h2c"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (3) Upgrade is a prefix":    {header("Upgrade: websockets"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (3) Upgrade not a list":     {header("Upgrade: h2c websocket"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (3) Upgrade in any case":    {header("Upgrade: WebSocket"), 101, nil},
		"RFC 6455 §4.2.1 (3) Upgrade as a list":      {header("Upgrade: h2c ,\twebsocket"), 101, nil},
		"RFC 6455 §4.2.1 (3) Upgrade in two fields":  {header("Upgrade: h2c", "Upgrade: websocket"), 101, nil},
		"RFC 6455 §4.2.1 (4) no Connection":          {without("Connection"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (4) another Connection":     {header("Connection: keep-alive"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (4) Connection is a suffix": {header("Connection: no-upgrade"), 426, upgradeRequired},
		"RFC 6455 §4.2.1 (4) Connection any case":    {header("Connection: uPGRADE"), 101, nil},
		"RFC 6455 §4.2.1 (4) Connection as a list":   {header("Connection: keep-alive,Upgrade"), 101, nil},
		"RFC 6455 §4.2.1 (4) Connection two fields":  {header("Connection: keep-alive", "Connection: ,Upgrade"), 101, nil},

		"RFC 6455 §4.2.1 (5) no key":                  {without("Sec-WebSocket-Key"), 400, nil},
		"RFC 6455 §4.2.1 (5) empty key":               {header("Sec-WebSocket-Key:"), 400, nil},
		"RFC 6455 §4.2.1 (5) two keys":                {header("Sec-WebSocket-Key: "+wstest.Key, "Sec-WebSocket-Key: "+wstest.Key), 400, nil},
		"RFC 6455 §4.2.1 (5) key of 15 bytes":         {header("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), 400, nil},
		"RFC 6455 §4.2.1 (5) key of 17 bytes":         {header("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="), 400, nil},
		"RFC 6455 §4.2.1 (5) key of 18 bytes":         {header("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"), 400, nil},
		"RFC 6455 §4.2.1 (5) key of 25 characters":    {header("Sec-WebSocket-Key: " + wstest.Key + "A"), 400, nil},
		"RFC 6455 §4.2.1 (5) key without padding":     {header("Sec-WebSocket-Key: " + strings.TrimRight(wstest.Key, "=")), 400, nil},
		"RFC 6455 §4.2.1 (5) key not base64":          {header("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!=="), 400, nil},
		"RFC 6455 §4.2.1 (5) key in the URL alphabet": {header("Sec-WebSocket-Key: ____________________-w=="), 400, nil},
		"RFC 6455 §4.2.1 (5) another key": {header("Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=="), 101,
			map[string]string{"Sec-WebSocket-Accept": "HSmrc0sMlYUkAGmm5OPpG2HaGWk="}},

		"RFC 6455 §4.4 no version":    {without("Sec-WebSocket-Version"), 426, upgradeRequired},
		"RFC 6455 §4.4 empty version": {header("Sec-WebSocket-Version:"), 426, upgradeRequired},
		"RFC 6455 §4.4 version 8":     {header("Sec-WebSocket-Version: 8"), 426, upgradeRequired},
		"RFC 6455 §4.4 version 14":    {header("Sec-WebSocket-Version: 14"), 426, upgradeRequired},
		"RFC 6455 §4.1 version 013":   {header("Sec-WebSocket-Version: 013"), 426, upgradeRequired},
		"RFC 6455 §4.1 version list":  {header("Sec-WebSocket-Version: 8, 13"), 426, upgradeRequired},
		"RFC 6455 §4.1 13 repeated":   {header("Sec-WebSocket-Version: 13, 13"), 426, upgradeRequired},
		"RFC 6455 §11.3.5 13 twice": {header("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"), 426,
			upgradeRequired},
		"RFC 6455 §11.3.5 8 and 13": {header("Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 13"), 426,
			upgradeRequired},

		"RFC 6455 §4.1 a body":         {wstest.Head{Lines: []string{"Content-Length: 3"}, After: []byte("abc")}, 400, nil},
		"RFC 6455 §4.1 a chunked body": {wstest.Head{Lines: []string{"Transfer-Encoding: chunked"}, After: []byte("0\r\n\r\n")}, 400, nil},
		"RFC 6455 §4.1 a body of none": {header("Content-Length: 0"), 101, nil},

		"RFC 6455 §4.2.1 (8) no subprotocol":        {header("Sec-WebSocket-Protocol:"), 101, map[string]string{"Sec-WebSocket-Protocol": ""}},
		"RFC 6455 §11.3.4 subprotocol with a space": {header("Sec-WebSocket-Protocol: a b"), 400, nil},
		"RFC 6455 §11.3.4 subprotocol quoted":       {header(`Sec-WebSocket-Protocol: "a"`), 400, nil},
		"RFC 6455 §11.3.4 subprotocol with a slash": {header("Sec-WebSocket-Protocol: a/b"), 400, nil},
		"RFC 6455 §11.3.4 subprotocol not ASCII":    {header("Sec-WebSocket-Protocol: ä"), 400, nil},
		"RFC 6455 §11.3.4 not all malformed":        {header("Sec-WebSocket-Protocol: a, b;c"), 400, nil},
		"RFC 6455 §4.1 (10) subprotocol twice":      {header("Sec-WebSocket-Protocol: a, b, a"), 400, nil},
		"RFC 6455 §4.1 (10) twice in two fields":    {header("Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a"), 400, nil},
		"RFC 6455 §4.1 (10) differ in case":         {header("Sec-WebSocket-Protocol: a, A"), 101, nil},
		"32 subprotocols":                           {header(protocols(32)), 101, nil},
		"33 subprotocols":                           {header(protocols(33)), 400, nil},

		"RFC 6455 §9.1 extension not a token":         {header("Sec-WebSocket-Extensions: a/b"), 400, nil},
		"RFC 6455 §9.1 parameter without name":        {header("Sec-WebSocket-Extensions: permessage-deflate;"), 400, nil},
		"RFC 6455 §9.1 quoted value is no token":      {header(`Sec-WebSocket-Extensions: a; b="c d"`), 400, nil},
		"RFC 6455 §9.1 quote not closed":              {header(`Sec-WebSocket-Extensions: a; b="c`), 400, nil},
		"RFC 6455 §9.1 second field malformed":        {header("Sec-WebSocket-Extensions: a", "Sec-WebSocket-Extensions: b="), 400, nil},
		"RFC 6455 §9.1 unknown extension":             {header("Sec-WebSocket-Extensions: a; b=c"), 101, map[string]string{"Sec-WebSocket-Extensions": ""}},
		"RFC 6455 §9.1 declined without being wanted": {header("Sec-WebSocket-Extensions: permessage-deflate"), 101, map[string]string{"Sec-WebSocket-Extensions": ""}},
		"RFC 6455 §4.2.1 (10) other fields":           {header("X-Unknown: 1", "Cookie: a=b", "Sec-WebSocket-Unknown: 1"), 101, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tryUpgrade(t, nil, tc.head, nil, func(t *testing.T, u *upgrade) {
				if u.StatusCode != tc.status {
					t.Errorf("status %d, want %d: %s", u.StatusCode, tc.status, u.Content)
				}
				for name, value := range tc.want {
					want := []string{value}
					if value == "" {
						want = nil
					}
					if got := u.Header.Values(name); !slices.Equal(got, want) {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
			})
		})
	}
}

func TestAcceptCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		status  int
		content string
		want    map[string]string
	}{
		"plain error": {errors.New("the secret is 42"), 403, "Forbidden", map[string]string{
			"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}},
		"status": {&ws.RejectError{Status: 401}, 401, "Unauthorized", nil},
		"header and body": {&ws.RejectError{Status: 429, Header: http.Header{"Retry-After": {"3"}, "Content-Type": {"application/json"}}, Body: "{}"}, 429, "{}",
			map[string]string{"Retry-After": "3", "Content-Type": "application/json"}},
		"redirect": {&ws.RejectError{Status: 307, Header: http.Header{"Location": {"/there"}}}, 307, "Temporary Redirect",
			map[string]string{"Location": "/there"}},
		"wrapped":              {fmt.Errorf("the secret is 42: %w", &ws.RejectError{Status: 404}), 404, "Not Found", nil},
		"no status":            {&ws.RejectError{Body: "no"}, 403, "no", nil},
		"status of a success":  {&ws.RejectError{Status: 200}, 403, "Forbidden", nil},
		"status of an upgrade": {&ws.RejectError{Status: 101}, 403, "Forbidden", nil},
		"status out of range":  {&ws.RejectError{Status: 1000}, 403, "Forbidden", nil},
		"header injection": {&ws.RejectError{Status: 403, Header: http.Header{
			"X-A": {"1\r\nX-Injected: 1"}, "X-B: 1\r\nX-Injected": {"1"}}}, 403, "Forbidden", map[string]string{"X-Injected": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			o := &ws.AcceptOptions{Check: func(*http.Request) error { return tc.err }}
			tryUpgrade(t, o, wstest.Head{}, nil, func(t *testing.T, u *upgrade) {
				if u.StatusCode != tc.status || string(u.Content) != tc.content {
					t.Errorf("answer %d %q, want %d %q", u.StatusCode, u.Content, tc.status, tc.content)
				}
				for name, want := range tc.want {
					if got := u.Header.Get(name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				if strings.Contains(u.Head+string(u.Content), "secret") {
					t.Errorf("the error's text was sent: %s%s", u.Head, u.Content)
				}
				if !errors.Is(u.err, tc.err) {
					t.Errorf("Accept's error does not hold Check's: %v", u.err)
				}
			})
		})
	}
}

// Check sees only requests that are right, and comes before the choice of a subprotocol.
func TestAcceptCheckOrder(t *testing.T) {
	for name, tc := range map[string]struct {
		head    wstest.Head
		checked bool
	}{
		"a right request": {wstest.Head{}, true},
		"wrong version":   {header("Sec-WebSocket-Version: 8"), false},
		"wrong origin":    {header("Origin: https://elsewhere.test"), false},
		"wrong extension": {header("Sec-WebSocket-Extensions: ="), false},
	} {
		t.Run(name, func(t *testing.T) {
			checked := false
			o := &ws.AcceptOptions{
				Check: func(*http.Request) error { checked = true; return errors.New("no") },
				SelectSubprotocol: func(*http.Request, []string) string {
					t.Error("a subprotocol is chosen for a refused request")
					return ""
				},
			}
			tryUpgrade(t, o, tc.head, nil, func(t *testing.T, u *upgrade) {
				if checked != tc.checked {
					t.Errorf("Check called: %t, want %t", checked, tc.checked)
				}
			})
		})
	}
}

// setting is middleware that sets header fields.
func setting(h http.Header) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name, values := range h {
				w.Header()[name] = values
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Header fields of the options and of middleware take the same way.
func TestAcceptHeader(t *testing.T) {
	for name, tc := range map[string]struct {
		set  http.Header
		want map[string][]string
	}{
		"several values": {http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-Request-Id": {" 7 "}},
			map[string][]string{"Set-Cookie": {"a=1", "b=2"}, "X-Request-Id": {"7"}}},
		"RFC 9110 §5.5 line break in a value": {http.Header{"X-A": {"1\r\nX-Injected: 1", "2\nX-Injected: 1", "3\rX-Injected: 1", "4"}},
			map[string][]string{"X-Injected": nil, "X-A": {"4"}}},
		"RFC 9110 §5.5 a head's end in a value": {http.Header{"X-A": {"1\r\n\r\n\x81\x05hello"}}, map[string][]string{"X-A": nil}},
		"RFC 9110 §5.5 NUL in a value":          {http.Header{"X-A": {"1\x002"}}, map[string][]string{"X-A": nil}},
		"RFC 9110 §5.1 line break in a name":    {http.Header{"X-A: 1\r\nX-Injected": {"1"}}, map[string][]string{"X-Injected": nil, "X-A": nil}},
		"RFC 9110 §5.1 colon in a name":         {http.Header{"X-A:": {"1"}, "X B": {"1"}, "": {"1"}}, map[string][]string{"X-A": nil}},
		"RFC 6455 §4.2.2 the handshake's own": {http.Header{
			"Upgrade": {"h2c"}, "Connection": {"close"}, "Sec-Websocket-Accept": {"x"}, "Sec-Websocket-Protocol": {"y"},
			"Sec-Websocket-Extensions": {"permessage-deflate"}, "Sec-Websocket-Version": {"8"}, "Sec-Websocket-Other": {"z"},
		}, map[string][]string{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-WebSocket-Accept": {wstest.AcceptKey(wstest.Key)},
			"Sec-WebSocket-Protocol": nil, "Sec-WebSocket-Extensions": nil, "Sec-WebSocket-Version": nil, "Sec-WebSocket-Other": nil,
		}},
		"the handshake's own in any case": {http.Header{
			"upgrade": {"h2c"}, "CONNECTION": {"close"}, "sec-websocket-ACCEPT": {"x"}, "SEC-WEBSOCKET-PROTOCOL": {"y"},
		}, map[string][]string{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-WebSocket-Accept": {wstest.AcceptKey(wstest.Key)}, "Sec-WebSocket-Protocol": nil,
		}},
		"RFC 9112 §6 framing": {http.Header{"Content-Length": {"5"}, "transfer-encoding": {"chunked"}, "Trailer": {"X"}},
			map[string][]string{"Content-Length": nil, "Transfer-Encoding": nil, "Trailer": nil}},
	} {
		for _, way := range []string{"options", "middleware"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				o := &ws.AcceptOptions{}
				var wrap func(http.Handler) http.Handler
				if way == "options" {
					o.Header = tc.set
				} else {
					wrap = setting(tc.set)
				}
				tryUpgrade(t, o, wstest.Head{}, wrap, func(t *testing.T, u *upgrade) {
					if u.StatusCode != 101 {
						t.Fatalf("status %d", u.StatusCode)
					}
					for name, want := range tc.want {
						// Count by lines: parsing could hide what a careless reader would see.
						var got []string
						for line := range strings.SplitSeq(u.Head, "\n") {
							if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
								got = append(got, strings.TrimSpace(v))
							}
						}
						if !slices.Equal(got, want) {
							t.Errorf("%s is %q, want %q", name, got, want)
						}
					}
					u.peer.ExpectSilence(t, 1) // nothing came behind the head
				})
			})
		}
	}
	t.Run("options beside middleware", func(t *testing.T) {
		o := &ws.AcceptOptions{Header: http.Header{"Set-Cookie": {"b=2"}}}
		tryUpgrade(t, o, wstest.Head{}, setting(http.Header{"Set-Cookie": {"a=1"}}), func(t *testing.T, u *upgrade) {
			if got := u.Header["Set-Cookie"]; !slices.Equal(got, []string{"a=1", "b=2"}) {
				t.Errorf("Set-Cookie is %q", got)
			}
		})
	})
}

// bareWriter is what careless middleware wraps a ResponseWriter in.
type bareWriter struct{ http.ResponseWriter }

// unwrappable is what careful middleware does.
type unwrappable struct{ bareWriter }

func (w unwrappable) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func wrapping(f func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(f(w), r) })
	}
}

func TestAcceptWrappedWriter(t *testing.T) {
	t.Run("Unwrap", func(t *testing.T) {
		wrap := wrapping(func(w http.ResponseWriter) http.ResponseWriter {
			return unwrappable{bareWriter{unwrappable{bareWriter{w}}}}
		})
		tryUpgrade(t, nil, wstest.Head{}, wrap, func(t *testing.T, u *upgrade) {
			if u.StatusCode != 101 {
				t.Fatalf("status %d: %s", u.StatusCode, u.Content)
			}
			if err := u.conn.Write(t.Context(), ws.Text, []byte("hi")); err != nil {
				t.Fatal(err)
			}
			u.peer.ExpectMessage(t, wstest.OpText, "hi")
		})
	})
	t.Run("no Hijacker", func(t *testing.T) {
		wrap := wrapping(func(w http.ResponseWriter) http.ResponseWriter { return bareWriter{w} })
		tryUpgrade(t, nil, wstest.Head{}, wrap, func(t *testing.T, u *upgrade) {
			if u.StatusCode != 500 || !errors.Is(u.err, http.ErrNotSupported) {
				t.Errorf("status %d, error %v", u.StatusCode, u.err)
			}
			if u.Header.Get("Sec-WebSocket-Accept") != "" {
				t.Error("a refusal has a Sec-WebSocket-Accept")
			}
		})
	})
}

// Frames may come in the same packet as the request (RFC 6455 §4.2.2: the connection is open once the answer is sent; a
// client that does not wait must not lose its data).
func TestAcceptPipelinedFrames(t *testing.T) {
	for _, size := range []int{0, 5, 125, 126, 3 << 10, 4 << 10, 60_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			content := strings.Repeat("x", size)
			text := wstest.Text(content)
			text.Masked, text.Mask = true, [4]byte{1, 2, 3, 4}
			second := wstest.Text("second")
			second.Masked = true
			h := wstest.Head{After: second.Append(text.Append(nil))}
			tryUpgrade(t, nil, h, nil, func(t *testing.T, u *upgrade) {
				for _, want := range []string{content, "second"} {
					if _, got, err := u.conn.Read(t.Context()); err != nil || string(got) != want {
						t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
					}
				}
			})
		})
	}
}

func TestAcceptSubprotocol(t *testing.T) {
	sel := func(s string) func(*http.Request, []string) string {
		return func(*http.Request, []string) string { return s }
	}
	for name, tc := range map[string]struct {
		o      ws.AcceptOptions
		offer  []string
		status int
		want   string
	}{
		"RFC 6455 §4.2.2 nothing spoken":            {ws.AcceptOptions{}, []string{"a"}, 101, ""},
		"RFC 6455 §4.2.2 nothing offered":           {ws.AcceptOptions{Subprotocols: []string{"a"}}, nil, 101, ""},
		"RFC 6455 §4.2.2 nothing in common":         {ws.AcceptOptions{Subprotocols: []string{"a"}}, []string{"b"}, 101, ""},
		"RFC 6455 §4.2.2 the server's preference":   {ws.AcceptOptions{Subprotocols: []string{"x", "b", "a"}}, []string{"a, b"}, 101, "b"},
		"RFC 6455 §4.2.2 several fields":            {ws.AcceptOptions{Subprotocols: []string{"b"}}, []string{"a", "b"}, 101, "b"},
		"RFC 6455 §4.1 (10) case matters":           {ws.AcceptOptions{Subprotocols: []string{"A"}}, []string{"a"}, 101, ""},
		"selected":                                  {ws.AcceptOptions{SelectSubprotocol: sel("b"), Subprotocols: []string{"a"}}, []string{"a, b"}, 101, "b"},
		"none selected":                             {ws.AcceptOptions{SelectSubprotocol: sel(""), Subprotocols: []string{"a"}}, []string{"a"}, 101, ""},
		"RFC 6455 §4.2.2 selected but not offered":  {ws.AcceptOptions{SelectSubprotocol: sel("c")}, []string{"a, b"}, 500, ""},
		"RFC 6455 §4.2.2 selected of an empty list": {ws.AcceptOptions{SelectSubprotocol: sel("c")}, nil, 500, ""},
		"line break selected":                       {ws.AcceptOptions{SelectSubprotocol: sel("a\r\nX-Injected: 1")}, []string{"a"}, 500, ""},
		"line break in the list":                    {ws.AcceptOptions{Subprotocols: []string{"a\r\nX-Injected: 1", "a"}}, []string{"a"}, 101, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var h wstest.Head
			for _, s := range tc.offer {
				h.Lines = append(h.Lines, "Sec-WebSocket-Protocol: "+s)
			}
			tryUpgrade(t, &tc.o, h, nil, func(t *testing.T, u *upgrade) {
				if u.StatusCode != tc.status || u.Header.Get("Sec-WebSocket-Protocol") != tc.want {
					t.Errorf("answer %d with %q, want %d with %q", u.StatusCode, u.Header.Get("Sec-WebSocket-Protocol"), tc.status, tc.want)
				}
				if u.conn != nil && u.conn.Subprotocol() != tc.want {
					t.Errorf("Subprotocol is %q, want %q", u.conn.Subprotocol(), tc.want)
				}
				if strings.Contains(u.Head, "Injected") {
					t.Errorf("the head holds what was smuggled in: %q", u.Head)
				}
			})
		})
	}
	t.Run("the offer is a copy, in order", func(t *testing.T) {
		o := &ws.AcceptOptions{SelectSubprotocol: func(r *http.Request, offered []string) string {
			if !slices.Equal(offered, []string{"b", "a"}) {
				t.Errorf("offered %q", offered)
			}
			if r.URL.Path != "/" {
				t.Errorf("the request is for %s", r.URL)
			}
			offered[0] = "changed"
			return "changed"
		}}
		tryUpgrade(t, o, header("Sec-WebSocket-Protocol: b, a"), nil, func(t *testing.T, u *upgrade) {
			if u.StatusCode != 500 {
				t.Errorf("status %d: what was offered can be forged", u.StatusCode)
			}
		})
	})
}

func TestAcceptCompression(t *testing.T) {
	o := &ws.AcceptOptions{Compression: &ws.Compression{Threshold: -1}}
	h := header("Sec-WebSocket-Extensions: x-unknown, permessage-deflate; client_max_window_bits")
	tryUpgrade(t, o, h, nil, func(t *testing.T, u *upgrade) {
		const want = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
		if got := u.Header.Values("Sec-WebSocket-Extensions"); !slices.Equal(got, []string{want}) {
			t.Errorf("the answer is %q", got)
		}
		if got := u.conn.Extensions(); got != want {
			t.Errorf("Extensions is %q", got)
		}
		if err := u.conn.Write(t.Context(), ws.Text, []byte(strings.Repeat("a", 100))); err != nil {
			t.Fatal(err)
		}
		if f := u.peer.MustNext(t); !f.RSV1 {
			t.Errorf("sent uncompressed: %v", f)
		}
	})
}

type acceptKey struct{}

func TestAcceptRequestKept(t *testing.T) {
	var during context.Context
	mux := func(next http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /room/{id}", func(w http.ResponseWriter, r *http.Request) {
			during = r.Context()
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), acceptKey{}, "value")))
		})
		return mux
	}
	h := wstest.Head{Line: "GET /room/7?x=1 HTTP/1.1", Lines: []string{"Cookie: a=b", "Host: other.test"}}
	tryUpgrade(t, nil, h, mux, func(t *testing.T, u *upgrade) {
		if u.conn == nil {
			t.Fatalf("refused: %v", u.err)
		}
		if during.Err() == nil {
			t.Error("the request's own context is still alive: this test shows nothing")
		}
		r := u.conn.Request()
		if r.PathValue("id") != "7" || r.URL.String() != "/room/7?x=1" || r.Host != "other.test" || r.Header.Get("Cookie") != "a=b" {
			t.Errorf("Request is %s %s %v with id %q", r.Host, r.URL, r.Header, r.PathValue("id"))
		}
		if _, err := r.Body.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("reading the body: %v", err)
		}
		for name, ctx := range map[string]context.Context{"Request.Context": r.Context(), "Context": u.conn.Context()} {
			if err := ctx.Err(); err != nil {
				t.Errorf("%s is over: %v", name, err)
			}
			if v := ctx.Value(acceptKey{}); v != "value" {
				t.Errorf("%s has the value %v", name, v)
			}
		}
		u.conn.CloseNow()
		if u.conn.Context().Err() == nil {
			t.Error("Context outlives the connection")
		}
	})
}

// brokenWriter gives a connection away that is closed already.
type brokenWriter struct{ http.ResponseWriter }

func (w brokenWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
	return conn, rw, err
}

func TestAcceptTrace(t *testing.T) {
	var got []ws.HandshakeInfo
	o := &ws.AcceptOptions{
		Options:      ws.Options{Trace: &ws.Trace{Handshake: func(i ws.HandshakeInfo) { got = append(got, i) }}},
		Subprotocols: []string{"chat"},
		Compression:  &ws.Compression{},
	}
	one := func(t *testing.T) ws.HandshakeInfo {
		t.Helper()
		if len(got) != 1 {
			t.Fatalf("%d calls, want 1", len(got))
		}
		i := got[0]
		got = nil // two servers are asked
		return i
	}
	t.Run("accepted", func(t *testing.T) {
		got = nil
		h := header("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Extensions: permessage-deflate")
		h.Line = "GET /a?b=c HTTP/1.1"
		tryUpgrade(t, o, h, nil, func(t *testing.T, u *upgrade) {
			i := one(t)
			if i.Client || i.URL != "/a?b=c" || i.Status != 101 || i.Err != nil || i.Subprotocol != "chat" || i.Extensions != u.conn.Extensions() {
				t.Errorf("%+v", i)
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		got = nil
		tryUpgrade(t, o, header("Origin: https://elsewhere.test"), nil, func(t *testing.T, u *upgrade) {
			if i := one(t); i.Client || i.URL != "/" || i.Status != 403 || i.Err == nil || i.Err != u.err || i.Subprotocol+i.Extensions != "" {
				t.Errorf("%+v", i)
			}
		})
	})
	t.Run("the answer cannot be written", func(t *testing.T) {
		got = nil
		synctest.Test(t, func(t *testing.T) {
			var err error
			srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err = ws.Accept(brokenWriter{w}, r, o)
			}))
			peer, e := srv.Peer(t.Context())
			if e != nil {
				t.Fatal(e)
			}
			defer peer.Close()
			if _, e := peer.Upgrade(wstest.Head{}); e == nil {
				t.Error("there was an answer")
			}
			synctest.Wait()
			if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != 0 || !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept's error is %v", err)
			}
			if i := one(t); i.Status != 0 || i.Err != err {
				t.Errorf("%+v", i)
			}
		})
	})
}
