package wstest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Head is the head of a handshake message, request or answer, with anything wrong in it that a test asks for.
// The zero value is a correct one.
type Head struct {
	// Line is the first line. "": "GET / HTTP/1.1" in a request, "HTTP/1.1 101 Switching Protocols" in an answer.
	Line string
	// Lines are header lines such as "Origin: https://example.com", sent as they are. They come after the correct ones
	// of the handshake; those of a name that is given here are left out.
	Lines []string
	// Without names lines of the correct handshake to leave out.
	Without []string
	// After is sent in the same Write after the head: a body, or the first frames.
	After []byte
}

// Key is the Sec-WebSocket-Key of [Head.Request], the example of RFC 6455 §1.3.
const Key = "dGhlIHNhbXBsZSBub25jZQ=="

// Request returns the bytes of a client's handshake (RFC 6455 §4.1).
func (h Head) Request() []byte {
	return h.bytes("GET / HTTP/1.1",
		"Host: server.test",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: "+Key,
		"Sec-WebSocket-Version: 13")
}

// Answer returns the bytes of a server's handshake that answers r (RFC 6455 §4.2.2).
func (h Head) Answer(r *http.Request) []byte {
	return h.bytes("HTTP/1.1 101 Switching Protocols",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: "+AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
}

func (h Head) bytes(line string, correct ...string) []byte {
	if h.Line != "" {
		line = h.Line
	}
	lines := []string{line}
	for _, l := range correct {
		same := func(other string) bool { return strings.EqualFold(name(l), name(other)) }
		if !slices.ContainsFunc(h.Lines, same) && !slices.ContainsFunc(h.Without, same) {
			lines = append(lines, l)
		}
	}
	lines = append(lines, h.Lines...)
	return append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), h.After...)
}

// name is the name of a header line.
func name(line string) string {
	before, _, _ := strings.Cut(line, ":")
	return strings.TrimSpace(before)
}

// AcceptKey computes Sec-WebSocket-Accept from Sec-WebSocket-Key (RFC 6455 §4.2.2).
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Response is an answer to [Peer.Upgrade].
type Response struct {
	// Response is the parsed head. Its Body has been read.
	*http.Response
	// Head holds the bytes of the head as they came, with the blank line.
	Head string
	// Content is the body; nil after a 101, where frames follow.
	Content []byte
}

// Upgrade sends a client's handshake and reads the answer, whatever its status. After a 101 the frames can follow.
func (p *Peer) Upgrade(h Head) (*Response, error) {
	if err := p.SendRaw(h.Request()); err != nil {
		return nil, err
	}
	if err := p.Stream.SetReadDeadline(p.deadline()); err != nil {
		return nil, fmt.Errorf("wstest: peer: upgrade: %w", err)
	}
	head, err := readHead(p.r)
	if err != nil {
		return nil, fmt.Errorf("wstest: peer: upgrade: read the answer: %w", err)
	}
	var body io.Reader = p.r
	if _, status, _ := strings.Cut(head, " "); strings.HasPrefix(status, "101") {
		body = strings.NewReader("") // what follows are frames, not to be read ahead here
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(head), body)), nil)
	if err != nil {
		return nil, fmt.Errorf("wstest: peer: upgrade: parse the answer: %w", err)
	}
	r := &Response{Response: resp, Head: head}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		if r.Content, err = io.ReadAll(resp.Body); err != nil {
			return nil, fmt.Errorf("wstest: peer: upgrade: read the body: %w", err)
		}
	}
	return r, nil
}

// ReadRequest reads a client's handshake. Answer it with [Peer.Answer], or with any bytes by [Peer.SendRaw].
func (p *Peer) ReadRequest() (*http.Request, error) {
	if err := p.Stream.SetReadDeadline(p.deadline()); err != nil {
		return nil, fmt.Errorf("wstest: peer: read request: %w", err)
	}
	r, err := http.ReadRequest(p.r)
	if err != nil {
		return nil, fmt.Errorf("wstest: peer: read request: %w", err)
	}
	return r, nil
}

// Answer sends a server's handshake that answers r.
func (p *Peer) Answer(r *http.Request, h Head) error { return p.SendRaw(h.Answer(r)) }

// readHead reads lines up to and with the blank one, and nothing beyond.
func readHead(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for head.Len() < 1<<20 {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", fmt.Errorf("after %q: %w", head.String(), err)
		}
		if line == "\r\n" || line == "\n" {
			return head.String(), nil
		}
	}
	return "", fmt.Errorf("more than %d bytes without a blank line", 1<<20)
}
