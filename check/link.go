package check

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/check/internal/deflate"
)

// A link is a connection with the subject. One goroutine reads and makes events of what it reads; writing is the
// matter of whoever performs the steps.
type link struct {
	conn    net.Conn
	br      *bufio.Reader
	client  bool // the suite is the client
	log     *wireLog
	timeout time.Duration

	in  *deflate.Reader // nil without permessage-deflate
	out *deflate.Writer

	heard   atomic.Int64 // when bytes came last, in nanoseconds since the log's start
	written atomic.Int64 // bytes written

	mu     sync.Mutex
	events []Event
	notify chan struct{} // holds one token while there are events
	gate   chan struct{} // closed while bytes may be read
	done   chan struct{} // closed when nothing more is read

	// Of the goroutine that reads.
	message  []byte
	op       Op // of the open message; 0 if none is open
	deflated bool
	over     bool // the close frame has come
	key      uint32
	sameKey  int // frames in a row with that masking key
	frames   int
}

// A frame larger than this is not read.
const maxRead = 64 << 20

func newLink(conn net.Conn, client bool, log *wireLog, timeout time.Duration) *link {
	l := &link{conn: conn, client: client, log: log, timeout: timeout,
		notify: make(chan struct{}, 1), gate: make(chan struct{}), done: make(chan struct{})}
	close(l.gate)
	l.br = bufio.NewReaderSize(gated{l}, 16<<10)
	return l
}

// gated reads from the connection while the gate is open.
type gated struct{ l *link }

func (g gated) Read(p []byte) (int, error) {
	g.l.mu.Lock()
	gate := g.l.gate
	g.l.mu.Unlock()
	<-gate
	n, err := g.l.conn.Read(p)
	if n > 0 {
		g.l.heard.Store(int64(time.Since(g.l.log.start)))
	}
	return n, err
}

// deafen stops reading, until the function that it returns is called.
func (l *link) deafen() (listen func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gate := make(chan struct{})
	l.gate = gate
	return func() { close(gate) }
}

// agree makes what was agreed on with permessage-deflate hold for the frames that follow.
func (l *link) agree(p *params) {
	if p == nil {
		return
	}
	theirs, ours := p.serverBits, p.clientBits
	keepTheirs, keepOurs := !p.serverNoTakeover, !p.clientNoTakeover
	if !l.client {
		theirs, ours, keepTheirs, keepOurs = ours, theirs, keepOurs, keepTheirs
	}
	if theirs == 0 {
		theirs = 15
	}
	if ours == 0 {
		ours = 15
	}
	l.in = &deflate.Reader{Bits: theirs, Takeover: keepTheirs, Limit: maxRead}
	l.out = deflate.NewWriter(ours, keepOurs)
}

// listen reads until the end of the connection.
func (l *link) listen() {
	defer close(l.done)
	for {
		e, last := l.read()
		e.At = time.Since(l.log.start)
		l.put(e)
		if last {
			return
		}
	}
}

func (l *link) put(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	select {
	case l.notify <- struct{}{}:
	default:
	}
}

// take returns what was seen since the last call.
func (l *link) take() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// quietSince is when bytes came last.
func (l *link) quietSince() time.Time { return l.log.start.Add(time.Duration(l.heard.Load())) }

func violation(format string, args ...any) (Event, bool) {
	return Event{Kind: SawViolation, Text: fmt.Sprintf(format, args...)}, true
}

// ended is the event of an error while reading.
func ended(err error, where string) (Event, bool) {
	why := err.Error()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		why = "end of file"
	case errors.Is(err, syscall.ECONNRESET):
		why = "reset"
	}
	return Event{Kind: SawEnd, Text: why + where}, true
}

