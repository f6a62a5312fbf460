//go:build unix

package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/ws"
)

// front is nginx before parley serve, each with its file in deploy.
type front struct {
	secure, plain string // what nginx listens on: HOST:PORT
	dir           string
	program       string
	backend       string // what parley serve listens on
	args          []string
	parley        *parley
	nginx         *exec.Cmd
}

// The secrets of the test.
const (
	hmacSecret = "0123456789abcdef0123456789abcdef"
	appKey     = "fedcba9876543210fedcba9876543210"
)

// token is one that lets a user do everything with every topic.
func token(user string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encode(fmt.Appendf(nil, `{"sub":%q,"exp":%d,"parley":{"subscribe":["**"],"publish":["**"]}}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(hmacSecret))
	io.WriteString(mac, text)
	return text + "." + encode(mac.Sum(nil))
}

// substitute returns a file of deploy in which each old text, that must be there, is a new one.
func substitute(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("deploy/%s does not hold %q", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newFront starts both, parley serve with more arguments.
func newFront(t *testing.T, args ...string) *front {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin") // which not everybody has in it
	nginx := need.Command(t, "nginx", "run interop/install.sh, or apt-get install nginx")
	f := &front{dir: t.TempDir(), program: build(t)}
	in := func(name string) string { return filepath.Join(f.dir, name) }
	f.args = append([]string{"--config", writeFile(t, in("parley.toml"), substitute(t, "parley.toml",
		"127.0.0.1:8080", "127.0.0.1:0",
		"127.0.0.1:9090", "unix:"+in("private"),
		"/etc/parley/hmac", writeFile(t, in("hmac"), hmacSecret),
		"/etc/parley/app.key", writeFile(t, in("app.key"), appKey),
	))}, args...)
	f.serve(t)

	// nginx takes over sockets that are open already, as it does from an older nginx: nobody has to guess a free port, and whoever connects
	// before it is ready just waits.
	var files []*os.File
	listen := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		socket, err := l.(*net.TCPListener).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		// Not its File, which would make it blocking.
		var copied int
		var failed error
		if err := socket.Control(func(fd uintptr) { copied, failed = syscall.Dup(int(fd)) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		files = append(files, os.NewFile(uintptr(copied), "listener"))
		return l.Addr().String()
	}
	f.plain, f.secure = listen(), listen()
	cert, key := certificate(t)
	conf := writeFile(t, in("nginx.conf"), substitute(t, "nginx.conf",
		"user www-data;", "user root;", // the folders of a test are for its owner; nginx ignores the line if it is not root
		"/run/nginx.pid", in("nginx.pid"),
		"/var/log/nginx/", f.dir+"/",
		"listen 80;", "listen "+f.plain+";",
		"listen [::]:80;", "",
		"listen 443 ssl http2;", "listen "+f.secure+" ssl http2;",
		"listen [::]:443 ssl http2;", "",
		"/etc/parley/cert.pem", writeFile(t, in("cert.pem"), cert),
		"/etc/parley/key.pem", writeFile(t, in("key.pem"), key),
		"server 127.0.0.1:8080;", "server "+f.backend+";",
		"http {", "http {\n"+strings.Join([]string{
			"client_body_temp_path " + in("body") + ";", "proxy_temp_path " + in("proxy") + ";",
			"fastcgi_temp_path " + in("fastcgi") + ";", "uwsgi_temp_path " + in("uwsgi") + ";", "scgi_temp_path " + in("scgi") + ";",
		}, "\n"),
	))
	f.nginx = exec.Command(nginx, "-e", in("error.log"), "-p", f.dir, "-c", conf, "-g", "daemon off;")
	f.nginx.ExtraFiles = files // from 3
	f.nginx.Env = []string{"NGINX=3;4;"}
	var said bytes.Buffer
	f.nginx.Stdout, f.nginx.Stderr = &said, &said
	if err := f.nginx.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		file.Close()
	}
	t.Cleanup(func() {
		_ = f.nginx.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = f.nginx.Process.Kill() })
		if err := f.nginx.Wait(); err != nil || !kill.Stop() {
			t.Errorf("nginx ended with %v: %s", err, &said)
		}
		if t.Failed() {
			log, _ := os.ReadFile(in("error.log"))
			t.Logf("nginx says: %s", log)
		}
	})
	return f
}

// certificate returns the one that httptest has for 127.0.0.1, with its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pair := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(name string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}))
	}
	return encode("CERTIFICATE", pair.Certificate[0]), encode("PRIVATE KEY", der)
}

// serve starts parley serve, the second time where it was.
func (f *front) serve(t *testing.T) {
	t.Helper()
	args := f.args
	if f.backend != "" {
		args = append(args[:len(args):len(args)], "--addr", f.backend)
	}
	f.parley = serve(t, f.program, args...)
	f.backend = strings.TrimSuffix(strings.TrimPrefix(f.parley.url, "http://"), "/")
}

// insecure is for the test's own certificate.
var insecure = &tls.Config{InsecureSkipVerify: true}

// over speaks HTTP/2 to nginx, or HTTP/1.1.
func over(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{TLSClientConfig: insecure.Clone(), Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask sends a request through nginx. The caller closes the answer's body.
func (f *front) ask(t *testing.T, c *http.Client, method, path, body string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(bounded(t), method, "https://"+f.secure+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token("ann"))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return res
}

// answer is ask, with the whole answer.
func (f *front) answer(t *testing.T, c *http.Client, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	res := f.ask(t, c, method, path, body, header...)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return res, string(text)
}

// dial opens a WebSocket through nginx.
func (f *front) dial(t *testing.T, path string, change func(*ws.DialOptions)) (*ws.Conn, error) {
	t.Helper()
	o := &ws.DialOptions{TLS: insecure, Header: http.Header{"Authorization": {"Bearer " + token("ann")}}}
	if change != nil {
		change(o)
	}
	c, err := ws.Dial(bounded(t), "wss://"+f.secure+path, o)
	if err == nil {
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, err
}

func (f *front) mustDial(t *testing.T, path string, change func(*ws.DialOptions)) *ws.Conn {
	t.Helper()
	c, err := f.dial(t, path, change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// expect reads messages until one holds text.
func expect(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	for {
		_, p, err := c.Read(bounded(t))
		if err != nil {
			t.Fatalf("instead of %q: %v", text, err)
		}
		if strings.Contains(string(p), text) {
			return
		}
	}
}

func send(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	if err := c.Write(bounded(t), ws.Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Every transport passes through nginx, and each sees what the others publish, at once.
func TestNginx(t *testing.T) {
	f := newFront(t)
	raw := f.mustDial(t, "/t/news", nil)
	native := f.mustDial(t, "/ws", func(o *ws.DialOptions) { o.Subprotocols = []string{"parley.v1"} })
	send(t, native, `{"type":"connect","id":1,"name":"interop"}`)
	expect(t, native, `"connected"`)
	send(t, native, `{"type":"subscribe","id":2,"topic":"news"}`)
	expect(t, native, `"subscribed"`)

	for _, c := range []struct {
		name string
		*http.Client
	}{{"HTTP/1.1", over(t, false)}, {"HTTP/2.0", over(t, true)}} {
		t.Run(c.name, func(t *testing.T) {
			stream := f.ask(t, c.Client, "GET", "/t/news", "", "Accept", "text/event-stream")
			defer stream.Body.Close()
			if stream.Proto != c.name || stream.StatusCode != 200 || stream.Header.Get("Content-Type") != "text/event-stream" {
				t.Fatalf("the stream begins with %s %s, %v", stream.Proto, stream.Status, stream.Header)
			}
			events := bufio.NewScanner(stream.Body)
			event := func(want string) {
				t.Helper()
				for events.Scan() {
					if events.Text() == want {
						return
					}
				}
				t.Fatalf("the stream ended before %q: %v", want, events.Err())
			}
			event("retry: 2000") // before anything is published

			_, now := f.answer(t, c.Client, "GET", "/t/news?since=now", "")
			var page struct {
				Position string
				Messages []struct{ Data string }
			}
			if err := json.Unmarshal([]byte(now), &page); err != nil || page.Position == "" {
				t.Fatalf("?since=now answers %s (%v)", now, err)
			}
			polled := make(chan string, 1)
			go func() {
				defer close(polled)
				r, err := http.NewRequestWithContext(bounded(t), "GET", "https://"+f.secure+"/t/news?wait=25s&since="+page.Position, nil)
				if err != nil {
					return
				}
				r.Header.Set("Authorization", "Bearer "+token("ann"))
				res, err := c.Do(r)
				if err != nil {
					return
				}
				defer res.Body.Close()
				text, _ := io.ReadAll(res.Body)
				polled <- string(text)
			}()

			// What each publishes, all get.
			see := func(text string) {
				t.Helper()
				event("data: " + text)
				expect(t, raw, text)
				expect(t, native, text)
			}
			send(t, raw, "by a WebSocket over "+c.name)
			see("by a WebSocket over " + c.name)
			if text := <-polled; !strings.Contains(text, "by a WebSocket") {
				t.Errorf("the poll got %s", text)
			}
			send(t, native, `{"type":"publish","id":3,"topic":"news","text":"by parley.v1 over `+c.name+`"}`)
			see("by parley.v1 over " + c.name)
			for i, status := range []int{201, 200} {
				res, text := f.answer(t, c.Client, "POST", "/t/news", "by POST over "+c.name, "Idempotency-Key", c.name)
				if res.StatusCode != status || res.Header.Get("Parley-Position") == "" {
					t.Errorf("POST %d: %s %v %s", i, res.Status, res.Header, text)
				}
			}
			see("by POST over " + c.name)
			large := strings.Repeat("0123456789abcdef", 1<<16)
			if res, text := f.answer(t, c.Client, "POST", "/t/large", large); res.StatusCode != 201 {
				t.Errorf("POST of %d bytes: %s %s", len(large), res.Status, text)
			}
			if res, _ := f.answer(t, c.Client, "POST", "/t/large", large+"."); res.StatusCode != 413 {
				t.Errorf("POST of %d bytes: %s", len(large)+1, res.Status)
			}
			if res, text := f.answer(t, c.Client, "GET", "/healthz", ""); res.StatusCode != 200 || text != "ok\n" {
				t.Errorf("/healthz: %s %s", res.Status, text)
			}
			for _, path := range []string{"/metrics", "/api/v1/info", "/api/v1/sessions", "/debug/pprof/", "/.parley-away/stream"} {
				if res, _ := f.answer(t, c.Client, "GET", path, "", "Authorization", "Bearer "+appKey); res.StatusCode != 404 {
					t.Errorf("%s: %s", path, res.Status)
				}
			}
		})
	}

	plain := over(t, false)
	res, err := plain.Get("http://" + f.plain + "/t/news?since=now")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != 301 || !strings.HasPrefix(to, "https://127.0.0.1/t/news?since") {
		t.Errorf("without TLS: %s, to %q", res.Status, to)
	}
}

// The page's origin is compared with the host that the browser asked nginx for.
func TestNginxOrigin(t *testing.T) {
	f := newFront(t)
	for _, c := range []struct {
		host, origin string
		good         bool
	}{
		{f.secure, "https://" + f.secure, true},
		{"parley.example.com", "https://parley.example.com", true},
		{"parley.example.com", "https://evil.example", false},
		{"parley.example.com", "https://parley.example.com.evil.example", false},
		{"parley.example.com:8443", "https://parley.example.com:8443", true},
		{"parley.example.com", "https://parley.example.com:8443", false},
	} {
		for _, path := range []string{"/t/news", "/ws", "/echo"} {
			conn, err := f.dial(t, path, func(o *ws.DialOptions) {
				o.Host = c.host
				o.Header.Set("Origin", c.origin)
			})
			var refused *ws.HandshakeError
			if c.good && err != nil || !c.good && (!errors.As(err, &refused) || refused.Status != 403) {
				t.Errorf("%s of %s for a page of %s: %v", path, c.host, c.origin, err)
			}
			if err == nil {
				_ = conn.CloseNow()
			}
		}
	}
}

// seen asks the private listener where the sessions of a topic are.
func (f *front) seen(t *testing.T, topic string) (remotes []string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(f.dir, "private"))
	}}
	r, err := http.NewRequestWithContext(bounded(t), "GET", "http://private/api/v1/sessions?topic="+topic, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+appKey)
	res, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list struct{ Sessions []struct{ Remote string } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || res.StatusCode != 200 {
		t.Fatalf("the sessions: %s %v", res.Status, err)
	}
	for _, s := range list.Sessions {
		remotes = append(remotes, s.Remote)
	}
	return remotes
}

// from has a connection come from an address of this machine.
func from(ip net.IP) func(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}).DialContext
}

// Parley sees the client's address, and not the one that it claims to have.
func TestNginxClientAddress(t *testing.T) {
	f := newFront(t)
	claims := map[string]string{
		"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9",
	}
	c := f.mustDial(t, "/t/mine", func(o *ws.DialOptions) {
		for name, value := range claims {
			o.Header.Set(name, value)
		}
		o.NetDial = from(net.IPv4(127, 0, 0, 2))
	})
	send(t, c, "there") // what comes back says that it is subscribed
	expect(t, c, "there")
	if remotes := f.seen(t, "mine"); len(remotes) != 1 || remotes[0] != "127.0.0.2" {
		t.Errorf("a WebSocket from 127.0.0.2 comes from %q", remotes)
	}

	stream := f.ask(t, over(t, true), "GET", "/t/streamed", "", "Accept", "text/event-stream", "X-Forwarded-For", "203.0.113.9, 127.0.0.1")
	defer stream.Body.Close()
	if _, err := stream.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if remotes := f.seen(t, "streamed"); len(remotes) != 1 || remotes[0] != "127.0.0.1" {
		t.Errorf("a stream from 127.0.0.1 comes from %q", remotes)
	}
}

// The limits for one address hold behind nginx, for clients that are not on this machine.
func TestNginxLimits(t *testing.T) {
	own := ownAddress()
	if own == nil {
		t.Skip("this machine has no address but those of the loopback network, for which there are no limits")
	}
	f := newFront(t, "--limits-per-address", "3")
	far := func(o *ws.DialOptions) { o.NetDial = from(own) }
	var open []*ws.Conn
	for range 3 {
		open = append(open, f.mustDial(t, "/t/news", far))
	}
	var refused *ws.HandshakeError
	if _, err := f.dial(t, "/ws", far); !errors.As(err, &refused) || refused.Status != 429 || refused.Header.Get("Retry-After") == "" {
		t.Errorf("the fourth of three: %v", err)
	}
	f.mustDial(t, "/t/news", nil) // from elsewhere
	if err := open[0].Close(bounded(t), ws.CodeNormal, ""); err != nil {
		t.Error(err)
	}
	for ctx := bounded(t); ; { // the server learns of the end a little later than the client
		_, err := f.dial(t, "/t/news", far)
		if err == nil {
			break
		}
		if !errors.As(err, &refused) || ctx.Err() != nil {
			t.Fatalf("one has gone, and yet: %v", err)
		}
	}
}

// ownAddress is one of this machine's that others could reach.
func ownAddress() net.IP {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP
		}
	}
	return nil
}

// Headers that are too large are refused by nginx if a line is, and by Parley if all together are.
func TestNginxHeaders(t *testing.T) {
	f := newFront(t)
	c := over(t, false)
	many := func(n, size int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("X-Header-%d", i), strings.Repeat("x", size))
		}
		return list
	}
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"a few", many(5, 1000), 200},
		{"a long line", many(1, 9000), 400},
		{"much in all", many(20, 1000), 431},
		{"many lines", many(70, 10), 431},
	} {
		if res, text := f.answer(t, c, "GET", "/healthz", "", test.header...); res.StatusCode != test.want {
			t.Errorf("%s: %s %s, want %d", test.name, res.Status, text, test.want)
		}
	}
}

// While Parley stops, and when it has, clients are told to come back; a browser's EventSource, too, and it does.
func TestNginxRestart(t *testing.T) {
	s := chromium(t)
	f := newFront(t, "--auth-anonymous", "--topic", "news subscribe=anyone")
	c := over(t, true)
	if answer := s.do(t, "goto", command{"url": "https://" + f.secure + "/healthz"}); answer.Status != 200 {
		t.Fatalf("the browser got %d", answer.Status)
	}
	s.do(t, "run", command{"script": `(() => {
		window.seen = [];
		window.source = new EventSource("/t/news");
		source.onmessage = (e) => seen.push(e.data);
	})()`})
	s.until(t, `source.readyState === 1`)
	if res, text := f.answer(t, c, "POST", "/t/news", "before"); res.StatusCode != 201 {
		t.Fatalf("%s %s", res.Status, text)
	}
	s.until(t, `seen.includes("before")`)

	// One that does not answer holds up the end, as far as the drain lasts.
	slow, err := net.Dial("tcp", f.backend)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if _, err := slow.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := f.parley.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until(t, `source.readyState === 0`) // it is about to come back

	checkAway := func(when string) {
		t.Helper()
		res, text := f.answer(t, c, "POST", "/t/news", "nobody gets this")
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: POST: %s %v %s", when, res.Status, res.Header, text)
		}
		var refused *ws.HandshakeError
		if _, err := f.dial(t, "/t/news", nil); !errors.As(err, &refused) || refused.Status != 503 || refused.Header.Get("Retry-After") == "" {
			t.Errorf("%s: a WebSocket: %v", when, err)
		}
	}
	checkAway("draining")
	if f.parley.cmd.ProcessState != nil {
		t.Error("it has ended too early to be looked at")
	}
	slow.Close()
	if status, said := f.parley.end(t, syscall.Signal(0)); status != 0 { // it was told before: a second signal would cut it short
		t.Errorf("parley serve ended with status %d: %s", status, said)
	}
	checkAway("gone")
	res, text := f.answer(t, c, "GET", "/t/news", "", "Accept", "text/event-stream")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(text, "retry: ") {
		t.Errorf("gone: an event stream: %s %v %q", res.Status, res.Header, text)
	}

	f.serve(t)
	s.until(t, `source.readyState === 1`)
	if res, text := f.answer(t, c, "POST", "/t/news", "after"); res.StatusCode != 201 {
		t.Errorf("after the restart: %s %s", res.Status, text)
	}
	s.until(t, `seen.includes("after")`)
}

// What the file promises of times and sizes fits the defaults of the server.
func TestNginxNumbers(t *testing.T) {
	text := substitute(t, "nginx.conf")
	directive := func(name string) string {
		m := regexp.MustCompile(`(?m)^\s*` + name + ` ([^;]+);`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("deploy/nginx.conf has no %s", name)
		}
		return m[1]
	}
	limits := config.Default().Limits
	for _, name := range []string{"proxy_read_timeout", "proxy_send_timeout"} {
		d, err := time.ParseDuration(directive(name))
		if need := max(2*limits.PingInterval, limits.PingInterval+limits.PingTimeout, 2*limits.PollWait); err != nil || d <= need {
			t.Errorf("%s is %v (%v), and has to be more than %v", name, d, err, need)
		}
	}
	size, err := config.ParseSize(strings.ToUpper(directive("client_max_body_size")) + "iB")
	if err != nil || size < limits.MessageBytes*3/2 {
		t.Errorf("client_max_body_size is %v (%v), and a message may have %v", size, err, limits.MessageBytes)
	}
	for name, want := range map[string]string{"proxy_buffering": "off", "proxy_http_version": "1.1", "gzip": "off"} {
		if got := directive(name); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	if trusted := substitute(t, "parley.toml"); !strings.Contains(trusted, `trusted_proxies = ["127.0.0.1", "::1"]`) {
		t.Error("deploy/parley.toml does not trust nginx on the same machine")
	}
}
