package ws

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Events holds the callbacks of Conn.Run. Each runs on the goroutine of Run, one at a time.
type Events struct {
	// Message is called with each message. The bytes are lent until it returns; an error ends Run with that error.
	// May be nil: then messages are discarded.
	Message func(*Conn, Type, []byte) error
	// Ping and Pong are called with the payload, lent, of the peer's control frames. A ping is answered in
	// any case. May be nil.
	Ping, Pong func(*Conn, []byte)
}

// Read returns the next message. The caller owns the bytes; text is valid UTF-8.
//
// If ctx ends first, Read fails and nothing is lost: what has arrived of a message stays in the connection, and the
// next read goes on with it. Any other error but ErrConcurrentRead is, or wraps, the *CloseError that says how the
// connection ended.
func (c *Conn) Read(ctx context.Context) (Type, []byte, error) {
	if err := c.beginRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.setReader(readerFree)
	t, p, err := c.next(ctx)
	if err != nil {
		return 0, nil, err
	}
	own := make([]byte, len(p))
	copy(own, p)
	if frameBuffered(c.in.buffered()) {
		return t, own, nil // the next Read comes soon
	}
	c.reclaim()
	c.publish()
	c.in.stash()
	return t, own, nil
}

// beginRead takes the reader's role for one read and gets rid of what an earlier Reader left of its message.
func (c *Conn) beginRead(ctx context.Context) error {
	if err := c.acquireReader(ctx); err != nil {
		return err
	}
	err := c.readable(ctx)
	if err != nil {
		c.setReader(readerFree)
	}
	return err
}

func (c *Conn) readable(ctx context.Context) error {
	if c.closeSent.Load() {
		if e := c.err(); e != nil {
			return e
		}
	}
	if s := c.in.stream; s != nil {
		return s.discard(ctx)
	}
	return nil
}

// Messages returns an iterator over the messages, for
//
//	for m, err := range c.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		...
//	}
//
// A message's Data is lent until the next turn of the loop; Message.Clone keeps it. The loop ends silently when the
// connection ends in the ordinary way: with 1000 or 1001, or with a close frame without code, which is what a browser
// sends by default. Any other end, and the end of ctx, is yielded as an error first. After leaving the loop, reading may go on.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := c.beginRead(ctx); err != nil {
			if !ordinaryEnd(err) {
				yield(Message{}, err)
			}
			return
		}
		defer c.leaveRead()
		for {
			t, p, err := c.next(ctx)
			c.lending()
			if err != nil {
				if !ordinaryEnd(err) {
					yield(Message{}, err)
				}
				return
			}
			if !yield(Message{t, p}, nil) {
				return
			}
		}
	}
}

// lending notes that the application has a message, or an error, in a loop of reads. The role stays so until the next wait: a
// Close that comes while what is buffered is parsed is as good as one in the callback.
func (c *Conn) lending() {
	if !c.in.lends {
		c.in.lends = true
		c.setReader(readerCallback)
	}
}

// leaveRead ends a loop of reads.
func (c *Conn) leaveRead() {
	c.in.lends, c.in.events = false, nil
	c.uncork()
	c.reclaim()
	c.publish()
	c.in.stash()
	c.setReader(readerFree)
	if c.closeSent.Load() && c.err() == nil {
		go c.finishClose() // the loop was left after a Close inside it
	}
}

// ordinaryEnd reports whether a loop over messages ends silently with err.
func ordinaryEnd(err error) bool {
	switch CloseCode(err) {
	case CodeNormal, CodeGoingAway, CodeNoStatus:
		var ce *CloseError
		return errors.As(err, &ce) && ce.Err == nil
	}
	return false
}

// Run reads until the connection ends and calls e for what comes: the fastest way to read. It returns nil
// when Messages would end silently, the callback's error if one failed, and otherwise what ended the connection or ctx.
// It does not close the connection after a callback's error.
//
// Close called from a callback sends its frame and returns; Run goes on until the close handshake is done.
func (c *Conn) Run(ctx context.Context, e Events) error {
	if err := c.beginRead(ctx); err != nil {
		return endOfRun(err)
	}
	defer c.leaveRead()
	if e.Ping != nil || e.Pong != nil {
		c.heed(e)
	}
	for {
		t, p, err := c.next(ctx)
		if err != nil {
			return endOfRun(err)
		}
		if e.Message == nil {
			continue
		}
		c.lending()
		if err := e.Message(c, t, p); err != nil {
			return err
		}
	}
}

// The functions on the way to the wait of an idle connection, and to the system call of a small write, are kept few and their
// frames small: together they fit into the 2 KiB of stack that a goroutine starts with, so that it need not grow. That is
// why what is rare stands in functions of its own, not inlined.

// endOfRun is what Run returns when a read has failed.
//
//go:noinline
func endOfRun(err error) error {
	if ordinaryEnd(err) {
		return nil
	}
	return err
}

// heed keeps the callbacks for control frames.
//
//go:noinline
func (c *Conn) heed(e Events) { c.in.events = &e }

// CloseRead starts a goroutine that reads and discards messages until the connection ends, for an endpoint that
// only writes: it keeps pongs and the close handshake going. Reading by other means gets ErrConcurrentRead from then on.
// The returned context is derived from ctx and ends with the connection; the end of ctx ends the connection, too. If
// somebody reads already, the returned context has ended, with ErrConcurrentRead as its cause.
func (c *Conn) CloseRead(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	if err := c.beginRead(ctx); err != nil {
		cancel(err)
		return ctx
	}
	go func() {
		defer c.leaveRead()
		for {
			if _, _, err := c.next(ctx); err != nil {
				e := c.err()
				if e == nil {
					e = c.abort(&CloseError{Code: CodeAbnormal, Err: err})
				}
				cancel(e)
				return
			}
		}
	}()
	return ctx
}

