package ws

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxFields is how many header fields a request may have.
const maxFields = 64

// headScanner finds the end of a request's head as its bytes arrive, and what makes it too large or hopeless before the
// end is there.
type headScanner struct {
	limit  int
	lines  int // complete ones
	start  int // of the line under way
	fields int // where the fields begin
}

// scan looks at b, all that has arrived, of which the first seen bytes were there before. It returns the size of the head,
// or 0 if its end is not there yet, and the status with which to refuse it, or 0.
func (s *headScanner) scan(b []byte, seen int) (end, status int) {
	for {
		i := bytes.IndexByte(b[seen:], '\n')
		if i < 0 {
			break
		}
		i += seen
		seen = i + 1
		switch {
		case i == 0 || b[i-1] != '\r' || i == 1:
			return 0, http.StatusBadRequest
		case s.lines == 0:
			if i-1 > s.limit {
				return 0, http.StatusRequestHeaderFieldsTooLarge
			}
			s.fields = seen
		case seen-s.fields > s.limit+len("\r\n"):
			return 0, http.StatusRequestHeaderFieldsTooLarge
		case i-1 == s.start:
			return seen, 0
		case s.lines > maxFields:
			return 0, http.StatusRequestHeaderFieldsTooLarge
		}
		s.lines++
		s.start = seen
	}
	if s.lines == 0 && len(b) > s.limit+len("\r") || s.lines > 0 && len(b)-s.fields > s.limit+len("\r\n") {
		return 0, http.StatusRequestHeaderFieldsTooLarge
	}
	return 0, 0
}

// head is the head of a request.
type head struct {
	opening
	target string
	hosts  []string
	expect bool // Expect is there: net/http knows what to do about it, as about a body
}

// reset forgets everything but the memory of the lists.
func (h *head) reset() {
	for _, list := range h.lists() {
		clear(*list)
		*list = (*list)[:0]
	}
	*h = head{
		opening: opening{
			upgrade: h.upgrade, connection: h.connection, origin: h.origin, key: h.key, version: h.version,
			protocols: h.protocols, extensions: h.extensions, request: h.request,
		},
		hosts: h.hosts,
	}
}

func (h *head) lists() [8]*[]string {
	return [...]*[]string{&h.upgrade, &h.connection, &h.origin, &h.key, &h.version, &h.protocols, &h.extensions, &h.hosts}
}

// parse takes a head apart that a headScanner has found the end of. It reports whether it is well-formed (RFC 9112 §3 and §5): what
// it takes, net/http takes too, and understands in the same way. The lists refer to text.
func (h *head) parse(text string) bool {
	line, rest, _ := strings.Cut(text, "\r\n")
	var ok bool
	if h.method, line, ok = strings.Cut(line, " "); !ok || !isToken(h.method) {
		return false
	}
	if h.target, h.proto, ok = strings.Cut(line, " "); !ok {
		return false
	}
	p := h.proto
	if len(p) != len("HTTP/1.1") || p[:5] != "HTTP/" || p[5] < '0' || p[5] > '9' || p[6] != '.' || p[7] < '0' || p[7] > '9' {
		return false
	}
	h.recent = p[5] == '1' && p[7] >= '1'
	for rest != "\r\n" {
		if line, rest, ok = strings.Cut(rest, "\r\n"); !ok || !h.field(line) {
			return false
		}
	}
	if len(h.hosts) > 1 || len(h.hosts) == 0 && h.recent {
		return false
	}
	if len(h.hosts) == 1 {
		if h.host = h.hosts[0]; !httpguts.ValidHostHeader(h.host) { // also if the target is absolute
			return false
		}
	}
	return h.parseTarget()
}

// field takes a header field.
func (h *head) field(line string) bool {
	name, value := cutToken(line)
	if name == "" || value == "" || value[0] != ':' {
		return false
	}
	value = strings.Trim(value[1:], " \t")
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	var list *[]string
	switch len(name) {
	case len("Host"):
		list = match(name, "Host", &h.hosts)
	case len("Origin"):
		list = match(name, "Origin", &h.origin)
		h.expect = h.expect || strings.EqualFold(name, "Expect")
	case len("Upgrade"):
		list = match(name, "Upgrade", &h.upgrade)
	case len("Connection"):
		list = match(name, "Connection", &h.connection)
	case len("Content-Length"):
		h.body = h.body || value != "0" && strings.EqualFold(name, "Content-Length")
	case len("Sec-WebSocket-Key"):
		list = match(name, "Sec-WebSocket-Key", &h.key)
		h.body = h.body || strings.EqualFold(name, "Transfer-Encoding")
	case len("Sec-WebSocket-Version"):
		list = match(name, "Sec-WebSocket-Version", &h.version)
	case len("Sec-WebSocket-Protocol"):
		list = match(name, "Sec-WebSocket-Protocol", &h.protocols)
	case len("Sec-WebSocket-Extensions"):
		list = match(name, "Sec-WebSocket-Extensions", &h.extensions)
	}
	if list != nil {
		*list = append(*list, value)
	}
	return true
}

// match returns list if the name of a field is the known one.
func match(name, known string, list *[]string) *[]string {
	if strings.EqualFold(name, known) {
		return list
	}
	return nil
}

// parseTarget checks the request target (RFC 9112 §3.2). Browsers leave some characters as they are that RFC 3986 has no
// place for, and escapes in the query alone.
func (h *head) parseTarget() bool {
	t := h.target
	if t == "" {
		return false
	}
	for i := 0; i < len(t); i++ {
		if c := t[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	if h.method != http.MethodGet {
		return true // net/http looks at it: it is no handshake
	}
	if t[0] != '/' {
		u, err := url.ParseRequestURI(t)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return false
		}
		h.host = u.Host // instead of the field (§3.2.2)
		return true
	}
	path, _, _ := strings.Cut(t, "?")
	for {
		_, after, found := strings.Cut(path, "%")
		if !found {
			return true
		}
		if len(after) < 2 || !isHex(after[0]) || !isHex(after[1]) {
			return false
		}
		path = after[2:]
	}
}
