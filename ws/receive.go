package ws

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// next reads until a whole message is there and returns it, lent until the next call. Partial messages stay in
// the input, so that a call whose context ended can be followed by another.
func (c *Conn) next(ctx context.Context) (Type, []byte, error) {
	in := &c.in
	c.reclaim()
	for {
		if !in.inFrame {
			if p, ok := c.quickMessage(); ok {
				return c.deliver(p)
			}
			p, state, err := c.nextFrame(true)
			if err != nil {
				return 0, nil, err
			}
			if state == frameWhole {
				return c.deliver(p)
			}
			if state == frameMissing {
				if _, err := c.fill(ctx, nil, true); err != nil {
					return 0, nil, err
				}
				continue
			}
		}
		if done, err := c.gather(ctx); done || err != nil {
			if err != nil {
				return 0, nil, err
			}
			return c.deliver(in.msg.bytes(in.msgLen))
		}
	}
}

// gather takes payload of the frame under way, and reports whether the message is whole then.
func (c *Conn) gather(ctx context.Context) (done bool, err error) {
	in := &c.in
	if err := c.collect(ctx); err != nil || in.remain > 0 {
		return false, err
	}
	in.inFrame = false
	if !in.fin || in.discard {
		if in.fin {
			c.dropMessage()
		}
		return false, nil
	}
	if in.compressed {
		if err := c.inflateMessage(); err != nil {
			return false, err
		}
	}
	if in.typ == Text && !in.utf8.complete() {
		return false, c.fail(CodeInvalidPayload, "text message ends inside a UTF-8 sequence", nil)
	}
	return true, nil
}

// quickMessage takes what nearly every read finds: a message in one uncompressed frame that lies in the buffer as a whole.
// Everything else, what breaks a rule included, it leaves untouched to nextFrame.
func (c *Conn) quickMessage() (p []byte, ok bool) {
	in := &c.in
	if in.buf == nil || in.typ != 0 || in.discard || c.opt.Trace.each() || c.closeSent.Load() {
		return nil, false
	}
	b := in.buf.b[in.r:in.w]
	if len(b) < 6 || b[0] != bitFin|opText && b[0] != bitFin|opBinary || b[1]&bitMask != 0 == c.client {
		return nil, false
	}
	at, n := 2, int(b[1]&0x7f)
	switch {
	case n == 126:
		at, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		if n < 126 {
			return nil, false
		}
	case n == 127:
		return nil, false
	}
	var key uint32
	if !c.client {
		if len(b) < at+4 {
			return nil, false
		}
		key = binary.LittleEndian.Uint32(b[at:])
		at += 4
	}
	if len(b)-at < n || c.opt.MessageLimit >= 0 && int64(n) > c.opt.MessageLimit {
		return nil, false
	}
	p = b[at : at+n : at+n]
	mask(p, key)
	if b[0] == bitFin|opText && !validText(p) {
		mask(p, key) // nextFrame says what is wrong
		return nil, false
	}
	in.typ = Type(b[0] & 0xf)
	in.steps++
	in.size = uint64(n)
	c.consumed(at + n)
	return p, true
}

// bytes returns the first n bytes; b may be nil if n is 0.
func (b *buffer) bytes(n int) []byte {
	if b == nil {
		return []byte{}
	}
	return b.b[:n]
}

// deliver counts a finished message and lends it.
func (c *Conn) deliver(p []byte) (Type, []byte, error) {
	in := &c.in
	t := in.typ
	in.messages++
	in.bytes += int64(len(p))
	if tr := c.opt.Trace; tr != nil && tr.Message != nil {
		tr.Message(c, MessageInfo{Type: t, Len: int64(len(p)), Wire: int64(in.size), Compressed: in.compressed})
	}
	in.loan.begin(p)
	in.typ, in.size, in.charged, in.compressed, in.msgLen = 0, 0, 0, false, 0
	return t, p, nil
}

// reclaim ends the loan of the last message.
func (c *Conn) reclaim() {
	in := &c.in
	in.loan.end()
	if in.msg != nil && in.typ == 0 {
		putBuffer(in.msg)
		in.msg = nil
	}
}

// dropMessage forgets the message under way.
func (c *Conn) dropMessage() {
	in := &c.in
	putBuffer(in.msg)
	in.loan.end()
	in.msg, in.stream = nil, nil
	in.typ, in.size, in.charged, in.compressed, in.msgLen, in.msgOff = 0, 0, 0, false, 0, 0
	in.utf8 = utf8State{}
}

// What nextFrame has found.
type frameState int

const (
	frameMissing frameState = iota // more bytes are needed
	frameBegun                     // a data frame, whose payload remains to be taken
	frameWhole                     // a whole message in one frame, which is returned
)

