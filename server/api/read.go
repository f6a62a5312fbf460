package api

import (
	"encoding/json"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// fewList is how many are listed unless the request says.
const fewList = 100

// page is a part of a topic's log.
type page struct {
	Topic    string          `json:"topic"`
	Messages []told          `json:"messages"`
	Position broker.Position `json:"position"` // the end of the log
	Complete bool            `json:"complete"`
	More     bool            `json:"more"`
}

func (c *call) history() (any, error) {
	q, err := c.query("topic", "since", "last", "limit")
	if err != nil {
		return nil, err
	}
	topic, err := c.topicOf(q.Get("topic"))
	if err != nil {
		return nil, err
	}
	var ask broker.Query
	if ask.Since, err = broker.ParsePosition(q.Get("since")); err != nil {
		return nil, hub.Errorf(hub.BadRequest, "since: %v", plain(err))
	}
	name := "limit"
	if ask.Last = q.Has("last"); ask.Last {
		name = "last"
		if q.Has("limit") {
			return nil, hub.Errorf(hub.BadRequest, "last asks for the newest messages and limit for the oldest: give one of them")
		}
	}
	if ask.Limit, err = count(q, name, fewList); err != nil {
		return nil, err
	}
	p, err := c.hub.History(c.r.Context(), topic, ask)
	if err != nil {
		return nil, err
	}
	out := page{Topic: topic, Messages: make([]told, len(p.Messages)), Position: p.Tail, Complete: p.Complete, More: p.More}
	for i, m := range p.Messages {
		out.Messages[i] = tellMessage(m)
	}
	return out, nil
}

// member is somebody who is present.
type member struct {
	Key     string          `json:"key"`
	Ref     string          `json:"ref"`
	Meta    json.RawMessage `json:"meta,omitempty"`
	Session string          `json:"session"`
	Node    string          `json:"node"`
	Since   time.Time       `json:"since"`
}

// present are those who are present in a topic.
type present struct {
	Topic   string   `json:"topic"`
	Members []member `json:"members"`
}

func (c *call) presence() (any, error) {
	q, err := c.query("topic")
	if err != nil {
		return nil, err
	}
	topic, err := c.topicOf(q.Get("topic"))
	if err != nil {
		return nil, err
	}
	list, err := c.hub.Members(c.r.Context(), topic)
	if err != nil {
		return nil, err
	}
	out := present{topic, make([]member, len(list))}
	for i, m := range list {
		out.Members[i] = member{m.Key, m.Ref, m.Meta, m.Session, m.Node, m.Since.UTC()}
	}
	return out, nil
}

// topicInfo is what there is to know of a topic.
type topicInfo struct {
	Topic       string          `json:"topic"`
	Position    broker.Position `json:"position"`
	Retained    int             `json:"retained"`
	Bytes       int             `json:"bytes"`
	Present     int             `json:"present"`
	Subscribers int             `json:"subscribers"`
}

func tellTopic(t hub.TopicInfo) topicInfo {
	return topicInfo{t.Name, t.Tail, t.Retained, t.Bytes, t.Present, t.Subscribers}
}

// topicList is a list of topics.
type topicList struct {
	Topics []topicInfo `json:"topics"`
	More   bool        `json:"more"`
}

func (c *call) topics() (any, error) {
	q, err := c.query("pattern", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := count(q, "limit", fewList)
	if err != nil {
		return nil, err
	}
	asked := c.key.topics
	switch {
	case q.Has("pattern"):
		f, err := broker.Pattern(q.Get("pattern"))
		if err != nil {
			return nil, hub.Errorf(hub.BadRequest, "pattern: %v", plain(err))
		}
		if err := c.key.covers(f); err != nil {
			return nil, err
		}
		asked = []broker.Filter{f}
	case !c.key.limited():
		asked = []broker.Filter{{Type: broker.Subtree}}
	}
	var found []hub.TopicInfo
	for _, f := range asked {
		list, err := c.hub.Topics(c.r.Context(), f, limit+1)
		if err != nil {
			return nil, err
		}
		found = append(found, list...)
	}
	slices.SortFunc(found, func(a, b hub.TopicInfo) int { return strings.Compare(a.Name, b.Name) })
	found = slices.CompactFunc(found, func(a, b hub.TopicInfo) bool { return a.Name == b.Name })
	out := topicList{Topics: make([]topicInfo, min(limit, len(found))), More: len(found) > limit}
	for i := range out.Topics {
		out.Topics[i] = tellTopic(found[i])
	}
	return out, nil
}

func (c *call) topic() (any, error) {
	if err := c.noQuery(); err != nil {
		return nil, err
	}
	topic, err := c.topicOf(c.rest)
	if err != nil {
		return nil, err
	}
	list, err := c.hub.Topics(c.r.Context(), broker.Exact(topic), 1)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, hub.Errorf(hub.NotFound, "nothing is known of this topic: nobody has used it, or not for a while")
	}
	return tellTopic(list[0]), nil
}

// info is what there is to know of the server.
type info struct {
	Version      string    `json:"version"`
	Go           string    `json:"go"`
	Node         string    `json:"node"`
	Started      time.Time `json:"started"`
	UptimeS      int64     `json:"uptime_s"`
	Sessions     int       `json:"sessions"`
	WaitingBytes int64     `json:"waiting_bytes"`
	Goroutines   uint64    `json:"goroutines"`
	Memory       memory    `json:"memory"`
}

// memory is what the process has of it, in bytes.
type memory struct {
	HeapBytes  uint64 `json:"heap_bytes"`
	TotalBytes uint64 `json:"total_bytes"`
}

func (c *call) info() (any, error) {
	if err := c.noQuery(); err != nil {
		return nil, err
	}
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}, // the system has these back
	}
	metrics.Read(samples)
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return samples[i].Value.Uint64()
	}
	return info{
		Version: c.options.Version, Go: runtime.Version(), Node: c.hub.Node(),
		Started: c.options.Started.UTC(), UptimeS: int64(time.Since(c.options.Started) / time.Second),
		Sessions: c.hub.Len(), WaitingBytes: c.hub.Waiting(), Goroutines: value(0),
		Memory: memory{HeapBytes: value(1), TotalBytes: value(2) - value(3)},
	}, nil
}
