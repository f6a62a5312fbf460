package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func text(topic, body string) *broker.Message {
	return &broker.Message{Topic: topic, Kind: broker.Text, Body: []byte(body)}
}

// may tries all that can be done with a topic, and returns the actions that were allowed.
func (c *client) may(t *testing.T, topic string) string {
	t.Helper()
	var allowed []string
	note := func(what string, err error) {
		if err == nil {
			allowed = append(allowed, what)
		} else if code(err) != hub.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact(topic)})
	if note("subscribe", err); err == nil {
		c.Unsubscribe(broker.Exact(topic))
	}
	_, err = c.Publish(t.Context(), text(topic, "x"))
	note("publish", err)
	_, err = c.History(t.Context(), topic, broker.Query{Limit: 1})
	note("history", err)
	_, err = c.Members(t.Context(), topic)
	note("members", err)
	if _, err = c.Enter(t.Context(), topic, nil); err == nil {
		err = c.Leave(t.Context(), topic)
	}
	note("enter", err)
	return strings.Join(allowed, " ")
}

func TestWho(t *testing.T) {
	named := `{"User":"ann","Subscribe":[{"Type":2,"Name":"named"}],"Publish":[{"Name":"named/p"}],"Presence":[{"Name":"named/m"}]}`
	const everything = "subscribe publish history members enter"
	topics := []hub.Topic{{Pattern: "silent/**", MaySubscribe: hub.Anyone, MayPublish: hub.Anyone, MaySeePresence: hub.Anyone}} // no presence
	for who := hub.Ask; who <= hub.Nobody; who++ {
		name := who.String()
		if who == hub.Named {
			name = "named"
		}
		topics = append(topics,
			hub.Topic{Pattern: name + "/**", Presence: true, MaySubscribe: who, MayPublish: who, MaySeePresence: who},
			hub.Topic{Pattern: "s" + name, Presence: true, MaySubscribe: who, MayPublish: hub.Nobody, MaySeePresence: hub.Nobody},
			hub.Topic{Pattern: "p" + name, Presence: true, MaySubscribe: hub.Nobody, MayPublish: who, MaySeePresence: hub.Nobody},
			hub.Topic{Pattern: "m" + name, Presence: true, MaySubscribe: hub.Nobody, MayPublish: hub.Nobody, MaySeePresence: who})
	}
	for _, test := range []struct{ token, topic, want string }{
		{"", "anyone/a", everything},
		{"", "user/a", ""},
		{"ann", "user/a", everything},
		{"ann", "nobody/a", ""},
		{"ann", "named/s", ""},
		{named, "named/s", "subscribe history"},
		{named, "named/p", "subscribe publish history"},
		{named, "named/m", "subscribe history members enter"},
		{named, "named", everything}, // a/** does not match a: the default rule asks
		{"", "sanyone", "subscribe history"},
		{"", "panyone", "publish"},
		{"", "manyone", "members enter"},
		{"ann", "suser", "subscribe history"},
		{"ann", "snobody", ""},
		{"", "silent/a", "subscribe publish history"},
		{"", "ask/a", everything},
		{"denied", "ask/a", ""},
		{"denied", "anyone/a", everything}, // it is not asked
		{"denied", "elsewhere", ""},
	} {
		t.Run(test.token+" "+test.topic, func(t *testing.T) {
			g := &gatekeeper{allow: func(a *hub.Access) error {
				if a.Session.User == "denied" {
					return hub.Errorf(hub.Forbidden, "no")
				}
				return nil
			}}
			h := newHub(t, hub.Options{Topics: topics, Authoriser: g})
			if got := connect(t, h, plain, test.token).may(t, test.topic); got != test.want {
				t.Errorf("may %q, want %q", got, test.want)
			}
		})
	}
}

