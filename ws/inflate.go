package ws

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

var (
	errInflatedSize = errors.New("inflated message is too large")
	errInflatedText = errors.New("inflated message is not UTF-8")
)

// inflateTail is what a receiver appends (RFC 7692 §7.2.2), and an empty final block that ends the stream.
const inflateTail = flushTail + "\x01\x00\x00\xff\xff"

// minRatio and maxRatio bound how much larger than the compressed message its content is expected to be.
const minRatio, maxRatio = 2, 15

// inflater is a pooled decompressor with its source: the compressed message and inflateTail. The decompressor reads
// nothing ahead from a bytes.Reader, and faster than from sources that it does not know.
type inflater struct {
	r   io.ReadCloser
	src bytes.Reader
}

var inflaters = sync.Pool{New: func() any {
	z := &inflater{}
	z.r = flate.NewReader(&z.src)
	return z
}}

// addInflateTail puts inflateTail behind the n bytes of a compressed message, in a larger buffer if need be. b may be nil.
func addInflateTail(b *buffer, n int) *buffer {
	if size := n + len(inflateTail); b == nil || len(b.b) < size {
		b = growBuffer(b, n, size)
	}
	copy(b.b[n:], inflateTail)
	return b
}

// inflation is the inflating of one message.
type inflation struct {
	d    *deflateConn
	z    *inflater
	left int64 // bytes that it may still give; negative: any
	text *utf8State
}

// begin starts to inflate a whole compressed message, which inflateTail follows. limit bounds the content, unless it is
// negative; text, if not nil, checks it.
func (d *deflateConn) begin(p []byte, limit int64, text *utf8State) *inflation {
	f := &inflation{}
	f.start(d, p, limit, text)
	return f
}

func (f *inflation) start(d *deflateConn, p []byte, limit int64, text *utf8State) {
	*f = inflation{d: d, z: inflaters.Get().(*inflater), left: limit, text: text}
	f.z.src.Reset(p)
	f.reset()
}

// reset makes the decompressor begin a DEFLATE stream. What follows a final block (RFC 7692 §7.2.3.4) is one, too;
// with takeover it goes on with the window.
func (f *inflation) reset() {
	var dict []byte
	if f.d.inTakeover {
		dict = lastBytes(f.d.window, 1<<f.d.inBits)
	}
	// Reset cannot fail: it only takes note.
	_ = f.z.r.(flate.Resetter).Reset(&f.z.src, dict)
}

// read gives the next bytes of the content; io.EOF ends it.
func (f *inflation) read(p []byte) (int, error) {
	if f.left >= 0 && int64(len(p)) > f.left {
		p = p[:f.left+1] // one more than allowed tells whether there is more
	}
	for {
		n, err := f.z.r.Read(p)
		if n > 0 {
			if f.left >= 0 {
				if int64(n) > f.left {
					return 0, errInflatedSize
				}
				f.left -= int64(n)
			}
			if f.text != nil && !f.text.push(p[:n]) {
				return 0, errInflatedText
			}
			if f.d.inTakeover {
				f.d.window = appendWindow(f.d.window, p[:n], 1<<f.d.inBits, f.d.windowSlack())
			}
			if err == io.EOF {
				err = nil // found again by the next call
			}
			return n, err
		}
		switch {
		case err == nil:
			if len(p) == 0 {
				return 0, nil
			}
		case err != io.EOF:
			return 0, err
		case f.z.src.Len() == 0:
			return 0, io.EOF
		case f.z.src.Len() == len(inflateTail):
			return 0, io.EOF // the message ends with a final block, without the byte that should follow it
		default:
			f.reset()
		}
	}
}

func (f *inflation) end() {
	f.z.src.Reset(nil)
	inflaters.Put(f.z)
	f.z = nil
}

// inflate inflates a whole message, which inflateTail follows.
func (d *deflateConn) inflate(p []byte, limit int64, text *utf8State) (*buffer, int, error) {
	var f inflation
	f.start(d, p, limit, text)
	defer f.end()
	all, n, err := f.rest(0, max(1<<10, (int(d.ratio)+1)*len(p)))
	// The next message will be much like this one.
	d.ratio = uint8(max(minRatio, min(n/len(p), maxRatio)))
	return all, n, err
}

// rest inflates what follows the first n bytes of the message into buffers, the first of that size and each further one as
// large as all before, and joins them when their sum is known: so a bomb costs no more than the limit. The result has
// room for the first n bytes, too.
func (f *inflation) rest(n, size int) (all *buffer, total int, err error) {
	if f.left >= 0 {
		size = int(min(int64(size), f.left+1)) // again, one more than allowed
	}
	part := getBuffer(size)
	k := 0
	for err == nil && k < len(part.b) {
		var r int
		r, err = f.read(part.b[k:])
		k += r
	}
	total = n + k
	switch {
	case err == io.EOF && n == 0:
		return part, total, nil
	case err == io.EOF:
		all, err = getBuffer(total), nil
	case err == nil:
		all, total, err = f.rest(total, total)
	}
	if err == nil {
		copy(all.b[n:], part.b[:k])
	}
	putBuffer(part)
	return all, total, err
}