// nextFrame parses what is buffered up to the header of the next data frame; control frames on the way are handled. If
// inPlace is set and the frame is a whole uncompressed message that lies in the buffer, or can be had there at once, it
// is checked and returned without being copied.
func (c *Conn) nextFrame(inPlace bool) (p []byte, state frameState, err error) {
	in := &c.in
	tried := false
	for {
		b := in.buffered()
		h, ok, bad := parseHeader(b)
		if len(b) >= 2 {
			if err := c.checkHeader(&h, b, ok, bad); err != nil {
				return nil, 0, err
			}
		}
		if !ok {
			return nil, frameMissing, nil
		}
		if in.buf == nil {
			in.fetch(smallRead)
			b = in.buffered()
		}
		if h.control() {
			end := h.size + int(h.length)
			if len(b) < end {
				return nil, frameMissing, nil
			}
			c.consumed(end)
			p := b[h.size:end]
			mask(p, h.key)
			if err := c.control(&h, p); err != nil {
				return nil, 0, err
			}
			tried = false
			continue
		}
		single := h.fin() && in.typ == 0 && !h.rsv1() && inPlace && !in.discard
		total := h.length + uint64(h.size)
		if single && total > uint64(len(b)) && total <= readBufferSize && c.rc != nil && !tried {
			// Perhaps the rest is there already: then nothing needs to be copied.
			n, err := c.fill(context.Background(), nil, false)
			if err != nil {
				return nil, 0, err
			}
			tried = n == 0
			continue
		}
		if err := c.startFrame(&h); err != nil {
			return nil, 0, err
		}
		if single && !in.discard && total <= uint64(len(b)) {
			p := b[h.size:total]
			mask(p, h.key)
			if in.typ == Text && !validText(p) {
				return nil, 0, c.fail(CodeInvalidPayload, "text message is not UTF-8", nil)
			}
			in.inFrame = false
			c.consumed(int(total))
			return p, frameWhole, nil
		}
		c.consumed(h.size)
		return nil, frameBegun, nil
	}
}

// awaitFrame reads up to the payload of the next data frame.
func (c *Conn) awaitFrame(ctx context.Context) error {
	for {
		_, state, err := c.nextFrame(false)
		if err != nil || state == frameBegun {
			return err
		}
		if _, err := c.fill(ctx, nil, true); err != nil {
			return err
		}
	}
}

// consumed takes n bytes from the buffer and notes whether another whole frame is in it: then what is written from
// now on waits for the replies to that one.
func (c *Conn) consumed(n int) {
	in := &c.in
	in.r += n
	left := in.w - in.r
	if !frameBuffered(in.buf.b[in.r:in.w]) {
		left = 0
	}
	if was := c.out.corked.Load(); left == 0 != (was == 0) {
		c.out.corked.Store(int32(left))
	}
}

// frameBuffered reports whether b begins with a whole frame. It need not be a right one: what is wrong shows when it is parsed.
func frameBuffered(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	size, n := 2, uint64(b[1]&0x7f)
	switch {
	case n == 126 && len(b) >= 4:
		size, n = 4, uint64(b[2])<<8|uint64(b[3])
	case n == 127 && len(b) >= 10:
		size, n = 10, binary.BigEndian.Uint64(b[2:])
	case n >= 126:
		return false
	}
	size += int(b[1]&bitMask) >> 5 // 4 for the mask
	return len(b) >= size && n <= uint64(len(b)-size)
}

// checkHeader applies the rules of RFC 6455 §5.2 to a frame header, as soon as its first two bytes are there.
func (c *Conn) checkHeader(h *header, b []byte, whole bool, bad string) error {
	in := &c.in
	first := b[0]
	op := first & 0xf
	masked := b[1]&bitMask != 0
	switch {
	case first&0x30 != 0:
		bad = "reserved bit RSV2 or RSV3 is set"
	case first&bitRSV1 != 0 && c.deflate == nil:
		bad = "reserved bit RSV1 is set without an extension that uses it"
	case op > opBinary && op < opClose, op > opPong:
		bad = fmt.Sprintf("reserved opcode %#x", op)
	case op >= opClose && first&bitFin == 0:
		bad = "control frame is fragmented"
	case op >= opClose && b[1]&0x7f > maxControl:
		bad = "control frame is longer than 125 bytes"
	case op >= opClose && first&bitRSV1 != 0:
		bad = "control frame has RSV1 set"
	case op == opContinuation && in.typ == 0:
		bad = "continuation frame without a message to continue"
	case op == opContinuation && first&bitRSV1 != 0:
		bad = "continuation frame has RSV1 set"
	case (op == opText || op == opBinary) && in.typ != 0:
		bad = "new message inside a fragmented one"
	case !c.client && !masked:
		bad = "frame from the client is not masked"
	case c.client && masked:
		bad = "frame from the server is masked"
	case !whole:
		return nil
	}
	if bad != "" {
		return c.fail(CodeProtocolError, bad, nil)
	}
	return nil
}

