package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"
)

// Form is how a client of parley serve speaks.
type Form uint8

// The forms.
const (
	// Bare is a WebSocket on /echo, after one message has come back. It has no topics.
	Bare Form = iota
	// Raw is a WebSocket on the URL of a topic: a frame is a message.
	Raw
	// Native is the subprotocol parley.v1 on /ws: frames are JSON.
	Native
	// Events is an event stream on the URL of a topic: server-sent events.
	Events
)

// String names the form.
func (f Form) String() string {
	return [...]string{"bare", "raw", "native", "events"}[f]
}

// request is the request of a client that wants this topic.
func (f Form) request(t Target, topic string) []byte {
	switch f {
	case Bare:
		t.Path = "/echo"
	case Raw:
		t.Path = "/t/" + topic
	case Native:
		t.Path, t.Subprotocol = "/ws", "parley.v1"
	case Events:
		return fmt.Appendf(nil, "GET /t/%s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", topic, t.Addr)
	}
	return t.request("")
}

// join opens a client and waits until the server has answered; of the other forms than Native and Events it does not say when it has subscribed.
// Whatever came behind the answer is returned. The socket blocks.
func (f Form) join(c *conn, topics ...string) (rest []byte, err error) {
	switch f {
	case Events:
		head, err := c.until("\r\n\r\n")
		if err != nil {
			return nil, err
		}
		at := bytes.Index(head, []byte("\r\n\r\n")) + 4
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) || !bytes.Contains(bytes.ToLower(head[:at]), []byte("\r\ntransfer-encoding: chunked\r\n")) {
			return nil, fmt.Errorf("load: an event stream was answered %q", head)
		}
		return head[at:], nil
	case Bare:
		x := Echo{Size: 125, Flight: 1}.exchanges(false)[0]
		if _, err = c.handshake(); err != nil {
			return nil, err
		}
		if err = c.send(x.request); err != nil {
			return nil, err
		}
		answer, err := c.until(string(x.reply[len(x.reply)-20:]))
		if err == nil && !bytes.Equal(answer, x.reply) {
			err = errNotExact
		}
		return nil, err
	case Raw:
		_, err = c.handshake()
		return nil, err
	}
	if _, err = c.handshake(); err != nil {
		return nil, err
	}
	commands := []byte(`{"type":"connect","id":1}`)
	for i, topic := range topics {
		commands = fmt.Appendf(commands, `{"type":"subscribe","id":%d,"topic":%q}`, i+2, topic)
	}
	if err = c.send(appendFrame(nil, text, commands, true)); err != nil {
		return nil, err
	}
	// The frame of the last answer ends what there is to read: nothing else comes yet.
	last := fmt.Sprintf(`"re":%d,`, len(topics)+1)
	answer, err := c.until(last, "}")
	if err == nil && bytes.Contains(answer, []byte(`"type":"error"`)) {
		err = fmt.Errorf("load: the server answered %q", answer)
	}
	return nil, err
}

// until reads until these have come, one after the other; the last of them must be at the end if there are several.
func (c *conn) until(marks ...string) ([]byte, error) {
	var b []byte
	part := make([]byte, 4096)
	for {
		if i := bytes.Index(b, []byte(marks[0])); i >= 0 && (len(marks) == 1 || bytes.HasSuffix(b[i:], []byte(marks[1]))) {
			return b, nil
		}
		n, err := unix.Read(c.fd, part)
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return b, fmt.Errorf("load: no whole answer: %w after %q", err, b)
		}
		b = append(b, part[:n]...)
	}
}

// unit is what the server sends as one: a frame, or an event.
type unit struct {
	size int    // with everything around it; 0 if it is not all there
	op   byte   // of a frame; text for an event
	data []byte // of a frame its payload, of an event all of it
}

// cut returns the unit that p begins with.
func (f Form) cut(p []byte) (u unit, err error) {
	if f == Events {
		if i := bytes.Index(p, []byte("\n\n")); i >= 0 {
			u = unit{i + 2, text, p[:i]}
		}
		return u, nil
	}
	if len(p) < 2 {
		return u, nil
	}
	head, size := 2, int(p[1])
	switch {
	case p[0]&0xf0 != 0x80 || size > 127:
		return u, fmt.Errorf("load: a frame begins with % x", p[:2])
	case size == 126 && len(p) >= 4:
		head, size = 4, int(binary.BigEndian.Uint16(p[2:]))
	case size == 127 && len(p) >= 10:
		head, size = 10, int(binary.BigEndian.Uint64(p[2:]))
	case size > 125:
		return u, nil
	}
	if len(p) < head+size {
		return u, nil
	}
	return unit{head + size, p[0] & 15, p[head : head+size]}, nil
}

// position returns the offset that a message says it has, or 0 if this form does not say it.
func (f Form) position(data []byte) (uint64, error) {
	var place []byte
	var end byte
	switch f {
	case Native:
		_, place, _ = bytes.Cut(data, []byte(`"position":"`))
		end = '"'
	case Events:
		_, place, _ = bytes.Cut(data, []byte("id: "))
		end = '\n'
	default:
		return 0, nil
	}
	if i := bytes.IndexByte(place, end); i >= 0 {
		place = place[:i]
	}
	_, offset, _ := bytes.Cut(place, []byte(":"))
	n, err := strconv.ParseUint(string(offset), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("load: a message without a position: %q", data)
	}
	return n, nil
}

// dechunk appends to text what the whole chunks at the beginning of p hold (RFC 9112 section 7.1), and returns the rest.
func dechunk(text, p []byte) (more, rest []byte, err error) {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 1 {
			return text, p, nil
		}
		size, err := strconv.ParseUint(string(p[:i-1]), 16, 31)
		if err != nil || size == 0 {
			return text, p, fmt.Errorf("load: an event stream ended, with the chunk %q", p[:i-1])
		}
		end := i + 1 + int(size)
		if len(p) < end+2 {
			return text, p, nil
		}
		text = append(text, p[i+1:end]...)
		p = p[end+2:]
	}
}
