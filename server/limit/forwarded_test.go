package limit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var proxies = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8:aaaa::/48"),
}

// request is one that comes from peer, with lines of a header.
func request(peer, header string, lines ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer
	for _, line := range lines {
		r.Header.Add(header, line)
	}
	return r
}

func TestForwarded(t *testing.T) {
	const proxy, stranger = "10.0.0.1:4711", "203.0.113.99:4711"
	tests := []struct {
		name   string
		header string // X-Forwarded-For if empty
		peer   string // proxy if empty
		lines  []string
		want   string // the proxy's address if empty
	}{
		// X-Forwarded-For
		{name: "one hop", lines: []string{"192.0.2.1"}, want: "192.0.2.1"},
		{name: "no header"},
		{name: "empty", lines: []string{""}},
		{name: "empty elements", lines: []string{" , ,"}},
		{name: "empty elements around", lines: []string{",, 192.0.2.1 ,\t,"}, want: "192.0.2.1"},
		{name: "IPv6", lines: []string{"2001:db8::1"}, want: "2001:db8::1"},
		{name: "IPv6 with brackets", lines: []string{"[2001:db8::1]"}, want: "2001:db8::1"},
		{name: "IPv6 with a port", lines: []string{"[2001:db8::1]:443"}, want: "2001:db8::1"},
		{name: "IPv4 with a port", lines: []string{"192.0.2.1:443"}, want: "192.0.2.1"},
		{name: "IPv4 as IPv6", lines: []string{"::ffff:192.0.2.1"}, want: "192.0.2.1"},
		{name: "written otherwise", lines: []string{"2001:DB8:0::0001"}, want: "2001:db8::1"},
		{name: "two proxies", lines: []string{"192.0.2.1, 10.0.0.2"}, want: "192.0.2.1"},
		{name: "two proxies, two lines", lines: []string{"192.0.2.1", "10.0.0.2"}, want: "192.0.2.1"},
		{name: "only proxies", lines: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		{name: "a proxy by IPv6", peer: "[2001:db8:aaaa::1]:80", lines: []string{"192.0.2.1"}, want: "192.0.2.1"},
		{name: "a proxy by IPv4 as IPv6", peer: "[::ffff:10.0.0.1]:80", lines: []string{"192.0.2.1"}, want: "192.0.2.1"},

		// What a client writes itself.
		{name: "no proxy", peer: stranger, lines: []string{"192.0.2.1"}, want: "203.0.113.99"},
		{name: "no proxy says it is one", peer: stranger, lines: []string{"192.0.2.1, 10.0.0.1"}, want: "203.0.113.99"},
		{name: "spoofed", lines: []string{"127.0.0.1, 192.0.2.1"}, want: "192.0.2.1"},
		{name: "spoofed as a proxy", lines: []string{"1.2.3.4, 10.0.0.1, 192.0.2.1"}, want: "192.0.2.1"},
		{name: "spoofed in a line of its own", lines: []string{"1.2.3.4", "192.0.2.1"}, want: "192.0.2.1"},
		{name: "garbage before", lines: []string{`";,=[, 192.0.2.1`}, want: "192.0.2.1"},
		{name: "another header", header: "Forwarded", lines: nil},

		// Malformed: nobody is believed.
		{name: "a name", lines: []string{"example.com"}},
		{name: "garbage last", lines: []string{"192.0.2.1, x"}},
		{name: "garbage behind a proxy", lines: []string{"x, 10.0.0.2"}},
		{name: "a zone", lines: []string{"fe80::1%eth0"}},
		{name: "unspecified", lines: []string{"0.0.0.0"}},
		{name: "no port", lines: []string{"192.0.2.1:"}},
		{name: "a wrong port", lines: []string{"192.0.2.1:8o"}},
		{name: "a long port", lines: []string{"192.0.2.1:123456"}},
		{name: "no bracket", lines: []string{"[2001:db8::1"}},
		{name: "IPv4 in brackets", lines: []string{"[192.0.2.1]"}},
		{name: "behind the bracket", lines: []string{"[2001:db8::1]x"}},

		// Forwarded
		{name: "for", header: Forwarded, lines: []string{"for=192.0.2.1"}, want: "192.0.2.1"},
		{name: "For", header: Forwarded, lines: []string{`For="[2001:db8:cafe::17]:4711"`}, want: "2001:db8:cafe::17"},
		{name: "all parameters", header: Forwarded, lines: []string{"for=192.0.2.60;proto=http;by=203.0.113.43"}, want: "192.0.2.60"},
		{name: "any order", header: Forwarded, lines: []string{"host=a;by=203.0.113.43;for=192.0.2.60;proto=http"}, want: "192.0.2.60"},
		{name: "spaces", header: Forwarded, lines: []string{"by=203.0.113.43 ; for=192.0.2.60 ;"}, want: "192.0.2.60"},
		{name: "two hops", header: Forwarded, lines: []string{"for=192.0.2.43, for=198.51.100.17"}, want: "198.51.100.17"},
		{name: "two proxies", header: Forwarded, lines: []string{"for=192.0.2.43;by=10.0.0.2, for=10.0.0.2;by=10.0.0.1"}, want: "192.0.2.43"},
		{name: "two lines", header: Forwarded, lines: []string{"for=192.0.2.43", "for=10.0.0.2"}, want: "192.0.2.43"},
		{name: "a comma in quotes", header: Forwarded, lines: []string{`for=192.0.2.43;host="a,b;for=1.2.3.4"`}, want: "192.0.2.43"},
		{name: "escapes", header: Forwarded, lines: []string{`for="192.0.2.\43";host="a\"b\\"`}, want: "192.0.2.43"},
		{name: "a made-up port", header: Forwarded, lines: []string{`for="192.0.2.43:_x"`}, want: "192.0.2.43"},
		{name: "empty elements", header: Forwarded, lines: []string{`,for=192.0.2.43,,`}, want: "192.0.2.43"},
		{name: "no line", header: Forwarded},

		{name: "an open quote before", header: Forwarded, lines: []string{`for=";, for="[2001:db8::1]"`}, want: "2001:db8::1"},
		{name: "an open quote before a token", header: Forwarded, lines: []string{`for=", for=192.0.2.1`}, want: "192.0.2.1"},
		{name: "an escape before", header: Forwarded, lines: []string{`for="\, for="192.0.2.1"`}, want: "192.0.2.1"},
		{name: "a semicolon before", header: Forwarded, lines: []string{`for=1.2.3.4;, for=192.0.2.1`}, want: "192.0.2.1"},
		{name: "spoofed in the other header", header: Forwarded, lines: []string{`for=192.0.2.1`}, want: "192.0.2.1"},

		{name: "unknown", header: Forwarded, lines: []string{"for=192.0.2.1, for=unknown"}},
		{name: "made up", header: Forwarded, lines: []string{`for="_hidden:_x"`}},
		{name: "no for", header: Forwarded, lines: []string{"for=192.0.2.1, proto=https"}},
		{name: "for twice", header: Forwarded, lines: []string{"for=192.0.2.1;for=192.0.2.2"}},
		{name: "an empty for", header: Forwarded, lines: []string{"for="}},
		{name: "no name", header: Forwarded, lines: []string{"=192.0.2.1"}},
		{name: "no value", header: Forwarded, lines: []string{"192.0.2.1"}},
		{name: "spaces around =", header: Forwarded, lines: []string{"for = 192.0.2.1"}},
		{name: "no separator", header: Forwarded, lines: []string{`x="a"for=192.0.2.1`}},
		{name: "a quote at the end", header: Forwarded, lines: []string{`for=192.0.2.1"`}},
		{name: "an escaped quote at the end", header: Forwarded, lines: []string{`for="192.0.2.1\"`}},

		// X-Real-IP
		{name: "one", header: "X-Real-IP", lines: []string{" 192.0.2.1 "}, want: "192.0.2.1"},
		{name: "a list", header: "X-Real-IP", lines: []string{"192.0.2.1, 192.0.2.2"}},
		{name: "two", header: "X-Real-IP", lines: []string{"192.0.2.1", "192.0.2.2"}},
	}
	for _, test := range tests {
		t.Run(test.header+" "+test.name, func(t *testing.T) {
			if test.header == "" {
				test.header = XForwardedFor
			}
			if test.peer == "" {
				test.peer = proxy
			}
			if test.want == "" {
				test.want = "10.0.0.1"
			}
			r := request(test.peer, test.header, test.lines...)
			for _, name := range []string{XForwardedFor, Forwarded, XRealIP} { // those that the proxy lets pass are the client's
				if value := "6.6.6.6"; name != http.CanonicalHeaderKey(test.header) {
					if name == Forwarded {
						value = "for=" + value
					}
					r.Header.Set(name, value)
				}
			}
			got := ""
			New(Options{TrustedProxies: proxies, Header: test.header}).Forwarded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = Remote(r)
			})).ServeHTTP(httptest.NewRecorder(), r)
			if got != test.want {
				t.Errorf("%s from %s with %q: got %s, want %s", test.header, test.peer, test.lines, got, test.want)
			}
		})
	}
}

