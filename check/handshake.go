package check

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The rules by which a handshake is judged, so that a case can ask for just one of them.
const (
	ruleForm       = "form"       // the first line and the fields are written as HTTP/1.1 wants it: RFC 9112 §3, §4, §5
	ruleUpgrade    = "upgrade"    // Upgrade: RFC 6455 §4.1, §4.2.2
	ruleConnection = "connection" // Connection
	ruleProtocol   = "protocol"   // Sec-WebSocket-Protocol
	ruleExtensions = "extensions" // Sec-WebSocket-Extensions
	ruleBody       = "body"       // nothing announces a body

	ruleAccept   = "accept"   // of a response: Sec-WebSocket-Accept
	ruleStatus   = "status"   // of a response: its status, which the pattern names, and nothing else
	ruleInjected = "injected" // of a response: no field that the request smuggled into it, as injectedField

	ruleMethod  = "method"  // of a request: GET and HTTP/1.1
	ruleTarget  = "target"  // of a request: the path that was asked for
	ruleHost    = "host"    // of a request: one Host, with the port
	ruleKey     = "key"     // of a request: one key of 16 bytes
	ruleFresh   = "fresh"   // of a request: a key that no other connection had
	ruleVersion = "version" // of a request: version 13
)

// injectedField is what cases put behind line ends that a server must not reflect.
const injectedField = "X-Injected"

// A handshake is what was received of one, and what is wrong with it.
type handshake struct {
	head       *received
	wrong      []fault
	extensions string  // the extensions agreed on, as the response has them
	deflate    *params // permessage-deflate as agreed on
	offers     []extension
	protocols  []string // what a client offers
	key        string
}

type fault struct{ rule, text string }

func (h *handshake) fault(rule, format string, args ...any) {
	h.wrong = append(h.wrong, fault{rule, fmt.Sprintf(format, args...)})
}

// broken says what is wrong by one of the rules, or by any if none is named; empty means nothing.
func (h *handshake) broken(rules []string) string {
	for _, f := range h.wrong {
		if len(rules) == 0 || slices.Contains(rules, f.rule) {
			return f.text
		}
	}
	return ""
}

// one checks that there is just one field of that name and returns its value.
func (h *handshake) one(rule, name string) string {
	values := h.head.all(name)
	switch len(values) {
	case 0:
		h.fault(rule, "%s is missing", name)
		return ""
	case 1:
	default:
		h.fault(rule, "%s is there %d times", name, len(values))
	}
	return values[0]
}

// common checks what holds for requests and responses.
func (h *handshake) common() {
	if h.head.wrong != "" {
		h.fault(ruleForm, "%s", h.head.wrong)
	}
	if !h.head.has("Upgrade", "websocket") {
		h.fault(ruleUpgrade, "Upgrade is %q", h.head.all("Upgrade"))
	}
	if !h.head.has("Connection", "Upgrade") {
		h.fault(ruleConnection, "Connection is %q", h.head.all("Connection"))
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
		for _, v := range h.head.all(name) {
			if v != "0" {
				h.fault(ruleBody, "%s is %q", name, v)
			}
		}
	}
}

// acceptOf is the answer to a key: RFC 6455 §4.2.2.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// A request is what the suite asks of a server.
type request struct {
	target, host string
	fields       []string // of the user, as lines
	protocols    []string // offered by the user
	open         *Open
	key          string
}

// extensions are the lines of Sec-WebSocket-Extensions that are offered.
func (r *request) extensions() []string {
	if r.open.Deflate != nil {
		return []string{r.open.Deflate.offer()}
	}
	return r.open.Extensions
}

// text writes the request.
func (r *request) text() string {
	fields := []string{"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"}
	if len(r.protocols) > 0 {
		fields = append(fields, "Sec-WebSocket-Protocol: "+strings.Join(r.protocols, ", "))
	}
	for _, e := range r.extensions() {
		fields = append(fields, "Sec-WebSocket-Extensions: "+e)
	}
	fields = append(fields, r.fields...)
	return r.open.Head.text("GET {target} HTTP/1.1", fields,
		strings.NewReplacer("{target}", r.target, "{host}", r.host, "{key}", r.key, "{accept}", acceptOf(r.key), "{protocol}", ""))
}

