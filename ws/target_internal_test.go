package ws

import (
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		url     string
		http    string // the URL as HTTP knows it
		address string // "unix " before that of a socket
		user    string
	}{
		"RFC 6455 §3 ws":                   {"ws://host.test/chat", "http://host.test/chat", "host.test:80", ""},
		"RFC 6455 §3 wss":                  {"wss://host.test/chat", "https://host.test/chat", "host.test:443", ""},
		"RFC 6455 §3 a port":               {"ws://host.test:8080/", "http://host.test:8080/", "host.test:8080", ""},
		"RFC 6455 §3 wss, another port":    {"wss://host.test:80/", "https://host.test:80/", "host.test:80", ""},
		"RFC 6455 §3 no path":              {"ws://host.test", "http://host.test", "host.test:80", ""},
		"RFC 6455 §3 a query":              {"ws://host.test?a=b&c", "http://host.test?a=b&c", "host.test:80", ""},
		"RFC 6455 §3 escaped number sign":  {"ws://host.test/%23?%23", "http://host.test/%23?%23", "host.test:80", ""},
		"RFC 3986 §3.1 scheme in capitals": {"WSS://host.test/", "https://host.test/", "host.test:443", ""},
		"RFC 3986 §3.2.3 empty port":       {"wss://host.test:/", "https://host.test:/", "host.test:443", ""},
		"RFC 3986 §3.2.2 IPv4":             {"ws://127.0.0.1:8080/", "http://127.0.0.1:8080/", "127.0.0.1:8080", ""},
		"RFC 3986 §3.2.2 IPv6":             {"ws://[::1]/", "http://[::1]/", "[::1]:80", ""},
		"RFC 3986 §3.2.2 IPv6 and port":    {"wss://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/", "[2001:db8::1]:8443", ""},
		"RFC 6874 §2 IPv6 with zone":       {"ws://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/", "[fe80::1%eth0]:80", ""},
		"RFC 3986 §3.2.1 user":             {"ws://ada@host.test/", "http://host.test/", "host.test:80", "ada"},
		"RFC 3986 §3.2.1 and password":     {"ws://ada:a%3Ab%40@host.test/", "http://host.test/", "host.test:80", "ada:a%3Ab%40"},
		"RFC 5891 §4 name not ASCII":       {"wss://MÜNCHEN.test:8443/", "https://xn--mnchen-3ya.test:8443/", "xn--mnchen-3ya.test:8443", ""},
		"RFC 5891 §4 without port":         {"ws://bücher.test/", "http://xn--bcher-kva.test/", "xn--bcher-kva.test:80", ""},
		"http":                             {"http://host.test/a", "http://host.test/a", "host.test:80", ""},
		"https":                            {"https://host.test/a", "https://host.test/a", "host.test:443", ""},

		"Unix socket":                 {"ws+unix:///run/a.sock", "http://localhost/", "unix /run/a.sock", ""},
		"Unix socket, one colon":      {"ws+unix:/run/a.sock", "http://localhost/", "unix /run/a.sock", ""},
		"Unix socket and path":        {"ws+unix:///run/a.sock:/chat", "http://localhost/chat", "unix /run/a.sock", ""},
		"Unix socket, path and query": {"ws+unix:///run/a.sock:/chat?a=b:c", "http://localhost/chat?a=b:c", "unix /run/a.sock", ""},
		"Unix socket and query":       {"ws+unix:///run/a.sock?a=b", "http://localhost/?a=b", "unix /run/a.sock", ""},
		"Unix socket, relative":       {"ws+unix://a.sock:/chat", "http://localhost/chat", "unix a.sock", ""},
		"Unix socket, escaped":        {"ws+unix:///run/a%20b%3A.sock", "http://localhost/", "unix /run/a b:.sock", ""},
		"Unix socket, http":           {"http+unix:///run/a.sock:/chat", "http://localhost/chat", "unix /run/a.sock", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseTarget(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			address := strings.TrimPrefix(got.network+" "+got.address, "tcp ")
			user := ""
			if got.user != nil {
				user = got.user.String()
			}
			if got.http.String() != tc.http || address != tc.address || user != tc.user {
				t.Errorf("%s, %s, user %q; want %s, %s, user %q", got.http, address, user, tc.http, tc.address, tc.user)
			}
		})
	}
}