func TestPeers(t *testing.T) {
	for _, test := range []struct {
		peer string
		unix bool
		want string
	}{
		{"192.0.2.1:80", false, "192.0.2.1"},
		{"192.0.2.1:80", true, "192.0.2.1"},
		{"[::ffff:192.0.2.1]:80", true, "192.0.2.1"},
		{"[fe80::1%eth0]:80", true, "fe80::1"},
		{"192.0.2.1", true, "192.0.2.1"}, // what some middleware makes of it: still no unix socket
		{"nonsense", true, "unknown"},
		{"pipe", false, "unknown"},
		{"@", false, "unix"},
		{"", false, "unix"},
		{"/run/a.sock", false, "unix"},
		{"@", true, "198.51.100.1"},
		{"", true, "198.51.100.1"},
	} {
		l := New(Options{TrustUnix: test.unix})
		r := request(test.peer, XForwardedFor, "198.51.100.1")
		if got := Remote(l.Resolve(r)); got != test.want {
			t.Errorf("%q, trusted %v: %s, want %s", test.peer, test.unix, got, test.want)
		}
	}
}

func TestEnter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused []string
		l := New(Options{PerAddress: 2, TrustedProxies: proxies, Refused: func(limit string) { refused = append(refused, limit) }})
		from := func(client string) *http.Request { return l.Resolve(request("10.0.0.1:80", XForwardedFor, client)) }
		enter := func(client string) func() {
			leave, no := l.Enter(from(client))
			if (leave == nil) != (no != nil) {
				t.Fatal("neither in nor out")
			}
			return leave
		}
		a, b := enter("192.0.2.1"), enter("192.0.2.1")
		if a == nil || b == nil {
			t.Fatal("refused")
		}
		_, no := l.Enter(from("192.0.2.1"))
		if no == nil || no.Limit != AddressConnections || no.Status != 429 || len(refused) != 1 {
			t.Fatalf("%v %q", no, refused)
		}
		if enter("192.0.2.2") == nil {
			t.Error("another address was refused")
		}
		a()
		a() // counts once
		if enter("192.0.2.1") == nil || enter("192.0.2.1") != nil {
			t.Error("one place became free")
		}
		b()
		for range 100 { // no proxy, and a proxy for itself
			if _, no := l.Enter(l.Resolve(request("192.0.2.9:80", XForwardedFor, "192.0.2.1"))); no != nil {
				t.Fatal(no)
			}
			if _, no := l.Enter(l.Resolve(request("10.0.0.1:80", XForwardedFor))); no != nil {
				t.Fatal(no)
			}
			if _, no := l.Enter(from("127.0.0.1")); no != nil {
				t.Fatal(no)
			}
		}
	})
}

func TestEnterRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{TrustedProxies: proxies})
		try := func() (n int) {
			for range 60 {
				leave, no := l.Enter(l.Resolve(request("10.0.0.1:80", XForwardedFor, "192.0.2.1")))
				if no == nil {
					n++
					leave()
				}
			}
			return n
		}
		if n := try(); n != 50 {
			t.Errorf("%d at once", n)
		}
		time.Sleep(time.Second)
		if n := try(); n != 20 {
			t.Errorf("%d after a second", n)
		}
		time.Sleep(time.Minute)
		if l.Open(); len(l.addresses) != 0 {
			t.Errorf("%d addresses are remembered", len(l.addresses))
		}
	})
}

// Connections and forwarded requests of one address share its account.
func TestEnterCountsWithConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: 3, TrustedProxies: proxies}, Opaque)
		g.want("192.0.2.1", 2, 2)
		r := g.limiter.Resolve(request("10.0.0.1:80", XForwardedFor, "192.0.2.1"))
		leave, no := g.limiter.Enter(r)
		if no != nil {
			t.Fatal(no)
		}
		if g.limiter.Open(); len(g.limiter.addresses) != 1 {
			t.Error("the address was forgotten")
		}
		g.want("192.0.2.1", 1, 0)
		leave()
		g.want("192.0.2.1", 1, 1)
	})
}

