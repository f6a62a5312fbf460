package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// maxList is how many messages, topics, sessions or filters one request is about at most.
const maxList = 1000

// published is where a message went.
type published struct {
	Position  broker.Position `json:"position"`
	Duplicate bool            `json:"duplicate"`
}

// result is what became of one message of several: a place or an error.
type result struct {
	Topic string `json:"topic,omitempty"`
	*published
	Error *problem `json:"error,omitempty"`
}

// results are those of all, in the order of the messages.
type results struct {
	Results []result `json:"results"`
}

func (c *call) publish() (any, error) {
	id, err := c.idempotency()
	if err != nil {
		return nil, err
	}
	var d draft
	if err := c.body(d.withTopic()); err != nil {
		return nil, err
	}
	if err := d.identify(id); err != nil {
		return nil, err
	}
	p, err := c.put(&d, d.topic)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// put publishes a message to a topic.
func (c *call) put(d *draft, topic string) (*published, error) {
	topic, err := c.topicOf(topic)
	if err != nil {
		return nil, err
	}
	m, err := d.message(topic, c.key.producer())
	if err != nil {
		return nil, err
	}
	p, err := c.hub.Publish(c.r.Context(), m)
	if err != nil {
		return nil, err
	}
	return &published{p.Position, p.Duplicate}, nil
}

// result publishes a message, and returns what became of it.
func (c *call) result(d *draft, topic string) result {
	p, err := c.put(d, topic)
	return result{published: p, Error: c.item(err)}
}

// item is the error of one message of several.
func (c *call) item(err error) *problem {
	e := hub.AsError(err)
	if e == nil {
		return nil
	}
	if e.Code == hub.Internal {
		c.options.Logger.Warn("api: a message could not be published", "key", c.key.name, "err", err)
	}
	told := tell(e)
	return &told
}

// batch is what a request to publish several messages says: a message or what is wrong with it, in order.
type batch struct {
	drafts []draft
	errs   []error
}

func (b *batch) fields() fields {
	return fields{"messages": list(maxList, func(i int, v json.RawMessage) error {
		var d draft
		err := readObject(v, fmt.Sprintf("messages[%d].", i), d.withTopic())
		b.drafts, b.errs = append(b.drafts, d), append(b.errs, err)
		return nil
	})}
}

func (c *call) publishBatch() (any, error) {
	id, err := c.idempotency()
	if err != nil {
		return nil, err
	}
	var b batch
	if err := c.body(b.fields()); err != nil {
		return nil, err
	}
	if len(b.drafts) == 0 {
		return nil, hub.Errorf(hub.BadRequest, "messages: there is none")
	}
	if err := c.key.spend(len(b.drafts) - 1); err != nil {
		return nil, err
	}
	out := results{make([]result, len(b.drafts))}
	for i := range b.drafts {
		d, err := &b.drafts[i], b.errs[i]
		if err == nil && id != "" && d.id == "" {
			d.id = id + "/" + strconv.Itoa(i)
		}
		if err != nil {
			out.Results[i] = result{Error: c.item(err)}
			continue
		}
		out.Results[i] = c.result(d, d.topic)
	}
	return out, nil
}

// wide is a message for several topics.
type wide struct {
	draft
	pattern    broker.Filter
	hasPattern bool
	topics     []string
}

func (w *wide) fields() fields {
	f := w.draft.fields()
	f["pattern"] = filter(&w.pattern, &w.hasPattern)
	f["topics"] = list(maxList, func(i int, v json.RawMessage) error {
		s, err := readString(v)
		w.topics = append(w.topics, s)
		return err
	})
	return f
}

func (c *call) broadcast() (any, error) {
	id, err := c.idempotency()
	if err != nil {
		return nil, err
	}
	var w wide
	if err := c.body(w.fields()); err != nil {
		return nil, err
	}
	if err := w.identify(id); err != nil {
		return nil, err
	}
	if _, _, err := w.body(); err != nil {
		return nil, err
	}
	topics := w.topics
	switch {
	case w.hasPattern:
		if err := c.key.covers(w.pattern); err != nil {
			return nil, err
		}
		found, err := c.hub.Topics(c.r.Context(), w.pattern, maxList+1)
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			topics = append(topics, t.Name)
		}
	case len(topics) == 0:
		return nil, hub.Errorf(hub.BadRequest, "say to whom: pattern, topics or both")
	}
	slices.Sort(topics)
	topics = slices.Compact(topics)
	if len(topics) > maxList {
		return nil, hub.Errorf(hub.LimitReached, "more than %d topics are meant, so nothing was published: use narrower patterns", maxList)
	}
	if err := c.key.spend(len(topics) - 1); err != nil {
		return nil, err
	}
	out := results{make([]result, len(topics))}
	for i, topic := range topics {
		out.Results[i] = c.result(&w.draft, topic)
		out.Results[i].Topic = topic
	}
	return out, nil
}

// idempotency returns the message id of the Idempotency-Key header, or "". It may be quoted, as the draft of its standard has it.
func (c *call) idempotency() (string, error) {
	values := c.r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	id := strings.TrimSpace(values[0])
	if len(id) > 1 && id[0] == '"' && id[len(id)-1] == '"' {
		id = id[1 : len(id)-1]
	}
	if len(values) > 1 || id == "" || strings.ContainsAny(id, `"\`) {
		return "", hub.Errorf(hub.BadRequest, "the header Idempotency-Key has to be there once, with a text in it that has no quotes within")
	}
	return id, nil
}

// identify gives the message the id of the header.
func (d *draft) identify(id string) error {
	if id != "" && d.id != "" && d.id != id {
		return hub.Errorf(hub.BadRequest, "the message has another id than the header Idempotency-Key: give one")
	}
	if id != "" {
		d.id = id
	}
	return nil
}
