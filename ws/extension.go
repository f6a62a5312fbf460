package ws

import (
	"errors"
	"strconv"
	"strings"
)

// extension is one element of a Sec-WebSocket-Extensions field (RFC 6455 §9.1).
type extension struct {
	name   string
	params []extensionParam
}

type extensionParam struct {
	name, value string
	valued      bool // there was an equals sign
}

// maxExtensions is how many extensions a peer may name.
const maxExtensions = 16

var errExtensionGrammar = errors.New("malformed Sec-WebSocket-Extensions")

// parseExtensions parses the values of all Sec-WebSocket-Extensions fields. It takes time in proportion to their length.
func parseExtensions(fields []string) ([]extension, error) {
	var list []extension
	for _, s := range fields {
		rest := s
		for {
			rest = skipSpace(rest)
			if rest == "" {
				break
			}
			if rest[0] == ',' { // an empty element (RFC 9110 §5.6.1.2)
				rest = rest[1:]
				continue
			}
			var e extension
			var err error
			if e, rest, err = parseExtension(rest); err != nil {
				return nil, err
			}
			if len(list) == maxExtensions {
				return nil, errors.New("more than 16 extensions in Sec-WebSocket-Extensions")
			}
			list = append(list, e)
			if rest = skipSpace(rest); rest == "" {
				break
			}
			if rest[0] != ',' {
				return nil, errExtensionGrammar
			}
			rest = rest[1:]
		}
	}
	return list, nil
}

func parseExtension(s string) (e extension, rest string, err error) {
	e.name, rest = cutToken(s)
	if e.name == "" {
		return e, s, errExtensionGrammar
	}
	for {
		r := skipSpace(rest)
		if r == "" || r[0] != ';' {
			return e, rest, nil
		}
		var p extensionParam
		p.name, rest = cutToken(skipSpace(r[1:]))
		if p.name == "" {
			return e, rest, errExtensionGrammar
		}
		if r = skipSpace(rest); r != "" && r[0] == '=' {
			p.valued = true
			r = skipSpace(r[1:])
			if r != "" && r[0] == '"' {
				p.value, rest, err = cutQuoted(r)
				if err != nil {
					return e, rest, err
				}
			} else {
				p.value, rest = cutToken(r)
			}
			// Even in quotes, a value must be a token (RFC 6455 §9.1).
			if !isToken(p.value) {
				return e, rest, errExtensionGrammar
			}
		}
		if len(e.params) == maxExtensions {
			return e, rest, errExtensionGrammar
		}
		e.params = append(e.params, p)
	}
}

// cutQuoted cuts a quoted-string (RFC 9110 §5.6.4), which s begins with.
func cutQuoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", s, errExtensionGrammar
}

// Windows of permessage-deflate, in bits (RFC 7692 §7.1.2).
const (
	minWindowBits = 8
	maxWindowBits = 15
)

// DeflateParams are the parameters of permessage-deflate as agreed upon (RFC 7692 §7.1).
type DeflateParams struct {
	// ServerNoContextTakeover and ClientNoContextTakeover oblige that side to begin every message with an empty window.
	ServerNoContextTakeover, ClientNoContextTakeover bool
	// ServerMaxWindowBits and ClientMaxWindowBits bound that side's window: 8 to 15. If zero, they are not mentioned,
	// which means 15.
	ServerMaxWindowBits, ClientMaxWindowBits int
}

// String returns the parameters as they stand in Sec-WebSocket-Extensions.
func (p DeflateParams) String() string {
	var b strings.Builder
	b.WriteString("permessage-deflate")
	if p.ServerNoContextTakeover {
		b.WriteString("; server_no_context_takeover")
	}
	if p.ClientNoContextTakeover {
		b.WriteString("; client_no_context_takeover")
	}
	if p.ServerMaxWindowBits != 0 {
		b.WriteString("; server_max_window_bits=" + strconv.Itoa(p.ServerMaxWindowBits))
	}
	if p.ClientMaxWindowBits != 0 {
		b.WriteString("; client_max_window_bits=" + strconv.Itoa(p.ClientMaxWindowBits))
	}
	return b.String()
}