// read reads frames up to the next event. last is true if nothing can follow it.
func (l *link) read() (e Event, last bool) {
	for {
		f, payload, wrong, err := l.readFrame()
		switch {
		case err != nil && wrong != "":
			return ended(err, wrong)
		case err != nil:
			return ended(err, "")
		case wrong != "":
			return violation("%s", wrong)
		}
		if f.Op.Control() {
			return l.control(f, payload)
		}
		if l.over {
			return violation("a %v frame after its close frame", f.Op)
		}
		if f.Op != OpContinuation {
			l.op, l.deflated, l.message = f.Op, f.RSV&RSV1 != 0, nil
		}
		if len(l.message) == 0 {
			l.message = payload
		} else {
			l.message = append(l.message, payload...)
		}
		if len(l.message) > maxRead {
			return violation("a message of more than %d bytes", maxRead)
		}
		if !f.More {
			return l.whole()
		}
	}
}

// whole ends a message.
func (l *link) whole() (Event, bool) {
	e := Event{Kind: SawMessage, Op: l.op, Data: l.message, deflated: l.deflated}
	l.op, l.message = 0, nil
	if e.deflated {
		var err error
		if e.Data, err = l.in.Message(e.Data); err != nil {
			return violation("compressed data of its %v message: %v", e.Op, err)
		}
	}
	if e.Op == OpText && !utf8.Valid(e.Data) {
		return violation("a text message that is not valid UTF-8: %s", quote(e.Data))
	}
	e.Size = len(e.Data)
	return e, false
}

// control is the event of a control frame.
func (l *link) control(f *Frame, p []byte) (Event, bool) {
	e := Event{Kind: SawPing, Op: f.Op, Data: p, Size: len(p)}
	switch f.Op {
	case OpPong:
		e.Kind = SawPong
	case OpClose:
		e.Kind, l.over = SawClose, true
		switch {
		case len(p) == 0:
			e.Code = 1005
			return e, false
		case len(p) == 1:
			return violation("a close frame with a payload of one byte")
		}
		e.Code, e.Data, e.Size = int(binary.BigEndian.Uint16(p)), p[2:], len(p)-2
		switch {
		case e.Code < 1000 || e.Code == 1005 || e.Code == 1006 || e.Code == 1015:
			return violation("a close frame with the code %d, which may not be sent", e.Code)
		case !utf8.Valid(e.Data):
			return violation("a close frame whose reason is not valid UTF-8: %s", quote(e.Data))
		}
	}
	return e, false
}

// readFrame reads a frame. wrong says what is wrong with it, or, with an error, where it was cut.
func (l *link) readFrame() (f *Frame, payload []byte, wrong string, err error) {
	var b [14]byte
	if _, err := io.ReadFull(l.br, b[:2]); err != nil {
		where := ""
		if err == io.ErrUnexpectedEOF {
			where = " inside a frame"
		} else if l.op != 0 {
			where = " inside a message"
		}
		return nil, nil, where, err
	}
	f = &Frame{Op: Op(b[0] & 0xf), More: b[0]&0x80 == 0, RSV: b[0] & 0x70}
	size, n := uint64(b[1]&0x7f), 2
	more := map[uint64]int{126: 2, 127: 8}[size]
	masked := b[1]&0x80 != 0
	if masked {
		more += 4
	}
	if _, err := io.ReadFull(l.br, b[2:2+more]); err != nil {
		return nil, nil, " inside a frame", err
	}
	n += more
	switch size {
	case 126:
		f.Length, size = Length16, uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		f.Length, size = Length64, binary.BigEndian.Uint64(b[2:])
	}
	if wrong = l.judgeHeader(f, size, masked); wrong != "" {
		l.logFrame(f, b[:n], fmt.Sprintf("%v frame of %d bytes: %s", f.Op, size, wrong))
		return f, nil, wrong, nil
	}
	payload = make([]byte, 0, min(size, 1<<20))
	for uint64(len(payload)) < size {
		if len(payload) == cap(payload) {
			payload = append(payload, 0)[:len(payload)]
		}
		part := payload[len(payload):min(uint64(cap(payload)), size)]
		got, err := io.ReadFull(l.br, part)
		payload = payload[:len(payload)+got]
		if err != nil {
			return nil, nil, " inside a frame", err
		}
	}
	if masked && size > 0 && !l.freshKey(binary.BigEndian.Uint32(b[n-4:n])) {
		return f, nil, "its frames are all masked with the same key, which is not the unpredictable one of RFC 6455 §5.3", nil
	}
	head := append(b[:n:n], payload[:min(len(payload), maxWireBytes)]...)
	if masked {
		mask(payload, binary.BigEndian.Uint32(b[n-4:n]))
	}
	shown := *f
	shown.Length = LengthMinimal
	if size > 256 {
		shown.Payload = Data{}
		l.logFrame(f, head, fmt.Sprintf("%s of %d bytes", shown.describe(), size))
	} else {
		shown.Payload = lit(string(payload))
		l.logFrame(f, head, shown.String())
	}
	return f, payload, "", nil
}