// No error repeats the password that may stand in a URL.
func TestParseTargetErrors(t *testing.T) {
	for name, tc := range map[string]struct{ url, why string }{
		"empty":                          {"", "no scheme"},
		"no scheme":                      {"//ada:secret@host.test/", "no scheme"},
		"a path":                         {"/chat", "no scheme"},
		"host and port":                  {"localhost:8080", "unknown scheme"},
		"another scheme":                 {"ftp://ada:secret@host.test/", "unknown scheme"},
		"RFC 6455 §3 no host":            {"ws://", "no host"},
		"RFC 6455 §3 no host but path":   {"ws:///path", "no host"},
		"RFC 6455 §3 no host but port":   {"ws://:8080/", "no host"},
		"RFC 6455 §3 no host but user":   {"ws://ada:secret@/", "no host"},
		"RFC 6455 §3 no slashes":         {"ws:host.test/", "no host"},
		"RFC 6455 §3 fragment":           {"ws://ada:secret@host.test/#part", "fragment"},
		"RFC 6455 §3 empty fragment":     {"ws://host.test/#", "fragment"},
		"RFC 6455 §3 fragment, socket":   {"ws+unix:///run/a.sock:/a#b", "fragment"},
		"RFC 3986 §3.2.2 space in host":  {"ws://ada:secret@ho st/", "invalid"},
		"RFC 3986 §3.2.3 port is a name": {"ws://ada:secret@host.test:port/", "invalid"},
		"RFC 3986 §2.1 escape":           {"ws://ada:secret@host.test/%zz", "invalid"},
		"RFC 3986 §2 line break":         {"ws://ada:secret@host.test/\r\nX-Injected: 1", "invalid"},
		"RFC 3986 §3.2.2 IPv6 left open": {"ws://ada:secret@[::1/", "missing"},
		"RFC 5891 §4 slash in disguise":  {"ws://ada:secret@host.test／evil.test/", "host"},
		"Unix socket without path":       {"ws+unix://", "socket"},
		"Unix socket, path of none":      {"ws+unix://:/chat", "socket"},
		"Unix socket, path not rooted":   {"ws+unix:///run/a.sock:chat", "want ws+unix"},
		"Unix socket, malformed escape":  {"ws+unix:///run/%zz", "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseTarget(tc.url)
			if err == nil {
				t.Fatalf("leads to %s %s", got.network, got.address)
			}
			if !strings.Contains(err.Error(), tc.why) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q does not say %q, or says too much", err, tc.why)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	const ws, wss, unix = "ws://ada:secret@host.test/a/b?c", "wss://ada:secret@host.test/a/b?c", "ws+unix:///run/a.sock:/a/b?c"
	for name, tc := range map[string]struct {
		from, location string
		want           string // URL and address, or what the error says
		user           bool   // user and password go with it
	}{
		"path":                       {ws, "/x", "http://host.test/x host.test:80", true},
		"relative":                   {ws, "x?y", "http://host.test/a/x?y host.test:80", true},
		"query":                      {ws, "?y", "http://host.test/a/b?y host.test:80", true},
		"absolute":                   {ws, "ws://host.test/x", "http://host.test/x host.test:80", true},
		"absolute, http":             {ws, "http://host.test/x", "http://host.test/x host.test:80", true},
		"absolute, port in words":    {ws, "http://host.test:80/x", "http://host.test:80/x host.test:80", true},
		"absolute, in capitals":      {ws, "http://HOST.test/x", "http://HOST.test/x HOST.test:80", true},
		"fragment":                   {ws, "/x#y", "http://host.test/x host.test:80", true},
		"same scheme":                {ws, "//other.test/x", "http://other.test/x other.test:80", false},
		"other host":                 {ws, "ws://other.test/x", "http://other.test/x other.test:80", false},
		"other port":                 {ws, "ws://host.test:8080/x", "http://host.test:8080/x host.test:8080", false},
		"subdomain":                  {ws, "ws://sub.host.test/x", "http://sub.host.test/x sub.host.test:80", false},
		"with its own user":          {ws, "ws://bob:pw@other.test/x", "http://other.test/x other.test:80", true},
		"to TLS":                     {ws, "wss://host.test/x", "https://host.test/x host.test:443", false},
		"to TLS on the same port":    {ws, "wss://host.test:80/x", "https://host.test:80/x host.test:80", false},
		"from TLS":                   {wss, "ws://host.test/x", "not followed", false},
		"from TLS, http":             {wss, "http://host.test:443/x", "not followed", false},
		"TLS to TLS":                 {wss, "https://other.test/x", "https://other.test/x other.test:443", false},
		"TLS, path":                  {wss, "/x", "https://host.test/x host.test:443", true},
		"none":                       {ws, "", "no Location", false},
		"malformed":                  {ws, "ws://ho st/", "invalid", false},
		"another scheme":             {ws, "ftp://host.test/", "unknown scheme", false},
		"javascript":                 {ws, "javascript:alert(1)", "unknown scheme", false},
		"to a Unix socket":           {ws, "ws+unix:///run/a.sock", "not followed", false},
		"TLS to a Unix socket":       {wss, "http+unix:///run/a.sock", "not followed", false},
		"socket to itself":           {unix, "/x?y", "http://localhost/x?y /run/a.sock", false},
		"socket, two slashes inside": {unix, "/x//y?z=http://z", "http://localhost/x//y?z=http://z /run/a.sock", false},
		"socket to another":          {unix, "ws+unix:///run/b.sock", "not followed", false},
		"socket to the network":      {unix, "ws://localhost/x", "http://localhost/x localhost:80", false},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := parseTarget(tc.from)
			if err != nil {
				t.Fatal(err)
			}
			next, err := from.redirect(tc.location)
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want %q", err, tc.want)
				}
				return
			}
			if got := next.http.String() + " " + next.address; got != tc.want || (next.user != nil) != tc.user {
				t.Errorf("%s, user %v; want %s, user %t", got, next.user, tc.want, tc.user)
			}
		})
	}
}