// startFrame begins a data frame: it charges the length to the limit before anything is allocated for it.
func (c *Conn) startFrame(h *header) error {
	in := &c.in
	if tr := c.opt.Trace; tr != nil && tr.FrameIn != nil {
		tr.FrameIn(c, h.info())
	}
	in.steps++
	in.discard = in.discard || c.closeSent.Load()
	if in.typ == 0 {
		in.typ = Type(h.opcode())
		in.compressed = h.rsv1()
	}
	in.inFrame, in.fin = true, h.fin()
	in.remain, in.key = h.length, h.key
	if in.discard {
		return nil
	}
	if limit := c.opt.MessageLimit; limit >= 0 {
		// A fragment costs at least 64 bytes of the limit, lest a message of a million empty ones be free; limits
		// smaller than a page leave room for a few. What is compressed may be a little larger than its content.
		data, slots := uint64(limit), max(uint64(limit), 4<<10)
		if in.compressed {
			data += data/64 + 1024
			slots = max(slots, data)
		}
		charge := h.length
		if !h.fin() || h.opcode() == opContinuation {
			charge = max(charge, 64)
		}
		if h.length > data-in.size || charge > slots-min(slots, in.charged) {
			return c.tooBig()
		}
		in.charged += charge
	}
	in.size += h.length
	return nil
}

func (c *Conn) tooBig() error {
	e := &LimitError{Limit: "Options.MessageLimit", Max: c.opt.MessageLimit}
	return c.fail(CodeMessageTooBig, fmt.Sprintf("message exceeds %d bytes", e.Max), e)
}

func (h *header) info() FrameInfo {
	return FrameInfo{Opcode: h.opcode(), Fin: h.fin(), RSV1: h.rsv1(), Len: int64(h.length)}
}

// collect moves payload of the frame under way into the message: all that is buffered, or else what one read gives.
func (c *Conn) collect(ctx context.Context) error {
	in := &c.in
	if in.remain == 0 {
		return nil
	}
	if p := c.takeBuffered(); len(p) > 0 {
		if in.discard {
			return nil
		}
		in.reserve(len(p))
		in.msgLen += copy(in.msg.b[in.msgLen:], p)
		return c.checkText(p)
	}
	if in.remain < 4<<10 || in.discard {
		_, err := c.fill(ctx, nil, true)
		return err
	}
	// The rest is large: it is read to where it belongs.
	in.reserve(0)
	dst := in.msg.b[in.msgLen:]
	if uint64(len(dst)) > in.remain {
		dst = dst[:in.remain]
	}
	n, err := c.fill(ctx, dst, true)
	if err != nil {
		return err
	}
	p := dst[:n]
	in.steps++
	in.remain -= uint64(n)
	in.key = mask(p, in.key)
	in.msgLen += n
	return c.checkText(p)
}

// takeBuffered takes what is buffered of the payload under way, unmasked.
func (c *Conn) takeBuffered() []byte {
	in := &c.in
	if in.buf == nil && in.held > 0 {
		in.fetch(smallRead)
	}
	b := in.buffered()
	if uint64(len(b)) > in.remain {
		b = b[:in.remain]
	}
	if len(b) == 0 {
		return nil
	}
	in.steps++
	in.remain -= uint64(len(b))
	in.key = mask(b, in.key)
	c.consumed(len(b))
	return b
}

// reserve makes room in the message for n bytes at hand and for some that may follow: memory grows with what
// has arrived, never with what was announced.
func (in *input) reserve(n int) {
	have := 0
	if in.msg != nil {
		have = len(in.msg.b)
	}
	if in.msgLen+n < have {
		return
	}
	ahead := uint64(max(4*(in.msgLen+n), smallRead))
	size := in.msgLen + n + int(min(in.remain, ahead))
	if size > have {
		in.msg = growBuffer(in.msg, in.msgLen, size)
	}
}

// checkText checks the next part of an uncompressed text message.
func (c *Conn) checkText(p []byte) error {
	in := &c.in
	if in.typ == Text && !in.compressed && !in.utf8.push(p) {
		return c.fail(CodeInvalidPayload, "text message is not UTF-8", nil)
	}
	return nil
}

// inflateMessage replaces the collected compressed message by its content.
func (c *Conn) inflateMessage() error {
	in := &c.in
	var text *utf8State
	if in.typ == Text {
		text = &in.utf8
	}
	in.msg = addInflateTail(in.msg, in.msgLen)
	msg, n, err := c.deflate.inflate(in.msg.b[:in.msgLen+len(inflateTail)], c.opt.MessageLimit, text)
	putBuffer(in.msg)
	in.msg, in.msgLen = msg, n
	return c.inflateFailed(err)
}

// inflateFailed ends the connection for an error of inflation; nil passes.
func (c *Conn) inflateFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errInflatedSize):
		return c.tooBig()
	case errors.Is(err, errInflatedText):
		return c.fail(CodeInvalidPayload, "text message is not UTF-8", nil)
	}
	return c.fail(CodeInvalidPayload, "compressed message is corrupt", err)
}
