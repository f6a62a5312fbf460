package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/klauspost/compress/flate"
)

// Deflate is an echo of JSON with permessage-deflate: what is sent is compressed, and what comes back is inflated and
// compared.
type Deflate struct {
	// Size is that of a message in bytes.
	Size int
	// Conns is the number of connections, with one message in flight each.
	Conns int
	// Takeover lets messages refer to earlier ones, in both directions.
	Takeover bool
}

// window is how far back a compressed message may refer.
const window = 32 << 10

// deflated is a set of messages that is sent round and round. The first lap is compressed differently, for there is
// nothing yet to refer to; a lap is longer than the window, so that the others are all the same.
type deflated struct {
	plain       [][]byte
	first, rest [][]byte // frames
}

func (o Deflate) messages() (d deflated, err error) {
	r := rand.New(rand.NewPCG(3, uint64(o.Size)))
	count := max(8, 2*window/o.Size)
	for range count {
		d.plain = append(d.plain, document(r, o.Size))
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 6)
	if err != nil {
		return d, err
	}
	for lap := range 2 {
		for _, p := range d.plain {
			if !o.Takeover {
				w.Reset(&out)
			}
			out.Reset()
			if _, err := w.Write(p); err != nil {
				return d, err
			}
			if err := w.Flush(); err != nil {
				return d, err
			}
			z := bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
			frame := appendFrame(nil, rsv1|text, z, true)
			if lap == 0 {
				d.first = append(d.first, frame)
			} else {
				d.rest = append(d.rest, frame)
			}
		}
	}
	return d, nil
}

// frame returns the frame of the message of that turn.
func (d *deflated) frame(turn int) []byte {
	if turn < len(d.first) {
		return d.first[turn]
	}
	return d.rest[turn%len(d.rest)]
}

// inbox collects the frames of one message.
type inbox struct {
	b          []byte // not parsed yet
	payload    []byte // of the frames before
	begun      bool
	compressed bool
}

// next takes a whole message out of what has come; ok is false if there is none yet.
func (in *inbox) next() (p []byte, compressed, ok bool, err error) {
	for {
		b := in.b
		if len(b) < 2 {
			return nil, false, false, nil
		}
		size, n := 2, int(b[1])
		switch {
		case n == 126 && len(b) >= 4:
			size, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		case n == 127 && len(b) >= 10:
			size, n = 10, int(binary.BigEndian.Uint64(b[2:]))
		case n >= 126 && n < 128:
			return nil, false, false, nil
		case n >= 128:
			return nil, false, false, errors.New("load: the server masks its frames")
		}
		if len(b) < size+n {
			return nil, false, false, nil
		}
		if b[0]&0x8 != 0 {
			return nil, false, false, fmt.Errorf("load: the server sent a control frame % x", b[:size+n])
		}
		if !in.begun {
			in.begun, in.compressed, in.payload = true, b[0]&rsv1 != 0, in.payload[:0]
		}
		in.payload = append(in.payload, b[size:size+n]...)
		in.b = b[size+n:]
		if b[0]&0x80 != 0 {
			in.begun = false
			return in.payload, in.compressed, true, nil
		}
	}
}

// add appends what has come.
func (in *inbox) add(p []byte) { in.b = append(bytes.Clone(in.b), p...) }

// Run measures a round.
func (o Deflate) Run(t Target) (m Measure, err error) {
	messages, err := o.messages()
	if err != nil {
		return m, err
	}
	offer := "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	if o.Takeover {
		offer = "permessage-deflate"
	}
	err = onThread(t, func() error {
		conns, agreed, err := t.dial(o.Conns, offer)
		if err != nil {
			return err
		}
		defer hangUp(conns)
		if !strings.Contains(agreed, "permessage-deflate") || o.Takeover == strings.Contains(agreed, "no_context_takeover") {
			return fmt.Errorf("load: the server answered %q to the offer %q", agreed, offer)
		}
		l := &loop{conns: conns}
		inflater := flate.NewReader(nil)
		var source bytes.Reader
		buf := make([]byte, o.Size+1)
		l.handle = func(c *conn, p []byte) error {
			c.in.add(p)
			for {
				p, compressed, ok, err := c.in.next()
				if err != nil || !ok {
					return err
				}
				if compressed {
					source.Reset(append(p, "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...))
					if err := inflater.(flate.Resetter).Reset(&source, c.win); err != nil {
						return err
					}
					n, err := io.ReadFull(inflater, buf)
					if err != io.ErrUnexpectedEOF {
						return fmt.Errorf("load: a reply cannot be inflated to its size: %v after %d bytes", err, n)
					}
					p = buf[:n]
					if o.Takeover {
						c.win = append(c.win, p...)
						if over := len(c.win) - window; over > 0 {
							c.win = c.win[over:]
						}
					}
				}
				if !bytes.Equal(p, messages.plain[c.turn%len(messages.plain)]) {
					return errNotExact
				}
				l.messages++
				c.turn++
				if err := c.send(messages.frame(c.turn)); err != nil {
					return err
				}
			}
		}
		m, err = l.run(t, func(c *conn) error { return c.send(messages.frame(c.turn)) })
		return err
	})
	return m, err
}
