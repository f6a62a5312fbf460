package raw

import (
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// format is how messages are encoded.
type format uint8

const (
	bodies    format = iota // WebSocket: the body and nothing else
	envelopes               // WebSocket: everything as JSON
	stream                  // server-sent events: the body where it fits
	streamed                // server-sent events: envelopes
	polled                  // long poll: envelopes
)

// codec is the hub.Codec of the sessions that follow the same filter in the same format. A Frame without Data is not sent: the connection of a
// topic has no room for what the server subscribes the session to beyond that.
type codec struct {
	format format
	filter broker.Filter
}

// polledFrame is the Data of a frame for a long poll.
type polledFrame struct {
	text     []byte // a message
	position broker.Position
	gap      *hub.Gap
}

// Message encodes a message.
func (c codec) Message(m *broker.Message, _ []broker.Filter) (hub.Frame, error) {
	if !c.filter.Match(m.Topic) {
		return hub.Frame{}, nil
	}
	switch c.format {
	case bodies:
		t := ws.Text
		if m.Kind == broker.Bytes || !utf8.Valid(m.Body) {
			t = ws.Binary
		}
		return transport.Prepare(t, m.Body), nil
	case stream, streamed:
		text, err := appendEvent(nil, m, c.format == streamed, c.filter.IsExact())
		return hub.Frame{Size: len(text), Data: text}, err
	}
	text, err := envelop(m)
	if err != nil {
		return hub.Frame{}, err
	}
	if c.format == polled {
		return hub.Frame{Size: len(text), Data: polledFrame{text: text, position: m.Position}}, nil
	}
	return transport.Prepare(ws.Text, text), nil
}

// Gap encodes that messages are missing. Bodies alone have no words for it.
func (c codec) Gap(g hub.Gap) (hub.Frame, bool) {
	if !c.filter.Match(g.Topic) {
		return hub.Frame{}, true
	}
	switch c.format {
	case bodies:
		return hub.Frame{}, false
	case polled:
		return hub.Frame{Size: 100, Data: polledFrame{gap: &g}}, true
	}
	return c.words(eventGap, noticeOf(&g), c.place(g.Tail)), true
}

// words encodes something of our own: as an event of that name, or as an envelope.
func (c codec) words(event string, v any, place string) hub.Frame {
	text, err := appendJSON(nil, v)
	if err != nil {
		panic("raw: encode: " + err.Error())
	}
	if c.format == envelopes {
		return transport.Prepare(ws.Text, text)
	}
	text = appendLines(nil, place, event, text)
	return hub.Frame{Size: len(text), Data: text}
}

// place is the id of an event after which the stream is at this position. The streams of patterns have none but the one that they begin
// with.
func (c codec) place(p broker.Position) string {
	if c.filter.IsExact() {
		return p.String()
	}
	return ""
}

// Presence has no words.
func (c codec) Presence(string, broker.Diff) (hub.Frame, bool) { return hub.Frame{}, false }

// Subscribed has no words, nor is there a need: what else the server subscribes the session to is left out.
func (c codec) Subscribed(hub.Subscribed) (hub.Frame, bool) { return hub.Frame{}, false }

// Unsubscribed has no words: the connection ends with its subscription.
func (c codec) Unsubscribed(f broker.Filter, _ *hub.Error) (hub.Frame, bool) {
	return hub.Frame{}, f != c.filter
}

// Notice encodes what the client should know.
func (c codec) Notice(n hub.Notice) (hub.Frame, bool) {
	switch c.format {
	case envelopes, stream, streamed:
		return c.words(eventNotice, noticeFor(n), ""), true
	}
	return hub.Frame{}, false
}
