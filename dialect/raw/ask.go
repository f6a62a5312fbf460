package raw

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
)

// usualHistory is how many messages a GET returns that asks for JSON and for nothing else, and pollLimit how many a long poll.
const (
	usualHistory = 100
	pollLimit    = 1000
)

// page is the answer to a long poll, and to who asks for the history.
type page struct {
	Messages []json.RawMessage `json:"messages"`

	// Position is where to go on: that of the last message, or where the topic is if there is none.
	Position broker.Position `json:"position"`

	// Recovered says of a long poll that nothing is missing before the messages; Gap is what is.
	Recovered *bool      `json:"recovered,omitempty"`
	Gap       *gapNotice `json:"gap,omitempty"`

	// More says that there are more messages: after these for a poll, before these for the history.
	More bool `json:"more"`
}

// oneTopic returns an error for a pattern.
func oneTopic(f broker.Filter, asked string) *hub.Error {
	if f.IsExact() {
		return nil
	}
	return hub.Errorf(hub.BadRequest, "a pattern has no %s of its own: ask for that of each topic, or open an event stream or a WebSocket", asked)
}

func envelopAll(list []*broker.Message) ([]json.RawMessage, error) {
	texts := make([]json.RawMessage, 0, len(list))
	for _, m := range list {
		text, err := envelop(m)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// send answers with a page.
func (p *page) send(w http.ResponseWriter) {
	w.Header().Set(headerPosition, p.Position.String())
	reply(w, http.StatusOK, encode(p))
}

// history answers with the last messages, oldest first.
func (h *Handler) history(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query, n int) {
	err := q.only("the history", "history")
	if err == nil {
		err = oneTopic(f, "history")
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
	found, e := s.History(r.Context(), f.Name, broker.Query{Last: true, Limit: n})
	if e != nil {
		fail(w, e)
		return
	}
	p := page{Position: found.Tail, More: found.More}
	if p.Messages, e = envelopAll(found.Messages); e != nil {
		fail(w, e)
		return
	}
	p.send(w)
}

// head answers with the position that a topic is at.
func (h *Handler) head(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	err := q.only("HEAD")
	if err == nil {
		err = oneTopic(f, "position")
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
	found, e := s.History(r.Context(), f.Name, broker.Query{})
	if e != nil {
		fail(w, e)
		return
	}
	w.Header().Set(headerPosition, found.Tail.String())
	w.WriteHeader(http.StatusOK)
}

// members answers with who is present.
func (h *Handler) members(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	err := q.only("the list of those present", "presence")
	if err == nil {
		err = oneTopic(f, "presence")
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
	list, e := s.Members(r.Context(), f.Name)
	if e != nil {
		fail(w, e)
		return
	}
	reply(w, http.StatusOK, encode(struct {
		Members []member `json:"members"`
	}{membersOf(list)}))
}

// poll answers with what was published since a position, waiting for it if there is nothing yet.
func (h *Handler) poll(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	err := q.only("a long poll", "since", "wait")
	if err == nil {
		err = oneTopic(f, "position")
	}
	var since broker.Position
	if err == nil {
		since, err = q.position()
	}
	if err != nil {
		fail(w, err)
		return
	}
	sink := &transport.Stream{}
	defer sink.Leave()
	s, e := h.enter(r, "poll", codec{polled, f}, sink)
	if e != nil {
		fail(w, e)
		return
	}
	defer s.Close(visited)
	p, e := look(r.Context(), s, f.Name, since)
	if e == nil && len(p.Messages) == 0 && p.Gap == nil && q.wait > 0 {
		// The answer may come later than a server allows for usual ones.
		rc := http.NewResponseController(w)
		wait := min(q.wait, h.o.MaxWait)
		_ = rc.SetReadDeadline(time.Time{}) // a writer without deadlines has none to be lifted
		_ = rc.SetWriteDeadline(time.Now().Add(wait + h.o.WriteTimeout))
		var ended bool
		if ended, e = await(r.Context(), s, f, sink, p, wait); ended {
			w.Header().Set("Connection", "close") // the server stops, or the session may not go on
		}
		defer func() {
			if rc.Flush() == nil {
				_ = rc.SetWriteDeadline(time.Time{}) // the connection may serve another request
			}
		}()
	}
	if e != nil {
		fail(w, e)
		return
	}
	p.send(w)
}

// look returns what there is since a position; without one that is only where the topic is now.
func look(ctx context.Context, s *hub.Session, topic string, since broker.Position) (*page, error) {
	query := broker.Query{Since: since}
	if !since.IsZero() {
		query.Limit = pollLimit
	}
	found, err := s.History(ctx, topic, query)
	if err != nil {
		return nil, err
	}
	recovered := since.IsZero() || found.Complete
	p := &page{Messages: []json.RawMessage{}, Position: found.Tail, Recovered: &recovered}
	switch {
	case since.IsZero():
	case !found.Complete:
		gap := gapOf(&hub.Subscribed{Filter: broker.Exact(topic), Position: found.Tail}, since)
		p.Gap = &gap
	case len(found.Messages) > 0:
		p.Position, p.More = found.Messages[len(found.Messages)-1].Position, found.More
		p.Messages, err = envelopAll(found.Messages)
	}
	return p, err
}

// await waits for something to come after the position of a page, and puts it there. It reports whether the session has ended.
func await(ctx context.Context, s *hub.Session, f broker.Filter, sink *transport.Stream, p *page, wait time.Duration) (ended bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	told, err := s.Subscribe(ctx, hub.Subscribe{Filter: f, Since: p.Position})
	switch {
	case ctx.Err() != nil:
		return false, nil // the time was up before the wait began
	case err != nil:
		return false, err
	case !told.Recovered:
		gap := gapOf(&told, p.Position)
		*p.Recovered, p.Gap, p.Position = false, &gap, told.Position
		return false, nil
	}
	frames, reason, err := sink.Take(ctx)
	if err != nil {
		return false, nil // the time is up, or nobody waits for the answer any more
	}
	for _, f := range frames {
		switch d, _ := f.Data.(polledFrame); {
		case d.gap == nil && d.text == nil: // of another topic
		case d.gap == nil:
			p.Messages, p.Position = append(p.Messages, d.text), d.position
		case len(p.Messages) == 0:
			gap := noticeOf(d.gap)
			*p.Recovered, p.Gap, p.Position = false, &gap, d.gap.Tail
			return false, nil
		default:
			return false, nil // the next poll meets the gap
		}
	}
	return reason != nil, nil
}