// deflateParams decodes the parameters of one permessage-deflate element. ok is false if one is unknown, repeated or has
// an invalid value: then the element must be declined (RFC 7692 §7). clientBits reports that client_max_window_bits
// was there, which an offer may leave without a value.
func (e *extension) deflateParams(offer bool) (p DeflateParams, clientBits, ok bool) {
	seen := 0
	for _, q := range e.params {
		bit := 0
		switch q.name {
		case "server_no_context_takeover":
			bit = 1
			p.ServerNoContextTakeover = true
			ok = !q.valued
		case "client_no_context_takeover":
			bit = 2
			p.ClientNoContextTakeover = true
			ok = !q.valued
		case "server_max_window_bits":
			bit = 4
			p.ServerMaxWindowBits, ok = windowBits(q.value)
		case "client_max_window_bits":
			bit = 8
			clientBits = true
			if !q.valued && offer {
				ok = true
			} else {
				p.ClientMaxWindowBits, ok = windowBits(q.value)
			}
		default:
			ok = false
		}
		if !ok || seen&bit != 0 {
			return p, clientBits, false
		}
		seen |= bit
	}
	return p, clientBits, true
}

// windowBits decodes 8 to 15, without leading zeros.
func windowBits(s string) (int, bool) {
	switch s {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		n, _ := strconv.Atoi(s)
		return n, true
	}
	return 0, false
}

// fullBits returns the configured window, or 15.
func fullBits(n int) int {
	if n < minWindowBits || n > maxWindowBits {
		return maxWindowBits
	}
	return n
}

// acceptDeflate answers a client's offers: with the first that can be honoured, or nil.
func acceptDeflate(offers []extension, o *Compression) *DeflateParams {
	if o == nil {
		return nil
	}
	room := takeoverRoom()
	for i := range offers {
		if offers[i].name != "permessage-deflate" {
			continue
		}
		p, clientBits, ok := offers[i].deflateParams(true)
		if !ok {
			continue
		}
		p.ServerNoContextTakeover = p.ServerNoContextTakeover || !o.ServerTakeover || !room
		p.ClientNoContextTakeover = p.ClientNoContextTakeover || !o.ClientTakeover || !room
		// What the client offered must be answered, even if the value is what silence would mean; the server may limit
		// its own window unasked, the client's only if the client said that it can (RFC 7692 §7.1.2).
		if own := fullBits(o.ServerWindowBits); p.ServerMaxWindowBits != 0 || own < maxWindowBits {
			p.ServerMaxWindowBits = min(fullBits(p.ServerMaxWindowBits), own)
		}
		if own := fullBits(o.ClientWindowBits); clientBits && (p.ClientMaxWindowBits != 0 || own < maxWindowBits) {
			p.ClientMaxWindowBits = min(fullBits(p.ClientMaxWindowBits), own)
		}
		return &p
	}
	return nil
}

// offerDeflate returns the offer of a client.
func offerDeflate(o *Compression) string {
	room := takeoverRoom()
	p := DeflateParams{
		ServerNoContextTakeover: !o.ServerTakeover || !room,
		ClientNoContextTakeover: !o.ClientTakeover || !room,
	}
	if n := fullBits(o.ServerWindowBits); n < maxWindowBits {
		p.ServerMaxWindowBits = n
	}
	if n := fullBits(o.ClientWindowBits); n < maxWindowBits {
		p.ClientMaxWindowBits = n
		return p.String()
	}
	return p.String() + "; client_max_window_bits"
}

// deflateAgreed checks a server's answer to offerDeflate (RFC 7692 §7.1). fields are the answer's
// Sec-WebSocket-Extensions; o is nil if nothing was offered.
func deflateAgreed(fields []string, o *Compression) (*DeflateParams, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	list, err := parseExtensions(fields)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > 1 || list[0].name != "permessage-deflate" || o == nil {
		return nil, errors.New("the server chose an extension that was not offered")
	}
	p, _, ok := list[0].deflateParams(false)
	if !ok {
		return nil, errors.New("the server answered with invalid parameters of permessage-deflate")
	}
	if !o.ServerTakeover && !p.ServerNoContextTakeover {
		return nil, errors.New("the server did not agree to server_no_context_takeover")
	}
	if fullBits(p.ServerMaxWindowBits) > fullBits(o.ServerWindowBits) {
		return nil, errors.New("the server did not agree to server_max_window_bits")
	}
	// Our own window may be smaller than what the server allows, and need not outlive a message.
	p.ClientMaxWindowBits = min(fullBits(p.ClientMaxWindowBits), fullBits(o.ClientWindowBits))
	p.ClientNoContextTakeover = p.ClientNoContextTakeover || !o.ClientTakeover || !takeoverRoom()
	return &p, nil
}
