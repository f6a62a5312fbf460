package mutant

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

var responseLimits = headLimits{bytes: 64 << 10, lines: 512}

// fixedKey is what faults send again and again.
const fixedKey = "bXV0YW50LW9mLWEta2V5IQ=="

// Client connects to a ws URL and echoes what comes until the connection ends, or ctx does. The error is about the
// handshake alone.
func Client(ctx context.Context, rawURL string, fault Fault) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "ws" || u.Host == "" {
		return fmt.Errorf("mutant: %q is no ws URL", rawURL)
	}
	host := u.Host
	if u.Port() == "" {
		host += ":80"
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("mutant: dial: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() }) // the reads and writes fail, which is what it is for
	defer stop()
	defer func() { _ = nc.Close() }() // the connection has ended

	r := bufio.NewReaderSize(nc, 16<<10)
	deflate, err := handshake(nc, r, u, fault)
	if err != nil {
		return fmt.Errorf("mutant: handshake: %w", err)
	}
	if fault == losesPipelined {
		r = bufio.NewReader(nc)
	}
	newEndpoint(nc, r, RoleClient, fault, deflate).run()
	return nil
}

// handshake is RFC 6455 §4.1.
func handshake(nc net.Conn, r *bufio.Reader, u *url.URL, fault Fault) (*agreement, error) {
	if err := nc.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil, err
	}
	request, key := makeRequest(u, fault)
	if fault == talksBeforeHandshake {
		request += string([]byte{0x81, 0x85, 1, 2, 3, 4, 'e' ^ 1, 'a' ^ 2, 'r' ^ 3, 'l' ^ 4, 'y' ^ 1})
	}
	if _, err := nc.Write([]byte(request)); err != nil {
		return nil, err
	}
	h, err := readHead(r, responseLimits, fault)
	for range maxInterim { // RFC 9110 §15.2
		if err != nil || fault == accepts200 || !interim(h.line) {
			break
		}
		h, err = readHead(r, responseLimits, fault)
	}
	if err != nil {
		return nil, err
	}
	deflate, err := checkResponse(h, key, fault)
	if err != nil {
		end(nc)
		return nil, err
	}
	return deflate, nc.SetDeadline(time.Time{})
}

func makeRequest(u *url.URL, fault Fault) (request, key string) {
	raw := make([]byte, 16)
	if fault == shortKey {
		raw = raw[:15]
	}
	_, _ = rand.Read(raw) // it never fails
	if key = base64.StdEncoding.EncodeToString(raw); fault == reusesKey {
		key = fixedKey
	}
	target := u.RequestURI()
	if fault == sendsFragmentOfURL {
		target += "#mutant"
	}
	version, offer := "13", "permessage-deflate; client_max_window_bits"
	switch fault {
	case asksVersion8:
		version = "8"
	case offersBits16:
		offer += "=16"
	case acceptsUnaskedBits:
		offer = "permessage-deflate"
	}
	fields := []struct {
		without     Fault
		name, value string
	}{
		{omitsHost, "Host", u.Host},
		{asksWithoutUpgrade, "Upgrade", "websocket"},
		{asksWithoutConn, "Connection", "Upgrade"},
		{nobody, "Sec-WebSocket-Key", key},
		{omitsVersion, "Sec-WebSocket-Version", version},
		{nobody, "Sec-WebSocket-Extensions", offer},
	}
	request = "GET " + target + " HTTP/1.1\r\n"
	if fault == asksWithHTTP10 {
		request = "GET " + target + " HTTP/1.0\r\n"
	}
	for _, f := range fields {
		if fault != f.without {
			request += f.name + ": " + f.value + "\r\n"
		}
	}
	if fault == asksTwice {
		request += "Sec-WebSocket-Key: " + key + "\r\n"
	}
	return request + "\r\n", key
}

// maxInterim is how many interim responses may come before the one that counts.
const maxInterim = 5

// interim reports whether a response is followed by another on the same request.
func interim(line string) bool {
	version, rest, _ := strings.Cut(line, " ")
	status, _, _ := strings.Cut(rest, " ")
	return http11(version) && len(status) == 3 && status[0] == '1' && status != "101"
}

// http11 reports whether a version is HTTP/1.1, or one that is to be understood as that: RFC 9110 §2.5.
func http11(version string) bool {
	minor, ok := strings.CutPrefix(version, "HTTP/1.")
	return ok && len(minor) == 1 && minor[0] >= '1' && minor[0] <= '9'
}

// checkResponse is the second list of RFC 6455 §4.1.
func checkResponse(h *head, key string, fault Fault) (*agreement, error) {
	version, rest, _ := strings.Cut(h.line, " ")
	status, _, _ := strings.Cut(rest, " ")
	switch {
	case !http11(version) && (version != "HTTP/1.0" || fault != acceptsAnswerHTTP10):
		return nil, errors.New("the answer is not HTTP/1.1")
	case status != "101" && fault != accepts200:
		return nil, errors.New("the status is not 101")
	}
	upgrade := h.values("Upgrade")
	if fault != noUpgradeNeeded && (len(upgrade) != 1 || len(listed(upgrade)) != 1 || !hasToken(upgrade, "websocket", fault)) {
		return nil, errors.New("the answer lacks Upgrade: websocket")
	}
	if fault != noConnectionNeeded && !hasToken(h.values("Connection"), "upgrade", fault) {
		return nil, errors.New("the answer lacks Connection: upgrade")
	}
	switch accept := h.values("Sec-WebSocket-Accept"); {
	case len(accept) == 0 && fault == noAcceptNeeded:
	case len(accept) != 1:
		return nil, errors.New("the answer has not one Sec-WebSocket-Accept")
	case accept[0] != acceptValue(key, "") && fault != anyAccept:
		return nil, errors.New("the answer has a wrong Sec-WebSocket-Accept")
	}
	if len(h.values("Sec-WebSocket-Protocol")) > 0 && fault != unaskedSubprotocol {
		return nil, errors.New("no subprotocol was asked for")
	}
	return checkExtensions(h.values("Sec-WebSocket-Extensions"), fault)
}

func checkExtensions(fields []string, fault Fault) (*agreement, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	if len(fields) > 1 && fault != repeatedDeflate {
		return nil, errors.New("the answer has two Sec-WebSocket-Extensions")
	}
	list, err := parseExtensions(fields, fault)
	if err != nil {
		return nil, err
	}
	isDeflate := func(e extension) bool { return e.name == "permessage-deflate" }
	if fault == unaskedExtension {
		list = slices.DeleteFunc(list, func(e extension) bool { return !isDeflate(e) })
	}
	switch {
	case len(list) == 0:
		return nil, nil
	case slices.ContainsFunc(list, func(e extension) bool { return !isDeflate(e) }):
		return nil, errors.New("an extension was not offered")
	case len(list) > 1 && fault != repeatedDeflate:
		return nil, errors.New("permessage-deflate is there twice")
	}
	a, ok := list[0].agreement(false, fault)
	if !ok {
		return nil, errors.New("the parameters of permessage-deflate are wrong")
	}
	return &a, nil
}
