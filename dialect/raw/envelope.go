package raw

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// envelope is a message with all that belongs to it, as JSON. It has either Data or Base64.
type envelope struct {
	Type        string            `json:"type"` // message
	Topic       string            `json:"topic"`
	Position    broker.Position   `json:"position"`
	Kind        string            `json:"kind"`
	Data        json.RawMessage   `json:"data,omitempty"`
	Base64      *[]byte           `json:"base64,omitempty"` // what Data cannot hold; a pointer, for it may be empty
	Event       string            `json:"event,omitempty"`
	ID          string            `json:"id,omitempty"`
	Key         string            `json:"key,omitempty"`
	From        string            `json:"from,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Time        string            `json:"time"`
}

// timeLayout has milliseconds, as what browsers write.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// envelop returns a message as JSON in one line, without a newline at its end. Space between the tokens of a JSON body is left out.
func envelop(m *broker.Message) ([]byte, error) {
	e := envelope{
		Type:        "message",
		Topic:       m.Topic,
		Position:    m.Position,
		Kind:        m.Kind.String(),
		Event:       m.Event,
		ID:          m.ID,
		Key:         m.Key,
		From:        m.From,
		ContentType: m.ContentType,
		Headers:     m.Headers,
		Time:        m.Time.UTC().Format(timeLayout),
	}
	switch {
	case m.Kind == broker.Bytes || !utf8.Valid(m.Body):
		e.Base64 = &m.Body
		if m.Body == nil {
			e.Base64 = &[]byte{}
		}
	case m.Kind == broker.JSON:
		e.Data = m.Body
	default:
		text, err := appendJSON(nil, string(m.Body))
		if err != nil {
			return nil, err
		}
		e.Data = text
	}
	return appendJSON(nil, e)
}

// notRecovered is the reason of a gap at the beginning, when what was missed is not there any more. The others are hub.GapReason.
const notRecovered hub.GapReason = "not_recovered"

// gapNotice says that messages are missing.
type gapNotice struct {
	Type string `json:"type"` // gap

	// Topic is where, or for a pattern at the beginning, Topics are those for which nothing was recovered with their positions.
	Topic  string                     `json:"topic,omitempty"`
	Topics map[string]broker.Position `json:"topics,omitempty"`

	// After is the last position before the gap as far as it is known; what comes next comes after Position.
	After    *broker.Position `json:"after,omitempty"`
	Position *broker.Position `json:"position,omitempty"`

	Count  int           `json:"count,omitempty"`
	Reason hub.GapReason `json:"reason"`
}

func noticeOf(g *hub.Gap) gapNotice {
	n := gapNotice{Type: "gap", Topic: g.Topic, Position: known(g.Tail), After: known(g.After), Count: g.Count, Reason: g.Reason}
	return n
}

// known returns nil for no position.
func known(p broker.Position) *broker.Position {
	if p.IsZero() {
		return nil
	}
	return &p
}

// gapOf returns the notice for a subscription that has not recovered what was missed.
func gapOf(s *hub.Subscribed, since broker.Position) gapNotice {
	n := gapNotice{Type: "gap", Reason: notRecovered}
	if s.Filter.IsExact() {
		n.Topic, n.After, n.Position = s.Filter.Name, known(since), known(s.Position)
		return n
	}
	n.Topics = map[string]broker.Position{}
	for topic, t := range s.Topics {
		if !t.Recovered {
			n.Topics[topic] = t.Position
		}
	}
	return n
}

// subscribed is the first envelope on a WebSocket.
type subscribed struct {
	Type     string                     `json:"type"` // subscribed
	Topic    string                     `json:"topic,omitempty"`
	Pattern  string                     `json:"pattern,omitempty"`
	Position *broker.Position           `json:"position,omitempty"`
	Topics   map[string]broker.Position `json:"topics,omitempty"`
	Replayed int                        `json:"replayed"`
	Gap      *gapNotice                 `json:"gap,omitempty"` // what was missed could not be recovered
}

func welcome(s *hub.Subscribed, since broker.Position) subscribed {
	w := subscribed{Type: "subscribed", Replayed: s.Replayed}
	if s.Filter.IsExact() {
		w.Topic, w.Position = s.Filter.Name, known(s.Position)
	} else {
		w.Pattern, w.Topics = s.Filter.String(), map[string]broker.Position{}
		for topic, t := range s.Topics {
			w.Topics[topic] = t.Position
		}
	}
	if s.Resumed && !s.Recovered {
		gap := gapOf(s, since)
		w.Gap = &gap
	}
	return w
}

// notice is what the server tells by itself, and the last words of an event stream.
type notice struct {
	Type string `json:"type"` // notice
	told
}

func noticeFor(n hub.Notice) notice {
	return notice{"notice", told{Code: n.Code, Text: n.Text, Retry: true, After: milliseconds(n.After)}}
}

func farewell(r hub.Reason) notice {
	return notice{"notice", told{Code: r.Code, Text: r.Text, Retry: r.Reconnect, After: milliseconds(r.After)}}
}

// member is one of those present.
type member struct {
	Key     string          `json:"key"`
	Ref     string          `json:"ref"`
	Meta    json.RawMessage `json:"meta,omitempty"`
	Session string          `json:"session,omitempty"`
	Since   string          `json:"since"`
}

func membersOf(list []broker.Member) []member {
	members := make([]member, 0, len(list))
	for _, m := range list {
		members = append(members, member{m.Key, m.Ref, m.Meta, m.Session, m.Since.UTC().Format(timeLayout)})
	}
	return members
}

// afterOr returns d, or what stands for it if it is not known.
func afterOr(d, unknown time.Duration) time.Duration {
	if d <= 0 {
		return unknown
	}
	return d
}