// judge checks the response to the request, which is text as it was sent.
func (r *request) judge(head *received, text string) *handshake {
	h := &handshake{head: head}
	if len(head.all(injectedField)) > 0 {
		h.fault(ruleInjected, "the response has the field %s, which was part of a value in the request", injectedField)
	}
	if head.status() != http.StatusSwitchingProtocols {
		if head.status() == 0 {
			h.fault(ruleForm, "the first line is %q", head.line)
		}
		return h
	}
	if !strings.HasPrefix(head.line, "HTTP/1.1 101 ") {
		h.fault(ruleForm, "the first line is %q", head.line)
	}
	h.common()
	sent := sentFields(text)
	key := r.key
	if keys := sent.all("Sec-WebSocket-Key"); len(keys) > 0 {
		key = keys[0]
	}
	if got, want := h.one(ruleAccept, "Sec-WebSocket-Accept"), acceptOf(key); got != "" && got != want {
		h.fault(ruleAccept, "Sec-WebSocket-Accept is %q, not %q", got, want)
	}
	if protocols := head.all("Sec-WebSocket-Protocol"); len(protocols) > 0 {
		offered := tokens(sent.all("Sec-WebSocket-Protocol"))
		switch {
		case len(protocols) > 1:
			h.fault(ruleProtocol, "Sec-WebSocket-Protocol is there %d times", len(protocols))
		case !slices.Contains(offered, protocols[0]):
			h.fault(ruleProtocol, "the subprotocol %q was not offered", protocols[0])
		case !isToken(protocols[0]):
			h.fault(ruleProtocol, "the subprotocol %q is no token", protocols[0])
		}
	}
	h.judgeExtensions(sent.all("Sec-WebSocket-Extensions"))
	return h
}

func (h *handshake) judgeExtensions(offered []string) {
	lines := h.head.all("Sec-WebSocket-Extensions")
	answered, err := parseExtensions(lines)
	if err != nil {
		h.fault(ruleExtensions, "Sec-WebSocket-Extensions: %v", err)
		return
	}
	offers, _ := parseExtensions(offered)
	if h.deflate, err = judgeAnswer(answered, offers); err != nil {
		h.fault(ruleExtensions, "%v", err)
	}
	var names []string
	for i := range answered {
		names = append(names, answered[i].String())
	}
	h.extensions = strings.Join(names, ", ")
}

// sentFields reads the fields of a head that the suite wrote itself.
func sentFields(text string) *received {
	h := new(received)
	_, rest, _ := strings.Cut(text, "\r\n")
	for line := range strings.SplitSeq(rest, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.fields = append(h.fields, field{strings.TrimSpace(name), strings.Trim(value, " \t")})
		}
	}
	return h
}

