package memory

// fifo is a queue in one slice. What is taken out is forgotten at once; the room before it is used again when the slice is full.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

// at returns the item with i others before it.
func (q *fifo[T]) at(i int) T { return q.items[q.head+i] }

func (q *fifo[T]) push(v T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v)
}

func (q *fifo[T]) pop() T {
	var zero T
	v := q.items[q.head]
	q.items[q.head] = zero
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v
}

// shrink gives memory back if there is much more than the items need.
func (q *fifo[T]) shrink() {
	switch n := q.len(); {
	case n == 0:
		q.items, q.head = nil, 0
	case cap(q.items) > 64 && cap(q.items) > 4*n:
		q.items, q.head = append(make([]T, 0, 2*n), q.items[q.head:]...), 0
	}
}
