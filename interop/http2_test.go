package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
	_ "github.com/parley-ws/parley/ws/extendedconnect"
)

// nodeHTTP2 starts a peer that speaks WebSocket over HTTP/2 with Node's own http2.
func nodeHTTP2(t *testing.T) *process {
	return start(t, need.NodeModule(t, ".", "ws"), script("http2.js"))
}

// http2Server serves h over HTTP/2, with TLS or with prior knowledge.
func http2Server(t *testing.T, secure bool, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.Protocols = new(http.Protocols)
	if secure {
		s.EnableHTTP2 = true
		s.Config.Protocols.SetHTTP2(true)
		s.Config.Protocols.SetHTTP1(true)
		s.StartTLS()
	} else {
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// http2Certificate makes a certificate for 127.0.0.1, as PEM, and who trusts it.
func http2Certificate(t *testing.T) (key, cert string, trust *tls.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"peer.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), &tls.Config{RootCAs: pool, ServerName: "peer.test"}
}

// http2Conns connects us, in one role or the other, with a peer that is told what to do.
func http2Conns(t *testing.T, p *process, ours role, secure bool, told command) (*ws.Conn, int) {
	t.Helper()
	compression := &ws.Compression{ServerTakeover: true, ClientTakeover: true, Threshold: -1}
	options := ws.Options{MessageLimit: -1}
	if ours == server {
		conns, over := make(chan *ws.Conn, 1), make(chan struct{})
		s := http2Server(t, secure, ws.Handler{
			Options: ws.AcceptOptions{Options: options, Compression: compression, AnyOrigin: true},
			Handle: func(c *ws.Conn) error {
				conns <- c
				select {
				case <-over:
				case <-c.Context().Done(): // the stream ends with the handler
				}
				return nil
			},
		})
		t.Cleanup(func() { close(over) })
		told["url"] = s.URL
		answer := p.do(t, "dial", told)
		c := <-conns
		if r := c.Request(); r.ProtoMajor != 2 || r.Method != http.MethodConnect {
			t.Errorf("the request is %s %s", r.Method, r.Proto)
		}
		return c, answer.Conn
	}
	o := &ws.DialOptions{Options: options, HTTPVersion: 2, Compression: compression}
	if secure {
		told["key"], told["cert"], o.TLS = http2Certificate(t)
	}
	listening := p.do(t, "listen", told)
	t.Cleanup(func() { p.do(t, "unlisten", command{"listener": listening.Listener}) })
	c, err := ws.Dial(t.Context(), listening.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, p.await(t, "open", p.event("open", listening.Listener)).Conn
}

func withNodeHTTP2(t *testing.T, test func(t *testing.T, p *process, ours role, secure bool)) {
	p := nodeHTTP2(t)
	for _, ours := range []role{server, client} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("parley-as-%s/TLS %v", ours, secure), func(t *testing.T) { test(t, p, ours, secure) })
		}
	}
}

