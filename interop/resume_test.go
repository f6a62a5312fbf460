package interop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// follower is a client that comes back to where it was, whenever its connection ends.
type follower struct {
	way     way
	topic   string
	since   string // where it is
	retries bool   // also when it cannot connect
	pause   func(failures int) time.Duration
	hears   func(heard) // everything; may be nil
	ends    int         // how often its connection has ended
	got     []heard
}

// until listens, and comes back, until done says that it was the last. Everything is in got.
func (f *follower) until(ctx context.Context, done func(heard) bool) error {
	var e *ear
	defer func() {
		if e != nil {
			e.close()
		}
	}()
	for failures := 0; ; {
		if e == nil {
			var err error
			if e, err = f.way.begin(ctx, f.topic, f.since); err != nil {
				e = nil
				if !f.retries || ctx.Err() != nil {
					return err
				}
				failures++
				if err := f.wait(ctx, failures); err != nil {
					return err
				}
				continue
			}
		}
		h, err := e.next(ctx)
		if err != nil {
			return err
		}
		if h.position != "" {
			f.since = h.position
		}
		f.got = append(f.got, h)
		if f.hears != nil {
			f.hears(h)
		}
		if done(h) {
			return nil
		}
		switch h.what {
		case message, begins:
			failures = 0
		case cut:
			f.ends++
		case failed:
			return fmt.Errorf("%s was told: %s", f.way.name, h)
		case endOfThis:
			if f.way.itself {
				return fmt.Errorf("%s does not come back: %s", f.way.name, h)
			}
			e.close()
			e = nil
			f.ends++
			if err := f.wait(ctx, failures); err != nil {
				return err
			}
		}
	}
}

