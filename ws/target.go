package ws

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// target is where Dial goes.
type target struct {
	http    *url.URL // the URL as http or https, without userinfo
	user    *url.Userinfo
	network string // "tcp" or "unix"
	address string // for that network
}

// parseTarget decodes a URL for Dial.
func parseTarget(raw string) (*target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the URL, which may hold a password
		}
		return nil, err
	}
	if u.Fragment != "" || strings.Contains(raw, "#") {
		return nil, errors.New("a WebSocket URL has no fragment (RFC 6455 §3)")
	}
	t := &target{http: u, user: u.User, network: "tcp"}
	u.User = nil
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	case "ws+unix", "http+unix":
		return t.unix(raw)
	case "":
		return nil, fmt.Errorf("%q has no scheme: want ws://, wss:// or ws+unix://", u)
	default:
		return nil, fmt.Errorf("unknown scheme %q: want ws, wss or ws+unix", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%q has no host", u)
	}
	if err := asciiHost(u); err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// asciiHost turns an internationalised domain name into what DNS, TLS and the Host field want.
func asciiHost(u *url.URL) error {
	if strings.IndexFunc(u.Host, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return nil
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil {
		return fmt.Errorf("host %q: %w", u.Hostname(), err)
	}
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	u.Host = host
	return nil
}

// unix decodes ws+unix:///path/to/socket:/path?query.
func (t *target) unix(raw string) (*target, error) {
	_, rest, _ := strings.Cut(raw, ":")
	socket, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), ":")
	socket, query, hasQuery := strings.Cut(socket, "?")
	if hasQuery && path == "" {
		path = "/?" + query
	}
	if path == "" {
		path = "/"
	}
	u, err := url.Parse(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, errors.New("want ws+unix:///path/to/socket:/path?query")
	}
	if t.address, err = url.PathUnescape(socket); err != nil || socket == "" {
		return nil, errors.New("the path of the socket is missing or malformed")
	}
	t.network = "unix"
	u.Scheme, u.Host = "http", "localhost"
	t.http = u
	return t, nil
}

// redirect returns where a Location leads.
func (t *target) redirect(location string) (*target, error) {
	if location == "" {
		return nil, errors.New("the redirect has no Location")
	}
	ref, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	u := t.http.ResolveReference(ref)
	if t.network == "unix" && ref.Scheme == "" && ref.Host == "" {
		next := *t
		next.http = u
		return &next, nil
	}
	u.Fragment = ""
	next, err := parseTarget(u.String())
	if err != nil {
		return nil, err
	}
	if next.network == "unix" {
		return nil, errors.New("a redirect to a Unix socket is not followed")
	}
	if t.http.Scheme == "https" && next.http.Scheme != "https" {
		return nil, errors.New("a redirect from wss to ws is not followed")
	}
	if next.user == nil && next.sameOrigin(t) {
		next.user = t.user
	}
	return next, nil
}

func (t *target) sameOrigin(o *target) bool {
	return t.http.Scheme == o.http.Scheme && t.network == o.network && strings.EqualFold(t.address, o.address)
}
