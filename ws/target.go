package ws

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
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
		return nil, fmt.Errorf("%q has no scheme: want ws://, wss:// or ws+unix://", raw)
	default:
		return nil, fmt.Errorf("unknown scheme %q: want ws, wss or ws+unix", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%q has no host", raw)
	}
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
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
		return nil, fmt.Errorf("%q: want ws+unix:///path/to/socket:/path?query", raw)
	}
	if t.address, err = url.PathUnescape(socket); err != nil || socket == "" {
		return nil, fmt.Errorf("%q: the path of the socket is missing", raw)
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
	u, err := t.http.Parse(location)
	if err != nil {
		return nil, err
	}
	if t.network == "unix" && !strings.Contains(location, "//") {
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
