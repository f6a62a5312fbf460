package raw

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
)

// Header fields of a request that publishes.
const (
	headerPosition = "Parley-Position" // of an answer
	headerEvent    = "Parley-Event"
	headerKey      = "Parley-Key"
	headerProducer = "Parley-Producer"
	headerPrefix   = "Parley-Header-"
	headerID       = "Idempotency-Key"
)

// kind is the kind of what is published, if it is not said for each message.
type kind struct {
	broker.Kind
	guess bool // nobody has said that it is Text: where a topic takes JSON alone it is that
}

// orGuess is k, or a guess if nothing is known.
func (k kind) orGuess(guess broker.Kind) kind {
	if k.Kind == 0 {
		return kind{guess, true}
	}
	return k
}

// publish publishes a message of this kind.
func (k kind) publish(ctx context.Context, s *hub.Session, m *broker.Message) (broker.Published, error) {
	m.Kind = k.Kind
	if k.guess && s.Hub().Kind(m.Topic) == broker.JSON && json.Valid(m.Body) {
		m.Kind = broker.JSON
	}
	return s.Publish(ctx, m)
}

// published is the answer to who has published.
type published struct {
	Position  broker.Position `json:"position"`
	Duplicate bool            `json:"duplicate"`
}

// publish answers a POST or a PUT.
func (h *Handler) publish(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	err := q.only("publishing", "event", "kind")
	if err == nil && !f.IsExact() {
		err = hub.Errorf(hub.BadRequest, "a pattern is for listening: publish to a topic")
	}
	if err != nil {
		fail(w, err)
		return
	}
	s, ok := h.visit(w, r)
	if !ok {
		return
	}
	defer s.Close(visited)
	m, e := head(r, q)
	if e != nil {
		fail(w, e)
		return
	}
	if m.Body, ok = h.body(w, r); !ok {
		return
	}
	k := kind{Kind: q.kind}
	if k.Kind == 0 {
		if k, e = kindOf(r.Header.Get("Content-Type"), m.Body); e != nil {
			fail(w, e)
			return
		}
	}
	m.Topic = f.Name
	p, failed := k.publish(r.Context(), s, m)
	if failed != nil {
		fail(w, failed)
		return
	}
	status := http.StatusCreated
	if p.Duplicate {
		status = http.StatusOK
	}
	w.Header().Set(headerPosition, p.Position.String())
	reply(w, status, encode(published{p.Position, p.Duplicate}))
}

// head returns the message that a request holds, but for its body.
func head(r *http.Request, q *query) (*broker.Message, *hub.Error) {
	m := &broker.Message{
		Event:    r.Header.Get(headerEvent),
		Key:      r.Header.Get(headerKey),
		Producer: r.Header.Get(headerProducer),
		ID:       unquote(r.Header.Get(headerID)),
	}
	if q.has("event") {
		if m.Event != "" && m.Event != q.event {
			return nil, hub.Errorf(hub.BadRequest, "the URL and the header field %s give different events", headerEvent)
		}
		m.Event = q.event
	}
	for name, values := range r.Header {
		if name, ok := strings.CutPrefix(name, headerPrefix); ok && name != "" {
			if m.Headers == nil {
				m.Headers = map[string]string{}
			}
			m.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, hub.Errorf(hub.WrongKind, "a compressed body is not taken: send it as it is")
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), formType) {
		m.ContentType = r.Header.Get("Content-Type")
	}
	return m, nil
}

// body reads the body of a request, or answers why it cannot.
func (h *Handler) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := transport.ReadBody(w, r, h.o.BodyLimit, h.o.ReadTimeout)
	switch {
	case err == transport.ErrLarge:
		h.hub.Refused("message_bytes")
		fail(w, hub.Errorf(hub.TooLarge, "the message has more than %d bytes", h.o.BodyLimit))
	case err == transport.ErrSlow:
		failWith(w, http.StatusRequestTimeout, hub.Errorf(hub.Timeout, "the body of the request has not arrived in time"))
	case err != nil:
		fail(w, hub.Errorf(hub.BadRequest, "the body of the request ends too early, or is not what HTTP takes for one"))
	default:
		return body, true
	}
	return nil, false
}

// formType is what curl -d says if it is told nothing else, whatever it sends.
const formType = "application/x-www-form-urlencoded"

// kindOf is the kind of a body of this media type.
func kindOf(contentType string, body []byte) (kind, *hub.Error) {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	switch {
	case contentType == "" || mediaType == formType:
		if !utf8.Valid(body) {
			return kind{broker.Bytes, true}, nil
		}
		return kind{broker.Text, true}, nil
	case err != nil:
		return kind{}, hub.Errorf(hub.BadRequest, "the Content-Type is none")
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		return kind{Kind: broker.JSON}, nil
	case strings.HasPrefix(mediaType, "text/"):
		switch strings.ToLower(parameters["charset"]) {
		case "", "utf-8", "utf8", "us-ascii":
			return kind{Kind: broker.Text}, nil
		}
		return kind{}, hub.Errorf(hub.WrongKind, "text has to be UTF-8: send it so, or as application/octet-stream")
	}
	return kind{Kind: broker.Bytes}, nil
}

// unquote takes the quotes off an Idempotency-Key, which its draft standard has and most clients leave out.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
