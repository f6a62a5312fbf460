package memory

import (
	"context"
	"time"

	"github.com/parley-ws/parley/broker"
)

func (n *node) History(ctx context.Context, name string, q broker.Query) (broker.Page, error) {
	if err := n.check(ctx); err != nil {
		return broker.Page{}, err
	}
	if err := broker.CheckTopic(name); err != nil {
		return broker.Page{}, err
	}
	for {
		if t := n.b.find(name); t != nil {
			defer t.mu.Unlock()
			t.used = n.b.since(time.Now())
			t.trim(t.used)
			n.b.schedule(t, t.used)
			return t.page(q), nil
		}
		// To ask for a topic does not make it.
		if epoch := n.b.promised(name); epoch != "" {
			return (&topic{epoch: epoch}).page(q), nil
		}
	}
}

// page returns a part of the log.
func (t *topic) page(q broker.Query) broker.Page {
	p := broker.Page{Tail: t.tail()}
	before := t.offset - uint64(t.log.len()) // the offset before the first message that is kept
	from := 0
	if q.Since.Epoch == t.epoch && q.Since.Offset <= t.offset {
		p.Complete = q.Since.Offset >= before
		from = int(max(q.Since.Offset, before) - before)
	}
	to, limit := t.log.len(), max(0, q.Limit)
	p.More = to-from > limit
	if q.Last {
		from = max(from, to-limit)
	} else {
		to = min(to, from+limit)
	}
	if q.Bytes > 0 && from < to {
		cut := false
		if from, to, cut = t.fit(from, to, q.Last, q.Bytes); cut {
			p.More = true
		}
	}
	if from < to {
		p.Messages = make([]*broker.Message, 0, to-from)
	}
	for i := from; i < to; i++ {
		p.Messages = append(p.Messages, t.log.at(i).m)
	}
	return p
}

// fit makes a range of the log shorter, at its beginning if the last ones are wanted, until the bodies have no more than so many bytes
// together, or one is left.
func (t *topic) fit(from, to int, last bool, bytes int) (int, int, bool) {
	size := func(i int) int { return len(t.log.at(i).m.Body) }
	if last {
		i := to - 1
		for bytes -= size(i); i > from && size(i-1) <= bytes; i-- {
			bytes -= size(i - 1)
		}
		return i, to, i > from
	}
	i := from + 1
	for bytes -= size(from); i < to && size(i) <= bytes; i++ {
		bytes -= size(i)
	}
	return from, i, i < to
}