// Messages of all sizes, compressed and not, whole and in fragments, go there and back.
func TestHTTP2NodeMessages(t *testing.T) {
	withNodeHTTP2(t, func(t *testing.T, p *process, ours role, secure bool) {
		for _, told := range []command{{"echo": true}, {"echo": true, "deflate": true}, {"echo": true, "fragment": 1000}} {
			c, _ := http2Conns(t, p, ours, secure, told)
			if (told["deflate"] != nil) != (c.Extensions() != "") {
				t.Errorf("%v: extensions %q", told, c.Extensions())
			}
			for _, size := range []int{0, 1, 125, 126, 16_384, 65_535, 65_536, 300_000, 2 << 20} {
				want := bytes.Repeat([]byte("over HTTP/2 "), size/12+1)[:size]
				sent := make(chan error, 1)
				go func() { sent <- c.Write(bounded(t), ws.Binary, want) }()
				typ, got, err := c.Read(bounded(t))
				if err != nil || typ != ws.Binary || !bytes.Equal(got, want) {
					t.Fatalf("%v: %d bytes came back as %d bytes of %v, %v", told, size, len(got), typ, err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Close(bounded(t), ws.CodeNormal, "done"); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
}

// Pings, and how connections end from either side.
func TestHTTP2NodeEnds(t *testing.T) {
	withNodeHTTP2(t, func(t *testing.T, p *process, ours role, secure bool) {
		c, id := http2Conns(t, p, ours, secure, command{})
		reading := c.CloseRead(bounded(t))
		if rtt, err := c.Ping(bounded(t)); err != nil || rtt <= 0 {
			t.Errorf("ping: %v, %v", rtt, err)
		}
		p.do(t, "ping", command{"conn": id, "data": []byte("hello")})
		if l := p.await(t, "pong", p.event("pong", id)); string(l.Data) != "hello" {
			t.Errorf("the pong has %q", l.Data)
		}
		p.do(t, "close", command{"conn": id, "code": 4001, "reason": "theirs"})
		<-reading.Done()
		_, _, err := c.Read(bounded(t))
		if ce, ok := errors.AsType[*ws.CloseError](err); !ok || ce.Code != 4001 || ce.Reason != "theirs" || !ce.Remote {
			t.Errorf("they closed: %v", err)
		}
		if l := p.await(t, "close", p.event("close", id)); l.Code != 4001 {
			t.Errorf("they saw the end %d %q", l.Code, l.Reason)
		}

		c, id = http2Conns(t, p, ours, secure, command{})
		if err := c.Close(bounded(t), 4002, "ours"); err != nil {
			t.Errorf("Close: %v", err)
		}
		if l := p.await(t, "close", p.event("close", id)); l.Code != 4002 || l.Reason != "ours" {
			t.Errorf("we closed: they got %d %q", l.Code, l.Reason)
		}

		c, id = http2Conns(t, p, ours, secure, command{})
		p.do(t, "cut", command{"conn": id})
		if _, _, err := c.Read(bounded(t)); ws.CloseCode(err) != ws.CodeAbnormal {
			t.Errorf("they cut: %v", err)
		}

		c, id = http2Conns(t, p, ours, secure, command{})
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		if l := p.await(t, "close", p.event("close", id)); ws.Code(l.Code) != ws.CodeAbnormal {
			t.Errorf("we cut: they got %d", l.Code)
		}
	})
}

// A server that refuses, and one that takes no WebSockets over HTTP/2.
func TestHTTP2NodeRefuses(t *testing.T) {
	p := nodeHTTP2(t)
	for name, tc := range map[string]struct {
		told    command
		status  int
		because string
	}{
		"refused":       {command{"refuse": 403}, 403, "refused"},
		"not offered":   {command{"http1only": true}, 0, "SETTINGS_ENABLE_CONNECT_PROTOCOL"},
		"not asked for": {command{"subprotocol": "chat"}, 200, "not offered"},
	} {
		listening := p.do(t, "listen", tc.told)
		_, err := ws.Dial(t.Context(), listening.URL, &ws.DialOptions{HTTPVersion: 2})
		he, ok := errors.AsType[*ws.HandshakeError](err)
		if !ok || he.Status != tc.status || !strings.Contains(err.Error(), tc.because) {
			t.Errorf("%s: %v", name, err)
		}
		if tc.status == 403 && (string(he.Body) != "refused" || he.Header.Get("X-Why") != "a test") {
			t.Errorf("%s: body %q, header %v", name, he.Body, he.Header)
		}
		p.do(t, "unlisten", command{"listener": listening.Listener})
	}
}

// http2Page connects to where it came from, has messages echoed, and tells the server what it saw.
const http2Page = `<!doctype html><title>http2</title><link rel=icon href='data:,'><script>
const seen = [];
const socket = new WebSocket('wss://' + location.host + '/socket', ['chat']);
socket.binaryType = 'arraybuffer';
const big = new Uint8Array(1 << 20).map((_, i) => i % 251);
socket.onopen = () => { seen.push(socket.protocol, socket.extensions); socket.send('héllo'); socket.send(big); };
socket.onmessage = ({ data }) => {
  if (typeof data === 'string') { seen.push(data); return; }
  const got = new Uint8Array(data);
  seen.push(String(got.length === big.length && got.every((b, i) => b === big[i])));
  socket.close(4000, 'enough');
};
socket.onclose = ({ code, reason, wasClean }) => {
  seen.push(code, reason, wasClean);
  fetch('/seen', { method: 'POST', body: seen.join('|') });
};
</script>`

// A browser that has its page by HTTP/2 from a server that announces WebSockets over it opens them as streams of the
// same connection.
func TestHTTP2Chromium(t *testing.T) {
	browser := need.Chromium(t)
	seen := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		seen <- "page by " + r.Proto + " from " + r.RemoteAddr
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, http2Page)
	})
	mux.Handle("/socket", ws.Handler{
		Options: ws.AcceptOptions{Options: ws.Options{MessageLimit: 2 << 20}, Subprotocols: []string{"chat"}, Compression: &ws.Compression{}},
		Handle: func(c *ws.Conn) error {
			seen <- "socket by " + c.Request().Proto + " from " + c.RemoteAddr().String()
			return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
				return c.Write(c.Context(), typ, p)
			}})
		},
	})
	mux.HandleFunc("POST /seen", func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen <- string(text)
	})
	s := http2Server(t, true, mux)

	cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-crash-reporter",
		"--ignore-certificate-errors", "--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), s.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	next := func() string {
		select {
		case text := <-seen:
			return text
		case <-bounded(t).Done():
			t.Fatal("the browser says nothing")
		}
		panic("unreachable")
	}
	page, socket := next(), next()
	_, from, _ := strings.Cut(page, " from ")
	if !strings.HasPrefix(page, "page by HTTP/2.0 ") || socket != "socket by HTTP/2.0 from "+from {
		t.Errorf("%s, %s: want both by HTTP/2, and the same connection", page, socket)
	}
	if got, want := next(), "chat|permessage-deflate; server_no_context_takeover; client_no_context_takeover|héllo|true|4000||true"; got != want {
		t.Errorf("the page saw %s, want %s", got, want)
	}
}
