package ws

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// extensionList is the grammar of RFC 6455 §9.1 with the lists of RFC 9110 §5.6.1.2.
var extensionList = func() *regexp.Regexp {
	const (
		space  = "[ \t]*"
		char   = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
		value  = "(?:" + char + "+|\"(?:\\\\?" + char + ")+\")"
		param  = space + ";" + space + char + "+(?:" + space + "=" + space + value + ")?"
		offer  = char + "+(?:" + param + ")*"
		member = space + "(?:" + offer + ")?" + space
	)
	return regexp.MustCompile("^" + member + "(?:," + member + ")*$")
}()

// acceptableOffer decides as plainly as possible whether the parameters of an offer are right (RFC 7692 §7.1).
func acceptableOffer(params []extensionParam) (map[string]string, bool) {
	m := map[string]string{}
	for _, p := range params {
		if _, twice := m[p.name]; twice {
			return nil, false
		}
		m[p.name] = p.value
		n, err := strconv.Atoi(p.value)
		bits := err == nil && n >= 8 && n <= 15 && strconv.Itoa(n) == p.value
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if p.valued {
				return nil, false
			}
		case "server_max_window_bits":
			if !bits {
				return nil, false
			}
		case "client_max_window_bits":
			if !bits && p.valued {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return m, true
}

// parseExtensions takes exactly the grammar, and the answer of a server to any offer is one that the offer allows.
func FuzzExtensionHeader(f *testing.F) {
	for _, s := range []string{
		"", ",", "permessage-deflate", "permessage-deflate; client_max_window_bits",
		`permessage-deflate; client_max_window_bits="10"; server_max_window_bits=15`,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover, permessage-deflate",
		"permessage-deflate; unknown, x; y=z, permessage-deflate; server_max_window_bits=9", `a; b="\c`, `a; b="c" d`,
		"permessage-deflate; server_max_window_bits=09", "a;;b", "a = b", " a\t;b , ,",
	} {
		f.Add(s, "", byte(0), byte(0), byte(3))
		f.Add("x", s, byte(10), byte(12), byte(0))
	}
	f.Fuzz(func(t *testing.T, first, second string, serverBits, clientBits, takeover byte) {
		fields := []string{first, second}
		list, err := parseExtensions(fields)
		valid := extensionList.MatchString(first) && extensionList.MatchString(second)
		if err == nil && !valid {
			t.Fatalf("%q was parsed, but breaks the grammar", fields)
		}
		if err != nil {
			// Seventeen extensions, or parameters of one, need as many separators.
			if valid && strings.Count(first+second, ",")+1 < maxExtensions && strings.Count(first+second, ";") <= maxExtensions {
				t.Fatalf("%q is right, but: %v", fields, err)
			}
			return
		}
		o := &Compression{
			ServerTakeover: takeover&1 != 0, ClientTakeover: takeover&2 != 0,
			ServerWindowBits: int(serverBits % 17), ClientWindowBits: int(clientBits % 17),
		}
		var offer map[string]string
		for _, e := range list {
			if m, ok := acceptableOffer(e.params); e.name == "permessage-deflate" && ok {
				offer = m
				break
			}
		}
		p := acceptDeflate(list, o)
		if (p != nil) != (offer != nil) {
			t.Fatalf("the answer to %q is %v", fields, p)
		}
		if p == nil {
			return
		}
		if !extensionList.MatchString(p.String()) {
			t.Fatalf("the answer %q breaks the grammar", p)
		}
		answer, err := parseExtensions([]string{p.String()})
		if err != nil || len(answer) != 1 || answer[0].name != "permessage-deflate" {
			t.Fatalf("the answer %q parses to %v, %v", p, answer, err)
		}
		got := map[string]string{}
		for _, q := range answer[0].params {
			got[q.name] = q.value
		}
		bits := func(s string) int {
			if n, err := strconv.Atoi(s); err == nil {
				return n
			}
			return 15
		}
		configured := func(n byte) int {
			if n %= 17; n >= 8 && n <= 15 {
				return int(n)
			}
			return 15
		}
		for _, name := range []string{"server_no_context_takeover", "client_no_context_takeover"} {
			_, asked := offer[name]
			_, answered := got[name]
			wished := o.ServerTakeover
			if name[0] == 'c' {
				wished = o.ClientTakeover
			}
			if answered != (asked || !wished) {
				t.Fatalf("%s is wrong in %q, the answer to %q with %+v", name, p, fields, o)
			}
		}
		for name, own := range map[string]int{"server_max_window_bits": configured(serverBits), "client_max_window_bits": configured(clientBits)} {
			value, asked := offer[name]
			answered, there := got[name]
			if name[0] == 'c' && !asked {
				if there {
					t.Fatalf("%s was not offered, but is in %q, the answer to %q", name, p, fields)
				}
				continue
			}
			if bits(answered) != min(bits(value), own) || value != "" && !there {
				t.Fatalf("%s is wrong in %q, the answer to %q with %+v", name, p, fields, o)
			}
		}
	})
}
