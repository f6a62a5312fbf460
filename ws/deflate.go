package ws

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"

	"github.com/parley-ws/parley/ws/internal/squeeze"
)

const (
	// defaultThreshold is the size from which messages are compressed.
	defaultThreshold = 512
	// maxDictionary is how much of what was sent the compressor may refer to with takeover. It may be less than the
	// agreed window, which is only an upper bound.
	maxDictionary = 8 << 10
	// flushTail ends what a compressor flushes and is not sent (RFC 7692 §7.2.1).
	flushTail = "\x00\x00\xff\xff"
)

// takeoverLimit bounds the memory that connections with takeover may need in this process; takeoverUsed is what the
// open ones may need at most.
var takeoverLimit, takeoverUsed atomic.Int64

func init() { takeoverLimit.Store(256 << 20) }

// SetTakeoverMemory bounds, in bytes, what the windows of all connections with context takeover may need in this process.
// The default is 256 MiB, at most 48 KiB of which a connection takes. New handshakes that find the bound reached agree on
// compression without takeover.
func SetTakeoverMemory(limit int64) { takeoverLimit.Store(limit) }

func takeoverRoom() bool { return takeoverUsed.Load() < takeoverLimit.Load() }

// deflateConn is the permessage-deflate of a connection (RFC 7692). Compressors are shared between connections; what a
// connection keeps with takeover is the text that either side may refer to.
type deflateConn struct {
	agreed                  string // in the words of Sec-WebSocket-Extensions
	outBits, inBits         int
	outTakeover, inTakeover bool
	level, threshold        int
	reserved                int64

	out       sync.Mutex // with outTakeover: messages are compressed in the order in which they are sent
	dict      []byte     // the end of what was sent compressed
	streaming bool       // a streamed message is being compressed: others travel as they are

	window []byte // the end of what was received compressed, and slack; of the reader
	ratio  uint8  // how much larger than the last compressed message its content was; of the reader
}

func newDeflateConn(p DeflateParams, o *Compression, client bool) *deflateConn {
	if o == nil {
		o = &Compression{}
	}
	d := &deflateConn{
		ratio:   minRatio,
		outBits: fullBits(p.ServerMaxWindowBits), inBits: fullBits(p.ClientMaxWindowBits),
		outTakeover: !p.ServerNoContextTakeover, inTakeover: !p.ClientNoContextTakeover,
		level: max(1, min(o.Level, 9)), threshold: o.Threshold,
	}
	if client {
		d.outBits, d.inBits = d.inBits, d.outBits
		d.outTakeover, d.inTakeover = d.inTakeover, d.outTakeover
	}
	if d.threshold == 0 {
		d.threshold = defaultThreshold
	}
	if d.outTakeover {
		d.reserved += int64(d.dictSize())
	}
	if d.inTakeover {
		d.reserved += int64(1<<d.inBits + d.windowSlack())
	}
	takeoverUsed.Add(d.reserved)
	return d
}

func (d *deflateConn) release() { takeoverUsed.Add(-d.reserved) }

func (d *deflateConn) dictSize() int { return min(maxDictionary, 1<<d.outBits) }

// windowSlack is by how much the window received may outgrow what the protocol asks for, lest all of it be
// moved for each message.
func (d *deflateConn) windowSlack() int { return 1 << d.inBits / 4 }

// compress compresses a message if it is worth it: z is nil if it is to be sent as it is. With takeover, locked tells
// that d.out is held until the message has its place in the order; then remember is called for what travels compressed.
func (c *Conn) compress(t Type, p []byte, pre *Prepared) (z *buffer, n int, locked bool) {
	d := c.deflate
	if d == nil || len(p) < d.threshold || t&Uncompressed != 0 || pre != nil && pre.uncompressed {
		return nil, 0, false
	}
	shared := pre != nil && !c.client
	if shared {
		pre.frame(d.outBits) // compresses it, if it is the first time, while nothing is locked
	}
	if !d.outTakeover {
		if shared {
			return nil, 0, false
		}
		z, n = deflateOnce(p, d.level, d.outBits, nil, 0)
		return z, n, false
	}
	d.out.Lock()
	if d.streaming || shared {
		return nil, 0, true
	}
	// What does not shrink may still be what later messages refer to: only if it travels compressed can they.
	slack := 0
	if len(p) <= d.dictSize() {
		slack = takeoverSlack
	}
	z, n = deflateOnce(p, d.level, d.outBits, d.dict, slack)
	return z, n, true
}

// preparedBits returns which frame of a Prepared a server sends.
func (d *deflateConn) preparedBits(size int) int {
	if d == nil || size < d.threshold || d.streaming {
		return 0
	}
	return d.outBits
}

// remember notes that p was sent compressed. d.out is held.
func (d *deflateConn) remember(p []byte) {
	if d.outTakeover {
		d.dict = appendWindow(d.dict, p, d.dictSize(), 0)
	}
}

