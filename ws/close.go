package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The closing handshake (RFC 6455 §7). Whoever finds that the connection is over records it with end and sends its close
// frame at once if it can; a goroutine then waits for the peer to close its side, so that no reset overtakes the
// close frame, and closes the stream.

// Close ends the connection with a close handshake: it sends what was queued and a close frame with the code and the
// reason, waits for the peer's, discarding what comes before it, and closes the stream. The reason is cut to 123 bytes;
// with CodeNoStatus the frame is empty. Codes that must not be sent (RFC 6455 §7.4) are an error and change nothing.
//
// If nobody reads, Close does; otherwise the read that is under way finishes the handshake. Called while a callback of Run
// or the body of a Messages loop runs, it returns as soon as its frame is sent, and that loop finishes the handshake.
//
// The handshake is bounded by ctx and by Options.CloseTimeout; then the stream is closed in any case and an error tells
// that the peer did not answer. Close on a connection that is over returns nil if this side closed it in order, and
// else the *CloseError that says how it ended.
func (c *Conn) Close(ctx context.Context, code Code, reason string) error {
	if code != CodeNoStatus && !code.sendable() {
		return fmt.Errorf("ws: close: code %s cannot be sent", code)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.opt.CloseTimeout, ErrCloseTimeout)
	defer cancel()
	if err := c.beginClose(ctx, code, reason); err != nil {
		return err
	}
	c.ka.expectClose(c)
	err := c.awaitClose(ctx)
	if c.err() != nil {
		c.settle()
	}
	return err
}

// settle waits until nothing uses the handler's ResponseWriter any more. The connection is recorded as over.
func (c *Conn) settle() {
	if _, held := c.s.(*handlerStream); held {
		<-c.whenCut()
	}
}

// awaitClose waits for the peer's answer to our close frame, and reads if nobody does.
func (c *Conn) awaitClose(ctx context.Context) error {
	ended, turned := c.whenEnded(), c.in.handover(c)
	for {
		if c.in.role.CompareAndSwap(readerFree, readerClosing) {
			var err error
			for err == nil {
				if err = c.readable(ctx); err == nil {
					_, _, err = c.next(ctx)
				}
			}
			c.setReader(readerFree)
		} else if c.in.role.Load() == readerCallback {
			if c.err() != nil {
				return c.closeResult()
			}
			return nil
		}
		select {
		case <-ended:
			return c.closeResult()
		case <-ctx.Done():
			e := c.abort(&CloseError{Code: CodeAbnormal, Err: context.Cause(ctx)})
			if e.Err == nil {
				return c.closeResult()
			}
			return cancelled("close", ctx)
		case <-turned:
		}
	}
}

// finishClose is the rest of a Close inside a loop of reads that was left before the peer answered.
func (c *Conn) finishClose() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), c.opt.CloseTimeout, ErrCloseTimeout)
	defer cancel()
	_ = c.awaitClose(ctx) // Close has returned: nobody is left to tell
}

// closeResult is what Close returns once the connection is over.
func (c *Conn) closeResult() error {
	if e := c.err(); e.Remote || e.Err != nil || e != c.local {
		return e
	}
	return nil
}

// beginClose sends our close frame, once.
func (c *Conn) beginClose(ctx context.Context, code Code, reason string) error {
	if err := c.takeTurn(ctx, "close"); err != nil {
		if ctx.Err() != nil {
			c.abort(&CloseError{Code: CodeAbnormal, Err: context.Cause(ctx)})
		}
		if c.err() != nil {
			return c.closeResult()
		}
		return err
	}
	defer c.release()
	c.mu.Lock()
	if c.closeErr != nil || c.local != nil {
		c.mu.Unlock()
		if c.err() != nil {
			return c.closeResult()
		}
		return nil // another Close is under way
	}
	payload := closePayload(code, reason)
	c.local = &CloseError{Code: code}
	if code != CodeNoStatus {
		c.local.Reason = string(payload[2:])
	}
	c.closeSent.Store(true)
	c.takeQueue()
	c.putFrame(&c.out.sending, bitFin|opClose, payload, nil, false)
	c.mu.Unlock()
	return c.send(ctx, true)
}

// closeTimedOut is how the connection ends when the peer does not answer our close frame.
func (c *Conn) closeTimedOut() *CloseError {
	return &CloseError{Code: CodeAbnormal, Err: ErrCloseTimeout}
}

