package ws

import (
	"net"
	"net/url"
	"path"
	"strings"
)

// checkOrigin applies the origin check to a request and returns why it fails, or "". Browsers always send an Origin, and no
// page can forge it; a request without one does not come from a page.
func checkOrigin(in *opening, o *AcceptOptions) string {
	fields := in.origin
	if len(fields) == 0 || o.AnyOrigin {
		return ""
	}
	if len(fields) > 1 {
		return "more than one Origin"
	}
	origin := strings.ToLower(fields[0])
	for _, pattern := range o.Origins {
		if matchOrigin(strings.ToLower(pattern), origin) {
			return ""
		}
	}
	if !sameOrigin(origin, in) {
		return "origin not allowed"
	}
	return ""
}

// splitOrigin takes an origin as RFC 6454 §7 writes it apart: scheme, host and port, and nothing else.
func splitOrigin(origin string) (scheme, host, port string, ok bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery ||
		u.Fragment != "" || u.Opaque != "" || strings.HasSuffix(origin, "#") {
		return "", "", "", false
	}
	host, port, ok = splitHost(u.Host)
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	return u.Scheme, host, port, ok
}

// splitHost splits "host", "host:port" or "[::1]:port".
func splitHost(hostport string) (host, port string, ok bool) {
	host = hostport
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && !strings.HasSuffix(hostport, "]") {
		h, p, err := net.SplitHostPort(hostport)
		if err != nil || p == "" {
			return "", "", false
		}
		return h, p, h != ""
	}
	if strings.HasPrefix(host, "[") {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return host, "", host != ""
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

// sameOrigin reports whether a page of this origin came from the host that the request names. A Host without port
// means the default port of the page's scheme, so that it works behind a proxy that ends TLS.
func sameOrigin(origin string, in *opening) bool {
	scheme, host, port, ok := splitOrigin(origin)
	if !ok || scheme != "http" && scheme != "https" || in.secure && scheme != "https" {
		return false
	}
	reqHost, reqPort, ok := splitHost(strings.ToLower(in.host))
	if !ok {
		return false
	}
	if reqPort == "" {
		reqPort = defaultPort(scheme)
	}
	return host == reqHost && port == reqPort
}

// matchOrigin matches an origin against a pattern of AcceptOptions.Origins, both in lower case. A pattern without
// scheme matches any. The default port of the origin's scheme may stand in either, or not.
func matchOrigin(pattern, origin string) bool {
	if pattern == origin {
		return true // "null" and the schemes of applications, too
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || strings.ContainsAny(origin, "@?#") {
		return false
	}
	short, long := bothPorts(scheme, host)
	if strings.Contains(pattern, "://") {
		scheme += "://"
	} else {
		scheme = ""
	}
	// Brackets are those of an IPv6 address here, not a class.
	pattern = strings.NewReplacer("[", `\[`, "]", `\]`, "?", `\?`, `\`, `\\`).Replace(pattern)
	for _, host := range [...]string{short, long} {
		if ok, err := path.Match(pattern, scheme+host); err == nil && ok {
			return true
		}
	}
	return false
}

// bothPorts returns the host of an origin without and with its port, if that is the scheme's default.
func bothPorts(scheme, host string) (short, long string) {
	port := defaultPort(scheme)
	if port == "" {
		return host, host
	}
	if short, ok := strings.CutSuffix(host, ":"+port); ok {
		return short, host
	}
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host, host // another port
	}
	return host, host + ":" + port
}
