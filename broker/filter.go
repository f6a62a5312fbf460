package broker

import (
	"fmt"
	"strings"
)

// Filter says which topics are meant. Filters are comparable with ==, and fit to be keys of a map. Exact, Pattern and Prefix make them.
type Filter struct {
	// Type says how Name is meant.
	Type FilterType

	// Name is the topic, or what comes before its last part or parts, without the slash between.
	Name string
}

// FilterType says how the Name of a Filter is meant.
type FilterType uint8

// The types of filters.
const (
	// ExactTopic is the one topic of that name.
	ExactTopic FilterType = iota

	// Level is every topic one level below Name: a/* matches a/b, not a and not a/b/c. With an empty Name, *, it is every topic
	// without a slash.
	Level

	// Subtree is every topic below Name: a/** matches a/b and a/b/c, not a. With an empty Name, **, it is every topic.
	Subtree

	// BytePrefix is every topic whose name begins with the bytes of Name. An empty one is every topic.
	BytePrefix
)

// Exact is the filter for one topic.
func Exact(topic string) Filter { return Filter{ExactTopic, topic} }

// Prefix is the filter for all topics whose names begin with some bytes.
func Prefix(bytes string) Filter { return Filter{BytePrefix, bytes} }

// Pattern reads a filter as people write it: a/* for one level, a/** for a subtree, * and ** for those of everything, and
// otherwise the name of a topic. A star anywhere else is an error: it would not do what its author expects. Where a topic
// itself ends in a star, use Exact.
func Pattern(s string) (Filter, error) {
	f := Filter{ExactTopic, s}
	switch {
	case s == "*":
		return Filter{Level, ""}, nil
	case s == "**":
		return Filter{Subtree, ""}, nil
	case strings.HasSuffix(s, "/**"):
		f = Filter{Subtree, s[:len(s)-3]}
	case strings.HasSuffix(s, "/*"):
		f = Filter{Level, s[:len(s)-2]}
	}
	if strings.Contains(f.Name, "*") {
		return Filter{}, fmt.Errorf("broker: pattern %.80q: a star may only be the whole last part: a/* is one level, a/** a subtree", s)
	}
	if f.Type != ExactTopic && f.Name == "" {
		return Filter{}, fmt.Errorf("broker: pattern %.80q: nothing stands before the slash: * and ** mean everything", s)
	}
	if err := CheckTopic(f.Name); err != nil {
		return Filter{}, err
	}
	return f, nil
}

// Check returns an error if f is no filter.
func (f Filter) Check() error {
	switch {
	case f.Type > BytePrefix:
		return fmt.Errorf("broker: unknown type %d of a filter", f.Type)
	case f.Type != ExactTopic && f.Name == "":
		return nil
	case f.Type == BytePrefix && len(f.Name) > MaxTopic:
		return fmt.Errorf("broker: a prefix has %d bytes: at most %d are allowed", len(f.Name), MaxTopic)
	case f.Type == BytePrefix:
		return nil // it may end within a character
	}
	return CheckTopic(f.Name)
}

// IsExact reports whether f can match one topic only.
func (f Filter) IsExact() bool { return f.Type == ExactTopic }

// String returns f as people write it. A prefix is followed by three dots.
func (f Filter) String() string {
	switch {
	case f.Type == Level && f.Name == "":
		return "*"
	case f.Type == Level:
		return f.Name + "/*"
	case f.Type == Subtree && f.Name == "":
		return "**"
	case f.Type == Subtree:
		return f.Name + "/**"
	case f.Type == BytePrefix:
		return f.Name + "..."
	}
	return f.Name
}

// Match reports whether f matches a topic.
func (f Filter) Match(topic string) bool {
	switch f.Type {
	case ExactTopic:
		return topic == f.Name
	case BytePrefix:
		return strings.HasPrefix(topic, f.Name)
	}
	rest := topic
	if f.Name != "" {
		if len(topic) <= len(f.Name) || topic[:len(f.Name)] != f.Name || topic[len(f.Name)] != '/' {
			return false
		}
		rest = topic[len(f.Name)+1:]
	}
	return f.Type == Subtree || strings.IndexByte(rest, '/') < 0
}

// Index finds the filters that match a topic without trying all of them: the cost of a lookup depends on the parts of the topic's name, and on
// how many different lengths the prefixes have. The zero value is empty. It is not safe for concurrent changes.
type Index[T any] struct {
	filters map[Filter]T
	lengths map[int]int // how many prefixes of each length there are
	wide    int         // how many filters are not exact
}

// Get returns what f stands for.
func (x *Index[T]) Get(f Filter) (T, bool) {
	v, ok := x.filters[f]
	return v, ok
}

// Len returns how many filters there are.
func (x *Index[T]) Len() int { return len(x.filters) }

// Set makes f stand for v.
func (x *Index[T]) Set(f Filter, v T) {
	if x.filters == nil {
		x.filters, x.lengths = map[Filter]T{}, map[int]int{}
	}
	if _, ok := x.filters[f]; !ok && !f.IsExact() {
		x.wide++
		if f.Type == BytePrefix {
			x.lengths[len(f.Name)]++
		}
	}
	x.filters[f] = v
}

// Delete takes f out.
func (x *Index[T]) Delete(f Filter) {
	if _, ok := x.filters[f]; !ok {
		return
	}
	delete(x.filters, f)
	if f.IsExact() {
		return
	}
	x.wide--
	if f.Type == BytePrefix {
		if x.lengths[len(f.Name)]--; x.lengths[len(f.Name)] == 0 {
			delete(x.lengths, len(f.Name))
		}
	}
}

// All calls yield for every filter, in no order.
func (x *Index[T]) All(yield func(Filter, T) bool) {
	for f, v := range x.filters {
		if !yield(f, v) {
			return
		}
	}
}

// Match appends to list what the filters that match a topic stand for, the exact one first.
func (x *Index[T]) Match(list []T, topic string) []T {
	add := func(f Filter) {
		if v, ok := x.filters[f]; ok {
			list = append(list, v)
		}
	}
	add(Exact(topic))
	if x.wide == 0 {
		return list
	}
	slash := strings.LastIndexByte(topic, '/')
	if slash < 0 {
		add(Filter{Level, ""})
	} else if slash > 0 {
		add(Filter{Level, topic[:slash]})
	}
	add(Filter{Subtree, ""})
	for i := range len(topic) {
		if topic[i] == '/' && i > 0 {
			add(Filter{Subtree, topic[:i]})
		}
	}
	for n := range x.lengths {
		if n <= len(topic) {
			add(Filter{BytePrefix, topic[:n]})
		}
	}
	return list
}