// CloseNow ends the connection at once, without close handshake, and interrupts every call under way. Messages that Write
// has accepted are still handed to the transport if it takes them at once. After a close frame was received, or a
// protocol error was answered, it does nothing: the connection is ending by itself.
func (c *Conn) CloseNow() error {
	if c.err() != nil {
		c.settle()
		return nil
	}
	o := &c.out
	c.mu.Lock()
	start := o.queue.frames > 0 && o.pending() && o.turn.try()
	c.mu.Unlock()
	if start {
		c.takeUnlessClosing()
		if c.rc != nil {
			_ = c.send(context.Background(), false) // whatever happens, it ends here
		} else {
			ctx, cancel := context.WithTimeout(context.Background(), min(time.Second, c.opt.WriteTimeout))
			_ = c.send(ctx, true)
			cancel()
		}
	}
	c.abort(&CloseError{Code: CodeAbnormal, Err: errCloseNow})
	if start {
		c.giveTurn() // only now: what is left half sent must have no successor
	}
	return nil
}

var errCloseNow = errors.New("ws: closed without close handshake")

// fail ends the connection because of what the peer sent, with a close frame that says why (RFC 6455 §7.1.7). Only the
// reader calls it.
func (c *Conn) fail(code Code, reason string, cause error) error {
	return c.finishRead(&CloseError{Code: code, Reason: reason, Err: cause}, closePayload(code, reason))
}

// closeReceived handles the peer's close frame (RFC 6455 §5.5.1): it is the answer to ours, or it is answered.
func (c *Conn) closeReceived(p []byte) error {
	code, reason, bad := parseClosePayload(p)
	if bad != nil {
		return c.fail(bad.Code, bad.Reason, nil)
	}
	c.mu.Lock()
	local := c.local
	c.mu.Unlock()
	if local != nil {
		return c.finishRead(local, nil)
	}
	return c.finishRead(&CloseError{Code: code, Reason: reason, Remote: true}, closePayload(code, ""))
}

// finishRead ends the connection on the goroutine that reads, which reads no more. The close frame goes out now if it can.
func (c *Conn) finishRead(e *CloseError, payload []byte) error {
	o := &c.out
	o.corked.Store(0)
	e, reply := c.end(e)
	c.dropInput()
	if reply && o.turn.try() {
		c.sendCloseFrame(payload)
		c.giveTurn()
		reply = false
	}
	if _, held := c.s.(*handlerStream); held {
		c.linger(reply, payload) // once a read has failed, the handler may return
	} else {
		go c.linger(reply, payload)
	}
	return e
}

// sendCloseFrame sends the queue and a close frame. The turn is held; the connection is recorded as over.
func (c *Conn) sendCloseFrame(payload []byte) {
	c.mu.Lock()
	c.takeQueue()
	c.putFrame(&c.out.sending, bitFin|opClose, payload, nil, false)
	c.mu.Unlock()
	// If it fails the stream is closed, and the reason for the end is recorded already.
	_ = c.send(context.Background(), true)
}

// linger sends the close frame if that is still to do (reply), lets the peer close its side first, within CloseTimeout, and
// closes the stream. Closing it with data unread would reset it, and the peer might never see why.
func (c *Conn) linger(reply bool, payload []byte) {
	defer c.cut()
	timer := time.NewTimer(c.opt.CloseTimeout)
	defer timer.Stop()
	if place := c.lineUp(); place != nil {
		select {
		case <-place: // a Close on another goroutine has sent its frame
		case <-timer.C:
			c.leaveLine(place)
			return
		case <-c.whenCut():
			c.leaveLine(place)
			return
		}
	}
	if reply {
		c.sendCloseFrame(payload)
	}
	c.giveTurn()
	if h, ok := c.s.(*handlerStream); ok {
		h.finish(c.opt.CloseTimeout) // it ends when the handler returns, which waits for this
		return
	}
	// After a close handshake the client waits for the server to close first (RFC 6455 §7.1.1).
	if e := c.err(); !c.client || !e.Remote && e != c.local {
		half, ok := c.s.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
	}
	if c.s.SetReadDeadline(time.Now().Add(c.opt.CloseTimeout)) != nil {
		return
	}
	b := getBuffer(smallRead)
	defer putBuffer(b)
	for {
		if _, err := c.s.Read(b.b); err != nil {
			if c.tls && err == io.EOF {
				_ = c.s.Close() // in order, with an alert; cut does it without
			}
			return
		}
	}
}

// abortWithClose ends the connection from the keepalive, telling the peer why if the code can be sent.
func (c *Conn) abortWithClose(e *CloseError) {
	ended, reply := c.end(e)
	if ended != e {
		return // it has ended meanwhile, and is about to be cut
	}
	if reply && e.Code.sendable() && c.out.turn.try() {
		c.sendCloseFrame(closePayload(e.Code, e.Reason))
		c.giveTurn()
	}
	c.cut()
}
