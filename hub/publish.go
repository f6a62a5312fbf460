package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/internal/jsonread"
)

// Bounds of what else a message carries, in bytes.
const (
	maxID      = 128
	maxName    = 255
	maxHeaders = 4 << 10
)

// Publish publishes a message of the session, and returns its position when it is stored. m.Producer may be what the client calls itself
// for its message ids, which then hold across its sessions; From is set. m belongs to the hub from then on.
func (s *Session) Publish(ctx context.Context, m *broker.Message) (broker.Published, error) {
	m.From = s.id
	id := s.Identity()
	switch given := m.Producer; { // what others chose is escaped: no slash of theirs makes one name of two
	case len(given) > maxID || !utf8.ValidString(given):
		return broker.Published{}, Errorf(BadRequest, "the producer's name must be UTF-8 and have at most %d bytes", maxID)
	case id.Producer != "":
		m.Producer = "producer/" + url.PathEscape(id.Producer) + "/" + given
	case id.User != "":
		m.Producer = "user/" + url.PathEscape(id.User) + "/" + given
	case given != "":
		m.Producer = "client/" + given
	case s.visit: // the next request is another session, and others may share the address: only the very same message is the same
		sum := sha256.Sum256(m.Body)
		m.Producer = "address/" + s.remote + "/" + hex.EncodeToString(sum[:8])
	default:
		m.Producer = "session/" + s.id
	}
	rules := s.hub.rules.Load()
	p, err := s.hub.publish(ctx, rules, m, func() error {
		return s.may(ctx, &Access{Action: ActPublish, Topics: broker.Exact(m.Topic), Message: m})
	})
	if f := s.hub.trace.Published; f != nil {
		f(m, p, err)
	}
	s.hub.tapped(ctx, m, p, err, s)
	if err != nil {
		return p, s.hub.told("publish", err)
	}
	return p, nil
}

// Publish publishes a message on the application's behalf: nobody is asked whether it may. m belongs to the hub from then on. Errors
// that m itself is to blame for are an *Error.
func (h *Hub) Publish(ctx context.Context, m *broker.Message) (broker.Published, error) {
	if m.Producer == "" {
		m.Producer = "server"
	}
	p, err := h.publish(ctx, h.rules.Load(), m, func() error { return nil })
	if f := h.trace.Published; f != nil {
		f(m, p, err)
	}
	h.tapped(ctx, m, p, err, nil)
	return p, err
}

func (h *Hub) publish(ctx context.Context, rules *ruleSet, m *broker.Message, may func() error) (broker.Published, error) {
	if err := broker.CheckTopic(m.Topic); err != nil {
		return broker.Published{}, badRequest(err)
	}
	rule := rules.find(m.Topic)
	if err := checkMessage(m, rule); err != nil {
		if err.Code == TooLarge {
			h.refused("message_bytes")
		}
		return broker.Published{}, err
	}
	before := m.Body
	if err := may(); err != nil {
		return broker.Published{}, err
	}
	if !same(before, m.Body) { // whoever was asked has put another in its place
		if err := checkMessage(m, rule); err != nil {
			return broker.Published{}, fmt.Errorf("hub: the message that takes the place of a client's: %w", err)
		}
	}
	if err := h.rates.take(h, m.Topic, rule); err != nil {
		return broker.Published{}, err
	}
	if rule.NoEcho {
		m.NoEcho = true
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	p, err := h.node.Publish(ctx, m, broker.Publish{Retention: rule.History, Dedup: rule.Dedup})
	h.full(err)
	return p, err
}

// same reports whether two slices are the same bytes in memory.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// checkMessage returns an *Error if a message is none, or none for this topic.
func checkMessage(m *broker.Message, rule *Topic) *Error {
	size := 0
	for k, v := range m.Headers {
		size += len(k) + len(v)
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return Errorf(BadRequest, "a header is not UTF-8")
		}
	}
	switch {
	case len(m.Body) > rule.MaxSize:
		return Errorf(TooLarge, "the message has %d bytes: %d are allowed here", len(m.Body), rule.MaxSize)
	case rule.Kind != 0 && m.Kind != rule.Kind:
		return Errorf(WrongKind, "the message is %v: this topic takes %v", m.Kind, rule.Kind)
	case m.Kind == broker.JSON && !(utf8.Valid(m.Body) && json.Valid(m.Body)):
		return Errorf(BadRequest, "the message is no JSON (RFC 8259), which is UTF-8")
	case m.Kind == broker.JSON && jsonread.Half(m.Body) >= 0:
		return Errorf(BadRequest, "half a surrogate pair at byte %d of the message: it is no text", jsonread.Half(m.Body))
	case m.Kind == broker.Text && !utf8.Valid(m.Body):
		return Errorf(BadRequest, "the message is not UTF-8: publish it as bytes")
	case m.Kind < broker.JSON || m.Kind > broker.Bytes:
		return Errorf(BadRequest, "the message has no kind: json, text or bytes")
	case len(m.ID) > maxID || !utf8.ValidString(m.ID):
		return Errorf(BadRequest, "the id of the message must be UTF-8 and have at most %d bytes", maxID)
	case len(m.Key) > maxName || !utf8.ValidString(m.Key) || len(m.Event) > maxName || !utf8.ValidString(m.Event) || len(m.ContentType) > maxName || !utf8.ValidString(m.ContentType):
		return Errorf(BadRequest, "the key, event or content type of the message is not UTF-8, or longer than %d bytes", maxName)
	case size > maxHeaders || len(m.Headers) > 64:
		return Errorf(TooLarge, "the headers of the message have %d bytes: %d in 64 lines are allowed", size, maxHeaders)
	}
	return nil
}

// History returns messages of a topic that the session may subscribe to.
func (s *Session) History(ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
	if err := broker.CheckTopic(topic); err != nil {
		return broker.Page{}, badRequest(err)
	}
	err := s.may(ctx, &Access{Action: ActSubscribe, Topics: broker.Exact(topic)})
	if err == nil {
		err = s.may(ctx, &Access{Action: ActHistory, Topics: broker.Exact(topic)})
	}
	if err != nil {
		return broker.Page{}, s.hub.told("history", err)
	}
	p, err := s.hub.History(ctx, topic, q)
	if err != nil {
		return p, s.hub.told("history", err)
	}
	return p, nil
}

// History returns messages of a topic, on the application's behalf. Limit and Bytes are bounded by Limits.ReplayCount and
// ReplayBytes.
func (h *Hub) History(ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
	l := &h.rules.Load().limits
	q.Limit = min(q.Limit, l.ReplayCount)
	if q.Bytes <= 0 || q.Bytes > l.ReplayBytes {
		q.Bytes = l.ReplayBytes
	}
	return h.node.History(ctx, topic, q)
}