func TestStreams(t *testing.T) {
	l := New(Options{PerAddress: 1, TrustedProxies: proxies})
	inside, outside := make(chan bool), make(chan bool)
	h := l.Forwarded(l.Streams(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- true
		<-outside
	})))
	serve := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("10.0.0.1:80", XForwardedFor, "192.0.2.1"))
		if w.Code != 200 && (w.Header().Get("Retry-After") == "" || !strings.HasPrefix(w.Body.String(), "429 too many requests: too many connections")) {
			t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
		}
		return w.Code
	}
	first := make(chan int)
	go func() { first <- serve() }()
	<-inside
	if code := serve(); code != 429 {
		t.Error(code)
	}
	outside <- true
	if code := <-first; code != 200 {
		t.Error(code)
	}
	go func() { first <- serve() }()
	<-inside
	outside <- true
	if code := <-first; code != 200 {
		t.Error(code)
	}
}

// Whatever a client writes, the hop that the proxy adds behind it counts.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", `for="`, `for="\`, "1.2.3.4", `for=1.2.3.4;by=_x`, `a="b\"c",`, `for="[::1]:80"`, "\\", ";", ",,;", `""`, "for=10.0.0.1"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, written string, rfc bool) {
		o := New(Options{TrustedProxies: proxies, Header: XForwardedFor}).options.Load()
		hops := map[string]string{"192.0.2.1": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "10.0.0.7, 10.0.0.8": ""}
		if rfc {
			o = New(Options{TrustedProxies: proxies, Header: Forwarded}).options.Load()
			hops = map[string]string{"for=192.0.2.1": "192.0.2.1", `by=_a;for="[2001:db8::1]:80";proto="x,y"`: "2001:db8::1", "for=10.0.0.7": ""}
		}
		if a, ok := clientOf([]string{written}, o); ok != a.IsValid() || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%q: %v, %v", written, a, ok)
		}
		for hop, want := range hops {
			for _, lines := range [][]string{{written + ", " + hop}, {written + "," + hop + " "}, {written, hop}} {
				if a, ok := clientOf(lines, o); want != "" && (!ok || a.String() != want) {
					t.Errorf("%q: %v, %v; want %s", lines, a, ok, want)
				}
			}
		}
	})
}