func TestFirstRuleHolds(t *testing.T) {
	bubble(t, hub.Options{Topics: []hub.Topic{
		{Pattern: "a/b", MayPublish: hub.Anyone, MaxSize: 3},
		{Pattern: "a/**", MayPublish: hub.Nobody},
		{Pattern: "a/c", MayPublish: hub.Anyone},
	}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		if _, err := c.Publish(t.Context(), text("a/b", "123")); err != nil {
			t.Error(err)
		}
		_, err := c.Publish(t.Context(), text("a/b", "1234"))
		wantCode(t, err, hub.TooLarge)
		_, err = c.Publish(t.Context(), text("a/c", ""))
		wantCode(t, err, hub.Forbidden)
		if _, err := h.Publish(t.Context(), text("a/c", "the application may")); err != nil {
			t.Error(err)
		}
	})
}

// A pattern is allowed only if every rule allows it that holds for one of its topics.
func TestPatternsAreJudgedByAllRules(t *testing.T) {
	asked := 0
	g := &gatekeeper{allow: func(a *hub.Access) error {
		asked++
		if a.Action != hub.ActSubscribe || a.Session.ID == "" || a.Identity == nil {
			t.Errorf("asked about %+v", a)
		}
		return nil
	}}
	bubble(t, hub.Options{Authoriser: g, Topics: []hub.Topic{
		{Pattern: "a/secret/**", MaySubscribe: hub.Nobody},
		{Pattern: "a/*", MaySubscribe: hub.Ask},
		{Pattern: "a/**", MaySubscribe: hub.Anyone},
		{Pattern: "bytes/**", MaySubscribe: hub.Named},
	}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, `{"Subscribe":[{"Type":3,"Name":"bytes/x"}]}`)
		for _, test := range []struct {
			f     broker.Filter
			asked int
			want  hub.Code
		}{
			{pattern("a/**"), 0, hub.Forbidden},
			{pattern("a/secret/*"), 0, hub.Forbidden},
			{pattern("**"), 0, hub.Forbidden},
			{broker.Prefix("a/s"), 0, hub.Forbidden},
			{broker.Prefix("a/secret/x"), 0, hub.Forbidden},
			{broker.Prefix(""), 0, hub.Forbidden},
			{pattern("a/*"), 1, ""},
			{pattern("a/b/**"), 0, ""},
			{broker.Prefix("a/t"), 1, ""},
			{pattern("*"), 1, ""},
			{broker.Prefix("bytes/x1"), 0, ""},
			{broker.Prefix("bytes/"), 0, hub.Forbidden},
			{broker.Filter{Type: 9}, 0, hub.BadRequest},
			{broker.Exact(""), 0, hub.BadRequest},
		} {
			asked = 0
			_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: test.f})
			wantCode(t, err, test.want)
			if asked != test.asked {
				t.Errorf("%v: asked %d times", test.f, asked)
			}
		}
	})
}

// Errors that are not meant for the client stay inside.
func TestDenialsDoNotLeak(t *testing.T) {
	g := &gatekeeper{allow: func(*hub.Access) error { return errors.New("dial 10.0.0.7: refused") }}
	bubble(t, hub.Options{Authoriser: g}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
		wantCode(t, err, hub.Internal)
		if e := hub.AsError(err); strings.Contains(e.Text, "10.0.0.7") {
			t.Error(e.Text)
		}
		if len(c.Subscriptions()) != 0 {
			t.Error("subscribed all the same")
		}
	})
}

