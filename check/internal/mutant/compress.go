package mutant

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// direction is what was agreed for one side's messages.
type direction struct {
	bits     int // of the window; 0: nothing was said, so 15
	takeover bool
}

func (d direction) size() int {
	if d.bits < 8 || d.bits > 15 {
		return 1 << 15
	}
	return 1 << d.bits
}

// appendWindow appends p to a window of that size.
func appendWindow(w, p []byte, size int) []byte {
	w = append(w, p...)
	if over := len(w) - size; over > 0 {
		w = w[:copy(w, w[over:])]
	}
	return w
}

// compressor compresses messages: RFC 7692 §7.2.1.
type compressor struct {
	direction
	w      *flate.Writer
	out    bytes.Buffer
	window []byte // what was sent last
}

func newCompressor(d direction, fault Fault) *compressor {
	if fault == ignoresWindow {
		d.bits = 15
	}
	if fault == ignoresNoTakeover {
		d.takeover = true
	}
	c := &compressor{direction: d}
	var err error
	if c.size() == 1<<15 {
		c.w, err = flate.NewWriter(&c.out, 5)
	} else {
		c.w, err = flate.NewWriterWindow(&c.out, c.size())
	}
	if err != nil {
		panic("mutant: deflate: " + err.Error()) // the window and the level are right
	}
	return c
}

// compress returns a message as it is sent. The result is good until the next.
func (c *compressor) compress(p []byte) []byte {
	c.out.Reset()
	c.w.ResetDict(&c.out, c.window)
	_, err := c.w.Write(p)
	if err == nil {
		err = c.w.Flush()
	}
	if err != nil {
		panic("mutant: deflate: " + err.Error()) // a buffer takes everything
	}
	if c.takeover {
		c.remember(p)
	}
	return bytes.TrimSuffix(c.out.Bytes(), []byte{0, 0, 0xff, 0xff})
}

func (c *compressor) remember(p []byte) { c.window = appendWindow(c.window, p, c.size()) }
