// Package origin knows which pages of other origins may use a dialect by HTTP: whose requests are carried out, and whose answers they may
// read (CORS). It knows nothing of what is asked. WebSockets have ws.AcceptOptions.Origins, whose patterns mean the same.
package origin

import (
	"net/http"
	"path"
	"strings"
)

// Any is the pattern of every origin, "null" among them.
const Any = "*"

// brackets makes of all that path.Match knows, but the star, what stands for itself: brackets are those of an IPv6 address here.
var brackets = strings.NewReplacer("[", `\[`, "]", `\]`, "?", `\?`, `\`, `\\`)

// Match reports whether an origin matches a pattern as ws.AcceptOptions.Origins describes them: "scheme://host[:port]" or "host[:port]" of
// whatever scheme, where * stands for any run of characters but "/". The default port of the origin's scheme may stand in either, or not.
// Letters of both cases are the same.
func Match(pattern, origin string) bool {
	pattern, origin = strings.ToLower(pattern), strings.ToLower(origin)
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
	pattern = brackets.Replace(pattern)
	for _, host := range [...]string{short, long} {
		if ok, err := path.Match(pattern, scheme+host); err == nil && ok {
			return true
		}
	}
	return false
}

// bothPorts returns the host of an origin without and with its port, if that is the scheme's default.
func bothPorts(scheme, host string) (short, long string) {
	var port string
	switch scheme {
	case "http", "ws":
		port = ":80"
	case "https", "wss":
		port = ":443"
	default:
		return host, host
	}
	if short, ok := strings.CutSuffix(host, port); ok {
		return short, host
	}
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host, host // another port
	}
	return host, host + port
}

// of returns the origin of the page that a request comes from. None comes from no page of another origin; several come from no browser.
func of(r *http.Request) (origin string, ok bool) {
	lines := r.Header.Values("Origin")
	if len(lines) != 1 {
		return "", false
	}
	return lines[0], true
}