func TestKinds(t *testing.T) {
	bubble(t, hub.Options{Topics: []hub.Topic{{Pattern: "json", Kind: broker.JSON}, {Pattern: "bytes", Kind: broker.Bytes}}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		for _, test := range []struct {
			topic string
			kind  broker.Kind
			body  string
			want  hub.Code
		}{
			{"json", broker.JSON, `{"a":1}`, ""},
			{"json", broker.JSON, `{"a":1`, hub.BadRequest},
			{"json", broker.JSON, "", hub.BadRequest},
			{"json", broker.Text, `{}`, hub.WrongKind},
			{"bytes", broker.Bytes, "\xff", ""},
			{"bytes", broker.JSON, "{}", hub.WrongKind},
			{"any", broker.Text, "\xff", hub.BadRequest},
			{"any", broker.Text, "", ""},
			{"any", broker.Bytes, "\xff", ""},
			{"any", 0, "x", hub.BadRequest},
			{"any", 9, "x", hub.BadRequest},
			{"", broker.Text, "x", hub.BadRequest},
			{strings.Repeat("a", 256), broker.Text, "x", hub.BadRequest},
			{"\xff", broker.Text, "x", hub.BadRequest},
		} {
			_, err := c.Publish(t.Context(), &broker.Message{Topic: test.topic, Kind: test.kind, Body: []byte(test.body)})
			if code(err) != test.want {
				t.Errorf("%v %q to %q: %v, want %q", test.kind, test.body, test.topic, err, test.want)
			}
		}
		textual := &client{}
		s, err := h.Connect(t.Context(), hub.Connect{Codec: plain, Sink: textual})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("bytes")})
		wantCode(t, err, hub.WrongKind)
	})
}

func TestSizes(t *testing.T) {
	var refused []string
	trace := &hub.Trace{Refused: func(s string) { refused = append(refused, s) }}
	bubble(t, hub.Options{Limits: hub.Limits{MessageBytes: 10}, Trace: trace, Topics: []hub.Topic{{Pattern: "large", MaxSize: 20}}}, func(t *testing.T, h *hub.Hub) {
		long := strings.Repeat("x", 300)
		many := map[string]string{}
		for i := range 65 {
			many[fmt.Sprint(i)] = ""
		}
		for i, test := range []struct {
			m    broker.Message
			want hub.Code
		}{
			{broker.Message{Topic: "a", Body: make([]byte, 10)}, ""},
			{broker.Message{Topic: "a", Body: make([]byte, 11)}, hub.TooLarge},
			{broker.Message{Topic: "large", Body: make([]byte, 20)}, ""},
			{broker.Message{Topic: "large", Body: make([]byte, 21)}, hub.TooLarge},
			{broker.Message{Topic: "a", ID: long}, hub.BadRequest},
			{broker.Message{Topic: "a", ID: "\xff"}, hub.BadRequest},
			{broker.Message{Topic: "a", Key: long}, hub.BadRequest},
			{broker.Message{Topic: "a", Event: "\xff"}, hub.BadRequest},
			{broker.Message{Topic: "a", ContentType: "\xff"}, hub.BadRequest},
			{broker.Message{Topic: "a", Producer: long}, hub.BadRequest},
			{broker.Message{Topic: "a", Producer: "\xff"}, hub.BadRequest},
			{broker.Message{Topic: "a", Headers: map[string]string{"a": "\xff"}}, hub.BadRequest},
			{broker.Message{Topic: "a", Headers: map[string]string{"a": strings.Repeat("x", 5000)}}, hub.TooLarge},
			{broker.Message{Topic: "a", Headers: many}, hub.TooLarge},
		} {
			test.m.Kind = broker.Bytes
			if _, err := connect(t, h, plain, "").Publish(t.Context(), &test.m); code(err) != test.want {
				t.Errorf("%d: %v, want %q", i, err, test.want)
			}
		}
		if len(refused) != 4 || refused[0] != "message_bytes" {
			t.Errorf("refused %q", refused)
		}
	})
}

func TestTopicRate(t *testing.T) {
	bubble(t, hub.Options{Topics: []hub.Topic{{Pattern: "**", Rate: 1, Burst: 2}}}, func(t *testing.T, h *hub.Hub) {
		c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
		for i, s := range []*client{c, d, c} {
			_, err := s.Publish(t.Context(), text("a", "x"))
			if want := []hub.Code{"", "", hub.RateLimited}[i]; code(err) != want {
				t.Errorf("%d: %v", i, err)
			}
			if e := hub.AsError(err); i == 2 && e.After != time.Second {
				t.Errorf("%+v", e)
			}
		}
		if _, err := c.Publish(t.Context(), text("b", "x")); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if _, err := c.Publish(t.Context(), text("a", "x")); err != nil {
			t.Error(err)
		}
	})
}

