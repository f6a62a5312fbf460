package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// model is an Index that tries all filters.
type model map[Filter]int

func (m model) match(topic string) (list []int) {
	for f, v := range m {
		if f.Match(topic) {
			list = append(list, v)
		}
	}
	slices.Sort(list)
	return list
}

// check compares an Index with the model.
func (m model) check(t *testing.T, x *Index[int], topic string) {
	t.Helper()
	got := x.Match([]int{-1}, topic)
	if got[0] != -1 {
		t.Fatalf("%q: what was in the list is gone: %v", topic, got)
	}
	got = got[1:]
	if v, ok := m[Exact(topic)]; ok && (len(got) == 0 || got[0] != v) {
		t.Errorf("%q: the exact filter does not come first: %v", topic, got)
	}
	slices.Sort(got)
	if want := m.match(topic); !slices.Equal(got, want) {
		t.Fatalf("%q in %v: got %v, want %v", topic, m, got, want)
	}
}

// TestIndex compares an Index with the model through many changes.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	name := func() string {
		return strings.Repeat("/", r.IntN(6)/5) + []string{"a", "b", "a/b", "a/b/c", "a/", "ab", "a//b", "b/a/c/d", "*"}[r.IntN(9)]
	}
	var x Index[int]
	m := model{}
	for i := range 20_000 {
		f := Filter{FilterType(r.IntN(4)), name()}
		if f.Type != ExactTopic && r.IntN(5) == 0 {
			f.Name = ""
		}
		if r.IntN(2) == 0 {
			x.Set(f, i)
			m[f] = i
		} else {
			x.Delete(f)
			delete(m, f)
		}
		v, ok := x.Get(f)
		if want, there := m[f]; v != want || ok != there {
			t.Fatalf("Get(%s) is %d, %v, want %d, %v", f, v, ok, want, there)
		}
		if x.Len() != len(m) {
			t.Fatalf("Len is %d, want %d", x.Len(), len(m))
		}
		m.check(t, &x, name())
		if i%1000 == 0 {
			all := model{}
			for f, v := range x.All {
				all[f] = v
			}
			if fmt.Sprint(all) != fmt.Sprint(m) {
				t.Fatalf("All gave %v, want %v", all, m)
			}
		}
	}
	for range x.All {
		break // may be left
	}
	for f := range m {
		x.Delete(f)
	}
	if x.Len() != 0 || x.wide != 0 || len(x.lengths) != 0 || len(x.Match(nil, "a/b")) != 0 {
		t.Errorf("when all is deleted: %+v", x)
	}
}

// FuzzIndex makes an Index of lines, each a filter with its type as the first byte, d before it to take it out, and looks up a topic.
func FuzzIndex(f *testing.F) {
	f.Add("0a\n1a\n2a\n3a", "a/b")
	f.Add("1\n2\n3\n0a/b", "a/b")
	f.Add("2a\nd2a\n3a/\n3a/b\nd3a", "a/b/c")
	f.Add("2\n1\n2a//\n1a/", "a//b")
	f.Add("2/\n1/\n3/", "//")
	f.Fuzz(func(t *testing.T, lines, topic string) {
		var x Index[int]
		m := model{}
		for i, line := range strings.Split(lines, "\n") {
			line, del := strings.CutPrefix(line, "d")
			if line == "" {
				continue
			}
			f := Filter{FilterType(line[0] - '0'), line[1:]}
			switch {
			case del:
				x.Delete(f)
				delete(m, f)
			case f.Check() == nil:
				x.Set(f, i)
				m[f] = i
			}
		}
		if x.Len() != len(m) {
			t.Fatalf("Len is %d, want %d", x.Len(), len(m))
		}
		if CheckTopic(topic) == nil {
			m.check(t, &x, topic)
		}
	})
}

func BenchmarkIndexMatch(b *testing.B) {
	for _, wide := range []bool{false, true} {
		b.Run(fmt.Sprintf("wide=%v", wide), func(b *testing.B) {
			var x Index[int]
			for i := range 10_000 {
				x.Set(Exact(fmt.Sprint("room/", i, "/chat")), i)
			}
			if wide {
				x.Set(Filter{Subtree, "room"}, 1)
				x.Set(Prefix("ro"), 2)
			}
			var list []int
			b.ReportAllocs()
			for b.Loop() {
				list = x.Match(list[:0], "room/77/chat")
			}
		})
	}
}