// appendWindow appends p to a window that keeps the last size bytes, and slack more.
func appendWindow(w, p []byte, size, slack int) []byte {
	p = lastBytes(p, size)
	if len(w)+len(p) > size+slack {
		w = w[:copy(w, lastBytes(w, size-len(p)))]
	}
	if n := len(w) + len(p); n > cap(w) {
		// By itself append would allocate more than the window can need.
		w = append(make([]byte, 0, min(max(n, 2*cap(w)), size+slack)), w...)
	}
	return append(w, p...)
}

// lastBytes returns the end of p, n bytes at most.
func lastBytes(p []byte, n int) []byte { return p[max(0, len(p)-n):] }

// deflater is a compressor with the buffer that it fills.
type deflater struct {
	w     *flate.Writer
	out   *buffer
	n     int
	limit int // give up beyond this many bytes; 0: never
	pool  *sync.Pool

	tail []byte // of a streamed message with takeover: the end of the plain text
	size int    // bytes that tail keeps
}

// deflaters are pooled by window and, for the full window, by level.
var deflaters [maxWindowBits + 1][10]sync.Pool

func getDeflater(level, bits int) *deflater {
	if bits < maxWindowBits || level == 0 {
		level = 1
	}
	pool := &deflaters[bits][level]
	if d, ok := pool.Get().(*deflater); ok {
		return d
	}
	d := &deflater{pool: pool}
	var err error
	if bits == maxWindowBits {
		d.w, err = flate.NewWriter(nil, level)
	} else {
		d.w, err = flate.NewWriterWindow(nil, 1<<bits)
	}
	if err != nil {
		panic("ws: deflate: " + err.Error()) // level and window are checked before
	}
	return d
}

func (d *deflater) put() {
	d.out, d.n, d.limit, d.tail, d.size = nil, 0, 0, d.tail[:0], 0
	d.pool.Put(d)
}

// Write takes the compressor's output.
func (d *deflater) Write(p []byte) (int, error) {
	if d.limit > 0 && d.n+len(p) > d.limit {
		return 0, errNotSmaller
	}
	if d.out == nil || d.n+len(p) > len(d.out.b) {
		d.out = growBuffer(d.out, d.n, max(2*d.n, d.n+len(p)))
	}
	d.n += copy(d.out.b[d.n:], p)
	return len(p), nil
}

// flush ends the message: its output lacks the tail that is not sent.
func (d *deflater) flush() error {
	if err := d.w.Flush(); err != nil {
		return err
	}
	d.n -= len(flushTail)
	return nil
}

var errNotSmaller = errors.New("compressing does not make the message smaller")

// takeoverSlack is how many bytes a message may grow in order to enter the window.
const takeoverSlack = 16

// deflateOnce compresses a message, or returns nil if that does not make it smaller, or at least not larger by more than slack.
func deflateOnce(p []byte, level, bits int, dict []byte, slack int) (*buffer, int) {
	if level <= 1 && bits == maxWindowBits && len(p) > 0 && len(dict)+len(p) <= squeeze.MaxInput {
		return squeezeOnce(p, dict, slack)
	}
	d := getDeflater(level, bits)
	defer d.put()
	d.out = getBuffer(len(p)/2 + 64)
	if len(p) > 0 {
		d.limit = len(p) + len(flushTail) - 1 + slack
	}
	d.w.ResetDict(d, dict)
	_, err := d.w.Write(p)
	if err == nil {
		err = d.flush()
	}
	if err != nil {
		putBuffer(d.out)
		return nil, 0
	}
	return d.out, d.n
}

var squeezers = sync.Pool{New: func() any { return &squeeze.Encoder{} }}

// squeezeOnce is deflateOnce for what most messages are.
func squeezeOnce(p, dict []byte, slack int) (*buffer, int) {
	e := squeezers.Get().(*squeeze.Encoder)
	n := e.Plan(dict, p)
	var out *buffer
	if n < len(p)+slack {
		out = getBuffer(n + squeeze.Margin)
		n = e.Put(out.b, p)
	}
	squeezers.Put(e)
	return out, n
}

// stream returns a compressor for a streamed message.
func (d *deflateConn) stream() *deflater {
	z := getDeflater(d.level, d.outBits)
	var dict []byte
	if d.outTakeover {
		d.out.Lock()
		d.streaming = true
		dict = d.dict
		d.out.Unlock()
		z.size = d.dictSize()
	}
	z.out = getBuffer(fragmentSize)
	z.w.ResetDict(z, dict)
	return z
}

// keep remembers the end of a streamed message's plain text.
func (d *deflater) keep(p []byte) {
	if d.size > 0 {
		d.tail = appendWindow(d.tail, p, d.size, 0)
	}
}

// endStream gives the compressor of a streamed message back. If the message was not sent as a whole, nothing
// compressed follows it: the connection is over, or nothing of it was sent.
func (d *deflateConn) endStream(z *deflater, whole bool) {
	if d.outTakeover {
		d.out.Lock()
		d.streaming = false
		if whole {
			d.remember(z.tail)
		}
		d.out.Unlock()
	}
	putBuffer(z.out)
	z.put()
}
