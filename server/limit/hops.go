package limit

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientOf returns the client that the lines of the header name: the last hop that is no trusted proxy, or the first if all are. Each proxy
// adds the hop before it at the end, so that whatever the client has sent itself stands on the left, and is never looked at. It reports
// false if there is none, or something malformed in its place.
func clientOf(lines []string, o *Options) (client netip.Addr, ok bool) {
	last := lastHop
	switch http.CanonicalHeaderKey(o.Header) {
	case Forwarded:
		last = lastElement
	case XRealIP:
		if len(lines) != 1 {
			return client, false
		}
		return parseNode(strings.TrimSpace(lines[0]))
	}
	for i := len(lines) - 1; i >= 0; i-- {
		rest, hop, wellFormed := last(lines[i])
		for ; hop != "" || !wellFormed; rest, hop, wellFormed = last(rest) {
			a, isAddress := parseNode(hop)
			if !wellFormed || !isAddress {
				return netip.Addr{}, false
			}
			if client = a; !o.trusts(a) {
				return client, true
			}
		}
	}
	return client, client.IsValid()
}

// lastHop takes the last hop from a line of X-Forwarded-For. It is empty if there are no more.
func lastHop(line string) (rest, hop string, ok bool) {
	for line = trim(line); line != "" && hop == ""; line = trim(line) {
		i := strings.LastIndexByte(line, ',')
		hop = trim(line[i+1:])
		line = line[:max(i, 0)]
	}
	return line, hop, true
}

// lastElement takes the last element from a line of Forwarded (RFC 7239 §4), and returns the value of its parameter for. It is empty
// if there are no more; an element without one is not ok.
//
// It reads from the right, for what stands on the left may be the client's: in
//
//	for=";, for="[2001:db8::1]"
//
// whoever reads from the left finds the quoted string ";, for=", and never gets to the element that the proxy has added.
func lastElement(line string) (rest, node string, ok bool) {
	pairs := 0
	for {
		line = trim(line)
		if line == "" {
			return "", node, pairs == 0 || node != ""
		}
		switch line[len(line)-1] {
		case ',':
			line = line[:len(line)-1]
			if pairs > 0 {
				return line, node, node != ""
			}
			continue // an empty element
		case ';':
			line = line[:len(line)-1]
			continue
		}
		before, name, value, ok := lastPair(line)
		if !ok {
			return "", "", false
		}
		pairs++
		if strings.EqualFold(name, "for") {
			if node != "" || value == "" {
				return "", "", false
			}
			node = value
		}
		line = trim(before)
		if line != "" && !strings.HasSuffix(line, ",") && !strings.HasSuffix(line, ";") {
			return "", "", false
		}
	}
}

// lastPair takes name=value or name="value" from the end of a line.
func lastPair(line string) (rest, name, value string, ok bool) {
	if strings.HasSuffix(line, `"`) {
		if rest, value, ok = lastQuoted(line); !ok {
			return "", "", "", false
		}
	} else {
		i := strings.LastIndexAny(line, ",;=\" \t")
		rest, value = line[:i+1], line[i+1:]
	}
	rest, ok = strings.CutSuffix(rest, "=")
	if !ok {
		return "", "", "", false
	}
	i := strings.LastIndexAny(rest, ",;=\" \t")
	return rest[:i+1], rest[i+1:], value, i+1 < len(rest)
}

// lastQuoted takes a quoted string from the end of a line.
func lastQuoted(line string) (rest, value string, ok bool) {
	line = line[:len(line)-1]
	if isEscaped(line, len(line)) {
		return "", "", false
	}
	for i := len(line) - 1; i >= 0; i-- {
		if line[i] == '"' && !isEscaped(line, i) {
			return line[:i], unescape(line[i+1:]), true
		}
	}
	return "", "", false
}

// isEscaped reports whether a backslash makes the byte at i an ordinary one.
func isEscaped(s string, i int) bool {
	n := 0
	for ; n < i && s[i-n-1] == '\\'; n++ {
	}
	return n%2 == 1
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func trim(s string) string { return strings.Trim(s, " \t") }

// parseNode parses an address with or without a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80. unknown and
// the made-up names of RFC 7239 §6 are none.
func parseNode(s string) (netip.Addr, bool) {
	host, port := s, ""
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if host, port, ok = strings.Cut(inner, "]"); !ok || strings.IndexByte(host, ':') < 0 {
			return netip.Addr{}, false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 && strings.LastIndexByte(s, ':') == i {
		host, port = s[:i], s[i:]
	}
	if port != "" && !isPort(port) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// isPort reports whether s is a colon and a port, or a made-up name for one (RFC 7239 §6.2).
func isPort(s string) bool {
	s, colon := strings.CutPrefix(s, ":")
	if !colon || s == "" {
		return false
	}
	name, made := strings.CutPrefix(s, "_")
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-'
		if digit := c >= '0' && c <= '9'; !digit && !(made && letter) {
			return false
		}
	}
	return made || len(name) <= 5
}
