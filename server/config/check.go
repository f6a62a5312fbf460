package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// checks are those that the tag check names. None is called with an empty text, but for elements of lists.
var checks = map[string]func(string) error{
	"":         nil,
	"addr":     checkAddr,
	"argument": checkArgument,
	"host":     checkHost,
	"origin":   checkOrigin,
	"path":     checkPath,
	"pattern":  checkPattern,
	"sha256":   checkSHA256,
	"topic":    checkTopic,
	"url":      checkURL,
	"variable": checkVariable,
}

func checkAddr(s string) error {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if path == "" || strings.ContainsRune(path, 0) {
			return fmt.Errorf("%.80q names no socket: write unix:/run/parley.sock", s)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%.80q is neither HOST:PORT nor unix:/path: write 127.0.0.1:8080, [::1]:8080, or :8080 for every address", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%.80q has no port from 0 to 65535: write 127.0.0.1:8080", s)
	}
	return nil
}

func checkHost(s string) error {
	if s == "" || strings.ContainsAny(s, "/*@ \t") || strings.Contains(s, ":") && net.ParseIP(s) == nil {
		return fmt.Errorf("%.80q is not the name or the address of a host: write it without scheme, port and path, as parley.example.com", s)
	}
	return nil
}

func checkOrigin(s string) error {
	host := s
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		host = rest
		if scheme == "" {
			host = ""
		}
	}
	if host == "" || strings.ContainsAny(host, "/@?# \t,") {
		return fmt.Errorf("%.80q is not an origin: write https://example.com, *.example.com, or * for all, without a path", s)
	}
	return nil
}

func checkPattern(s string) error {
	if _, err := broker.Pattern(s); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "broker: "))
	}
	return nil
}

func checkSHA256(s string) error {
	if b, err := hex.DecodeString(s); err != nil || len(b) != 32 {
		return errors.New("a digest has 64 hexadecimal digits: printf %s KEY | sha256sum")
	}
	return nil
}

// checkURL must not show the URL if it may hold a password.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("this is not a URL: write https://HOST/PATH")
	}
	if u.User != nil {
		return errors.New("a URL with a password is seen in logs: put it into hooks.headers, as \"Authorization: @FILE\"")
	}
	if u.Fragment != "" {
		return errors.New("a fragment (#) is never sent: leave it out")
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// overTLS reports whether nobody on the way can change what a URL answers: by TLS, or since it does not leave the machine.
func overTLS(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}