// tokens splits lists at their commas.
func tokens(lines []string) []string {
	var list []string
	for _, l := range lines {
		for _, t := range strings.Split(l, ",") {
			if t = strings.Trim(t, " \t"); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}

// judgeRequest checks the request of a client that was told to connect to target at host, which may have another name
// for the client; fresh reports whether a key is new.
func judgeRequest(head *received, target, host string, fresh func(string) bool) *handshake {
	h := &handshake{head: head}
	switch parts := strings.Split(head.line, " "); {
	case len(parts) != 3:
		h.fault(ruleForm, "the first line is %q", head.line)
	case parts[0] != "GET" || parts[2] != "HTTP/1.1":
		h.fault(ruleMethod, "the first line is %q", head.line)
	case originForm(parts[1]) != target:
		h.fault(ruleTarget, "the target is %q, not %q", parts[1], target)
	}
	h.common()
	if got := h.one(ruleHost, "Host"); got != "" && portOf(got) != portOf(host) {
		h.fault(ruleHost, "Host is %q, without port %s", got, portOf(host))
	}
	h.key = h.one(ruleKey, "Sec-WebSocket-Key")
	if b, err := base64.StdEncoding.DecodeString(h.key); h.key != "" && (err != nil || len(b) != 16) {
		h.fault(ruleKey, "Sec-WebSocket-Key is %q, not the base64 form of 16 bytes", h.key)
	}
	if !fresh(h.key) {
		h.fault(ruleFresh, "Sec-WebSocket-Key is that of an earlier connection: %q", h.key)
	}
	if got := h.one(ruleVersion, "Sec-WebSocket-Version"); got != "" && got != "13" {
		h.fault(ruleVersion, "Sec-WebSocket-Version is %q, not 13", got)
	}
	if lines := head.all("Sec-WebSocket-Protocol"); len(lines) > 0 {
		h.protocols = tokens(lines)
		for i, p := range h.protocols {
			if !isToken(p) || slices.Contains(h.protocols[:i], p) {
				h.fault(ruleProtocol, "the subprotocol %q is no token, or is there twice", p)
			}
		}
	}
	var err error
	if h.offers, err = parseExtensions(head.all("Sec-WebSocket-Extensions")); err != nil {
		h.fault(ruleExtensions, "Sec-WebSocket-Extensions: %v", err)
	}
	for i := range h.offers {
		if h.offers[i].name == permessageDeflate {
			if _, _, err := parseParams(&h.offers[i], false); err != nil {
				h.fault(ruleExtensions, "permessage-deflate: %v", err)
			}
		}
	}
	return h
}

// originForm is a target without the scheme and host that it may have: RFC 6455 §4.1.
func originForm(target string) string {
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(target, scheme); ok {
			_, path, _ := strings.Cut(rest, "/")
			return "/" + path
		}
	}
	return target
}

// portOf is the port of a host, 80 where none is named.
func portOf(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[i+1:]
	}
	return "80"
}

// response writes the answer to a client's request. declined says why it cannot have the extension of the case.
func (o *Open) response(h *handshake) (text, declined string) {
	extensions := o.Extensions
	switch {
	case o.Deflate != nil:
		var answer string
		if answer, declined = o.Deflate.answer(h.offers); declined != "" {
			return "", declined
		}
		extensions = []string{answer}
	case o.Unoffered && slices.ContainsFunc(h.offers, func(e extension) bool { return e.has("client_max_window_bits") }):
		return "", "the client offers client_max_window_bits"
	case o.Extension && !slices.ContainsFunc(h.offers, func(e extension) bool { return e.name == permessageDeflate }):
		return "", "the client does not offer permessage-deflate"
	}
	fields := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: {accept}"}
	protocol := ""
	if len(h.protocols) > 0 {
		protocol = h.protocols[0]
		fields = append(fields, "Sec-WebSocket-Protocol: {protocol}")
	}
	for _, e := range extensions {
		fields = append(fields, "Sec-WebSocket-Extensions: "+e)
	}
	accept := acceptOf(h.key)
	text = o.Head.text("HTTP/1.1 101 Switching Protocols", fields,
		strings.NewReplacer("{accept}", accept, "{accept:lower}", strings.ToLower(accept), "{accept:cut}", strings.TrimRight(accept, "="),
			"{accept:spaced}", accept[:14]+" "+accept[14:], "{key}", h.key, "{protocol}", protocol, "{target}", "", "{host}", ""))
	if answered, err := parseExtensions(sentFields(text).all("Sec-WebSocket-Extensions")); err == nil && len(answered) == 1 {
		if p, _, err := parseParams(&answered[0], true); err == nil && answered[0].name == permessageDeflate {
			h.deflate = &p
		}
	}
	return text, ""
}

// statusText is a status with its phrase.
func statusText(status int) string {
	if status == 0 {
		return "no status"
	}
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}
