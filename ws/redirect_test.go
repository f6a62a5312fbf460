package ws_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// routes says where the paths "host:port/path" lead: to a Location. Every other path is an echo server.
type routes map[string]string

// visit is a request that came to one of them.
type visit struct {
	path string // with host and port before it
	*http.Request
}

// dialRoutes dials in a bubble in which every host exists, and returns the requests made.
func dialRoutes(t *testing.T, from string, r routes, status int, o ws.DialOptions) (visits []visit, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.NetDial = func(ctx context.Context, _, addr string) (net.Conn, error) {
			srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				v := visit{addr + req.URL.Path, req.Clone(context.Background())}
				visits = append(visits, v)
				if location, ok := r[v.path]; ok {
					http.SetCookie(w, &http.Cookie{Name: "last", Value: strings.Trim(req.URL.Path, "/")})
					w.Header().Set("Location", location)
					w.WriteHeader(status)
					return
				}
				ws.Handler{Handle: echo, Options: ws.AcceptOptions{AnyOrigin: true}}.ServeHTTP(w, req)
			}))
			return srv.NetDial(ctx, "tcp", strings.TrimPrefix(srv.URL, "ws://")+":80")
		}
		var c *ws.Conn
		if c, err = ws.Dial(t.Context(), from, &o); err == nil {
			checkEcho(t, c)
		}
	})
	return visits, err
}

func paths(visits []visit) string {
	var all []string
	for _, v := range visits {
		all = append(all, v.path)
	}
	return strings.Join(all, " ")
}

// Redirects are followed only when asked, and only those that mean one (RFC 9110 §15.4).
func TestRedirectStatus(t *testing.T) {
	for status := 300; status <= 308; status++ {
		followed := slices.Contains([]int{301, 302, 303, 307, 308}, status)
		for _, limit := range []int{0, 1} {
			t.Run(fmt.Sprintf("%d, at most %d", status, limit), func(t *testing.T) {
				visits, err := dialRoutes(t, "ws://a.test/from", routes{"a.test:80/from": "/to"}, status, ws.DialOptions{MaxRedirects: limit})
				if followed && limit == 1 {
					if err != nil || paths(visits) != "a.test:80/from a.test:80/to" {
						t.Errorf("visited %s: %v", paths(visits), err)
					}
					return
				}
				he, ok := errors.AsType[*ws.HandshakeError](err)
				if !ok || he.Status != status || he.Header.Get("Location") != "/to" || len(visits) != 1 {
					t.Errorf("visited %s: %v", paths(visits), err)
				}
			})
		}
	}
}

func TestRedirectLimit(t *testing.T) {
	ring := routes{"a.test:80/": "ws://b.test/", "b.test:80/": "ws://a.test/"}
	for limit := range 4 {
		visits, err := dialRoutes(t, "ws://a.test/", ring, http.StatusFound, ws.DialOptions{MaxRedirects: limit})
		if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != 302 || len(visits) != limit+1 {
			t.Errorf("at most %d: visited %s, %v", limit, paths(visits), err)
		}
	}
}

