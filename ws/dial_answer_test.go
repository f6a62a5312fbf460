package ws_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// offering is what the options of a test offer.
type offering int

const (
	offerNothing  offering = iota
	offerChat              // the subprotocol "chat"
	offerDeflate           // permessage-deflate without takeover
	offerTakeover          // permessage-deflate with it
)

func (f offering) options() *ws.DialOptions {
	switch f {
	case offerChat:
		return &ws.DialOptions{Subprotocols: []string{"chat", "superchat"}}
	case offerDeflate:
		return &ws.DialOptions{Compression: &ws.Compression{}}
	case offerTakeover:
		return &ws.DialOptions{Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 12}}
	}
	return nil
}

const (
	pmDeflate = "Sec-WebSocket-Extensions: permessage-deflate"
	noServer  = "; server_no_context_takeover"
)

// Answers that open a connection, and what was agreed.
func TestDialAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		head        wstest.Head
		offer       offering
		subprotocol string
		extensions  string
	}{
		"RFC 6455 §4.1 plain":                      {head: wstest.Head{}},
		"RFC 6455 §4.1 nothing chosen":             {head: wstest.Head{}, offer: offerChat},
		"RFC 6455 §4.1 no compression":             {head: wstest.Head{}, offer: offerDeflate},
		"RFC 6455 §4.1 (2) Upgrade in any case":    {head: header("uPGRADE: WebSocket")},
		"RFC 6455 §4.1 (3) Connection in any case": {head: header("CONNECTION: UPGRADE")},
		"RFC 6455 §4.1 (3) Connection is a list":   {head: header("Connection: keep-alive ,\tUpgrade")},
		"RFC 6455 §4.1 (3) Connection in two":      {head: header("Connection: keep-alive", "Connection: Upgrade")},
		"RFC 6455 §4.1 (5) no extension chosen":    {head: header("Sec-WebSocket-Extensions:"), offer: offerDeflate},
		"RFC 6455 §4.1 (6) first subprotocol":      {head: header("Sec-WebSocket-Protocol: chat"), offer: offerChat, subprotocol: "chat"},
		"RFC 6455 §4.1 (6) second subprotocol":     {head: header("Sec-WebSocket-Protocol: superchat"), offer: offerChat, subprotocol: "superchat"},
		"RFC 9112 §4 another reason":               {head: wstest.Head{Line: "HTTP/1.1 101 Web Socket Protocol Handshake"}},
		"RFC 9112 §4 no reason":                    {head: wstest.Head{Line: "HTTP/1.1 101 "}},
		"RFC 9110 §5.1 unknown fields":             {head: header("Server: x", "X-Empty:", "Set-Cookie: a=b", "Sec-WebSocket-Unknown: 1")},
		"RFC 7692 §7.1 no takeover":                {head: header(pmDeflate + noServer), offer: offerDeflate, extensions: "permessage-deflate" + noServer},
		"RFC 7692 §7.1 takeover": {head: header(pmDeflate + "; server_max_window_bits=12"), offer: offerTakeover,
			extensions: "permessage-deflate; server_max_window_bits=12"},
		"RFC 7692 §7.1 as the server writes it": {head: header(pmDeflate + ` ;client_max_window_bits="9" ;server_max_window_bits = 8`), offer: offerTakeover,
			extensions: `permessage-deflate ;client_max_window_bits="9" ;server_max_window_bits = 8`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dialPeer(t, tc.offer.options(), func(p *wstest.Peer, r *http.Request) {
				tc.head.After = wstest.Bytes(wstest.Text("hello"))
				p.Answer(r, tc.head)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if c.Subprotocol() != tc.subprotocol || c.Extensions() != tc.extensions || c.Response().StatusCode != 101 {
				t.Errorf("subprotocol %q, extensions %q, answer %v", c.Subprotocol(), c.Extensions(), c.Response())
			}
			if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
				t.Errorf("read %q, %v", p, err)
			}
		})
	}
}

