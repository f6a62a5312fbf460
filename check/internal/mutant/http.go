package mutant

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// field is a header field as it came, without the space around its value.
type field struct{ name, value string }

// head is what begins a request or a response: a line, and the header.
type head struct {
	line   string
	fields []field
}

// values returns the values of all fields of that name.
func (h *head) values(name string) []string {
	var list []string
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			list = append(list, f.value)
		}
	}
	return list
}

// headLimits bounds a head. Nothing bounds it if they are 0.
type headLimits struct{ bytes, lines int }

var (
	errHeadSize    = errors.New("the head is too large")
	errHeadGrammar = errors.New("the head is not HTTP")
)

// readHead reads up to the empty line that ends a head, and not a byte more.
func readHead(r *bufio.Reader, limits headLimits, fault Fault) (*head, error) {
	h := &head{}
	size := 0
	for lines := 0; ; lines++ {
		line, err := readLine(r, limits.bytes, &size, fault)
		switch {
		case err != nil:
			return nil, err
		case lines == 0:
			h.line = line
			continue
		case line == "":
			return h, nil
		case limits.lines > 0 && lines > limits.lines:
			return nil, errHeadSize
		}
		name, value, colon := strings.Cut(line, ":")
		if !colon || !isToken(name) { // a name with a space before the colon, and a folded line, are refused here as well
			if fault == acceptsBadFieldNames {
				continue
			}
			return nil, errHeadGrammar
		}
		h.fields = append(h.fields, field{name, strings.Trim(value, " \t")})
	}
}

// readLine reads a line without the CR LF that must end it.
func readLine(r *bufio.Reader, limit int, size *int, fault Fault) (string, error) {
	var line []byte
	reflects := fault == reflectsSubprotocol || fault == reflectsPath || fault == reflectsExtension
	for {
		c, err := r.ReadByte()
		if err != nil {
			if err == io.EOF && *size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if *size++; limit > 0 && *size > limit {
			return "", errHeadSize
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			if c == '\n' {
				return string(line[:n-1]), nil
			}
			if !reflects {
				return "", errHeadGrammar
			}
		}
		if (c < ' ' && c != '\t' && c != '\r' || c == 0x7f) && !reflects {
			return "", errHeadGrammar
		}
		line = append(line, c)
	}
}

// isToken reports whether s is a token: RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// listed returns the elements of a list that may be spread over fields. Empty elements count for nothing: RFC 9110 §5.6.1.
func listed(values []string) []string {
	var list []string
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.Trim(e, " \t"); e != "" {
				list = append(list, e)
			}
		}
	}
	return list
}

// hasToken reports whether a list holds a token, in any case.
func hasToken(values []string, token string, fault Fault) bool {
	list := listed(values)
	if fault == firstTokenOnly && len(list) > 1 {
		list = list[:1]
	}
	for _, e := range list {
		switch {
		case fault == caseSensitiveTokens && !strings.EqualFold(token, "websocket"):
			if e == "Upgrade" {
				return true
			}
		case fault == caseSensitiveTokens:
			if e == token {
				return true
			}
		case strings.EqualFold(e, token):
			return true
		case fault == matchesSubstrings && strings.Contains(strings.ToLower(e), token):
			return true
		}
	}
	return false
}
