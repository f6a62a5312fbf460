package ws

import (
	"crypto/tls"
	"net/http"
	"testing"
)

func TestOrigin(t *testing.T) {
	// A request of a page: where it went, and what the browser says about the page.
	type request struct {
		host   string
		origin []string
		tls    bool // TLS ends here
	}
	from := func(host string, origin ...string) request { return request{host: host, origin: origin} }
	over := func(r request) request { r.tls = true; return r }
	const example = "example.com"

	for name, tc := range map[string]struct {
		r       request
		o       AcceptOptions
		allowed bool
	}{
		"absent":                    {from(example), AcceptOptions{}, true},
		"absent, with patterns":     {from(example), AcceptOptions{Origins: []string{"https://a.com"}}, true},
		"empty":                     {from(example, ""), AcceptOptions{}, false},
		"null":                      {from(example, "null"), AcceptOptions{}, false},
		"twice":                     {from(example, "https://example.com", "https://example.com"), AcceptOptions{}, false},
		"a list":                    {from(example, "https://example.com https://evil.com"), AcceptOptions{}, false},
		"a list with commas":        {from(example, "https://example.com, https://example.com"), AcceptOptions{}, false},
		"twice, the first is right": {from(example, "https://example.com", "https://evil.com"), AcceptOptions{}, false},

		"same host, http":            {from(example, "http://example.com"), AcceptOptions{}, true},
		"same host, TLS proxy":       {from(example, "https://example.com"), AcceptOptions{}, true},
		"same host, TLS":             {over(from(example, "https://example.com")), AcceptOptions{}, true},
		"TLS here, page without TLS": {over(from(example, "http://example.com")), AcceptOptions{}, false},
		"TLS here, same odd port":    {over(from("example.com:8443", "http://example.com:8443")), AcceptOptions{}, false},
		"other host":                 {from(example, "https://example.org"), AcceptOptions{}, false},
		"Origin in upper case":       {from(example, "HTTPS://EXAMPLE.COM"), AcceptOptions{}, true},
		"Host in upper case":         {from("EXAMPLE.com", "https://example.com"), AcceptOptions{}, true},
		"ws scheme":                  {from(example, "ws://example.com"), AcceptOptions{}, false},
		"wss scheme":                 {from(example, "wss://example.com"), AcceptOptions{}, false},
		"file":                       {from(example, "file://"), AcceptOptions{}, false},
		"extension":                  {from(example, "chrome-extension://example.com"), AcceptOptions{}, false},
		"javascript":                 {from(example, "javascript:example.com"), AcceptOptions{}, false},
		"no scheme":                  {from(example, "example.com"), AcceptOptions{}, false},
		"no scheme but slashes":      {from(example, "//example.com"), AcceptOptions{}, false},
		"backslashes":                {from(example, `https:\\example.com`), AcceptOptions{}, false},
		"no host":                    {from(example, "https://"), AcceptOptions{}, false},
		"no host on either side":     {from("", "https://"), AcceptOptions{}, false},
		"only ports":                 {from(":443", "https://:443"), AcceptOptions{}, false},

		"same port":                        {from("example.com:8080", "http://example.com:8080"), AcceptOptions{}, true},
		"other port":                       {from("example.com:8080", "http://example.com:8081"), AcceptOptions{}, false},
		"port in Origin only":              {from(example, "http://example.com:8080"), AcceptOptions{}, false},
		"port in Host only":                {from("example.com:8080", "http://example.com"), AcceptOptions{}, false},
		"default port of http in Host":     {from("example.com:80", "http://example.com"), AcceptOptions{}, true},
		"default port of https in Host":    {from("example.com:443", "https://example.com"), AcceptOptions{}, true},
		"default port of http in Origin":   {from(example, "http://example.com:80"), AcceptOptions{}, true},
		"default port of https in Origin":  {from(example, "https://example.com:443"), AcceptOptions{}, true},
		"port 80 with https":               {from("example.com:80", "https://example.com"), AcceptOptions{}, false},
		"port 443 with http":               {from("example.com:443", "http://example.com"), AcceptOptions{}, false},
		"empty port":                       {from(example, "https://example.com:"), AcceptOptions{}, false},
		"port is a name":                   {from(example, "https://example.com:https"), AcceptOptions{}, false},
		"two ports":                        {from("example.com:80", "http://example.com:80:80"), AcceptOptions{}, false},
		"default port with a leading zero": {from(example, "https://example.com:0443"), AcceptOptions{}, false},

		"trailing dot in Origin": {from(example, "https://example.com."), AcceptOptions{}, false},
		"trailing dot in Host":   {from("example.com.", "https://example.com"), AcceptOptions{}, false},
		"trailing dot in both":   {from("example.com.", "https://example.com."), AcceptOptions{}, true},
		"user":                   {from(example, "https://user@example.com"), AcceptOptions{}, false},
		"empty user":             {from(example, "https://@example.com"), AcceptOptions{}, false},
		"host as user":           {from(example, "https://example.com@evil.com"), AcceptOptions{}, false},
		"host as user and port":  {from(example, "https://example.com:443@evil.com"), AcceptOptions{}, false},
		"path":                   {from(example, "https://example.com/path"), AcceptOptions{}, false},
		"slash":                  {from(example, "https://example.com/"), AcceptOptions{}, false},
		"query":                  {from(example, "https://example.com?"), AcceptOptions{}, false},
		"query with text":        {from(example, "https://example.com?a"), AcceptOptions{}, false},
		"fragment":               {from(example, "https://example.com#"), AcceptOptions{}, false},
		"fragment with text":     {from(example, "https://evil.com#example.com"), AcceptOptions{}, false},
		"prefix":                 {from(example, "https://example.com.evil.com"), AcceptOptions{}, false},
		"suffix":                 {from(example, "https://evilexample.com"), AcceptOptions{}, false},
		"subdomain":              {from(example, "https://sub.example.com"), AcceptOptions{}, false},
		"parent domain":          {from("sub.example.com", "https://example.com"), AcceptOptions{}, false},
		"escaped letter":         {from(example, "https://ex%61mple.com"), AcceptOptions{}, false},
		"line break":             {from(example, "https://example.com\n"), AcceptOptions{}, false},
		"space":                  {from(example, "https://example.com "), AcceptOptions{}, false},

		"IPv6":                      {from("[::1]:8080", "http://[::1]:8080"), AcceptOptions{}, true},
		"IPv6, default port":        {from("[::1]", "https://[::1]"), AcceptOptions{}, true},
		"IPv6, default port named":  {from("[::1]:443", "https://[::1]"), AcceptOptions{}, true},
		"IPv6, upper case":          {from("[2001:DB8::1]", "https://[2001:db8::1]"), AcceptOptions{}, true},
		"IPv6, other address":       {from("[::1]:8080", "http://[::2]:8080"), AcceptOptions{}, false},
		"IPv6, other port":          {from("[::1]:8080", "http://[::1]:80"), AcceptOptions{}, false},
		"IPv6, the tail is no port": {from("[::1:80]", "http://[::1]:80"), AcceptOptions{}, false},
		"IPv6 without brackets":     {from("[::1]", "https://::1"), AcceptOptions{}, false},
		"IPv4":                      {from("127.0.0.1:8080", "http://127.0.0.1:8080"), AcceptOptions{}, true},
		"IPv4 is not localhost":     {from("127.0.0.1:8080", "http://localhost:8080"), AcceptOptions{}, false},

		"AnyOrigin":               {from(example, "https://evil.com"), AcceptOptions{AnyOrigin: true}, true},
		"AnyOrigin, null":         {from(example, "null"), AcceptOptions{AnyOrigin: true}, true},
		"AnyOrigin beside others": {from(example, "https://evil.com"), AcceptOptions{AnyOrigin: true, Origins: []string{"https://a.com"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Host: tc.r.host, Header: http.Header{}}
			if tc.r.origin != nil {
				r.Header["Origin"] = tc.r.origin
			}
			if tc.r.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if why := checkOrigin(openingOf(r), &tc.o); (why == "") != tc.allowed {
				t.Errorf("host %q, origin %q: allowed %t (%s), want %t", tc.r.host, tc.r.origin, why == "", why, tc.allowed)
			}
		})
	}
}