func (f *follower) wait(ctx context.Context, failures int) error {
	if f.pause == nil {
		return nil
	}
	select {
	case <-time.After(f.pause(failures)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// messages are those among what was heard.
func messages(list []heard) (found []heard) {
	for _, h := range list {
		if h.what == message {
			found = append(found, h)
		}
	}
	return found
}

// offset splits a position.
func offset(position string) (epoch string, n int, err error) {
	epoch, text, _ := strings.Cut(position, ":")
	n, err = strconv.Atoi(text)
	return epoch, n, err
}

// joined returns an error if there is a hole, a repetition or a wrong order that the client was not told of. Parley counts messages one by one
// where they are kept in memory.
func joined(list []heard, since string) error {
	at, told := since, false
	for _, h := range list {
		told = told || h.lost
		if h.what != message {
			continue
		}
		epoch, n, err := offset(h.position)
		before, m, problem := offset(at)
		if err := errors.Join(err, problem); err != nil {
			return err
		}
		if !told && (epoch != before || n != m+1) || told && epoch == before && n <= m {
			return fmt.Errorf("after %s came %s (told of a gap: %t)", at, h, told)
		}
		at, told = h.position, false
	}
	return nil
}

// through is the same world behind a network.
func through(t *testing.T, server string) (*world, *network) {
	t.Helper()
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork(t, at.Host)
	return newWholeWorld(t, "http://"+n.address()), n
}

// resumable are the ways that say where the client is.
func resumable(list []way) (found []way) {
	for _, w := range list {
		if !w.silent {
			found = append(found, w)
		}
	}
	return found
}

// While messages are published one after the other, connections are cut on the way, and ended by the server. Every client comes back to where it
// was, and misses nothing.
func TestResume(t *testing.T) {
	t.Parallel()
	server := serve(t, build(t), "--addr", "127.0.0.1:0", "--limits-command-rate", "0", "--topic", "** history=1000")
	direct := newWorld(t, server.url)
	w, n := through(t, server.url)
	const topic, many, marker = "resumed", 600, "the last"
	ctx := bounded(t)
	since := direct.place(t, topic)

	const begin, halfway = "begin", "halfway"
	var list []*follower
	var following sync.WaitGroup
	reached := make(chan struct{}, 100)
	for _, way := range resumable(w.ways()) {
		f := &follower{way: way, topic: topic, since: since}
		f.hears = func(h heard) {
			if h.body == begin || h.body == halfway {
				reached <- struct{}{}
			}
		}
		list = append(list, f)
		following.Go(func() {
			if err := f.until(ctx, func(h heard) bool { return h.body == marker }); err != nil {
				t.Error(err)
			}
		})
	}
	say := func(text string) {
		t.Helper()
		if _, err := direct.post(ctx, direct.topic(direct.url, topic, ""), "text/plain", text); err != nil {
			t.Fatal(err)
		}
	}
	// All have heard it before anything else happens.
	sayToAll := func(text string) {
		t.Helper()
		say(text)
		for range list {
			select {
			case <-reached:
			case <-ctx.Done():
				t.Fatalf("not everybody has heard %q", text)
			}
		}
	}
	sayToAll(begin)
	for i := range many {
		switch i {
		case many / 4:
			n.set(down)
			n.set(works)
		case many / 2:
			sayToAll(halfway)
		case many * 3 / 4:
			if _, err := direct.post(ctx, direct.url+"/api/v1/disconnect", "application/json", `{"topic":"`+topic+`","code":"going_away"}`); err != nil {
				t.Fatal(err)
			}
		}
		say(fmt.Sprintf("message %d", i))
	}
	say(marker)
	following.Wait()
	for _, f := range list {
		t.Run(f.way.name, func(t *testing.T) {
			if err := joined(f.got, since); err != nil {
				t.Error(err)
			}
			if got := messages(f.got); len(got) != many+3 {
				t.Errorf("it got %d messages, want %d", len(got), many+3)
			}
			if polls := strings.HasSuffix(f.way.name, "poll"); f.ends < 2 && !polls { // a browser repeats such requests by itself
				t.Errorf("its connection was cut %d times: the test does not show what it should", f.ends)
			}
			for _, h := range f.got {
				if h.lost {
					t.Errorf("it was told: %s", h)
				}
			}
		})
	}
}

// Where what was missed is not kept any more, every client is told so, in the words of its transport, and goes on from there.
func TestResumeTooLate(t *testing.T) {
	t.Parallel()
	server := serve(t, build(t), "--addr", "127.0.0.1:0", "--limits-command-rate", "0", "--topic", "** history=4")
	direct := newWorld(t, server.url)
	w, n := through(t, server.url)
	const topic = "forgotten"
	ctx := bounded(t)
	since := direct.place(t, topic)
	say := func(text string) (position string) {
		t.Helper()
		position, err := direct.post(ctx, direct.topic(direct.url, topic, ""), "text/plain", text)
		if err != nil {
			t.Fatal(err)
		}
		return position
	}

	ways := w.ways()
	ears := make([]*ear, len(ways))
	for i, way := range ways {
		e, err := way.begin(ctx, topic, since)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ears[i].close() })
		ears[i] = e
	}
	at := say("before")
	for _, e := range ears {
		if _, err := e.until(ctx, func(h heard) bool { return h.body == "before" }); err != nil {
			t.Fatal(err)
		}
	}
	n.set(down)
	for _, e := range ears {
		if _, err := e.until(ctx, func(h heard) bool { return h.what == endOfThis || h.what == cut }); err != nil {
			t.Fatal(err)
		}
	}
	var tail string
	for i := range 9 {
		tail = say(fmt.Sprintf("missed %d", i))
	}
	n.set(works)

	// In which words each is told.
	words := map[string]heard{
		"go-native":          {what: begins, position: tail},
		"npm-native":         {what: begins, position: tail},
		"page-native":        {what: begins, position: tail},
		"page-native-stream": {what: begins, position: tail},
		"page-native-poll":   {what: begins, position: tail},
		"go-envelopes":       {what: begins, position: tail, code: "not_recovered"},
		"npm-envelopes":      {what: begins, position: tail, code: "not_recovered"},
		"page-envelopes":     {what: begins, position: tail, code: "not_recovered"},
		"go-bodies":          {what: endOfThis, position: tail, code: "not_recovered", status: 1013},
		"npm-bodies":         {what: endOfThis, position: tail, code: "not_recovered", status: 1013},
		"page-bodies":        {what: endOfThis, position: tail, code: "not_recovered", status: 1013},
		"curl":               {what: gap, position: tail, code: "not_recovered"},
		"go-event-stream":    {what: gap, position: tail, code: "not_recovered"},
		"page-event-source":  {what: gap, position: tail, code: "not_recovered"},
		"page-poll":          {what: gap, position: tail, code: "not_recovered"},
	}
	reopen := func(i int, since string) {
		t.Helper()
		if ways[i].itself {
			return
		}
		ears[i].close()
		e, err := ways[i].begin(ctx, topic, since)
		if err != nil {
			t.Fatal(err)
		}
		ears[i] = e
	}
	for i, way := range ways {
		reopen(i, at)
		list, err := ears[i].until(ctx, func(h heard) bool { return h.lost })
		if err != nil {
			t.Fatal(err)
		}
		if missed := messages(list); missed != nil {
			t.Errorf("%s: before it was told, it got %s", way.name, missed[0])
		}
		told := list[len(list)-1]
		want := words[way.name]
		if told.what != want.what || told.position != want.position || told.code != want.code || told.status != want.status {
			t.Errorf("%s was told %s (code %q, status %d), want %s at %s (code %q, status %d)",
				way.name, told, told.code, told.status, want.what, want.position, want.code, want.status)
		}
		if told.what == endOfThis {
			reopen(i, told.position)
		}
	}
	next := say("after")
	for i, e := range ears {
		list, err := e.until(ctx, func(h heard) bool { return h.what == message })
		if err != nil {
			t.Fatal(err)
		}
		h := list[len(list)-1]
		if h.body != "after" || !ways[i].silent && h.position != next {
			t.Errorf("%s went on with %s", e.name, h)
		}
	}
}

// jitter is the delay that the protocol asks of clients.
func jitter(failures int) time.Duration {
	return rand.N(min(20*time.Second, 500*time.Millisecond<<min(failures, 6)))
}
