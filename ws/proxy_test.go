package ws_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// connectProxy is an HTTP proxy that does CONNECT for one user.
type connectProxy struct {
	tunnels sync.WaitGroup
	mu      sync.Mutex
	targets []string
	user    string // "user:password"; "": anybody
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.user != "" {
		auth := r.Header.Get("Proxy-Authorization")
		r.Header.Set("Authorization", auth)
		user, password, _ := r.BasicAuth()
		if user+":"+password != p.user {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
	}
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	p.mu.Lock()
	p.targets = append(p.targets, r.Host)
	p.mu.Unlock()
	out, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	p.tunnels.Add(1)
	defer p.tunnels.Done()
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	tunnel(bufferedConn{in, buffered.Reader}, out)
}

// bufferedConn reads what was read ahead first.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

func (c bufferedConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// tunnel copies both ways until both sides are done.
func tunnel(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			}
		})
	}
	wg.Wait()
	a.Close()
	b.Close()
}

func (p *connectProxy) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.targets, " ")
}

func withUser(raw, user, password string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	if user != "" {
		u.User = url.UserPassword(user, password)
	}
	return u
}

func TestConnectProxy(t *testing.T) {
	plain := httptest.NewServer(ws.Handler{Handle: echo})
	defer plain.Close()
	secure := httptest.NewTLSServer(ws.Handler{Handle: echo})
	defer secure.Close()
	proxy := &connectProxy{user: "ada:secret"}
	overHTTP := httptest.NewServer(proxy)
	defer overHTTP.Close()
	overHTTPS := httptest.NewTLSServer(proxy)
	defer overHTTPS.Close()
	trust := secure.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trust.RootCAs.AddCert(overHTTPS.Certificate())
	for _, p := range []string{overHTTP.URL, overHTTPS.URL} {
		for _, target := range []string{plain.URL, secure.URL} {
			o := &ws.DialOptions{TLS: trust, Proxy: http.ProxyURL(withUser(p, "ada", "secret"))}
			c, err := ws.Dial(t.Context(), target, o)
			if err != nil {
				t.Fatalf("%s through %s: %v", target, p, err)
			}
			checkEcho(t, c)
		}
	}
	proxy.tunnels.Wait()
	a, b := plain.Listener.Addr().String(), secure.Listener.Addr().String()
	if got, want := proxy.seen(), strings.Join([]string{a, b, a, b}, " "); got != want {
		t.Errorf("the proxy was asked for %s, want %s", got, want)
	}
	for _, p := range []*url.URL{withUser(overHTTP.URL, "", ""), withUser(overHTTP.URL, "ada", "wrong")} {
		_, err := ws.Dial(t.Context(), plain.URL, &ws.DialOptions{Proxy: http.ProxyURL(p)})
		var he *ws.HandshakeError
		if !errors.As(err, &he) || !strings.Contains(err.Error(), "407") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("without the right password: %v", err)
		}
	}
}

// The environment chooses a proxy where no option does, except for the local host.
func TestProxyErrors(t *testing.T) {
	dead := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for name, tc := range map[string]struct {
		proxy func(*http.Request) (*url.URL, error)
		want  string
	}{
		"refused":        {http.ProxyURL(dead), "proxy"},
		"unknown scheme": {http.ProxyURL(withUser("gopher://host", "ada", "secret")), "unknown scheme"},
		"its own error":  {func(*http.Request) (*url.URL, error) { return nil, errMine }, "mine"},
	} {
		_, err := ws.Dial(t.Context(), "ws://host.test/", &ws.DialOptions{Proxy: tc.proxy})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the choice of a proxy is asked about is the request, as http or https.
func TestProxyIsAsked(t *testing.T) {
	for target, want := range map[string]string{"ws://host.test/a": "http://host.test/a", "wss://host.test/b": "https://host.test/b"} {
		var asked string
		_, err := ws.Dial(t.Context(), target, &ws.DialOptions{Proxy: func(r *http.Request) (*url.URL, error) {
			asked = r.URL.String()
			return nil, errMine
		}})
		if !errors.Is(err, errMine) || asked != want {
			t.Errorf("%s: asked about %q, %v", target, asked, err)
		}
	}
}

// socksServer speaks SOCKS5 (RFC 1928) with user and password (RFC 1929) for one connection after the other.
func socksServer(t *testing.T, user, password string) (addr string, targets func() string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				target, err := socksHandshake(c, user, password)
				if err != nil {
					c.Close()
					return
				}
				mu.Lock()
				seen = append(seen, target)
				mu.Unlock()
				out, err := net.Dial("tcp", target)
				if err != nil {
					c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
					c.Close()
					return
				}
				c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
				tunnel(c, out)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String(), func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(seen, " ")
	}
}

func socksHandshake(c net.Conn, user, password string) (target string, err error) {
	r := bufio.NewReader(c)
	take := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(r, b)
		}
		return b
	}
	take(int(take(2)[1])) // the methods offered
	if user != "" {
		c.Write([]byte{5, 2})
		take(1)
		u := take(int(take(1)[0]))
		p := take(int(take(1)[0]))
		if string(u) != user || string(p) != password {
			c.Write([]byte{1, 1})
			return "", errors.New("wrong password")
		}
		c.Write([]byte{1, 0})
	} else {
		c.Write([]byte{5, 0})
	}
	var host string
	switch head := take(4); head[3] {
	case 1:
		host = net.IP(take(4)).String()
	case 3:
		host = string(take(int(take(1)[0])))
	case 4:
		host = net.IP(take(16)).String()
	}
	return net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(take(2)))), err
}

func TestSOCKS5(t *testing.T) {
	secure := httptest.NewTLSServer(ws.Handler{Handle: echo})
	defer secure.Close()
	target := secure.Listener.Addr().String()
	trust := &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	for _, tc := range []struct{ scheme, user, password string }{{"socks5", "", ""}, {"socks5h", "", ""}, {"socks5", "ada", "secret"}} {
		addr, targets := socksServer(t, tc.user, tc.password)
		p := withUser(tc.scheme+"://"+addr, tc.user, tc.password)
		c, err := ws.Dial(t.Context(), "wss://"+target, &ws.DialOptions{TLS: trust, Proxy: http.ProxyURL(p)})
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c)
		if targets() != target {
			t.Errorf("asked for %s, want %s", targets(), target)
		}
	}
	addr, _ := socksServer(t, "ada", "secret")
	_, err := ws.Dial(t.Context(), "wss://"+target, &ws.DialOptions{TLS: trust, Proxy: http.ProxyURL(withUser("socks5://"+addr, "ada", "wrong"))})
	if err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with the wrong password: %v", err)
	}
}
