package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// draft is a message that is to be published, as it was sent.
type draft struct {
	topic       string
	event       string
	data        json.RawMessage // nil is none
	text        *string
	b64         []byte
	id          string
	key         string
	contentType string
	headers     map[string]string
}

// fields are those of a message, but for its topic.
func (d *draft) fields() fields {
	return fields{
		"event": str(&d.event),
		"data":  raw(&d.data),
		"text": optional(func(v json.RawMessage) error {
			s, err := readString(v)
			d.text = &s
			return err
		}),
		"b64": optional(func(v json.RawMessage) error {
			s, err := readString(v)
			if err == nil {
				d.b64, err = base64.StdEncoding.Strict().DecodeString(s)
			}
			if err != nil {
				return errors.New("want bytes in base64, of the standard alphabet and padded")
			}
			if d.b64 == nil {
				d.b64 = []byte{}
			}
			return nil
		}),
		"id":  str(&d.id),
		"key": str(&d.key),
		"content_type": optional(func(v json.RawMessage) (err error) {
			if d.contentType, err = readString(v); err != nil {
				return err
			}
			if _, _, err := mime.ParseMediaType(d.contentType); err != nil {
				return errors.New("want a media type, such as text/plain")
			}
			return nil
		}),
		"headers": texts(&d.headers),
	}
}

// withTopic adds the topic to fields.
func (d *draft) withTopic() fields {
	f := d.fields()
	f["topic"] = str(&d.topic)
	return f
}

// body returns what the message says, and what that is.
func (d *draft) body() (kind broker.Kind, body []byte, err error) {
	given := 0
	if d.data != nil {
		given, kind, body = given+1, broker.JSON, d.data
	}
	if d.text != nil {
		given, kind, body = given+1, broker.Text, []byte(*d.text)
	}
	if d.b64 != nil {
		given, kind, body = given+1, broker.Bytes, d.b64
	}
	if given != 1 {
		return 0, nil, hub.Errorf(hub.BadRequest, "a message has one of data (any JSON), text and b64 (bytes in base64)")
	}
	return kind, body, nil
}

// message returns the message for a topic, which it shares its body with those for others.
func (d *draft) message(topic, producer string) (*broker.Message, error) {
	kind, body, err := d.body()
	if err != nil {
		return nil, err
	}
	return &broker.Message{
		Topic: topic, Event: d.event, Kind: kind, Body: body, ContentType: d.contentType,
		ID: d.id, Producer: producer, Key: d.key, Headers: d.headers,
	}, nil
}

// told is a message as it is told: one of Data, Text and B64 is there.
type told struct {
	Topic       string            `json:"topic"`
	Position    broker.Position   `json:"position"`
	Event       string            `json:"event,omitempty"`
	Data        json.RawMessage   `json:"data,omitempty"`
	Text        *string           `json:"text,omitempty"`
	B64         *string           `json:"b64,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
	ID          string            `json:"id,omitempty"`
	Key         string            `json:"key,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Time        time.Time         `json:"time"`
	Producer    string            `json:"producer,omitempty"`
	From        string            `json:"from,omitempty"`
}

func tellMessage(m *broker.Message) told {
	t := told{
		Topic: m.Topic, Position: m.Position, Event: m.Event, ContentType: m.ContentType, ID: m.ID, Key: m.Key,
		Headers: m.Headers, Time: m.Time.UTC(), Producer: m.Producer, From: m.From,
	}
	switch m.Kind {
	case broker.JSON:
		t.Data = json.RawMessage(m.Body)
	case broker.Text:
		s := string(m.Body)
		t.Text = &s
	default:
		s := base64.StdEncoding.EncodeToString(m.Body)
		t.B64 = &s
	}
	return t
}
