package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// heard is what a client was told, in words that fit every transport.
type heard struct {
	what     occasion
	position string        // of a message; of the others, from where to go on
	kind     string        // of a message: text, json or bytes; the body alone does not tell JSON from text
	body     string        // of a message
	lost     bool          // messages are missing before this, or may be
	code     string        // of a notice, an error or an end; of a gap its reason
	status   int           // of an end: the close code, or the status of HTTP
	after    time.Duration // when to come back, if that was said
	raw      string        // as it came
}

type occasion string

const (
	begins    occasion = "begin"   // the subscription stands
	message   occasion = "message" // that was published
	gap       occasion = "gap"
	notice    occasion = "notice"
	failed    occasion = "error"
	answered  occasion = "answer" // to another command than subscribe
	cut       occasion = "cut"    // the client comes back by itself
	endOfThis occasion = "end"
)

func (h heard) String() string { return fmt.Sprintf("%s %s %.200q", h.what, h.position, h.raw) }

// words decode what a client received: each transport has its own.
type words func(l line) ([]heard, error)

// bodies are those of the raw dialect on a WebSocket: the body of a message and nothing else.
func bodies(l line) ([]heard, error) {
	kind := "text"
	if l.Type == "binary" {
		kind = "bytes"
	}
	return []heard{{what: message, kind: kind, body: string(l.Data)}}, nil
}

// envelope is what the raw dialect says in JSON.
type envelope struct {
	Type, Topic, Position, Kind string
	Data                        json.RawMessage
	Base64                      *[]byte
	Event, Reason, Code         string
	AfterMS                     int `json:"after_ms"`
	Gap                         *envelope
}

func (e *envelope) heard() (heard, error) {
	h := heard{what: message, position: e.Position, kind: e.Kind}
	switch e.Type {
	case "message":
		switch {
		case e.Base64 != nil:
			h.body = string(*e.Base64)
		case e.Kind == "json":
			h.body = string(e.Data)
		default:
			return h, json.Unmarshal(e.Data, &h.body)
		}
		return h, nil
	case "subscribed":
		h.what, h.lost = begins, e.Gap != nil
		if h.lost {
			h.code = e.Gap.Reason
		}
		return h, nil
	case "gap":
		h.what, h.lost, h.code = gap, true, e.Reason
		return h, nil
	case "notice":
		h.what, h.code, h.after = notice, e.Code, time.Duration(e.AfterMS)*time.Millisecond
		return h, nil
	}
	return h, fmt.Errorf("an envelope of type %q", e.Type)
}

func envelopes(l line) ([]heard, error) {
	if l.Type != "text" {
		return nil, fmt.Errorf("an envelope came as %s", l.Type)
	}
	return one(l.Data, new(envelope))
}

// one decodes what comes alone.
func one(text []byte, v interface{ heard() (heard, error) }) ([]heard, error) {
	if err := json.Unmarshal(text, v); err != nil {
		return nil, err
	}
	h, err := v.heard()
	h.raw = string(text)
	return []heard{h}, err
}

// nativeFrame is a frame of the protocol parley.v1.
type nativeFrame struct {
	Type, Topic, Position, Tail, Reason string
	Re                                  int
	Recovered                           *bool
	Data                                json.RawMessage
	Text                                *string
	B64                                 *[]byte
	Code                                any // a number, or a string in a notice
	AfterMS                             int `json:"after_ms"`
	Error                               struct {
		Code    string
		AfterMS int `json:"after_ms"`
	}
	Secret string
}

func (f *nativeFrame) heard() (heard, error) {
	h := heard{position: f.Position, code: f.Error.Code, after: time.Duration(f.Error.AfterMS) * time.Millisecond}
	switch f.Type {
	case "message":
		h.what = message
		switch {
		case f.Text != nil:
			h.kind, h.body = "text", *f.Text
		case f.B64 != nil:
			h.kind, h.body = "bytes", string(*f.B64)
		default:
			h.kind, h.body = "json", string(f.Data)
		}
	case "subscribed":
		h.what, h.lost = begins, f.Recovered != nil && !*f.Recovered
	case "gap":
		h.what, h.position, h.lost, h.code = gap, f.Tail, true, f.Reason
	case "notice":
		h.what, h.after = notice, time.Duration(f.AfterMS)*time.Millisecond
		h.code, _ = f.Code.(string)
	case "error", "unsubscribed":
		h.what = failed
	case "closed":
		code, _ := f.Code.(float64)
		h.what, h.status = endOfThis, int(code)
	case "connected", "published", "refreshed", "pong", "history", "result":
		h.what = answered
	default:
		return h, fmt.Errorf("a frame of type %q", f.Type)
	}
	return h, nil
}

func natives(l line) ([]heard, error) {
	if l.Type != "text" {
		return nil, fmt.Errorf("a frame came as %s", l.Type)
	}
	return one(l.Data, new(nativeFrame))
}

// event is a server-sent event.
type event struct{ name, id, data string }

// eventStream decodes the text of server-sent events, which comes in pieces (HTML, section 9.2.6). It is stricter than a browser: Parley ends
// lines with LF alone, so that a CR is a body that should not be there.
type eventStream struct {
	rest string
	id   string // of the last event
}

