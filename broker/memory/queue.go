package memory

import "container/heap"

// slot is the place of a topic in a queue.
type slot struct {
	at    int64 // what it is ordered by
	index int   // in the queue, from 1; 0 is not in it
}

// queue is topics in the order of a time, the earliest first. Its lock is that of its owner, and guards the slots too.
type queue struct {
	topics []*topic
	slot   func(*topic) *slot // which of a topic's slots are those of this queue
}

// put sets the time of a topic.
func (q *queue) put(t *topic, at int64) {
	s := q.slot(t)
	s.at = at
	if s.index > 0 {
		heap.Fix(q, s.index-1)
	} else {
		heap.Push(q, t)
	}
}

// next returns the earliest time, if there is one.
func (q *queue) next() (int64, bool) {
	if len(q.topics) == 0 {
		return 0, false
	}
	return q.slot(q.topics[0]).at, true
}

// take takes out the first topic.
func (q *queue) take() *topic { return heap.Pop(q).(*topic) }

// remove takes out a topic, if it is in the queue.
func (q *queue) remove(t *topic) {
	if s := q.slot(t); s.index > 0 {
		heap.Remove(q, s.index-1)
	}
}

// Len is for package heap.
func (q *queue) Len() int { return len(q.topics) }

// Less is for package heap.
func (q *queue) Less(i, j int) bool { return q.slot(q.topics[i]).at < q.slot(q.topics[j]).at }

// Swap is for package heap.
func (q *queue) Swap(i, j int) {
	q.topics[i], q.topics[j] = q.topics[j], q.topics[i]
	q.slot(q.topics[i]).index, q.slot(q.topics[j]).index = i+1, j+1
}

// Push is for package heap.
func (q *queue) Push(x any) {
	t := x.(*topic)
	q.topics = append(q.topics, t)
	q.slot(t).index = len(q.topics)
}

// Pop is for package heap. It gives memory back when the queue has become much shorter.
func (q *queue) Pop() any {
	last := len(q.topics) - 1
	t := q.topics[last]
	q.topics[last] = nil
	q.topics = q.topics[:last]
	q.slot(t).index = 0
	if cap(q.topics) > 64 && cap(q.topics) > 4*last {
		q.topics = append(make([]*topic, 0, 2*last), q.topics...)
	}
	return t
}
