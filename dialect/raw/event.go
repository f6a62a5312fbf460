package raw

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
)

// The names of events that are not those of a message.
const (
	eventEnvelope = "envelope"
	eventGap      = "gap"
	eventNotice   = "notice"
)

// wideID is the id of the streams of patterns: who shows it was connected before, and where is not known.
const wideID = "*"

// plain reports whether an event stream can carry a message as it is, and a client read it without doubt (HTML, section 9.2.6): it is
// UTF-8 without CR, which would be a line's end, and its event is none of ours, none that EventSource has a meaning for, and has no line's
// end either.
func plain(m *broker.Message) bool {
	switch m.Event {
	case eventEnvelope, eventGap, eventNotice, "message", "error", "open":
		return false
	}
	return m.Kind != broker.Bytes && bytes.IndexByte(m.Body, '\r') < 0 && utf8.Valid(m.Body) &&
		!strings.ContainsAny(m.Event, "\r\n") && utf8.ValidString(m.Event)
}

// appendEvent appends a message as an event; what cannot be carried as it is, and everything if envelope is set, as an
// envelope.
func appendEvent(dst []byte, m *broker.Message, envelope, place bool) ([]byte, error) {
	id := ""
	if place {
		id = m.Position.String()
	}
	if !envelope && plain(m) {
		return appendLines(dst, id, m.Event, m.Body), nil
	}
	text, err := envelop(m)
	if err != nil {
		return dst, err
	}
	return appendLines(dst, id, eventEnvelope, text), nil
}

// appendLines appends an event with the lines of data. An empty id or event is left out.
func appendLines(dst []byte, id, event string, data []byte) []byte {
	if id != "" {
		dst = append(dst, "id: "+id+"\n"...)
	}
	if event != "" {
		dst = append(dst, "event: "+event+"\n"...)
	}
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	return append(dst, '\n')
}

// appendID appends what sets the id from which a client resumes, without being an event.
func appendID(dst []byte, id string) []byte {
	return append(dst, "id: "+id+"\n\n"...)
}

// appendRetry appends what tells a client when to come back once the connection is lost.
func appendRetry(dst []byte, d time.Duration) []byte {
	return append(strconv.AppendInt(append(dst, "retry: "...), milliseconds(d), 10), "\n\n"...)
}
