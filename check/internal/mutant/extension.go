package mutant

import (
	"errors"
	"strconv"
	"strings"
)

// extension is an element of Sec-WebSocket-Extensions: RFC 6455 §9.1.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool
}

var errExtensions = errors.New("malformed Sec-WebSocket-Extensions")

// parseExtensions parses all the fields, of which there is at least one.
func parseExtensions(fields []string, fault Fault) ([]extension, error) {
	var list []extension
	for _, s := range fields {
		for _, part := range splitOutside(s, ',') {
			if part == "" {
				continue
			}
			e, err := parseExtension(part)
			switch {
			case err != nil && fault == anyExtensionGrammar:
			case err != nil:
				return nil, err
			default:
				list = append(list, e)
			}
		}
	}
	if len(list) == 0 && fault != anyExtensionGrammar {
		return nil, errExtensions // there must be one
	}
	return list, nil
}

func parseExtension(s string) (extension, error) {
	parts := splitOutside(s, ';')
	e := extension{name: parts[0]}
	if !isToken(e.name) {
		return e, errExtensions
	}
	for _, part := range parts[1:] {
		name, value, valued := strings.Cut(part, "=")
		p := param{name: strings.Trim(name, " \t"), value: strings.Trim(value, " \t"), valued: valued}
		if n := len(p.value); n >= 2 && p.value[0] == '"' && p.value[n-1] == '"' {
			p.value = unescape(p.value[1 : n-1])
		}
		// Even in quotes, a value has to be a token.
		if !isToken(p.name) || valued && !isToken(p.value) {
			return e, errExtensions
		}
		e.params = append(e.params, p)
	}
	return e, nil
}

// unescape takes the backslashes out of the inside of a quoted-string, which a quote without one makes malformed.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		} else if s[i] == '"' {
			return ""
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// splitOutside splits s at the separators outside of quotes, and trims the parts.
func splitOutside(s string, separator byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, strings.Trim(s[start:i], " \t"))
			start = i + 1
		}
	}
	return append(parts, strings.Trim(s[start:], " \t"))
}

// agreement is what is agreed upon permessage-deflate: RFC 7692 §7.1.
type agreement struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int  // 0: not mentioned
	clientBitsNamed                    bool // client_max_window_bits is there, with or without a value
}

// String returns the answer to an offer.
func (a agreement) String() string {
	s := "permessage-deflate"
	if a.serverNoTakeover {
		s += "; server_no_context_takeover"
	}
	if a.clientNoTakeover {
		s += "; client_no_context_takeover"
	}
	if a.serverBits > 0 {
		s += "; server_max_window_bits=" + strconv.Itoa(a.serverBits)
	}
	if a.clientBits > 0 {
		s += "; client_max_window_bits=" + strconv.Itoa(a.clientBits)
	}
	return s
}

// agreement reads the parameters of an offer or of an answer. They must be known, single and in range: RFC 7692 §7.1.
func (e *extension) agreement(offer bool, fault Fault) (a agreement, ok bool) {
	seen := map[string]bool{}
	for _, p := range e.params {
		if seen[p.name] && fault != acceptsDuplicateParam {
			return a, false
		}
		seen[p.name] = true
		ok := true
		switch p.name {
		case "server_no_context_takeover":
			a.serverNoTakeover = true
			ok = !p.valued || fault == acceptsValuedFlag
		case "client_no_context_takeover":
			a.clientNoTakeover = true
			ok = !p.valued || fault == acceptsValuedFlag
		case "server_max_window_bits":
			a.serverBits, ok = windowBits(p.value, fault)
		case "client_max_window_bits":
			a.clientBitsNamed = true
			if p.valued || !offer {
				a.clientBits, ok = windowBits(p.value, fault)
			}
		default:
			ok = fault == acceptsUnknownParam
		}
		if !ok {
			return a, false
		}
	}
	return a, true
}

// windowBits reads 8 to 15, without leading zeros.
func windowBits(s string, fault Fault) (int, bool) {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil || s[0] < '0' || s[0] > '9':
		return 0, false
	case s[0] == '0' && fault != acceptsBits09:
		return 0, false
	case n == 16 && fault == acceptsBits16:
		return n, true
	}
	return n, n >= 8 && n <= 15
}

// answer chooses among the offers of a client; ok is false if none can be accepted.
func answer(offers []extension, fault Fault) (a agreement, ok bool) {
	for _, e := range offers {
		if e.name != "permessage-deflate" {
			continue
		}
		if a, ok = e.agreement(true, fault); ok || fault == stopsAtFirstOffer {
			break
		}
	}
	switch {
	case fault == answersClientBits && a.clientBits == 0:
		a.clientBits = 15
	case fault == forgetsNoTakeover:
		a.serverNoTakeover = false
	case fault == forgetsServerBits:
		a.serverBits = 0
	}
	return a, ok
}