// Answers that are no valid upgrade: the connection fails, and the error says why.
func TestDialBadAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		head    wstest.Head
		offer   offering
		because string
		status  int // default 101
	}{
		"RFC 6455 §4.1 (1) status 200": {head: wstest.Head{Line: "HTTP/1.1 200 OK", Lines: []string{"Content-Length: 4"}, After: []byte("page")},
			status: 200, because: "refused"},
		"RFC 6455 §4.1 (1) status 401":         {head: wstest.Head{Line: "HTTP/1.1 401 No", Lines: []string{"Content-Length: 0"}}, status: 401, because: "refused"},
		"RFC 6455 §4.1 (1) status 426":         {head: wstest.Head{Line: "HTTP/1.1 426 No", Lines: []string{"Content-Length: 0"}}, status: 426, because: "refused"},
		"RFC 9110 §15.2 HTTP/1.0":              {head: wstest.Head{Line: "HTTP/1.0 101 Switching Protocols"}, because: "HTTP/1.0, not HTTP/1.1"},
		"RFC 9112 §2.3 HTTP/2.0":               {head: wstest.Head{Line: "HTTP/2.0 101 Switching Protocols"}, because: "HTTP/2.0, not HTTP/1.1"},
		"RFC 6455 §4.1 (2) no Upgrade":         {head: without("Upgrade"), because: "Upgrade: websocket"},
		"RFC 6455 §4.1 (2) empty Upgrade":      {head: header("Upgrade:"), because: "Upgrade: websocket"},
		"RFC 9112 §5.1 space before a colon":   {head: wstest.Head{Without: []string{"Upgrade"}, Lines: []string{"Upgrade : websocket"}}, because: "Upgrade: websocket"},
		"RFC 6455 §4.1 (2) other Upgrade":      {head: header("Upgrade: h2c"), because: "Upgrade: websocket"},
		"RFC 6455 §4.1 (2) Upgrade is a list":  {head: header("Upgrade: h2c, websocket"), because: "Upgrade: websocket"},
		"RFC 6455 §4.1 (2) two Upgrades":       {head: header("Upgrade: websocket", "Upgrade: websocket"), because: "Upgrade: websocket"},
		"RFC 6455 §4.1 (3) no Connection":      {head: without("Connection"), because: "Connection: Upgrade"},
		"RFC 6455 §4.1 (3) other Connection":   {head: header("Connection: close"), because: "Connection: Upgrade"},
		"RFC 6455 §4.1 (3) part of a token":    {head: header("Connection: upgrades"), because: "Connection: Upgrade"},
		"RFC 6455 §4.1 (4) no accept":          {head: without("Sec-WebSocket-Accept"), because: "Sec-WebSocket-Accept"},
		"RFC 6455 §4.1 (4) accept of another":  {head: header("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), because: "Sec-WebSocket-Accept"},
		"RFC 6455 §4.1 (4) empty accept":       {head: header("Sec-WebSocket-Accept:"), because: "Sec-WebSocket-Accept"},
		"RFC 6455 §4.1 (5) unasked":            {head: header(pmDeflate), because: "not offered"},
		"RFC 6455 §4.1 (5) another":            {head: header("Sec-WebSocket-Extensions: x-mux"), offer: offerDeflate, because: "not offered"},
		"RFC 6455 §4.1 (5) another besides":    {head: header(pmDeflate+noServer, "Sec-WebSocket-Extensions: x-mux"), offer: offerDeflate, because: "not offered"},
		"RFC 6455 §4.1 (6) unasked":            {head: header("Sec-WebSocket-Protocol: chat"), because: "subprotocol"},
		"RFC 6455 §4.1 (6) another":            {head: header("Sec-WebSocket-Protocol: shout"), offer: offerChat, because: "subprotocol"},
		"RFC 6455 §4.1 (6) another case":       {head: header("Sec-WebSocket-Protocol: Chat"), offer: offerChat, because: "subprotocol"},
		"RFC 6455 §4.1 (6) two":                {head: header("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"), offer: offerChat, because: "subprotocol"},
		"RFC 6455 §4.1 (6) the same twice":     {head: header("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"), offer: offerChat, because: "subprotocol"},
		"RFC 6455 §4.1 (6) a list":             {head: header("Sec-WebSocket-Protocol: chat, superchat"), offer: offerChat, because: "subprotocol"},
		"RFC 6455 §4.1 (6) empty":              {head: header("Sec-WebSocket-Protocol:"), offer: offerChat, because: "subprotocol"},
		"RFC 6455 §9.1 malformed":              {head: header("Sec-WebSocket-Extensions: ;;"), offer: offerDeflate, because: "malformed"},
		"RFC 7692 §5 twice":                    {head: header(pmDeflate+noServer, pmDeflate+noServer), offer: offerDeflate, because: "not offered"},
		"RFC 7692 §7.1 unknown parameter":      {head: header(pmDeflate + noServer + "; x"), offer: offerDeflate, because: "invalid parameters"},
		"RFC 7692 §7.1 repeated parameter":     {head: header(pmDeflate + noServer + noServer), offer: offerDeflate, because: "invalid parameters"},
		"RFC 7692 §7.1.1.1 takeover refused":   {head: header(pmDeflate), offer: offerDeflate, because: "server_no_context_takeover"},
		"RFC 7692 §7.1.2.1 window not granted": {head: header(pmDeflate), offer: offerTakeover, because: "server_max_window_bits"},
		"RFC 7692 §7.1.2.1 window too large":   {head: header(pmDeflate + "; server_max_window_bits=13"), offer: offerTakeover, because: "server_max_window_bits"},
		"RFC 7692 §7.1.2.2 window of 16":       {head: header(pmDeflate + noServer + "; client_max_window_bits=16"), offer: offerDeflate, because: "invalid parameters"},
		"RFC 7692 §7.1.2.2 window of 7":        {head: header(pmDeflate + noServer + "; client_max_window_bits=7"), offer: offerDeflate, because: "invalid parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.status == 0 {
				tc.status = http.StatusSwitchingProtocols
			}
			_, err := dialPeer(t, tc.offer.options(), func(p *wstest.Peer, r *http.Request) {
				if err := p.Answer(r, tc.head); err != nil {
					t.Error(err)
				}
				p.ExpectEnd(t) // the client has gone, without a frame
				p.Close()
			})
			he, ok := errors.AsType[*ws.HandshakeError](err)
			if !ok || he.Status != tc.status || he.Header == nil || !strings.Contains(err.Error(), tc.because) {
				t.Errorf("%v, want status %d and %q", err, tc.status, tc.because)
			}
			if ok && (string(he.Body) == "page") != (tc.status == 200) {
				t.Errorf("the body is %q", he.Body)
			}
		})
	}
}

