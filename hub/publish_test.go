package hub_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func TestPublish(t *testing.T) {
	var seen []string
	trace := &hub.Trace{
		Published: func(m *broker.Message, p broker.Published, err error) {
			seen = append(seen, "published "+m.Topic+" "+p.Position.String()[len(p.Position.Epoch):]+string(code(err)))
		},
		Delivered: func(m *broker.Message, n int) {
			if n != 2 {
				t.Errorf("delivered to %d", n)
			}
			seen = append(seen, "delivered "+m.Topic)
		},
	}
	bubble(t, hub.Options{Trace: trace, Topics: []hub.Topic{{Pattern: "shut", MayPublish: hub.Nobody}, {Pattern: "**", History: broker.Retention{Count: 9}}}},
		func(t *testing.T, h *hub.Hub) {
			c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
			d.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
			m := text("a", "1")
			p, err := c.Publish(t.Context(), m)
			if err != nil || p.Position.Offset != 1 || p.Duplicate || m.Position != p.Position || m.From != c.ID() {
				t.Errorf("%+v, %+v: %v", p, m, err)
			}
			page, err := c.History(t.Context(), "a", broker.Query{Limit: 10, Bytes: -1})
			if err != nil || len(page.Messages) != 1 || page.Messages[0].Position != p.Position {
				t.Errorf("%+v: %v", page, err)
			}
			_, err = c.Publish(t.Context(), text("shut", "1"))
			wantCode(t, err, hub.Forbidden)
			if want := []string{"delivered a", "published a :1", "published shut forbidden"}; !slices.Equal(seen, want) {
				t.Errorf("traced %q", seen)
			}
		})
}

// The id of a message holds for its producer, whichever session sends it.
func TestDeduplication(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Topics: []hub.Topic{{Pattern: "never", Dedup: -1}, {Pattern: "**", Dedup: time.Minute}}},
		func(t *testing.T, h *hub.Hub) {
			send := func(user, producer, topic string) broker.Published {
				t.Helper()
				c := connect(t, h, plain, user)
				defer c.Session.Close(hub.Reason{Code: hub.GoingAway})
				p, err := c.Publish(t.Context(), &broker.Message{Topic: topic, Kind: broker.Text, ID: "1", Producer: producer})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			first := send("ann", "", "a")
			if p := send("ann", "", "a"); !p.Duplicate || p.Position != first.Position {
				t.Errorf("again: %+v", p)
			}
			if p := send("ann", "", "b"); p.Duplicate {
				t.Error("a duplicate in another topic")
			}
			if p := send("", "tab", "a"); p.Duplicate {
				t.Error("a client without a name is somebody else")
			}
			if p := send("", "tab", "a"); !p.Duplicate {
				t.Error("a client may say who it is")
			}
			if p := send("", "", "a"); p.Duplicate {
				t.Error("a client that says nothing is itself alone")
			}
			if p := send("", "", "a"); p.Duplicate {
				t.Error("and so is the next")
			}
			time.Sleep(time.Minute)
			if p := send("ann", "", "a"); p.Duplicate {
				t.Error("it is remembered for too long")
			}
			send("ann", "", "never")
			if p := send("ann", "", "never"); p.Duplicate {
				t.Error("the topic remembers no ids")
			}
		})
}

// Nobody can take the name of another producer, however names are put together.
func TestProducersAreApart(t *testing.T) {
	names := map[string]string{}
	bubble(t, hub.Options{Authoriser: users{}, Trace: &hub.Trace{Published: func(m *broker.Message, _ broker.Published, _ error) {
		if m.ID != "" {
			if who, ok := names[m.Producer]; ok {
				t.Errorf("%s and %s are both %q", who, m.ID, m.Producer)
			}
			names[m.Producer] = m.ID
		}
	}}}, func(t *testing.T, h *hub.Hub) {
		for _, p := range []struct{ token, given string }{
			{"ann", ""}, {"ann", "/"}, {"ann", "b"}, {"ann/b", ""}, {"ann/b", "c"}, {"ann", "b/c"}, {"ann%2Fb", ""}, {"ann%2Fb", "c"},
			{"", "ann"}, {"", "user/ann/"}, {"", "server"}, {"server", ""}, {"session", ""}, {"", "session/x"},
			{`{"Producer":"key"}`, ""}, {`{"Producer":"user"}`, "ann/"}, {`{"Producer":"user/ann"}`, ""}, {`{"Producer":"client"}`, "ann"},
			{`{"Producer":"key/a"}`, "b"}, {`{"Producer":"key"}`, "a/b"}, {`{"Producer":"key","User":"bob"}`, "mine"},
		} {
			c := connect(t, h, plain, p.token)
			m := text("a", "")
			m.ID, m.Producer = p.token+" as "+p.given, p.given
			if _, err := c.Publish(t.Context(), m); err != nil {
				t.Error(err)
			}
		}
		if _, err := h.Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.Text, ID: "the application"}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
	if len(names) != 22 {
		t.Errorf("%d names", len(names))
	}
}

func TestHistoryIsBounded(t *testing.T) {
	bubble(t, hub.Options{
		Limits: hub.Limits{ReplayCount: 5, ReplayBytes: 30}, Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 100}}},
	}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		for range 10 {
			publish(t, h, "small", "x")
			publish(t, h, "large", "ten bytes.")
		}
		for topic, want := range map[string]int{"small": 5, "large": 3} {
			for _, q := range []broker.Query{{Limit: 100}, {Limit: 100, Bytes: 1000}, {Limit: 100, Bytes: -1, Last: true}} {
				page, err := c.History(t.Context(), topic, q)
				if err != nil || len(page.Messages) != want || !page.More {
					t.Errorf("%s %+v: %d messages: %v", topic, q, len(page.Messages), err)
				}
			}
		}
		if page, err := c.History(t.Context(), "small", broker.Query{Limit: -1}); err != nil || len(page.Messages) != 0 {
			t.Errorf("%+v: %v", page, err)
		}
		_, err := c.History(t.Context(), "", broker.Query{})
		wantCode(t, err, hub.BadRequest)
	})
}

// Half a surrogate pair is no text, whichever way it comes: nobody could decode it as it was meant.
func TestHalfSurrogates(t *testing.T) {
	h := newHub(t, hub.Options{})
	for body, good := range map[string]bool{`"\ud83d\ude00"`: true, `"\\ud800"`: true, `{"a":["\ud800"]}`: false, `{"\udc00":1}`: false} {
		_, err := h.Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.JSON, Body: []byte(body)})
		if good && err != nil || !good && hub.AsError(err).Code != hub.BadRequest {
			t.Errorf("%s: %v", body, err)
		}
		if _, err := h.Publish(t.Context(), text("a", body)); err != nil { // it is written, not meant
			t.Errorf("%s as text: %v", body, err)
		}
	}
}