// freshKey reports whether the masking keys of a client still look as if each were chosen anew.
func (l *link) freshKey(key uint32) bool {
	if key != l.key || l.sameKey == 0 {
		l.key, l.sameKey = key, 1
		return true
	}
	l.sameKey++
	return l.sameKey < 4
}

// describe is the frame without its payload.
func (f *Frame) describe() string {
	s := f.String()
	return s[:len(s)-len(` ""`)]
}

// logFrame logs a frame that was read, but not every one of thousands.
func (l *link) logFrame(_ *Frame, head []byte, text string) {
	const most = 40
	switch l.frames++; {
	case l.frames <= most:
		l.log.add("in", text, head)
	case l.frames == most+1:
		l.log.remark("further frames of the subject are not shown")
	}
}

// judgeHeader says what is wrong with a frame's header: RFC 6455 §5.
func (l *link) judgeHeader(f *Frame, size uint64, masked bool) string {
	switch {
	case f.RSV&(RSV2|RSV3) != 0:
		return "RSV2 or RSV3 is set"
	case f.RSV != 0 && l.in == nil:
		return "RSV1 is set without an extension"
	case f.RSV != 0 && (f.Op.Control() || f.Op == OpContinuation):
		return fmt.Sprintf("RSV1 is set in a %v frame", f.Op)
	case f.Op > OpBinary && f.Op < OpClose || f.Op > OpPong:
		return "its opcode is reserved"
	case masked && l.client:
		return "a server's frame is masked"
	case !masked && !l.client:
		return "a client's frame is not masked"
	case f.Length == Length16 && size < 126 || f.Length == Length64 && size <= 0xffff:
		return fmt.Sprintf("its length of %d is not written in the shortest form", size)
	case f.Op.Control() && f.More:
		return "a control frame is not final"
	case f.Op.Control() && size > 125:
		return "a control frame has more than 125 bytes"
	case f.Op == OpContinuation && l.op == 0:
		return "a continuation without a message"
	case (f.Op == OpText || f.Op == OpBinary) && l.op != 0:
		return "a new message inside another"
	case size > maxRead:
		return fmt.Sprintf("a frame of %d bytes", size)
	}
	return ""
}

// write writes p in pieces of chop bytes, delay apart. It ends early, without an error, when stop says so.
func (l *link) write(p []byte, chop int, delay time.Duration, stop func() bool) error {
	if chop <= 0 {
		chop = 64 << 10
	}
	for len(p) > 0 {
		n := min(chop, len(p))
		l.conn.SetWriteDeadline(time.Now().Add(l.timeout))
		done, err := l.conn.Write(p[:n])
		l.written.Add(int64(done))
		if err != nil {
			return err
		}
		if p = p[n:]; len(p) > 0 && delay > 0 {
			time.Sleep(delay)
		}
		if stop() {
			return nil
		}
	}
	return nil
}

// logPipelined logs frames that are sent together with a head.
func (l *link) logPipelined(frames []Frame) {
	for i := range frames {
		l.log.add("out", "in the same write "+frames[i].String(), nil)
	}
}

// reply sends a control frame of the suite's own accord.
func (l *link) reply(f Frame) {
	b := f.Append(nil, l.client)
	l.log.add("out", f.String(), b)
	l.write(b, 0, 0, func() bool { return false }) // an error shows when reading
}