// The host of these requests is never that of the origin, so that a pattern alone decides.
func TestOriginPatterns(t *testing.T) {
	for _, tc := range []struct {
		pattern, origin string
		allowed         bool
	}{
		{"https://a.com", "https://a.com", true},
		{"https://a.com", "http://a.com", false},
		{"https://a.com", "https://b.com", false},
		{"https://a.com", "https://sub.a.com", false},
		{"https://a.com", "https://a.com.evil.com", false},
		{"https://a.com", "https://evila.com", false},
		{"HTTPS://A.com", "https://a.COM", true},
		{"https://a.com", "https://a.com:443", true},
		{"https://a.com:443", "https://a.com", true},
		{"http://a.com:80", "http://a.com", true},
		{"https://a.com:80", "https://a.com", false},
		{"https://a.com", "https://a.com:8443", false},
		{"https://a.com:8443", "https://a.com:8443", true},
		{"https://a.com:8443", "https://a.com", false},
		{"https://a.com", "https://a.com/", false},
		{"https://a.com", "https://a.com@evil.com", false},
		{"https://a.com", "null", false},
		{"https://a.com", "", false},
		{"", "", true}, // whoever writes this means it
		{"", "https://a.com", false},

		// Without scheme.
		{"a.com", "https://a.com", true},
		{"a.com", "http://a.com", true},
		{"a.com", "https://a.com:443", true},
		{"a.com", "http://a.com:80", true},
		{"a.com", "http://a.com:443", false},
		{"a.com", "https://a.com:8443", false},
		{"a.com:8443", "https://a.com:8443", true},
		{"a.com:8443", "https://a.com", false},
		{"a.com:443", "https://a.com", true},
		{"a.com:443", "http://a.com", false},
		{"a.com:80", "http://a.com", true},
		{"a.com", "https://evil.com/a.com", false},
		{"a.com", "https://evil.com://a.com", false},
		{"a.com", "https://a.com.evil.com", false},
		{"a.com", "https://evila.com", false},
		{"a.com", "https://axcom", false},

		// * stands for any run of characters but "/".
		{"https://*.a.com", "https://x.a.com", true},
		{"https://*.a.com", "https://x.y.a.com", true},
		{"https://*.a.com", "https://x.a.com:443", true},
		{"https://*.a.com:443", "https://x.a.com", true},
		{"https://*.a.com", "https://a.com", false},
		{"https://*.a.com", "http://x.a.com", false},
		{"https://*.a.com", "https://x.a.com.evil.com", false},
		{"https://*.a.com", "https://xa.com", false},
		{"https://*.a.com", "https://evil.com/.a.com", false},
		{"https://*.a.com", "https://evil.com?.a.com", false},
		{"https://*.a.com", "https://evil.com#.a.com", false},
		{"https://*.a.com", "https://evil.com@x.a.com", false},
		{"https://*.a.com", "https://x.a.com:8443", false},
		{"https://*.a.com:8443", "https://x.a.com:8443", true},
		{"https://*.A.com", "https://X.a.com", true},
		{"*.a.com", "http://x.a.com", true},
		{"*.a.com", "https://x.a.com", true},
		{"*.a.com", "https://evil.com/x.a.com", false},
		{"*.a.com:8443", "https://x.a.com:8443", true},
		{"localhost:*", "http://localhost:5173", true},
		{"http://localhost:*", "http://localhost:5173", true},
		{"http://localhost:*", "http://localhost", true},
		{"http://localhost:*", "https://localhost:5173", false},
		{"http://localhost:*", "http://localhost.evil.com:5173", false},
		{"*://a.com", "https://a.com", true},
		{"*://a.com", "http://a.com", true},
		{"*://a.com", "https://b.com", false},
		{"*", "https://a.com", true},
		{"*", "https://a.com:8443", true},
		{"*", "null", false},
		{"https://*", "https://a.com:8443", true},
		{"https://*", "http://a.com", false},

		// Nothing else is special.
		{"https://?.com", "https://a.com", false},
		{"https://[ab].com", "https://a.com", false},
		{`https://a\.com`, "https://a.com", false},

		{"https://[::1]", "https://[::1]", true},
		{"https://[::1]", "https://[::1]:443", true},
		{"https://[::1]:8443", "https://[::1]:8443", true},
		{"https://[::1]:*", "https://[::1]:8443", true},
		{"[::1]", "http://[::1]", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{"[::1]:*", "http://[::1]:8080", true},
		{"[::1]", "https://1", false},
		{"[::1]", "https://:", false},

		{"null", "null", true},
		{"null", "https://null", true}, // a host of that name
		{"chrome-extension://abc", "chrome-extension://abc", true},
		{"chrome-extension://*", "chrome-extension://abc", true},
		{"capacitor://localhost", "capacitor://localhost", true},
		{"capacitor://localhost", "http://localhost", false},
	} {
		o := &AcceptOptions{Origins: []string{"https://first.test", tc.pattern}}
		r := &http.Request{Host: "host.test", Header: http.Header{"Origin": {tc.origin}}}
		if why := checkOrigin(openingOf(r), o); (why == "") != tc.allowed {
			t.Errorf("pattern %q, origin %q: allowed %t, want %t", tc.pattern, tc.origin, why == "", tc.allowed)
		}
		// A page of the host itself needs no pattern.
		r.Header.Set("Origin", "https://host.test")
		if why := checkOrigin(openingOf(r), o); why != "" {
			t.Errorf("pattern %q: the same origin is refused", tc.pattern)
		}
	}
}