func TestNoEcho(t *testing.T) {
	bubble(t, hub.Options{Topics: []hub.Topic{{Pattern: "quiet", NoEcho: true, History: broker.Retention{Count: 10}}}}, func(t *testing.T, h *hub.Hub) {
		c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
		for _, s := range []*client{c, d} {
			s.subscribe(t, hub.Subscribe{Filter: pattern("**")})
		}
		for _, m := range []*broker.Message{text("quiet", "1"), text("loud", "1"), {Topic: "loud", Kind: broker.Text, Body: []byte("2"), NoEcho: true}} {
			m.From = d.ID() // which nobody can say of himself
			if _, err := c.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		c.expect(t, "ok ** at 0", "loud:1 1 by **")
		d.expect(t, "ok ** at 0", "quiet:1 1 by **", "loud:1 1 by **", "loud:2 2 by **")
		// What is replayed is whole.
		e := connect(t, h, plain, "")
		e.subscribe(t, hub.Subscribe{Filter: broker.Exact("quiet"), History: 5})
		e.expect(t, "ok quiet at 1", "quiet:1 1")
	})
}

func TestReload(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		for _, o := range []hub.Options{
			{Topics: []hub.Topic{{Pattern: "a*"}}},
			{Topics: []hub.Topic{{Pattern: "a", Policy: 9}}},
			{Topics: []hub.Topic{{Pattern: "a", MayPublish: 9}}},
			{Topics: []hub.Topic{{Pattern: "a", Kind: 9}}},
			{Topics: []hub.Topic{{Pattern: "a", Rate: -1}}},
			{Limits: hub.Limits{Calls: -1}},
		} {
			o.Topics = append([]hub.Topic{{Pattern: "a", MayPublish: hub.Nobody}}, o.Topics...)
			if err := h.Reload(o); err == nil || !strings.HasPrefix(err.Error(), "hub: Options.") {
				t.Errorf("%+v: %v", o, err)
			}
		}
		if _, err := c.Publish(t.Context(), text("a", "1")); err != nil {
			t.Error(err)
		}
		if err := h.Reload(hub.Options{Topics: []hub.Topic{{Pattern: "a", MayPublish: hub.Nobody, MaySubscribe: hub.Nobody}}}); err != nil {
			t.Fatal(err)
		}
		_, err := c.Publish(t.Context(), text("a", "2"))
		wantCode(t, err, hub.Forbidden)
		synctest.Wait()
		publish(t, h, "a", "3")
		synctest.Wait()
		c.expect(t, "ok a at 0", "a:1 1", "unsubscribed from a: forbidden")
		_, err = connect(t, h, plain, "").Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
		wantCode(t, err, hub.Forbidden)
	})
}

func TestNamesOfRules(t *testing.T) {
	for who := hub.Ask; who <= hub.Nobody; who++ {
		if got, err := hub.ParseWho(who.String()); err != nil || got != who {
			t.Errorf("%v: %v, %v", who, got, err)
		}
	}
	for p := hub.DropOldest; p <= hub.Disconnect; p++ {
		if got, err := hub.ParsePolicy(p.String()); err != nil || got != p {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := hub.ParseWho("everyone"); err == nil {
		t.Error("everyone may")
	}
	if _, err := hub.ParsePolicy("hope"); err == nil {
		t.Error("hope is a policy")
	}
	if hub.Who(9).String() != "Who(9)" || hub.Policy(9).String() != "Policy(9)" {
		t.Error("unknown values have odd names")
	}
}

// The nil identity of an Authoriser is nobody in particular, and contexts that have ended are no denials.
func TestAuthoriserIsCutShort(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	g := &gatekeeper{allow: func(*hub.Access) error { return ctx.Err() }}
	h := newHub(t, hub.Options{Authoriser: g})
	_, err := connect(t, h, plain, "").Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
	if e := hub.AsError(err); e.Code != hub.GoingAway || !e.Retry {
		t.Errorf("%+v", e)
	}
}
