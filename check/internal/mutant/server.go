package mutant

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	requestTimeout = 5 * time.Second
	guid           = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 §1.3
)

var requestLimits = headLimits{bytes: 8 << 10, lines: 64}

// Serve echoes what comes over the connections that l accepts, until l is closed. Then it ends them all and returns when
// they have ended.
func Serve(l net.Listener, fault Fault) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		open = map[net.Conn]bool{}
	)
	for {
		nc, err := l.Accept()
		if err != nil {
			break
		}
		mu.Lock()
		open[nc] = true
		mu.Unlock()
		wg.Go(func() {
			serve(nc, fault)
			_ = nc.Close() // its end is known to both sides by now, or nobody can be told
			mu.Lock()
			delete(open, nc)
			mu.Unlock()
		})
	}
	mu.Lock()
	for nc := range open {
		_ = nc.Close() // as above
	}
	mu.Unlock()
	wg.Wait()
}

// refusal is an answer other than 101.
type refusal struct {
	status string
	fields string
}

func (r *refusal) Error() string { return r.status }

func bad(reason string) error { return &refusal{status: "400 " + reason} }

func serve(nc net.Conn, fault Fault) {
	if fault != noRequestTimeout {
		_ = nc.SetReadDeadline(time.Now().Add(requestTimeout)) // it fails if the read fails
	}
	r := bufio.NewReaderSize(nc, 16<<10)
	response, deflate, err := accept(r, fault)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		body := refused.status + "\n"
		_, _ = fmt.Fprintf(nc, "HTTP/1.1 %s\r\n%sConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
			refused.status, refused.fields, len(body), body) // nobody is left to be told
		end(nc)
		return
	case err != nil:
		return
	}
	if _, err := nc.Write([]byte(response)); err != nil {
		return
	}
	_ = nc.SetReadDeadline(time.Time{}) // as above
	if fault == losesPipelined {
		r = bufio.NewReader(nc)
	}
	newEndpoint(nc, r, RoleServer, fault, deflate).run()
}

// accept reads the request and makes the response.
func accept(r *bufio.Reader, fault Fault) (response string, deflate *agreement, err error) {
	limits := requestLimits
	if fault == noHeaderLimit {
		limits = headLimits{}
	}
	h, err := readHead(r, limits, fault)
	switch {
	case errors.Is(err, errHeadSize):
		return "", nil, &refusal{status: "431 Request Header Fields Too Large"}
	case errors.Is(err, errHeadGrammar):
		return "", nil, bad("Malformed Request")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", nil, &refusal{status: "408 Request Timeout"}
	case err != nil:
		return "", nil, err
	}
	target, err := checkRequest(h, fault)
	if err != nil {
		return "", nil, err
	}
	subprotocol, err := chooseSubprotocol(h, fault)
	if err != nil {
		return "", nil, err
	}

	lines := []string{"HTTP/1.1 101 Switching Protocols"}
	if fault == answersWith200 {
		lines[0] = "HTTP/1.1 200 OK"
	}
	if fault != omitsUpgrade {
		lines = append(lines, "Upgrade: websocket")
	}
	if fault != omitsConnection {
		lines = append(lines, "Connection: Upgrade")
	}
	lines = append(lines, "Sec-WebSocket-Accept: "+acceptValue(strings.Join(h.values("Sec-WebSocket-Key"), ", "), fault))
	if subprotocol != "" {
		lines = append(lines, "Sec-WebSocket-Protocol: "+subprotocol)
	}
	if fields := h.values("Sec-WebSocket-Extensions"); len(fields) > 0 {
		offers, err := parseExtensions(fields, fault)
		if fault == reflectsExtension {
			lines, err = append(lines, "X-Extensions: "+fields[0]), nil
		}
		if err != nil {
			return "", nil, bad("Malformed Sec-WebSocket-Extensions")
		}
		answers := []string{}
		if a, ok := answer(offers, fault); ok {
			deflate, answers = &a, append(answers, a.String())
		}
		for _, e := range offers {
			if fault == answersUnknown && e.name != "permessage-deflate" {
				answers = append(answers, e.name)
			}
		}
		if len(answers) > 0 {
			lines = append(lines, "Sec-WebSocket-Extensions: "+strings.Join(answers, ", "))
		}
	}
	if fault == reflectsPath {
		if path, err := url.PathUnescape(target); err == nil {
			lines = append(lines, "X-Path: "+path)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n", deflate, nil
}

func acceptValue(key string, fault Fault) string {
	text := key + guid
	if fault == wrongAccept {
		text = key
	}
	sum := sha1.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
