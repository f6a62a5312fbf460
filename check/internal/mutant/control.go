package mutant

import (
	"encoding/binary"
	"slices"
)

// control does what a control frame demands: RFC 6455 §5.5.
func (e *endpoint) control(op byte, p []byte) error {
	if e.fault == controlEntersWindow && e.inf != nil {
		e.inf.remember(p)
	}
	switch op {
	case opClose:
		return e.closed(p)
	case opPing:
		return e.ping(p)
	case opPong:
		if e.fault == answersPongs {
			return e.frame(final|opPong, p)
		}
	}
	return nil
}

func (e *endpoint) ping(p []byte) error {
	inside := e.in.open || e.in.left > 0
	switch e.fault {
	case neverPongs:
		return nil
	case sendsEmptyPongs:
		p = nil
	case sendsWrongPongs:
		p = slices.Clone(p)
		slices.Reverse(p)
	case sendsPongsTwice:
		if err := e.frame(final|opPong, p); err != nil {
			return err
		}
	case fragmentsPongs:
		if n := len(p) / 2; n > 0 {
			if err := e.frame(opPong, p[:n]); err != nil {
				return err
			}
			return e.frame(final|opContinuation, p[n:])
		}
	case defersPongs:
		if inside {
			e.deferred = append(e.deferred, p)
			return nil
		}
	case pingEndsMessage:
		e.in.forget = inside
	case compressesControl:
		if e.out != nil {
			if z := e.out.compress(p); len(z) <= 125 {
				return e.frame(final|rsv1|opPong, z)
			}
		}
	case controlEntersWindow:
		if e.out != nil {
			e.out.remember(p)
		}
	}
	return e.frame(final|opPong, p)
}

// closed answers a close frame: RFC 6455 §5.5.1. Nothing that follows it counts.
func (e *endpoint) closed(p []byte) error {
	if err := e.sendHeld(); err != nil {
		return err
	}
	if err := e.rule(len(p) != 1, acceptsOneByteClose, 1002, "a close frame has one byte"); err != nil {
		return err
	}
	var code uint16
	if len(p) >= 2 {
		code = binary.BigEndian.Uint16(p)
		if err := e.rule(e.validCode(code), acceptsBadCodes, 1002, "the close code is not one to be sent"); err != nil {
			return err
		}
		text := decoder{fault: e.fault}
		if err := e.rule(text.valid(p[2:]), acceptsBadReason, 1007, "the reason is not UTF-8"); err != nil {
			return err
		}
	}
	switch e.fault {
	case neverEchoesClose:
		return errClosed
	case echoesWrongCode:
		code = 1001
	case sends1005:
		if code == 0 {
			code = 1005
		}
	case closesTwice:
		if err := e.sendClose(code, ""); err != nil {
			return err
		}
	}
	if err := e.sendClose(code, ""); err != nil {
		return err
	}
	if e.fault == goesOnAfterClose {
		return nil
	}
	return errClosed
}

// validCode reports whether a code may be in a close frame: RFC 6455 §7.4, and what IANA has registered since.
func (e *endpoint) validCode(code uint16) bool {
	if code >= 3000 && code <= 4999 {
		return e.fault != refusesAppCodes
	}
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014
}
