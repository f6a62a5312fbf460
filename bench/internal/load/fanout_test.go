package load

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{.5: 500, .99: 990, .999: 999, 1: 1000} {
		got := h.quantile(q)
		if off := math.Abs(float64(got)/float64(want*time.Microsecond) - 1); off > 1./64 {
			t.Errorf("quantile %v is %v, not %v", q, got, want*time.Microsecond)
		}
	}
	last := -1
	for d := time.Duration(0); d < time.Hour; d = d*9/8 + 1 {
		i := bucket(d)
		if i < last || upper(i) < d || i > 0 && upper(i-1) >= d {
			t.Fatalf("%v is in the bucket %d, whose times end at %v", d, i, upper(i))
		}
		last = i
	}
}

func TestDechunk(t *testing.T) {
	stream := "5\r\nhello\r\n1\r\n!\r\n"
	for cut := range stream {
		text, rest, err := dechunk(nil, []byte(stream[:cut]))
		if err != nil {
			t.Fatal(err)
		}
		if text, rest, err = dechunk(text, append(rest, stream[cut:]...)); err != nil || string(text) != "hello!" || len(rest) > 0 {
			t.Errorf("cut at %d: %q, %q left, %v", cut, text, rest, err)
		}
	}
	for _, bad := range []string{"0\r\n\r\n", "x\r\n"} {
		if _, _, err := dechunk(nil, []byte(bad)); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

// What a subscriber gets is found out to be right or wrong, however it is cut.
func TestDeliveries(t *testing.T) {
	for _, form := range []Form{Raw, Native, Events} {
		o := Fanout{Form: form, Conns: 2, Size: 64, Rate: 10}
		show := func(f *fanout, n, offset int) []byte {
			body := f.body(nil, n)
			switch form {
			case Native:
				body = fmt.Appendf(nil, `{"type":"message","topic":"t","position":"abc:%d","data":%s}`, offset, body)
			case Events:
				return fmt.Appendf(nil, "id: abc:%d\ndata: %s\n\n", offset, body)
			}
			return appendFrame(nil, text, body, false)
		}
		type one struct{ n, offset int }
		for _, c := range []struct {
			name  string
			got   []one
			wrong string
		}{
			{"all", []one{{0, 1}, {1, 2}, {2, 3}}, ""},
			{"from the second on", []one{{1, 2}, {2, 3}}, ""},
			{"a hole", []one{{0, 1}, {2, 3}}, "without notice of a gap"},
			{"twice", []one{{0, 1}, {0, 1}}, "twice, or out of order"},
			{"too early", []one{{0, 1}, {3, 4}}, "before it was published"},
			{"another offset", []one{{0, 1}, {1, 3}}, "has the offset 3"},
		} {
			for cut := range 3 {
				f := &fanout{Fanout: o, from: math.MaxInt, sent: 3, bodies: o.variants(), pub: &conn{}}
				var all []byte
				for _, m := range c.got {
					all = append(all, show(f, m.n, m.offset)...)
				}
				at := len(all) * cut / 3
				var err error
				for range 2 { // the second subscriber's are compared with the first one's
					k := &conn{sub: &sub{next: -1}}
					for _, part := range [][]byte{all[:at], all[at:]} {
						rest, e := f.scan(k, slices.Concat(k.rest, part), 0)
						k.rest = slices.Clone(rest)
						if err = e; err != nil {
							break
						}
					}
					if err == nil && k.sub.next != 3 && c.wrong == "" {
						err = fmt.Errorf("the next is %d", k.sub.next)
					}
					if err != nil {
						break
					}
				}
				if form == Raw && c.name == "another offset" {
					continue // nobody is told
				}
				if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
					t.Errorf("%v, %s, cut at %d: %v, want %q", form, c.name, at, err, c.wrong)
				}
			}
		}
		f := &fanout{Fanout: o, from: math.MaxInt, sent: 3, bodies: o.variants(), pub: &conn{}}
		k := &conn{sub: &sub{next: 0}}
		notice := appendFrame(nil, text, []byte(`{"type":"gap","topic":"t"}`), false)
		if form == Events {
			notice = []byte("event: gap\ndata: {}\n\n")
		}
		if form == Raw {
			continue // has no words for it
		}
		if _, err := f.scan(k, append(notice, show(f, 2, 3)...), 0); err != nil || f.lost != 2 || f.gaps != 1 {
			t.Errorf("%v: a gap of 2: %d lost, %d notices, %v", form, f.lost, f.gaps, err)
		}
		changed := show(f, 2, 3)
		changed[len(changed)-6] ^= 1
		if _, err := f.scan(&conn{sub: &sub{next: 2}}, changed, 0); err == nil {
			t.Errorf("%v: a message that differs is no error", form)
		}
	}
}
