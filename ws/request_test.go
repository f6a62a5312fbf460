package ws_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// Whatever middleware makes of a request, Conn.Request shows it.
func TestRequestKept(t *testing.T) {
	state := &tls.ConnectionState{ServerName: "server.test"}
	change := func(f func(*http.Request)) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f(r)
				next.ServeHTTP(w, r)
			})
		}
	}
	mux := func(pattern string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle(pattern, next)
			return mux
		}
	}
	for name, tc := range map[string]struct {
		line  string
		wrap  func(http.Handler) http.Handler
		paths map[string]string
	}{
		"as it came":     {"", nil, nil},
		"escapes":        {"GET /a%2Fb%20c?d=%20&e HTTP/1.1", nil, nil},
		"empty query":    {"GET /a? HTTP/1.1", nil, nil},
		"absolute":       {"GET http://server.test/a?b HTTP/1.1", nil, nil},
		"HTTP/1.2":       {"GET / HTTP/1.2", nil, nil},
		"StripPrefix":    {"GET /app/room?x HTTP/1.1", func(h http.Handler) http.Handler { return http.StripPrefix("/app", h) }, nil},
		"pattern":        {"GET /room/a%2Fb/7/x/y HTTP/1.1", mux("GET /room/{name}/{id}/{rest...}"), map[string]string{"name": "a/b", "id": "7", "rest": "x/y"}},
		"pattern's end":  {"GET /room/ HTTP/1.1", mux("/room/{$}"), map[string]string{"$": ""}},
		"path values":    {"", change(func(r *http.Request) { r.SetPathValue("mine", "1") }), map[string]string{"mine": "1"}},
		"form":           {"GET /?a=b HTTP/1.1", change(func(r *http.Request) { r.ParseForm() }), nil},
		"TLS":            {"", change(func(r *http.Request) { r.TLS = state }), nil},
		"remote address": {"", change(func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }), nil},
		"URL":            {"", change(func(r *http.Request) { r.URL = &url.URL{Scheme: "https", Host: "a", Path: "/b"} }), nil},
		"no target":      {"", change(func(r *http.Request) { r.RequestURI = "" }), nil},
		"fields": {"", change(func(r *http.Request) {
			r.Header["X-Many"] = []string{"a", "", "b\nc", strings.Repeat("d", 20_000)}
			r.Header["x-none"] = []string{}
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var seen *http.Request
			look := func(next http.Handler) http.Handler {
				h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					copied := *r
					copied.Header = r.Header.Clone()
					seen = &copied
					next.ServeHTTP(w, r)
				}))
				if tc.wrap != nil {
					h = tc.wrap(h)
				}
				return h
			}
			head := wstest.Head{Line: tc.line, Lines: []string{"Cookie: a=1", "Cookie: b=2", "X-Empty:"}}
			tryUpgrade(t, nil, head, look, func(t *testing.T, u *upgrade) {
				if u.conn == nil {
					t.Fatalf("refused: %v", u.err)
				}
				var wg sync.WaitGroup
				got := u.conn.Request()
				for range 4 {
					wg.Go(func() {
						if r := u.conn.Request(); r.RequestURI != got.RequestURI || len(r.Header) != len(got.Header) {
							t.Errorf("%v is another request", r)
						}
					})
				}
				wg.Wait()
				if got.Body != http.NoBody {
					t.Errorf("Body is %v", got.Body)
				}
				for name, want := range tc.paths {
					if v := got.PathValue(name); v != want {
						t.Errorf("the path value %q is %q, want %q", name, v, want)
					}
				}
				a, b := reflect.ValueOf(seen).Elem(), reflect.ValueOf(got).Elem()
				for i := range a.NumField() {
					if f := a.Type().Field(i); f.IsExported() && f.Name != "Body" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
						t.Errorf("%s is %#v, want %#v", f.Name, b.Field(i), a.Field(i))
					}
				}
			})
		})
	}
}

// Over TLS, too.
func TestRequestKeptTLS(t *testing.T) {
	var want *tls.ConnectionState
	got := make(chan *http.Request, 1)
	h := ws.Handler{Handle: func(c *ws.Conn) error { got <- c.Request(); return nil }}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want = r.TLS
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	o := &ws.DialOptions{TLS: &tls.Config{InsecureSkipVerify: true}}
	c, err := ws.Dial(t.Context(), "wss"+strings.TrimPrefix(srv.URL, "https"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if r := <-got; r.TLS == nil || r.TLS != want {
		t.Errorf("TLS is %v", r.TLS)
	}
}

// The request given to NewConn is the one that Request returns.
func TestRequestOfNewConn(t *testing.T) {
	client, server := wstest.Pipe(nil)
	defer client.Close()
	r := httptest.NewRequest("GET", "/", nil)
	c := ws.NewConn(server, ws.ConnOptions{Request: r})
	defer c.CloseNow()
	if c.Request() != r {
		t.Error("Request is another one")
	}
	if c := ws.NewConn(client, ws.ConnOptions{Client: true}); c.Request() != nil {
		t.Error("a client has a request")
	}
}
