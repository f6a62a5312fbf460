package native

import (
	"bytes"
	"sync"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// codec encodes what the hub delivers. There are two: all sessions over WebSockets share one, and all over HTTP the other.
type codec uint8

const (
	socket codec = iota // frames are *ws.Prepared
	lines               // frames are a line
)

// line is a frame without line ends, for HTTP.
type line struct {
	text  []byte
	event bool // it came by itself, and answers nothing
}

// scratch are buffers for frames, which are copied from there.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// frame has append add to a buffer, and makes a frame of that.
func (c codec) frame(add func(b []byte) []byte) hub.Frame {
	p := scratch.Get().(*[]byte)
	b := add((*p)[:0])
	f := c.wrap(b)
	if cap(b) <= 64<<10 {
		*p = b[:0]
		scratch.Put(p)
	}
	return f
}

// wrap makes a frame of a text, which is copied.
func (c codec) wrap(b []byte) hub.Frame {
	if c == socket {
		return transport.Prepare(ws.Text, b)
	}
	b = bytes.Clone(b)
	for i, x := range b {
		if x == '\n' || x == '\r' { // a space between the tokens of somebody's JSON: it cannot stand within a string
			b[i] = ' '
		}
	}
	return hub.Frame{Size: len(b) + 8, Data: line{text: b}}
}

// event is frame for what answers nothing.
func (c codec) event(add func(b []byte) []byte) hub.Frame {
	f := c.frame(add)
	if l, ok := f.Data.(line); ok {
		l.event = true
		f.Data = l
	}
	return f
}

// Message encodes a message.
func (c codec) Message(m *broker.Message, matched []broker.Filter) (hub.Frame, error) {
	return c.event(func(b []byte) []byte { return appendMessage(b, m, matched) }), nil
}

// Gap encodes that messages are missing.
func (c codec) Gap(g hub.Gap) (hub.Frame, bool) {
	return c.event(func(b []byte) []byte {
		b = begin(b, "gap", 0)
		b = appendString(name(b, "topic"), g.Topic)
		b = appendAt(b, "after", g.After)
		b = appendAt(b, "tail", g.Tail)
		if g.Count > 0 {
			b = appendInt(b, "count", int64(g.Count))
		}
		b = appendStr(b, "reason", string(g.Reason))
		b = appendMatched(b, g.Matched)
		return append(b, '}')
	}), true
}

// Presence encodes who came and who went.
func (c codec) Presence(topic string, d broker.Diff) (hub.Frame, bool) {
	return c.event(func(b []byte) []byte {
		b = begin(b, "presence", 0)
		b = appendString(name(b, "topic"), topic)
		b = appendMembers(b, "joins", d.Joins)
		b = appendMembers(b, "leaves", d.Leaves)
		return append(b, '}')
	}), true
}

// Subscribed encodes that the server has subscribed the session.
func (c codec) Subscribed(r hub.Subscribed) (hub.Frame, bool) {
	return c.event(func(b []byte) []byte { return appendSubscribed(b, 0, &r, false) }), true
}

// Unsubscribed encodes that the server has ended a subscription.
func (c codec) Unsubscribed(f broker.Filter, why *hub.Error) (hub.Frame, bool) {
	return c.event(func(b []byte) []byte {
		b = appendFilter(begin(b, "unsubscribed", 0), f)
		if why != nil {
			b = appendError(b, why)
		}
		return append(b, '}')
	}), true
}

// Notice encodes what the client should know.
func (c codec) Notice(n hub.Notice) (hub.Frame, bool) {
	return c.event(func(b []byte) []byte {
		b = begin(b, "notice", 0)
		b = appendString(name(b, "code"), string(n.Code))
		b = appendStr(b, "text", n.Text)
		b = appendInt(b, "after_ms", milliseconds(n.After))
		return append(b, '}')
	}), true
}
