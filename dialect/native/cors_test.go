package native_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// ask sends a request with header fields given as name, value, name, value.
func ask(t *testing.T, method, url, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp
}

// A page of another origin may use all ways over HTTP, and read what they answer, errors too.
func TestCORS(t *testing.T) {
	const page = "https://app.example.com"
	h := serve(t, hub.Options{}, native.Options{CORS: native.CORS{Origins: []string{"*.example.com"}, Credentials: true, MaxAge: time.Hour}})
	for _, way := range []string{"/sse", "/send", "/poll"} {
		resp := ask(t, "OPTIONS", h.url+way, "", "Origin", page, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,content-type,parley-secret,parley-session")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":      page,
			"Access-Control-Allow-Methods":     "POST",
			"Access-Control-Allow-Headers":     "Authorization, Content-Type, Parley-Session, Parley-Secret",
			"Access-Control-Allow-Credentials": "true",
			"Access-Control-Max-Age":           "3600",
			"Allow":                            "POST, OPTIONS",
			"Vary":                             "Origin",
		} {
			if got := resp.Header.Get(name); got != want || resp.StatusCode != 204 {
				t.Errorf("%s: %s, %s: %q, want %q", way, resp.Status, name, got, want)
			}
		}
		// What is wrong with this request the page is told.
		resp = ask(t, "POST", h.url+way, "{", "Origin", page, "Sec-Fetch-Site", "cross-site", "Cookie", "a=b")
		if resp.StatusCode == 403 || resp.Header.Get("Access-Control-Allow-Origin") != page ||
			resp.Header.Get("Access-Control-Expose-Headers") != "Retry-After" {
			t.Errorf("%s: %s %v", way, resp.Status, resp.Header)
		}
		// Others are neither allowed nor told.
		for _, other := range []string{"https://app.example.com:8443", "https://example.com", "null", page + ".evil.example"} {
			resp := ask(t, "OPTIONS", h.url+way, "", "Origin", other, "Access-Control-Request-Method", "POST")
			refused := ask(t, "POST", h.url+way, `{"type":"connect"}`, "Origin", other)
			if refused.StatusCode != 403 || len(resp.Header["Access-Control-Allow-Origin"])+len(refused.Header["Access-Control-Allow-Origin"]) > 0 {
				t.Errorf("%s: %s %v %v", other, refused.Status, refused.Header, resp.Header)
			}
		}
	}
	resp := ask(t, "POST", h.url+"/poll", `{"type":"connect","wait_ms":0}`, "Origin", page)
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
}

// Where nothing is said of HTTP, the origins of WebSockets count.
func TestCORSOfWebSockets(t *testing.T) {
	for _, test := range []struct {
		o      native.Options
		origin string
		status int
	}{
		{native.Options{}, "https://a.example", 403},
		{native.Options{Accept: ws.AcceptOptions{Origins: []string{"https://*.example.com", "a.example"}}}, "https://a.example", 200},
		{native.Options{Accept: ws.AcceptOptions{Origins: []string{"https://*.example.com", "a.example"}}}, "https://b.example", 403},
		{native.Options{Accept: ws.AcceptOptions{AnyOrigin: true}}, "null", 200},
		{native.Options{Accept: ws.AcceptOptions{AnyOrigin: true}, CORS: native.CORS{Origins: []string{"a.example"}}}, "https://b.example", 403},
	} {
		h := serve(t, hub.Options{}, test.o)
		resp := ask(t, "POST", h.url+"/poll", `{"type":"connect","wait_ms":0}`, "Origin", test.origin)
		if readable := resp.Header.Get("Access-Control-Allow-Origin") == test.origin; resp.StatusCode != test.status || readable != (test.status == 200) {
			t.Errorf("%+v, %s: %s, readable: %t", test.o, test.origin, resp.Status, readable)
		}
		// A cookie is credentials, which nobody has allowed.
		resp = ask(t, "POST", h.url+"/poll", `{"type":"connect","wait_ms":0}`, "Origin", test.origin, "Cookie", "a=b")
		if resp.StatusCode != 403 {
			t.Errorf("%+v, %s: with a cookie %s", test.o, test.origin, resp.Status)
		}
	}
}