// Each attempt is a whole handshake with a key of its own (RFC 6455 §4.1).
func TestRedirectKeys(t *testing.T) {
	visits, err := dialRoutes(t, "ws://a.test/1", routes{"a.test:80/1": "2", "a.test:80/2": "3"}, http.StatusFound,
		ws.DialOptions{MaxRedirects: 2, Subprotocols: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, v := range visits {
		keys[v.Header.Get("Sec-WebSocket-Key")] = true
		if v.Header.Get("Upgrade") != "websocket" || v.Header.Get("Sec-WebSocket-Protocol") != "x" || v.Method != "GET" {
			t.Errorf("%s was asked for with %s %v", v.path, v.Method, v.Header)
		}
	}
	if len(keys) != 3 {
		t.Errorf("the keys of three handshakes are %v", slices.Collect(maps.Keys(keys)))
	}
}

// Credentials stay at the origin that they were given for, however they were spelt (RFC 9110 §15.4).
func TestRedirectCredentials(t *testing.T) {
	const first = "ws://ada:secret@a.test/from"
	headers := map[string]http.Header{
		"URL only":     {},
		"canonical":    {"Authorization": {"Bearer secret"}, "Cookie": {"secret=1"}, "Proxy-Authorization": {"secret"}},
		"lower case":   {"authorization": {"Bearer secret"}, "cookie": {"secret=1"}, "proxy-authorization": {"secret"}},
		"capitals":     {"AUTHORIZATION": {"Bearer secret"}, "COOKIE": {"secret=1"}, "COOKIE2": {"secret=2"}},
		"several each": {"Authorization": {"secret", "secret"}, "cookie": {"secret=1", "secret=2"}},
	}
	for name, tc := range map[string]struct {
		r    routes
		kept bool // at the last stop
	}{
		"same origin":     {routes{"a.test:80/from": "ws://a.test/to"}, true},
		"other host":      {routes{"a.test:80/from": "ws://b.test/to"}, false},
		"other port":      {routes{"a.test:80/from": "ws://a.test:81/to"}, false},
		"there and back":  {routes{"a.test:80/from": "ws://b.test/x", "b.test:80/x": "ws://a.test/to"}, false},
		"by a way around": {routes{"a.test:80/from": "/y", "a.test:80/y": "ws://b.test/to"}, false},
	} {
		for spelling, h := range headers {
			t.Run(name+"/"+spelling, func(t *testing.T) {
				h := h.Clone()
				h.Set("X-Mine", "1")
				o := ws.DialOptions{MaxRedirects: 3, Header: h, Host: "virtual.test"}
				before := h.Clone()
				visits, err := dialRoutes(t, first, tc.r, http.StatusTemporaryRedirect, o)
				if err != nil {
					t.Fatal(err)
				}
				if !maps.EqualFunc(before, h, slices.Equal[[]string]) {
					t.Error("DialOptions.Header was changed")
				}
				start, last := visits[0], visits[len(visits)-1]
				if start.Header.Get("Authorization") == "" || start.Host != "virtual.test" {
					t.Fatalf("the first server was sent %s %v", start.Host, start.Header)
				}
				var found []string
				for name, values := range last.Header {
					if name == "Authorization" || strings.Contains(strings.Join(values, " "), "secret") {
						found = append(found, name)
					}
				}
				if kept := len(found) > 0; kept != tc.kept {
					t.Errorf("the last server was sent credentials: %t, want %t; %v", kept, tc.kept, last.Header)
				}
				if host := last.Host; (host == "virtual.test") != tc.kept {
					t.Errorf("the last server was called %s", host)
				}
				if last.Header.Get("X-Mine") != "1" {
					t.Error("other fields get lost")
				}
			})
		}
	}
}

// A jar knows by itself whose cookies are whose, and learns from every answer.
func TestRedirectCookies(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, value := range map[string]string{"a.test": "for-a", "b.test": "for-b"} {
		jar.SetCookies(&url.URL{Scheme: "http", Host: host}, []*http.Cookie{{Name: "own", Value: value, Path: "/"}})
	}
	visits, err := dialRoutes(t, "ws://a.test/1", routes{"a.test:80/1": "/2", "a.test:80/2": "ws://b.test/3"}, http.StatusFound,
		ws.DialOptions{MaxRedirects: 2, Jar: jar, Header: http.Header{"Cookie": {"mine=1"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"mine=1; own=for-a", "last=1; mine=1; own=for-a", "own=for-b"} {
		got := strings.Split(strings.Join(visits[i].Header.Values("Cookie"), ", "), "; ")
		slices.Sort(got)
		if strings.Join(got, "; ") != want {
			t.Errorf("%s was sent %q, want %q", visits[i].path, got, want)
		}
	}
}

// One deadline bounds all attempts together.
func TestRedirectDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, attempts := time.Now(), 0
		_, err := ws.Dial(t.Context(), "ws://a.test/", &ws.DialOptions{MaxRedirects: 100, HandshakeTimeout: 10 * time.Second,
			NetDial: func(context.Context, string, string) (net.Conn, error) {
				attempts++
				a, b := wstest.Pipe(&wstest.PipeOptions{Latency: 2 * time.Second})
				go func() {
					defer b.Close()
					peer := wstest.ServerPeer(b)
					if r, err := peer.ReadRequest(); err == nil {
						peer.Answer(r, wstest.Head{Line: "HTTP/1.1 302 Found", Lines: []string{"Location: /", "Content-Length: 0"}})
					}
				}()
				return a, nil
			}})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 10*time.Second || attempts != 3 {
			t.Errorf("%d attempts, %v after %v", attempts, err, time.Since(begun))
		}
	})
}

// Over real sockets: a downgrade from TLS and a way into a Unix socket are refused, with the answer in the error.
func TestRedirectRefused(t *testing.T) {
	for location, why := range map[string]string{"ws://host.test/": "wss to ws", "ws+unix:///run/secret.sock": "Unix socket", "": "no Location"} {
		secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}))
		o := &ws.DialOptions{MaxRedirects: 2, TLS: secure.Client().Transport.(*http.Transport).TLSClientConfig}
		_, err := ws.Dial(t.Context(), secure.URL, o)
		he, ok := errors.AsType[*ws.HandshakeError](err)
		if !ok || he.Status != 302 || he.Header.Get("Location") != location || !strings.Contains(err.Error(), why) {
			t.Errorf("to %q: %v, want %q", location, err, why)
		}
		secure.Close()
	}
}