// What is no answer at all (RFC 9112 §4, §5).
func TestDialNoAnswer(t *testing.T) {
	interim := func(n int) string { return strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", n) }
	for name, tc := range map[string]struct{ answer, because string }{
		"nothing":                    {"", "EOF"},
		"cut off":                    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs", "EOF"},
		"another protocol":           {"SSH-2.0-OpenSSH_9.2\r\n", "malformed"},
		"a frame":                    {"\x81\x05hello\r\n\r\n", "malformed"},
		"malformed line":             {"HTTP/1.1 101 X\r\nUpgrade websocket\r\n\r\n", "malformed"},
		"too many interim answers":   {interim(6) + "HTTP/1.1 101 X\r\n\r\n", "informational"},
		"header too large":           {"HTTP/1.1 101 X\r\nX: " + strings.Repeat("x", 64<<10), "larger than 65536"},
		"too many lines":             {"HTTP/1.1 101 X\r\n" + strings.Repeat("X: x\r\n", 64<<10/6), "larger than 65536"},
		"endless status line":        {strings.Repeat("x", 65<<10), "larger than 65536"},
		"large in interim answers":   {strings.Repeat("HTTP/1.1 103 X\r\nX: "+strings.Repeat("x", 20<<10)+"\r\n\r\n", 4), "larger than 65536"},
		"only blank":                 {strings.Repeat("\r\n", 40<<10), "malformed"},
		"interim answer and nothing": {interim(1), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dialPeer(t, nil, func(p *wstest.Peer, r *http.Request) {
				p.SendRaw([]byte(tc.answer)) // fails if the client has gone already
				p.Close()
			})
			he, ok := errors.AsType[*ws.HandshakeError](err)
			if !ok || he.Status != 0 || !strings.Contains(err.Error(), tc.because) {
				t.Errorf("%v, want %q", err, tc.because)
			}
		})
	}
}

// A refusal carries status, header and the first 64 KiB of the body.
func TestDialRefusal(t *testing.T) {
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 150_000, -1} { // -1: endless
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		body := strings.Repeat("no!", 50_000)[:max(size, 0)]
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Why", "because")
			w.Header().Set("Set-Cookie", "seen=1")
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, body)
			for more := size < 0; more; {
				_, err := io.WriteString(w, "for ever and ever")
				more = err == nil
			}
		}))
		_, err = ws.Dial(t.Context(), s.URL, &ws.DialOptions{Jar: jar})
		he, ok := errors.AsType[*ws.HandshakeError](err)
		switch {
		case !ok || he.Status != 418 || he.Header.Get("X-Why") != "because":
			t.Errorf("%d bytes: %v", size, err)
		case size < 0 && len(he.Body) != 64<<10, size >= 0 && string(he.Body) != body[:min(size, 64<<10)]:
			t.Errorf("%d bytes: the body has %d bytes", size, len(he.Body))
		}
		if u, err := url.Parse(s.URL); err != nil || len(jar.Cookies(u)) != 1 {
			t.Errorf("the jar has not got the cookie of a refusal: %v", err)
		}
		s.Close()
	}
}

// Informational answers before the 101 are passed over (RFC 9110 §15.2).
func TestDialInterimAnswers(t *testing.T) {
	c, err := dialPeer(t, nil, func(p *wstest.Peer, r *http.Request) {
		p.SendRaw([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nUpgrade: h2c\r\n\r\n"))
		p.Answer(r, wstest.Head{Lines: []string{"X-Final: 1"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if h := c.Response().Header; h.Get("X-Final") != "1" || h.Get("Link") != "" {
		t.Errorf("Response has the header %v", h)
	}
}

// Frames that come with the answer are read, however many.
func TestDialFramesWithAnswer(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 3900, 4096, 60_000, 1_000_000} {
		content := strings.Repeat("x", size)
		c, err := dialPeer(t, nil, func(p *wstest.Peer, r *http.Request) {
			go p.Answer(r, wstest.Head{After: wstest.Bytes(wstest.Text(content), wstest.Text("second"))})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{content, "second"} {
			if _, p, err := c.Read(t.Context()); err != nil || string(p) != want {
				t.Errorf("%d bytes: read %d bytes, %v", size, len(p), err)
			}
		}
		c.CloseNow()
	}
}
