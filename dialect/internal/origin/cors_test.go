package origin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/dialect/internal/origin"
)

var offer = origin.Offer{Allow: "POST, OPTIONS", Methods: "POST", Headers: "Authorization", Expose: "Retry-After"}

// request is one to api.example with header fields given as name, value, name, value.
func request(method string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "https://api.example/x", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestForged(t *testing.T) {
	listed := origin.CORS{Origins: []string{"*.example.com", "null"}}
	trusted := listed
	trusted.Credentials = true
	all := origin.CORS{Origins: []string{"*"}, Credentials: true}
	for _, test := range []struct {
		name   string
		c      origin.CORS
		header []string
		forged bool
		read   string // the origin that may read the answer
		secret bool   // with credentials
	}{
		{"no page", listed, nil, false, "", false},
		{"no page, a cookie", listed, []string{"Cookie", "a=b"}, false, "", false},
		{"the same origin", origin.CORS{}, []string{"Origin", "https://api.example", "Cookie", "a=b"}, false, "", false},
		{"the same origin", listed, []string{"Origin", "https://api.example", "Sec-Fetch-Site", "same-origin", "Cookie", "a=b"}, false, "", false},
		{"nobody is allowed", origin.CORS{}, []string{"Origin", "https://a.example.com"}, true, "", false},
		{"another site", listed, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, true, "", false},
		{"another site without its name", listed, []string{"Sec-Fetch-Site", "cross-site"}, true, "", false},
		{"two origins", listed, []string{"Origin", "https://a.example.com", "Origin", "https://evil.example"}, true, "", false},
		{"allowed", listed, []string{"Origin", "https://a.example.com", "Sec-Fetch-Site", "cross-site"}, false, "https://a.example.com", false},
		{"null", listed, []string{"Origin", "null"}, false, "null", false},
		{"allowed, a cookie", listed, []string{"Origin", "https://a.example.com", "Cookie", "a=b"}, true, "https://a.example.com", false},
		{"allowed with a cookie", trusted, []string{"Origin", "https://a.example.com", "Cookie", "a=b"}, false, "https://a.example.com", true},
		{"all", all, []string{"Origin", "https://evil.example"}, false, "https://evil.example", false},
		{"all, null", all, []string{"Origin", "null"}, false, "null", false},
		{"all, a cookie", all, []string{"Origin", "https://evil.example", "Cookie", "a=b"}, true, "https://evil.example", false},
	} {
		g := origin.NewGuard(test.c, offer)
		r, w := request("POST", test.header...), httptest.NewRecorder()
		p := g.Enter(w, r)
		if forged := g.Forged(r, p); forged != test.forged {
			t.Errorf("%s: forged %t", test.name, forged)
		}
		h := w.Header()
		if h.Get("Access-Control-Allow-Origin") != test.read || (h.Get("Access-Control-Allow-Credentials") == "true") != test.secret {
			t.Errorf("%s: the answer has %v", test.name, h)
		}
		if exposed := h.Get("Access-Control-Expose-Headers") == offer.Expose; exposed != (test.read != "") {
			t.Errorf("%s: the answer has %v", test.name, h)
		}
		if varies := h.Get("Vary") == "Origin"; varies != (len(test.c.Origins) > 0) {
			t.Errorf("%s: the answer has %v", test.name, h)
		}
	}
}

func TestOptions(t *testing.T) {
	g := origin.NewGuard(origin.CORS{Origins: []string{"a.example"}, MaxAge: time.Hour}, offer)
	for _, test := range []struct {
		header  []string
		more    func(string) string
		methods string
		headers string
		age     string
	}{
		{nil, nil, "", "", ""},
		{[]string{"Origin", "https://a.example"}, nil, "", "", ""},
		{[]string{"Origin", "https://b.example", "Access-Control-Request-Method", "POST"}, nil, "", "", ""},
		{[]string{"Origin", "https://a.example", "Access-Control-Request-Method", "POST"}, nil, "POST", "Authorization", "3600"},
		{
			[]string{"Origin", "https://a.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x"},
			func(asked string) string { return ", " + strings.ToUpper(asked) }, "POST", "Authorization, X", "3600",
		},
	} {
		r, w := request("OPTIONS", test.header...), httptest.NewRecorder()
		g.Options(w, r, g.Enter(w, r), test.more)
		h := w.Header()
		if w.Code != 204 || h.Get("Allow") != offer.Allow || h.Get("Access-Control-Allow-Methods") != test.methods ||
			h.Get("Access-Control-Allow-Headers") != test.headers || h.Get("Access-Control-Max-Age") != test.age {
			t.Errorf("%v: %d %v", test.header, w.Code, h)
		}
	}
}
