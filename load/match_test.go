package load

import (
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		match, sent, received string
		same, reply           bool
	}{
		{"echo", "a", "a", true, true},
		{"echo", "a", "b", false, true},
		{"order", "a", "b", true, true},
		{"none", "a", "a", true, false},
		{"regex:#([0-9]+)", "ask #12 now", "answer to #12", true, true},
		{"regex:#([0-9]+)", "ask #12", "answer to #13", false, true},
		{"regex:#[0-9]+", "ask #12", "answer to #12", true, true},
		{"regex:#[0-9]+", "ask #12", "hello", false, false},
		{"json:id", `{"id":1}`, `{"x":[2],"id": 1 }`, true, true},
		{"json:id", `{"id":1}`, `{"id":"1"}`, false, true},
		{"json:id", `{"id":1}`, `{"re":1}`, false, false},
		{"json:id", `{"id":1}`, `[1]`, false, false},
		{"json:id", `{"id":1}`, `{`, false, false},
		{"json:id=re", `{"id":1}`, `{"re":1}`, true, true},
		{"json:meta.id=m.re", `{"meta":{"id":"a"}}`, `{"m":{"re":"a"}}`, true, true},
	} {
		m, err := ParseMatch(tc.match)
		if err != nil {
			t.Fatal(err)
		}
		sent, _ := m.sentKey([]byte(tc.sent))
		received, reply := m.receivedKey([]byte(tc.received))
		if reply != tc.reply || reply && (sent == received) != tc.same || m.String() != tc.match {
			t.Errorf("%+v: a reply: %v, the same: %v", tc, reply, sent == received)
		}
	}
	for text, word := range map[string]string{"": "unknown", "ech": "unknown", "regex:": "unknown", "regex:(": "missing", "json:": "unknown", "json:a.": "empty", "json:a=": "empty", "echo:x": "unknown"} {
		if _, err := ParseMatch(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if (Match{}).String() != "echo" {
		t.Error("the default is not echo")
	}
}

func TestPending(t *testing.T) {
	p := &pending{}
	for i := range 200 {
		p.add(uint64(i%100), time.Duration(i), time.Duration(i))
	}
	take := func(key uint64, due int, want outcome) {
		t.Helper()
		if w, got := p.take(key, false); got != want || got == answered && int(w.due) != due {
			t.Errorf("key %d: %v due at %d, want %v due at %d", key, got, w.due, want, due)
		}
	}
	take(0, 0, answered)
	take(0, 100, answered) // the same again is the next
	take(0, 0, duplicate)
	take(1000, 0, mismatched)
	take(50, 50, answered) // out of order
	for i := 1; i < 50; i++ {
		take(uint64(i), i, answered)
	}
	if n := p.expire(60, func(waiting) {}); n != 9 || p.waits() != 200-2-1-49-9 {
		t.Errorf("%d expired, %d wait", n, p.waits())
	}
	take(55, 155, answered)
	take(55, 0, late)
	for i := range 1000 { // what is done with goes
		p.add(7, time.Duration(1000+i), time.Duration(1000+i))
		p.take(7, false)
	}
	if len(p.list) > 1500 {
		t.Errorf("%d entries for %d that wait", len(p.list), p.waits())
	}
	p.add(9, 3000, 3000)
	if !p.takeBack(9) || p.takeBack(9) {
		t.Error("what was added last is taken back once")
	}
	// In order a late reply is that to the message that was given up, not to the next one.
	q := &pending{}
	q.add(0, 1, 1)
	q.add(0, 2, 2)
	q.expire(2, func(waiting) {})
	if _, got := q.take(0, true); got != late {
		t.Errorf("%v", got)
	}
	if w, got := q.take(0, true); got != answered || w.due != 2 {
		t.Errorf("%+v, %v", w, got)
	}
	if _, got := q.take(0, true); got != mismatched {
		t.Errorf("%v", got)
	}
	if n := p.drop(); n == 0 || p.waits() != 0 {
		t.Errorf("%d dropped", n)
	}
}
