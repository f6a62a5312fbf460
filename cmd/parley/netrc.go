package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A netrc file holds user and password by host, for curl, git, ftp and others.

// netrcEntry is what a netrc file says of a host.
type netrcEntry struct {
	host            string // "" is any: the entry "default"
	login, password string
}

// fromNetrc adds the credentials for the address if there are none, and the file has some. They are in the header, so
// that a redirect to another origin loses them.
func (d *dialFlags) fromNetrc(header http.Header) error {
	if !d.netrc && d.netrcFile == "" || header.Get("Authorization") != "" || d.address == "" {
		return nil
	}
	u, err := url.Parse(d.address)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	login := ""
	if u.User != nil {
		if _, ok := u.User.Password(); ok {
			return nil
		}
		login = u.User.Username()
	}
	entries, err := readNetrc(d.netrcFile)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.host != "" && !strings.EqualFold(e.host, u.Hostname()) || login != "" && e.login != "" && e.login != login {
			continue
		}
		if e.login != "" {
			login = e.login
		}
		if strings.Contains(login, ":") {
			return usage("choose another way, such as -H 'Authorization: …'", "netrc: the login for %s holds a colon, which basic authentication cannot carry", u.Hostname())
		}
		header.Set("Authorization", basic(login+":"+e.password))
		return nil
	}
	return nil
}

// readNetrc reads the file of that name, or else $NETRC, or else the one in the home directory, which need not be there.
func readNetrc(name string) ([]netrcEntry, error) {
	flag, optional := "--netrc-file", false
	if name == "" {
		flag = "--netrc"
		if name = os.Getenv("NETRC"); name == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, usage("name the file with --netrc-file", "--netrc: %w", err)
			}
			name, optional = filepath.Join(home, ".netrc"), true
			if _, err := os.Stat(name); err != nil && runtime.GOOS == "windows" {
				name = filepath.Join(home, "_netrc")
			}
		}
	}
	text, err := os.ReadFile(name)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("%s: %w", flag, err), "check the name of the file, and who may read it"}
	}
	entries, line, err := parseNetrc(string(text))
	if err != nil {
		return nil, usage("correct that line", "%s: %s:%d: %w", flag, name, line, err)
	}
	return entries, nil
}

// parseNetrc reads the text of a netrc file as curl does: words between white space, of which values may stand in double
// quotes. Errors do not show what is there, which may be a password: they come with the number of the line.
func parseNetrc(text string) (entries []netrcEntry, line int, err error) {
	s := netrcScanner{text: text, line: 1}
	var e *netrcEntry
	for {
		word, ok := s.keyword()
		if !ok {
			return entries, 0, nil
		}
		at := s.line
		if word == "default" {
			entries = append(entries, netrcEntry{})
			e = &entries[len(entries)-1]
			continue
		}
		if word != "machine" && word != "login" && word != "password" && word != "account" && word != "macdef" {
			return nil, at, errors.New("want machine, default, login, password, account or macdef: a value with spaces in it needs double quotes")
		}
		value, err := s.value()
		switch {
		case err != nil:
			return nil, at, fmt.Errorf("the value of %s %w", word, err)
		case word == "machine":
			if value == "" {
				return nil, at, errors.New("the name of a machine is empty")
			}
			entries = append(entries, netrcEntry{host: value})
			e = &entries[len(entries)-1]
		case word == "macdef":
			s.macro()
		case e == nil:
			return nil, at, fmt.Errorf("%s stands before the first machine", word)
		case word == "login":
			e.login = value
		case word == "password":
			e.password = value
		}
	}
}

// netrcScanner finds the words of a netrc file.
type netrcScanner struct {
	text string
	line int
}

const netrcSpace = " \t\r\n"

// blank skips white space.
func (s *netrcScanner) blank() {
	rest := strings.TrimLeft(s.text, netrcSpace)
	s.advance(len(s.text) - len(rest))
}

// advance skips n bytes, and returns them.
func (s *netrcScanner) advance(n int) string {
	skipped := s.text[:n]
	s.line += strings.Count(skipped, "\n")
	s.text = s.text[n:]
	return skipped
}

// until returns what stands before one of the bytes of set.
func (s *netrcScanner) until(set string) string {
	n := strings.IndexAny(s.text, set)
	if n < 0 {
		n = len(s.text)
	}
	return s.advance(n)
}

// keyword returns the next word where a keyword has to stand; there a # begins a comment.
func (s *netrcScanner) keyword() (string, bool) {
	for s.blank(); strings.HasPrefix(s.text, "#"); s.blank() {
		s.until("\n")
	}
	word := s.until(netrcSpace)
	return word, word != ""
}

// value returns the next word where a value has to stand.
func (s *netrcScanner) value() (string, error) {
	s.blank()
	if s.text == "" {
		return "", errors.New("is missing")
	}
	if s.text[0] != '"' {
		return s.until(netrcSpace), nil
	}
	s.advance(1)
	var b strings.Builder
	for s.text != "" && s.text[0] != '\n' {
		c := s.advance(1)[0]
		switch {
		case c == '"':
			return b.String(), nil
		case c == '\\' && s.text != "":
			c = s.advance(1)[0]
			if i := strings.IndexByte("nrt", c); i >= 0 {
				c = "\n\r\t"[i]
			}
		}
		b.WriteByte(c)
	}
	return "", errors.New("lacks the quote at its end")
}

// macro skips what belongs to a macro: all up to an empty line.
func (s *netrcScanner) macro() {
	for s.until("\n"); s.text != ""; {
		s.advance(1)
		if strings.TrimRight(s.until("\n"), " \t\r") == "" {
			return
		}
	}
}
