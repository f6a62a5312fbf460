package main

import (
	"compress/flate"
	"errors"
	"io"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

// deflated is the loop with compression, which each message may have or not.
func (e *endpoint) deflated() error {
	inflater := wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	deflater := wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // the level is one of those that there are
		return f
	})
	var msg wsflate.MessageState
	state := e.state | ws.StateExtended
	control := wsutil.ControlFrameHandler(e.conn, e.state)
	rd := wsutil.Reader{
		Source: e.in, State: state, OnIntermediate: control,
		Extensions: []wsutil.RecvExtension{&msg}, MaxMessageSize: peer.MessageLimit,
	}
	wr := wsutil.NewWriter(e.conn, state, 0)
	wr.SetExtensions(&msg)
	for {
		h, err := rd.NextFrame()
		if err != nil {
			return err
		}
		if h.OpCode.IsControl() {
			if err := control(h, &rd); err != nil {
				return err
			}
			continue
		}
		compressed := msg.IsCompressed()
		src := io.Reader(&rd)
		if compressed {
			inflater.Reset(src)
			src = inflater
		}
		data, err := whole(src, h.OpCode == ws.OpText)
		if err != nil {
			return err
		}
		if e.take != nil {
			if err := e.take(h.OpCode, data); err != nil {
				return err
			}
			continue
		}
		wr.ResetOp(h.OpCode)
		if compressed {
			deflater.Reset(wr)
			_, err = deflater.Write(data)
			err = errors.Join(err, deflater.Close())
		} else {
			_, err = wr.Write(data)
		}
		if err := errors.Join(err, wr.Flush()); err != nil {
			return err
		}
	}
}

// whole reads a message, whose limit counts what is inflated.
func whole(src io.Reader, text bool) ([]byte, error) {
	src = io.LimitReader(src, peer.MessageLimit+1)
	check := wsutil.NewUTF8Reader(src)
	if text {
		src = check
	}
	data, err := io.ReadAll(src)
	switch {
	case err != nil:
		return nil, err
	case len(data) > peer.MessageLimit:
		return nil, wsutil.ErrMessageTooLarge
	case text && !check.Valid():
		return nil, wsutil.ErrInvalidUTF8
	}
	return data, nil
}

// fail ends the connection after an error that the other side is to hear of: as RFC 6455 §7.1.1 has it, by a close
// frame, the end of what is written, and the end of what is read.
func (e *endpoint) fail(err error) {
	code := ws.StatusProtocolError
	if _, broken := errors.AsType[ws.ProtocolError](err); !broken {
		switch {
		case errors.Is(err, wsutil.ErrInvalidUTF8):
			code = ws.StatusInvalidFramePayloadData
		case errors.Is(err, wsutil.ErrMessageTooLarge):
			code = ws.StatusMessageTooBig
		default:
			return // the other side closed, or the network did
		}
	}
	if wsutil.WriteMessage(e.conn, e.state, ws.OpClose, ws.NewCloseFrameBody(code, "")) != nil {
		return
	}
	if c, ok := e.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_ = e.conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = io.Copy(io.Discard, e.conn)
}