// take returns the events of a piece. One without data is none; its id counts.
func (s *eventStream) take(piece []byte) (list []event, err error) {
	s.rest += string(piece)
	for {
		block, rest, whole := strings.Cut(s.rest, "\n\n")
		if !whole {
			return list, nil
		}
		s.rest = rest
		var e event
		var data []string
		for text := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(text, ":")
			value = strings.TrimPrefix(value, " ")
			switch name {
			case "id":
				s.id = value
			case "event":
				e.name = value
			case "data":
				data = append(data, value)
			case "", "retry":
			default:
				return nil, fmt.Errorf("the line %.100q of an event stream", text)
			}
		}
		if strings.Contains(block, "\r") {
			return nil, fmt.Errorf("a CR in %.200q", block)
		}
		e.id, e.data = s.id, strings.Join(data, "\n")
		switch {
		case data != nil:
			list = append(list, e)
		case strings.HasPrefix(block, "id:"):
			list = append(list, event{name: "-", id: s.id})
		}
	}
}

// heard is what an event of the raw dialect says.
func (e event) heard() (heard, error) {
	h := heard{what: message, position: e.id, kind: "text", body: e.data, raw: e.name + " " + e.data}
	switch e.name {
	case "-": // an id alone
		h.what = begins
	case "envelope", "gap", "notice":
		list, err := one([]byte(e.data), new(envelope))
		if err != nil {
			return h, err
		}
		h = list[0]
		if h.what != notice && h.position != e.id {
			return h, fmt.Errorf("the id %s of an event whose data is %.100s", e.id, e.data)
		}
	}
	return h, nil
}

// eventPieces decodes an event stream of the raw dialect as it comes from the wire.
func eventPieces() words {
	var s eventStream
	return func(l line) (list []heard, err error) {
		events, err := s.take(l.Data)
		for _, e := range events {
			h, problem := e.heard()
			err = errors.Join(err, problem)
			list = append(list, h)
		}
		return list, err
	}
}

// browserEvents are those that an EventSource has decoded.
func browserEvents(l line) ([]heard, error) {
	var e struct{ Event, ID string }
	if err := json.Unmarshal(l.Value, &e); err != nil {
		return nil, err
	}
	switch e.Event {
	case "open":
		return nil, nil
	case "error": // it comes back by itself, unless it has given up, which is the end
		return []heard{{what: cut}}, nil
	}
	h, err := event{e.Event, e.ID, string(l.Data)}.heard()
	return []heard{h}, err
}

// nativePieces decodes an event stream of frames.
func nativePieces() words {
	var s eventStream
	return func(l line) (list []heard, err error) {
		events, err := s.take(l.Data)
		for _, e := range events {
			h, problem := one([]byte(e.data), new(nativeFrame))
			err = errors.Join(err, problem)
			list = append(list, h...)
		}
		return list, err
	}
}

// pages are the answers to long polls of the raw dialect.
func pages(l line) (list []heard, err error) {
	var page struct {
		Messages  []envelope
		Position  string
		Recovered *bool
		Gap       *envelope
	}
	if err := json.Unmarshal(l.Data, &page); err != nil {
		return nil, fmt.Errorf("%w in %.200q", err, l.Data)
	}
	if page.Recovered == nil || *page.Recovered == (page.Gap != nil) {
		return nil, fmt.Errorf("an answer that does not say whether something is missing: %.200s", l.Data)
	}
	if page.Gap != nil {
		list = append(list, heard{what: gap, position: page.Gap.Position, lost: true, code: page.Gap.Reason, raw: string(l.Data)})
	}
	for i := range page.Messages {
		h, err := page.Messages[i].heard()
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	if n := len(list); n == 0 || list[n-1].position == page.Position {
		return append(list, heard{what: begins, position: page.Position}), nil
	}
	return nil, fmt.Errorf("the position of %.200s is not where its messages end", l.Data)
}

// nativePages are the answers to polls: each an array of frames.
func nativePages(l line) (list []heard, err error) {
	var page []json.RawMessage
	if err := json.Unmarshal(l.Data, &page); err != nil {
		return nil, fmt.Errorf("%w in %.200q", err, l.Data)
	}
	for _, text := range page {
		h, err := one(text, new(nativeFrame))
		if err != nil {
			return nil, err
		}
		list = append(list, h...)
	}
	return list, nil
}

var sincePattern = regexp.MustCompile(`since=(\S+)`)

// endOf is what the end of a connection says: a close frame, or the status of HTTP.
func endOf(l line) heard {
	h := heard{what: endOfThis, status: max(l.Code, l.Status), raw: fmt.Sprintf("%d %d %s%s", l.Code, l.Status, l.Reason, l.Message)}
	h.code, _, _ = strings.Cut(l.Reason, ":")
	if since := sincePattern.FindStringSubmatch(l.Reason); since != nil {
		h.position, h.lost = since[1], h.code == "not_recovered"
	}
	return h
}

// sameJSON reports whether two texts are the same but for the space between tokens.
func sameJSON(a, b string) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, []byte(a)) == nil && json.Compact(&y, []byte(b)) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
