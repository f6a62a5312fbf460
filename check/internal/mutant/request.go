package mutant

import (
	"encoding/base64"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// checkRequest is RFC 6455 §4.2.1, item by item. It returns the request's target.
func checkRequest(h *head, fault Fault) (target string, err error) {
	if target, err = checkRequestLine(h.line, fault); err != nil {
		return "", err
	}
	if err := checkHost(h.values("Host"), fault); err != nil {
		return "", err
	}
	if len(h.values("Transfer-Encoding")) > 0 || slices.ContainsFunc(h.values("Content-Length"), func(v string) bool { return v != "0" }) {
		return "", bad("Unexpected Content")
	}
	if fault != noUpgradeNeeded && !hasToken(h.values("Upgrade"), "websocket", fault) {
		return "", bad("Upgrade Is Not websocket")
	}
	if fault != noConnectionNeeded && !hasToken(h.values("Connection"), "upgrade", fault) {
		return "", bad("Connection Lacks upgrade")
	}
	if v := h.values("Sec-WebSocket-Version"); fault != anyVersion && (len(v) != 1 || v[0] != "13") {
		if fault == version400 {
			return "", bad("Unknown Sec-WebSocket-Version")
		}
		return "", &refusal{status: "426 Upgrade Required", fields: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"}
	}
	return target, checkKey(h.values("Sec-WebSocket-Key"), fault)
}

func checkRequestLine(line string, fault Fault) (target string, err error) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !isToken(parts[0]) {
		return "", bad("Malformed Request Line")
	}
	method, target, version := parts[0], parts[1], parts[2]
	if fault == anyHTTPVersion && strings.HasPrefix(version, "HTTP/") {
		version = "HTTP/1.1"
	}
	minor, http1 := strings.CutPrefix(version, "HTTP/1.")
	switch {
	case !strings.HasPrefix(version, "HTTP/"):
		return "", bad("Malformed Request Line")
	case !http1:
		return "", &refusal{status: "505 HTTP Version Not Supported"}
	case len(minor) != 1 || minor[0] < '1' || minor[0] > '9':
		return "", bad("HTTP/1.1 Needed")
	case method != "GET" && fault != anyMethod:
		return "", &refusal{status: "405 Method Not Allowed", fields: "Allow: GET\r\n"}
	}
	if absolute, ok := cutScheme(target); ok {
		_, path, _ := strings.Cut(absolute, "/")
		target = "/" + path
	}
	if target == "" || target[0] != '/' || strings.ContainsAny(target, "#\t") {
		return "", bad("Malformed Request Target")
	}
	return target, nil
}

func cutScheme(target string) (rest string, ok bool) {
	for _, scheme := range []string{"http://", "https://", "ws://", "wss://"} {
		if len(target) > len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
			return target[len(scheme):], true
		}
	}
	return target, false
}

func checkHost(hosts []string, fault Fault) error {
	switch {
	case len(hosts) == 0 && fault == noHostNeeded:
		return nil
	case len(hosts) > 1 && fault == acceptsRepeatedHost:
	case len(hosts) != 1:
		return bad("One Host Needed")
	}
	if fault == anyHost || validHost(hosts[0]) {
		return nil
	}
	return bad("Malformed Host")
}

// validHost reports whether s is uri-host [ ":" port ]: RFC 9110 §7.2. A server has an authority, so it is not empty.
func validHost(s string) bool {
	u, err := url.Parse("ws://" + s + "/")
	if err != nil || u.Host != s || u.Hostname() == "" || strings.ContainsAny(s, " \t,\"<>\\^`{|}@") {
		return false
	}
	if strings.HasPrefix(s, "[") && net.ParseIP(u.Hostname()) == nil {
		return false
	}
	if !strings.HasPrefix(s, "[") && strings.Count(s, ":") > 1 {
		return false
	}
	if port := u.Port(); port != "" {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

func checkKey(keys []string, fault Fault) error {
	switch {
	case len(keys) == 0 && fault == noKeyNeeded:
		return nil
	case len(keys) > 1 && fault == acceptsRepeatedKey:
		keys = keys[:1]
	case len(keys) != 1:
		return bad("One Sec-WebSocket-Key Needed")
	}
	if fault == anyKeyLength {
		return nil
	}
	if key, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(key) != 16 {
		return bad("Malformed Sec-WebSocket-Key")
	}
	return nil
}

// chooseSubprotocol selects the first that is offered: an echo speaks them all.
func chooseSubprotocol(h *head, fault Fault) (string, error) {
	fields := h.values("Sec-WebSocket-Protocol")
	switch {
	case fault == unofferedSubprotocol:
		return "mutant", nil
	case len(fields) == 0:
		return "", nil
	case fault == reflectsSubprotocol:
		first, _, _ := strings.Cut(fields[0], ",")
		return first, nil
	}
	offered := listed(fields)
	if len(offered) == 0 {
		return "", bad("Malformed Sec-WebSocket-Protocol")
	}
	seen := map[string]bool{}
	for _, p := range offered {
		if !isToken(p) && fault != anySubprotocol {
			return "", bad("Malformed Sec-WebSocket-Protocol")
		}
		if seen[p] && fault != repeatedSubprotocols {
			return "", bad("Repeated Subprotocol")
		}
		seen[p] = true
	}
	if fault == allSubprotocols {
		return strings.Join(offered, ", "), nil
	}
	return offered[0], nil
}
