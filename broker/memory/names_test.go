package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parley-ws/parley/broker"
)

// Whatever comes and goes, a filter lists what it matches.
func TestCatalogue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "a!", "a0", "", "ü", "z"}
	c, have := newCatalogue(), map[string]bool{}
	name := func() string {
		s := fmt.Sprint(parts[r.IntN(len(parts))], r.IntN(30))
		if r.IntN(3) == 0 {
			s = parts[r.IntN(len(parts))]
		}
		for range r.IntN(4) {
			s += "/" + parts[r.IntN(len(parts))]
		}
		return s
	}
	for round := range 20_000 {
		// It grows, and shrinks again.
		if s := name(); have[s] && (round > 10_000 || r.IntN(4) == 0) {
			delete(have, s)
			c.remove(s)
		} else if !have[s] && (round < 10_000 || r.IntN(4) == 0) {
			have[s] = true
			c.add(s)
		} else if !have[s] {
			c.remove(s) // which is not there
		}
		if round%100 != 0 {
			continue
		}
		for _, f := range []broker.Filter{
			{Type: broker.Level}, {Type: broker.Subtree}, {Type: broker.BytePrefix}, {Type: broker.Level, Name: "a"}, {Type: broker.Subtree, Name: "a"},
			{Type: broker.BytePrefix, Name: "a"}, {Type: broker.Level, Name: "none"}, {Type: broker.BytePrefix, Name: "\xff"}, {Type: broker.Level, Name: name()},
			{Type: broker.Subtree, Name: name()}, {Type: broker.BytePrefix, Name: name()},
		} {
			var want []string
			for s := range have {
				if f.Match(s) {
					want = append(want, s)
				}
			}
			slices.Sort(want)
			limit := 1 + r.IntN(len(have)+2)
			if got := c.list(f, limit); !slices.Equal(got, want[:min(limit, len(want))]) {
				t.Fatalf("round %d: %v lists %q, want %q", round, f, got, want)
			}
		}
	}
	for s := range have {
		c.remove(s)
	}
	if c.byName.blocks != nil || c.byLevel.blocks != nil {
		t.Errorf("%d and %d blocks are left", len(c.byName.blocks), len(c.byLevel.blocks))
	}
}

// The names of a block go from either end, and the blocks with them.
func TestBlocksGo(t *testing.T) {
	for _, backwards := range []bool{false, true} {
		c := newCatalogue()
		var list []string
		for i := range 5 * block {
			list = append(list, fmt.Sprintf("%05d", i))
			c.add(list[i])
		}
		if backwards {
			slices.Reverse(list)
		}
		for i, name := range list {
			c.remove(name)
			if got := c.list(broker.Prefix(""), len(list)); len(got) != len(list)-i-1 {
				t.Fatalf("after %s there are %d names", name, len(got))
			}
		}
		if c.byName.blocks != nil {
			t.Errorf("%d blocks are left", len(c.byName.blocks))
		}
	}
}

// What it costs to list topics of a million.
func BenchmarkTopics(b *testing.B) {
	_, n := attach(b, "a", &fan{})
	for i := range 1_000_000 {
		if _, err := n.Publish(b.Context(), &broker.Message{Topic: fmt.Sprintf("a/%d/b", i)}, broker.Publish{}); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		filter      broker.Filter
		limit, want int
	}{
		{broker.Filter{Type: broker.Subtree, Name: "none"}, 1000, 0},
		{broker.Filter{Type: broker.Level, Name: "a"}, 1000, 0},
		{broker.Prefix("a/12345/"), 1000, 1},
		{broker.Filter{Type: broker.Subtree}, 1000, 1000},
	} {
		b.Run(fmt.Sprintf("%v of %d", c.filter, c.limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if list, err := n.Topics(b.Context(), c.filter, c.limit); err != nil || len(list) != c.want {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}
