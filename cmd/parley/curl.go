package main

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A browser's developer tools copy a request, WebSocket handshakes too, as a command line for curl. --curl takes it.

// curlLine is what a command line for curl says.
type curlLine struct {
	url                                  string
	headers, subprotocols, resolve       []string
	user, proxy, cacert, cert, key, unix string
	insecure, location, deflate          bool
	timeout                              time.Duration
}

// fromCurl sets the flags that were not given from the line of --curl, and returns its URL.
func (d *dialFlags) fromCurl() (string, error) {
	const hint = "copy it in the browser: developer tools, Network, the request, Copy as cURL"
	text, err := fromFile("--curl", d.curl)
	if err != nil {
		return "", err
	}
	c, err := parseCurl(text)
	if err != nil {
		return "", usage(hint, "--curl: %w", err)
	}
	given := map[string]bool{}
	for _, h := range d.headers {
		if name, _, ok := strings.Cut(h, ":"); ok {
			given[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
	}
	var headers []string
	for _, h := range c.headers {
		if name, _, ok := strings.Cut(h, ":"); !ok || !given[textproto.CanonicalMIMEHeaderKey(name)] {
			headers = append(headers, h)
		}
	}
	d.headers = append(headers, d.headers...)
	d.resolve = append(c.resolve, d.resolve...)
	if len(d.subprotocols) == 0 {
		d.subprotocols = c.subprotocols
	}
	for _, one := range []struct {
		flag *string
		text string
	}{{&d.user, c.user}, {&d.proxy, c.proxy}, {&d.cacert, c.cacert}, {&d.cert, c.cert}, {&d.key, c.key}, {&d.unixSocket, c.unix}} {
		if *one.flag == "" {
			*one.flag = one.text
		}
	}
	d.insecure = d.insecure || c.insecure
	d.location = d.location || c.location
	if c.deflate && !d.set.Changed("compress") {
		d.compress = "takeover" // as browsers offer it
	}
	if c.timeout > 0 && !d.set.Changed("connect-timeout") {
		d.timeout = c.timeout
	}
	return c.url, nil
}

// curlFlag is what a flag of curl means here.
type curlFlag struct {
	short string // one letter, or none
	value bool   // it takes one
	take  func(c *curlLine, value string) error
}

// curlFlags are the flags that are understood, by their long names. Without take they mean nothing here.
var curlFlags = map[string]curlFlag{
	"header":          {"H", true, (*curlLine).header},
	"user":            {"u", true, func(c *curlLine, v string) error { c.user = v; return nil }},
	"user-agent":      {"A", true, func(c *curlLine, v string) error { return c.header("User-Agent: " + v) }},
	"referer":         {"e", true, func(c *curlLine, v string) error { return c.header("Referer: " + v) }},
	"cookie":          {"b", true, (*curlLine).cookie},
	"request":         {"X", true, (*curlLine).method},
	"url":             {"", true, (*curlLine).address},
	"insecure":        {"k", false, func(c *curlLine, _ string) error { c.insecure = true; return nil }},
	"location":        {"L", false, func(c *curlLine, _ string) error { c.location = true; return nil }},
	"proxy":           {"x", true, func(c *curlLine, v string) error { c.proxy = v; return nil }},
	"cacert":          {"", true, func(c *curlLine, v string) error { c.cacert = v; return nil }},
	"cert":            {"E", true, func(c *curlLine, v string) error { c.cert = v; return nil }},
	"key":             {"", true, func(c *curlLine, v string) error { c.key = v; return nil }},
	"unix-socket":     {"", true, func(c *curlLine, v string) error { c.unix = v; return nil }},
	"resolve":         {"", true, func(c *curlLine, v string) error { c.resolve = append(c.resolve, v); return nil }},
	"connect-timeout": {"", true, (*curlLine).connectTimeout},
	"get":             {"G", false, nil}, "compressed": {"", false, nil}, "silent": {"s", false, nil}, "show-error": {"S", false, nil},
	"include": {"i", false, nil}, "verbose": {"v", false, nil}, "no-buffer": {"N", false, nil}, "globoff": {"g", false, nil},
	"fail": {"f", false, nil}, "http1.1": {"", false, nil}, "http2": {"", false, nil}, "path-as-is": {"", false, nil},
	"output": {"o", true, nil}, "max-time": {"m", true, nil},
}

// parseCurl reads a command line for curl, in the words of a POSIX shell or of Windows' cmd.
func parseCurl(line string) (*curlLine, error) {
	words, err := shellWords(line)
	if err != nil {
		return nil, err
	}
	if len(words) > 0 && strings.TrimSuffix(words[0], ".exe") == "curl" {
		words = words[1:]
	}
	c := &curlLine{}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if !strings.HasPrefix(word, "-") || word == "-" {
			if err := c.address(word); err != nil {
				return nil, err
			}
			continue
		}
		if words, err = c.flags(word, words); err != nil {
			return nil, err
		}
	}
	if c.url == "" {
		return nil, errors.New("there is no URL in it")
	}
	return c, nil
}

// flags applies a word with a flag, or several of one letter, and returns the words that are left.
func (c *curlLine) flags(word string, words []string) ([]string, error) {
	apply := func(shown string, f curlFlag, value string, has bool) error {
		if f.value && !has {
			if len(words) == 0 {
				return fmt.Errorf("%s lacks its value", shown)
			}
			value, words = words[0], words[1:]
		}
		if f.take == nil {
			return nil
		}
		return f.take(c, value)
	}
	if name, ok := strings.CutPrefix(word, "--"); ok {
		f, known := curlFlags[name]
		if !known {
			return nil, unknownCurlFlag(word)
		}
		return words, apply(word, f, "", false)
	}
	for letters := word[1:]; letters != ""; {
		shown := "-" + letters[:1]
		f, known := curlShort(letters[:1])
		if !known {
			return nil, unknownCurlFlag(shown)
		}
		letters = letters[1:]
		rest := letters
		if f.value {
			letters = ""
		}
		if err := apply(shown, f, rest, f.value && rest != ""); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func curlShort(letter string) (curlFlag, bool) {
	for _, f := range curlFlags {
		if f.short == letter {
			return f, true
		}
	}
	return curlFlag{}, false
}

func unknownCurlFlag(flag string) error {
	if slices.Contains([]string{"-d", "-F", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--form", "--json"}, flag) {
		return fmt.Errorf("a handshake has no body, so there can be no %s", flag)
	}
	return fmt.Errorf("what %s means for a WebSocket is not known", flag)
}

func (c *curlLine) address(v string) error {
	if c.url != "" {
		return errors.New("there are two URLs in it")
	}
	if !strings.Contains(v, "://") {
		v = "http://" + v
	}
	c.url = v
	return nil
}

// header takes a header line, and leaves out what the handshake sets itself.
func (c *curlLine) header(v string) error {
	if strings.HasPrefix(v, "@") {
		c.headers = append(c.headers, v)
		return nil
	}
	if name, ok := strings.CutSuffix(v, ";"); ok && !strings.Contains(v, ":") { // curl's way to write an empty field
		c.headers = append(c.headers, name+":")
		return nil
	}
	name, value, ok := strings.Cut(v, ":")
	value = strings.TrimSpace(value)
	if !ok {
		return errors.New("a -H is no header line") // without the value: it may be a secret
	}
	if value == "" {
		return nil // takes a field of curl's own away
	}
	switch strings.ToLower(name) {
	case "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-accept", "content-length",
		"transfer-encoding", "te", "trailer", "authority", "":
	case "sec-websocket-protocol":
		for p := range strings.SplitSeq(value, ",") {
			c.subprotocols = append(c.subprotocols, strings.TrimSpace(p))
		}
	case "sec-websocket-extensions":
		c.deflate = strings.Contains(value, "permessage-deflate")
	default:
		c.headers = append(c.headers, v)
	}
	return nil
}

func (c *curlLine) cookie(v string) error {
	if !strings.Contains(v, "=") {
		return errors.New("-b names a file, which only curl can read: write -b 'NAME=VALUE'")
	}
	return c.header("Cookie: " + v)
}

func (c *curlLine) method(v string) error {
	if v != "GET" {
		return fmt.Errorf("a handshake is a GET request, not %s", v)
	}
	return nil
}

func (c *curlLine) connectTimeout(v string) error {
	seconds, err := strconv.ParseFloat(v, 64)
	if err != nil || seconds <= 0 || seconds > 1e6 {
		return fmt.Errorf("--connect-timeout %s is no number of seconds", v)
	}
	c.timeout = time.Duration(seconds * float64(time.Second))
	return nil
}

// shellWords splits a line as a POSIX shell does, with the quotes '…', "…" and $'…' and nothing expanded. A line with
// carets before its quotes or line breaks is one for Windows' cmd.
func shellWords(line string) ([]string, error) {
	for _, mark := range []string{"^\"", "^\n", "^\r\n"} {
		if strings.Contains(line, mark) {
			line = withoutCarets(line)
			break
		}
	}
	var words []string
	var word strings.Builder
	inWord := false
	for line != "" {
		switch r, size := utf8.DecodeRuneInString(line); {
		case strings.HasPrefix(line, "\\\n"):
			line = line[2:]
		case strings.HasPrefix(line, "\\\r\n"):
			line = line[3:]
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
			line = line[size:]
		case strings.HasPrefix(line, "$'"):
			rest, err := ansiQuoted(&word, line[2:])
			if err != nil {
				return nil, err
			}
			line, inWord = rest, true
		case r == '\'':
			text, rest, ok := strings.Cut(line[1:], "'")
			if !ok {
				return nil, errUnquoted
			}
			word.WriteString(text)
			line, inWord = rest, true
		case r == '"':
			rest, err := doubleQuoted(&word, line[1:])
			if err != nil {
				return nil, err
			}
			line, inWord = rest, true
		case r == '\\' && len(line) > 1:
			_, size = utf8.DecodeRuneInString(line[1:])
			word.WriteString(line[1 : 1+size])
			line, inWord = line[1+size:], true
		case strings.ContainsRune(";|&<>`", r):
			return nil, fmt.Errorf("%q: there is more than one command in it", r)
		default:
			word.WriteString(line[:size])
			line, inWord = line[size:], true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

var errUnquoted = errors.New("a quote is not closed: put the line into a file, and write --curl @FILE")

// withoutCarets removes what cmd's escape character does.
func withoutCarets(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] != '^' || i+1 == len(line) {
			b.WriteByte(line[i])
			continue
		}
		i++
		switch {
		case line[i] == '\n':
		case line[i] == '\r' && i+1 < len(line) && line[i+1] == '\n':
			i++
		default:
			b.WriteByte(line[i])
		}
	}
	return b.String()
}

// doubleQuoted reads up to the closing quote.
func doubleQuoted(word *strings.Builder, s string) (rest string, err error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\\\"$`\n", s[i+1]) >= 0:
			i++
			if s[i] != '\n' {
				word.WriteByte(s[i])
			}
		default:
			word.WriteByte(s[i])
		}
	}
	return "", errUnquoted
}

// ansiQuoted reads the inside of $'…' up to the closing quote.
func ansiQuoted(word *strings.Builder, s string) (rest string, err error) {
	simple := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'a': 7, 'b': 8, 'e': 27, 'E': 27, 'f': 12, 'v': 11,
		'\\': '\\', '\'': '\'', '"': '"', '?': '?'}
	for i := 0; i < len(s); i++ {
		if s[i] == '\'' {
			return s[i+1:], nil
		}
		if s[i] != '\\' || i+1 == len(s) {
			word.WriteByte(s[i])
			continue
		}
		i++
		digits, base, skip := 0, 16, 1
		switch c := s[i]; {
		case simple[c] != 0:
			word.WriteByte(simple[c])
			continue
		case c == 'x':
			digits = 2
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case c >= '0' && c <= '7':
			digits, base, skip = 3, 8, 0
		default:
			word.WriteByte('\\')
			word.WriteByte(c)
			continue
		}
		end := i + skip
		for end < len(s) && end < i+skip+digits && isDigit(s[end], base) {
			end++
		}
		n, err := strconv.ParseUint(s[i+skip:end], base, 32)
		if err != nil {
			return "", fmt.Errorf("$'…': \\%c lacks its digits", s[i])
		}
		if digits <= 3 {
			word.WriteByte(byte(n))
		} else {
			word.WriteRune(rune(n))
		}
		i = end - 1
	}
	return "", errUnquoted
}

func isDigit(c byte, base int) bool {
	_, err := strconv.ParseUint(string(c), base, 8)
	return err == nil && c < 0x80
}