// messageReader streams one message.
type messageReader struct {
	c     *Conn
	ctx   context.Context
	chunk []byte // taken from the input, not yet from the reader
	total int64
	inf   *inflation // for a compressed message, once all of it is there
	err   error
}

// Reader returns the next message as a stream that is read until io.EOF, of any size that MessageLimit allows, without
// holding it as a whole. ctx bounds the reads from the stream, too. A compressed message is collected first, and
// inflated while it is read. Read, Reader, Messages or Run, called before the end, discard the rest. The reader is
// not safe for concurrent use.
func (c *Conn) Reader(ctx context.Context) (Type, io.Reader, error) {
	if err := c.beginRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.setReader(readerFree)
	c.reclaim()
	in := &c.in
	if in.typ == 0 {
		for {
			if err := c.awaitFrame(ctx); err != nil {
				return 0, nil, err
			}
			if !in.discard {
				break
			}
			if err := c.skipFrame(ctx); err != nil {
				return 0, nil, err
			}
		}
	}
	in.stream = &messageReader{c: c, ctx: ctx}
	return in.typ, in.stream, nil
}

// skipFrame takes the rest of the frame under way without looking at it.
func (c *Conn) skipFrame(ctx context.Context) error {
	in := &c.in
	for in.remain > 0 {
		if len(c.takeBuffered()) == 0 {
			if _, err := c.fill(ctx, nil, true); err != nil {
				return err
			}
		}
	}
	in.inFrame = false
	if in.fin {
		c.dropMessage()
	}
	return nil
}

var errMessageLeft = errors.New("ws: read: the message was left: another read has discarded the rest")

// Read implements io.Reader.
func (r *messageReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.c.acquireReader(r.ctx); err != nil {
		return 0, err
	}
	defer r.c.setReader(readerFree)
	if r.c.in.stream != r {
		if e := r.c.err(); e != nil { // it was Close that discarded the rest
			r.err = e
		} else {
			r.err = errMessageLeft
		}
		return 0, r.err
	}
	n, err := r.read(r.ctx, p)
	if err != nil && (err == io.EOF || r.c.err() != nil) {
		r.err = err
	}
	return n, err
}

func (r *messageReader) read(ctx context.Context, p []byte) (int, error) {
	c, in := r.c, &r.c.in
	if e := c.err(); e != nil {
		return 0, e
	}
	for {
		switch {
		case r.inf != nil:
			n, err := r.inf.read(p)
			if err != nil && err != io.EOF {
				err = c.inflateFailed(err)
			}
			if err == io.EOF {
				if in.typ == Text && !in.utf8.complete() {
					return 0, c.fail(CodeInvalidPayload, "text message ends inside a UTF-8 sequence", nil)
				}
				r.finish()
			}
			r.total += int64(n)
			return n, err
		case len(r.chunk) > 0:
			n := copy(p, r.chunk)
			r.chunk = r.chunk[n:]
			r.total += int64(n)
			return n, nil
		case !in.compressed && in.msgOff < in.msgLen:
			// What a cancelled Read had collected.
			n := copy(p, in.msg.b[in.msgOff:in.msgLen])
			in.msgOff += n
			r.total += int64(n)
			return n, nil
		case in.remain > 0 && in.compressed && !in.discard:
			if err := c.collect(ctx); err != nil {
				return 0, err
			}
		case in.remain > 0:
			if b := c.takeBuffered(); len(b) > 0 {
				if in.discard {
					continue
				}
				r.chunk = b
				if err := c.checkText(b); err != nil {
					return 0, err
				}
				continue
			}
			if _, err := c.fill(ctx, nil, true); err != nil {
				return 0, err
			}
		case !in.inFrame || !in.fin:
			in.inFrame = false
			if err := c.awaitFrame(ctx); err != nil {
				return 0, err
			}
		case in.discard:
			in.inFrame, in.fin = false, false // wait for the close frame
			c.dropMessage()
		case in.compressed:
			var text *utf8State
			if in.typ == Text {
				text = &in.utf8
			}
			in.msg = addInflateTail(in.msg, in.msgLen)
			r.inf = c.deflate.begin(in.msg.b[:in.msgLen+len(inflateTail)], c.opt.MessageLimit, text)
		default:
			if in.typ == Text && !in.utf8.complete() {
				return 0, c.fail(CodeInvalidPayload, "text message ends inside a UTF-8 sequence", nil)
			}
			r.finish()
			return 0, io.EOF
		}
	}
}

// finish counts the message and makes room for the next one.
func (r *messageReader) finish() {
	c, in := r.c, &r.c.in
	in.messages++
	in.bytes += r.total
	if tr := c.opt.Trace; tr != nil && tr.Message != nil {
		tr.Message(c, MessageInfo{Type: in.typ, Len: r.total, Wire: int64(in.size), Compressed: in.compressed})
	}
	if r.inf != nil {
		r.inf.end()
		r.inf = nil
	}
	in.inFrame = false
	c.dropMessage()
	if !frameBuffered(in.buffered()) {
		c.publish()
		in.stash()
	}
}

// discard reads to the end of the message, so that the next one can follow. The role is held.
func (r *messageReader) discard(ctx context.Context) error {
	scratch := getBuffer(smallRead)
	defer putBuffer(scratch)
	for {
		if _, err := r.read(ctx, scratch.b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
