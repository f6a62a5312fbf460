package check

import (
	"fmt"
	"slices"
	"strconv"
)

// Deflate is permessage-deflate as a case wants it agreed, the same for both roles of the subject: RFC 7692 §7.1.
type Deflate struct {
	SubjectBits       int  // the window of what the subject sends, 8 to 15; 0 leaves it open
	OwnBits           int  // the window of what the suite sends, 8 to 15; 0 leaves it open
	Judged            bool // the case is about what the subject compresses: where it compresses nothing, there is nothing to judge
	SubjectNoTakeover bool // the subject compresses each message for itself
	OwnNoTakeover     bool // the suite compresses each message for itself
	OwnTakeover       bool // messages of the suite refer to earlier ones: a subject that excludes that leaves the case unimplemented
}

// params are the parameters that were agreed.
type params struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int // 0 where nothing was said, which means 15
}

const permessageDeflate = "permessage-deflate"

// offer writes what the suite offers a server.
func (d *Deflate) offer() string {
	s := permessageDeflate
	if d.SubjectNoTakeover {
		s += "; server_no_context_takeover"
	}
	if d.OwnNoTakeover {
		s += "; client_no_context_takeover"
	}
	if d.SubjectBits > 0 {
		s += fmt.Sprintf("; server_max_window_bits=%d", d.SubjectBits)
	}
	if d.OwnBits > 0 {
		s += fmt.Sprintf("; client_max_window_bits=%d", d.OwnBits)
	}
	return s
}

// answer writes what the suite answers a client that offered, or says why the client cannot have it.
func (d *Deflate) answer(offers []extension) (answer, declined string) {
	declined = "the client does not offer permessage-deflate"
	for i := range offers {
		if offers[i].name != permessageDeflate {
			continue
		}
		o, _, err := parseParams(&offers[i], false)
		if err != nil {
			return "", err.Error()
		}
		p := params{
			clientNoTakeover: d.SubjectNoTakeover || o.clientNoTakeover, serverNoTakeover: d.OwnNoTakeover || o.serverNoTakeover,
			clientBits: d.SubjectBits, serverBits: d.OwnBits,
		}
		if o.serverBits > 0 && (p.serverBits == 0 || p.serverBits > o.serverBits) {
			p.serverBits = o.serverBits
		}
		if d.OwnTakeover && p.serverNoTakeover {
			declined = "the client excludes the takeover of the server"
			continue
		}
		if p.clientBits > 0 && !offers[i].has("client_max_window_bits") {
			declined = "the client does not offer client_max_window_bits"
			continue
		}
		return p.String(), ""
	}
	return "", declined
}

func (e *extension) has(name string) bool {
	return slices.ContainsFunc(e.params, func(p param) bool { return p.name == name })
}

// String writes the parameters as an answer has them.
func (p params) String() string {
	s := permessageDeflate
	if p.serverNoTakeover {
		s += "; server_no_context_takeover"
	}
	if p.clientNoTakeover {
		s += "; client_no_context_takeover"
	}
	if p.serverBits > 0 {
		s += fmt.Sprintf("; server_max_window_bits=%d", p.serverBits)
	}
	if p.clientBits > 0 {
		s += fmt.Sprintf("; client_max_window_bits=%d", p.clientBits)
	}
	return s
}

// parseParams checks the parameters of permessage-deflate in an offer or an answer: RFC 7692 §7.1. hint is whether
// client_max_window_bits stands there, with or without value.
func parseParams(e *extension, answer bool) (p params, hint bool, err error) {
	seen := map[string]bool{}
	for _, a := range e.params {
		if seen[a.name] {
			return p, hint, fmt.Errorf("%s is there twice", a.name)
		}
		seen[a.name] = true
		switch a.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if a.valued {
				return p, hint, fmt.Errorf("%s has a value", a.name)
			}
			if a.name[0] == 's' {
				p.serverNoTakeover = true
			} else {
				p.clientNoTakeover = true
			}
		case "server_max_window_bits":
			if !a.valued {
				return p, hint, fmt.Errorf("%s has no value", a.name)
			}
			p.serverBits, err = windowBits(a)
		case "client_max_window_bits":
			hint = true
			if a.valued {
				p.clientBits, err = windowBits(a)
			} else if answer {
				err = fmt.Errorf("%s has no value", a.name)
			}
		default:
			return p, hint, fmt.Errorf("the parameter %s is unknown", a.name)
		}
		if err != nil {
			return p, hint, err
		}
	}
	return p, hint, nil
}

// windowBits is the value of a window: 8 to 15, without leading zeros.
func windowBits(a param) (int, error) {
	n, err := strconv.Atoi(a.value)
	if err != nil || n < 8 || n > 15 || a.value != strconv.Itoa(n) {
		return 0, fmt.Errorf("%s is %q, not 8 to 15", a.name, a.value)
	}
	return n, nil
}

// judgeAnswer checks the extensions of a response against what was offered, and returns what was agreed, nil if nothing
// was: RFC 6455 §9.1, RFC 7692 §5.1 and §7.1.
func judgeAnswer(answered, offered []extension) (*params, error) {
	switch {
	case len(answered) == 0:
		return nil, nil
	case answered[0].name != permessageDeflate || !slices.ContainsFunc(offered, func(o extension) bool { return o.name == permessageDeflate }):
		return nil, fmt.Errorf("the extension %s was not offered", answered[0].name)
	case len(answered) > 1:
		return nil, fmt.Errorf("%d extensions answer one offer", len(answered))
	}
	p, hint, err := parseParams(&answered[0], true)
	if err != nil {
		return &p, err
	}
	why := fmt.Errorf("permessage-deflate was not offered in a valid form")
	for i := range offered {
		if offered[i].name != permessageDeflate {
			continue
		}
		o, offeredHint, err := parseParams(&offered[i], false)
		switch {
		case err != nil:
			continue // invalid offers are declined
		case o.serverNoTakeover && !p.serverNoTakeover:
			why = fmt.Errorf("server_no_context_takeover was offered and is not in the answer")
		case o.serverBits > 0 && (p.serverBits == 0 || p.serverBits > o.serverBits):
			why = fmt.Errorf("server_max_window_bits=%d was offered, the answer does not stay within it", o.serverBits)
		case hint && !offeredHint:
			why = fmt.Errorf("client_max_window_bits is in the answer though it was not offered")
		default:
			return &p, nil
		}
	}
	return &p, why
}
