package ws

import "strings"

// tokenChars marks the characters of a token (RFC 9110 §5.6.2).
var tokenChars = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// isToken reports whether s is a token.
func isToken(s string) bool {
	token, rest := cutToken(s)
	return token != "" && rest == ""
}

// cutToken cuts the token that s begins with; it may be empty.
func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && tokenChars[s[i]] {
		i++
	}
	return s[:i], s[i:]
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }

// tokenList splits the values of list fields into tokens. ok is false if something else stands between the commas.
func tokenList(fields []string) (list []string, ok bool) {
	for _, s := range fields {
		for part := range strings.SplitSeq(s, ",") {
			part = strings.Trim(part, " \t")
			if part == "" {
				continue
			}
			if !isToken(part) {
				return nil, false
			}
			list = append(list, part)
		}
	}
	return list, true
}

// hasToken reports whether a list field holds token, in any case. Only ASCII has case here: of the letters that Unicode takes for
// the same none has the same length.
func hasToken(fields []string, token string) bool {
	for _, s := range fields {
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.Trim(part, " \t"); len(part) == len(token) && strings.EqualFold(part, token) {
				return true
			}
		}
	}
	return false
}
