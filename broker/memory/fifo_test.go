package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The queue is a slice, against one that is a plain slice.
func TestFIFO(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q fifo[int]
	var model []int
	for i := range 20_000 {
		switch grow := i/2000%2 == 0; {
		case r.IntN(200) == 0:
			q.shrink()
		case r.IntN(3) > 0 == grow || len(model) == 0:
			q.push(i)
			model = append(model, i)
		default:
			if got := q.pop(); got != model[0] {
				t.Fatalf("step %d: got %d, want %d", i, got, model[0])
			}
			model = model[1:]
		}
		if q.len() != len(model) || q.len() > 0 && (q.at(0) != model[0] || q.at(q.len()-1) != model[len(model)-1]) {
			t.Fatalf("step %d: %d items, want %d", i, q.len(), len(model))
		}
	}
	if !slices.Equal(q.items[q.head:], model) {
		t.Error("not the same in the end")
	}
	if slices.ContainsFunc(q.items[:q.head], func(v int) bool { return v != 0 }) {
		t.Error("what was taken out is still there")
	}
	// Steady use takes no more room.
	q = fifo[int]{}
	for i := range 100_000 {
		q.push(i)
		if q.len() > 100 {
			q.pop()
		}
	}
	if cap(q.items) > 512 {
		t.Errorf("100 items have room for %d", cap(q.items))
	}
}
