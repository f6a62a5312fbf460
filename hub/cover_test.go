package hub

import (
	"fmt"
	"testing"

	"github.com/parley-ws/parley/broker"
)

// all returns all strings of a few letters up to a length.
func all(letters string, length int) []string {
	list := []string{""}
	for from := 0; length > 0; length-- {
		to := len(list)
		for _, s := range list[from:to] {
			for i := range len(letters) {
				list = append(list, s+letters[i:i+1])
			}
		}
		from = to
	}
	return list
}

// covers and overlap are held against all topics and filters of a small alphabet, slashes at odd places included.
func TestCoverAndOverlap(t *testing.T) {
	topics := all("ab/", 6)[1:]
	var filters []broker.Filter
	for _, name := range all("ab/", 3) {
		for kind := broker.ExactTopic; kind <= broker.BytePrefix; kind++ {
			if f := (broker.Filter{Type: kind, Name: name}); f.Check() == nil {
				filters = append(filters, f)
			}
		}
	}
	matches := make([][]bool, len(filters))
	for i, f := range filters {
		for _, topic := range topics {
			matches[i] = append(matches[i], f.Match(topic))
		}
	}
	for i, p := range filters {
		for j, f := range filters {
			all, some := true, false
			witness := ""
			for k, topic := range topics {
				if matches[j][k] && !matches[i][k] {
					all, witness = false, topic
				}
				some = some || matches[i][k] && matches[j][k]
			}
			if covers(p, f) && !all {
				t.Errorf("covers(%v, %v), though %q is matched by the second alone", p, f, witness)
			}
			if all && !covers(p, f) {
				t.Errorf("covers(%v, %v) is false, though there is no topic for the second alone", p, f)
			}
			if some && !overlap(p, f) {
				t.Errorf("overlap(%v, %v) is false, though there is a topic for both", p, f)
			}
			if !some && overlap(p, f) {
				t.Errorf("overlap(%v, %v), though there is no topic for both", p, f)
			}
			if overlap(p, f) != overlap(f, p) {
				t.Errorf("overlap of %v and %v depends on their order", p, f)
			}
		}
	}
}

// A filter is judged by each rule that holds for one of its topics, and by no other that it need not be judged by.
func TestTouching(t *testing.T) {
	o := Options{}
	for _, p := range []string{"a/b", "a/b/**", "a/*", "a/**", "c", "*"} {
		o.Topics = append(o.Topics, Topic{Pattern: p})
	}
	r, err := newRules(&o)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		f    broker.Filter
		want string
	}{
		{broker.Exact("a/b"), "[a/b]"},
		{broker.Exact("a/c"), "[a/*]"},
		{broker.Exact("d/e"), "[**]"},
		{broker.Filter{Type: broker.Level, Name: "a"}, "[a/b a/*]"},
		{broker.Filter{Type: broker.Subtree, Name: "a"}, "[a/b a/b/** a/* a/**]"},
		{broker.Filter{Type: broker.Subtree, Name: "a/b"}, "[a/b/**]"},
		{broker.Filter{Type: broker.Level, Name: "a/b/c"}, "[a/b/**]"},
		{broker.Filter{Type: broker.Level}, "[c *]"},
		{broker.Filter{Type: broker.Subtree}, "[a/b a/b/** a/* a/** c * **]"},
		{broker.Prefix("a/b"), "[a/b a/b/** a/* a/**]"},
		{broker.Prefix("c"), "[c * **]"},
		{broker.Prefix("d/"), "[**]"},
	} {
		var got []string
		r.touching(test.f, func(t *Topic) bool {
			got = append(got, t.Pattern)
			return true
		})
		if s := fmt.Sprint(got); s != test.want {
			t.Errorf("%v touches %s, want %s", test.f, s, test.want)
		}
	}
}

// The buckets of topics are bounded, and those that are full are forgotten.
func TestRateTable(t *testing.T) {
	h, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	table := &rateTable{}
	slow, fast := &Topic{Rate: 0.001}, &Topic{Rate: 1e9, Burst: 2}
	for i := range maxRates {
		rule := slow
		if i%2 == 0 {
			rule = fast
		}
		if err := table.take(h, fmt.Sprint(i), rule); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.take(h, "one more", slow); err != nil {
		t.Error(err)
	}
	if n := len(table.topics); n > maxRates/2+1000 {
		t.Errorf("%d buckets", n)
	}
	for i := range maxRates {
		table.take(h, fmt.Sprint("other ", i), slow)
	}
	if err := table.take(h, "yet another", slow); AsError(err) == nil || AsError(err).Code != RateLimited || len(table.topics) > maxRates {
		t.Errorf("%d buckets: %v", len(table.topics), err)
	}
}
