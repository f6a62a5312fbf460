package memory

import "github.com/parley-ws/parley/broker"

// window remembers the ids of a topic's messages, to know those that come again. It has no lock.
type window struct {
	known map[messageID]stored
	order fifo[remembered] // as they came
}

type messageID struct{ producer, id string }

// stored is where a message went, and until when its id is remembered.
type stored struct {
	at  broker.Position
	end int64
}

type remembered struct {
	id  messageID
	end int64
}

// find returns where the message with this id went.
func (w *window) find(id messageID, now int64) (broker.Position, bool) {
	s, ok := w.known[id]
	return s.at, ok && now < s.end
}

// add remembers an id until end, and returns by how many the window grew.
func (w *window) add(id messageID, at broker.Position, end int64) {
	if w.known == nil {
		w.known = map[messageID]stored{}
	}
	w.known[id] = stored{at, end}
	w.order.push(remembered{id, end})
}

// expire forgets the ids whose time is over, and returns how many they were. One that came before them and is remembered for longer holds them
// up; find does not mind.
func (w *window) expire(now int64) (n int) {
	for ; w.order.len() > 0 && w.order.at(0).end <= now; n++ {
		w.drop()
	}
	return n
}

// drop forgets the oldest id.
func (w *window) drop() {
	oldest := w.order.pop()
	if w.known[oldest.id].end == oldest.end { // else it has come again since
		delete(w.known, oldest.id)
	}
}

// shrink gives memory back.
func (w *window) shrink() {
	w.order.shrink()
	if w.order.len() == 0 {
		w.known = nil
	}
}
