package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// gatekeeper is an Authoriser made of functions.
type gatekeeper struct {
	connect func(*hub.Credentials) (*hub.Identity, error)
	allow   func(*hub.Access) error
}

func (g *gatekeeper) Connect(_ context.Context, c *hub.Credentials) (*hub.Identity, error) {
	if g.connect == nil {
		return users{}.Connect(context.Background(), c)
	}
	return g.connect(c)
}

func (g *gatekeeper) Allow(_ context.Context, a *hub.Access) error {
	if g.allow == nil {
		return nil
	}
	return g.allow(a)
}

// code returns the code of an error that a client gets, or "".
func code(err error) hub.Code {
	var e *hub.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// wantCode fails the test unless err is an *Error with this code.
func wantCode(t *testing.T, err error, want hub.Code) {
	t.Helper()
	if code(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func try(t *testing.T, h *hub.Hub, token string) (*client, error) {
	t.Helper()
	c := &client{}
	s, err := h.Connect(t.Context(), hub.Connect{Credentials: hub.Credentials{Token: token}, Codec: plain, Sink: c})
	c.Session = s
	return c, err
}

func TestConnectRefused(t *testing.T) {
	bubble(t, hub.Options{Authoriser: &gatekeeper{connect: func(c *hub.Credentials) (*hub.Identity, error) {
		switch c.Token {
		case "no":
			return nil, hub.Errorf(hub.Unauthenticated, "who are you?")
		case "broken":
			return nil, errors.New("the password of the database is 1234")
		case "old":
			return &hub.Identity{User: "ann", Expires: time.Now()}, nil
		case "nobody":
			return nil, nil
		}
		return &hub.Identity{User: c.Token}, nil
	}}}, func(t *testing.T, h *hub.Hub) {
		for token, want := range map[string]hub.Code{"no": hub.Unauthenticated, "broken": hub.Internal, "old": hub.Expired} {
			_, err := try(t, h, token)
			wantCode(t, err, want)
			if e := hub.AsError(err); strings.Contains(e.Text, "1234") {
				t.Errorf("the client is told %q", e.Text)
			}
		}
		c, err := try(t, h, "nobody")
		if err != nil || c.Identity() == nil || c.Identity().User != "" {
			t.Errorf("nobody in particular: %v", err)
		}
		if n := h.Len(); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestSessionLimit(t *testing.T) {
	var refused []string
	bubble(t, hub.Options{
		Limits: hub.Limits{Sessions: 2}, Trace: &hub.Trace{Refused: func(limit string) { refused = append(refused, limit) }},
	}, func(t *testing.T, h *hub.Hub) {
		c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
		_, err := try(t, h, "")
		wantCode(t, err, hub.Unavailable)
		if e := hub.AsError(err); !e.Retry || e.After == 0 {
			t.Errorf("%+v", e)
		}
		c.Session.Close(hub.Reason{Code: hub.GoingAway})
		if _, err := try(t, h, ""); err != nil {
			t.Error(err)
		}
		if c.ID() == d.ID() || !slices.Equal(refused, []string{"sessions"}) {
			t.Errorf("refused %q", refused)
		}
	})
}

func TestLimitsAreChecked(t *testing.T) {
	for _, l := range []hub.Limits{{Resumes: -1}, {OutboxCount: -1}, {Burst: -1}, {CallTimeout: -1}, {Sessions: -1}} {
		if h, err := hub.New(hub.Options{Limits: l}); err == nil || !strings.Contains(err.Error(), "Options.Limits.") {
			t.Errorf("%+v: %v", l, err)
			if h != nil {
				h.Close()
			}
		}
	}
}

func in(d time.Duration) string {
	return fmt.Sprintf(`{"User":"ann","Expires":%q}`, time.Now().Add(d).Format(time.RFC3339Nano))
}

func TestExpiry(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{ExpiryGrace: 5 * time.Second}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, in(time.Minute))
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		c.expect(t, "ok a at 0")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		publish(t, h, "a", "in the grace")
		c.expect(t, "notice expired in 5s", "a:1 in the grace")
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		if c.closed() != nil {
			t.Error("ended too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if r := c.closed(); r == nil || r.Code != hub.Expired || !r.Reconnect {
			t.Errorf("closed with %+v", r)
		}
		publish(t, h, "a", "after it")
		c.expect(t)
		_, err := c.Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.Text})
		wantCode(t, err, hub.GoingAway)
		_, err = c.History(t.Context(), "a", broker.Query{Limit: 1})
		wantCode(t, err, hub.GoingAway)
	})
}

func TestExpiryWithoutGrace(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{ExpiryGrace: -1}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, in(time.Minute))
		time.Sleep(time.Minute)
		synctest.Wait()
		c.expect(t)
		if r := c.closed(); r == nil || r.Code != hub.Expired {
			t.Errorf("closed with %+v", r)
		}
	})
}

// A new token counts, whether it comes before the end of the old one or in the grace.
func TestRefresh(t *testing.T) {
	for _, at := range []time.Duration{30 * time.Second, time.Minute, 62 * time.Second} {
		bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{ExpiryGrace: 5 * time.Second}}, func(t *testing.T, h *hub.Hub) {
			c := connect(t, h, plain, in(time.Minute))
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
			time.Sleep(at)
			if _, err := c.Refresh(t.Context(), hub.Credentials{Token: in(time.Minute)}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			c.take()
			time.Sleep(time.Minute - 1)
			synctest.Wait()
			publish(t, h, "a", "x")
			c.expect(t, "a:1 x")
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			c.expect(t, "notice expired in 5s")
			if _, err := c.Refresh(t.Context(), hub.Credentials{Token: "ann"}); err != nil { // without an end
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if c.closed() != nil || !c.Info().Expires.IsZero() {
				t.Errorf("closed with %+v", c.closed())
			}
		})
	}
}

func TestRefreshRefused(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "ann")
		_, err := c.Refresh(t.Context(), hub.Credentials{Token: "bob"})
		wantCode(t, err, hub.Forbidden)
		_, err = c.Refresh(t.Context(), hub.Credentials{Token: in(-1)})
		wantCode(t, err, hub.Expired)
		_, err = c.Refresh(t.Context(), hub.Credentials{Token: "{"})
		wantCode(t, err, hub.Internal)
		if c.Identity().User != "ann" || c.closed() != nil {
			t.Errorf("now %+v", c.Identity())
		}
	})
}

// What a new token does not allow ends: subscriptions, and presence. What the server has subscribed stays.
func TestRefreshNarrows(t *testing.T) {
	allow := func(a *hub.Access) error {
		if hub.Names(a.Identity.Subscribe, a.Topics) {
			return nil
		}
		return hub.Errorf(hub.Forbidden, "no")
	}
	token := func(topics ...string) string {
		var list []string
		for _, topic := range topics {
			list = append(list, fmt.Sprintf(`{"Type":0,"Name":%q}`, topic))
		}
		return fmt.Sprintf(`{"User":"ann","Subscribe":[%s],"Subscriptions":[{"Type":0,"Name":"own"}]}`, strings.Join(list, ","))
	}
	bubble(t, hub.Options{Authoriser: &gatekeeper{allow: allow}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, token("a", "b", "p"))
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{"a", "b"} {
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact(topic)})
		}
		if _, err := c.Enter(t.Context(), "p", nil); err != nil {
			t.Fatal(err)
		}
		c.expect(t, "subscribed by the server to own", "ok a at 0", "ok b at 0")
		if _, err := c.Refresh(t.Context(), hub.Credentials{Token: token("a")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.expect(t, "unsubscribed from b: forbidden")
		publish(t, h, "a", "1")
		publish(t, h, "b", "1")
		publish(t, h, "own", "1")
		synctest.Wait()
		c.expect(t, "a:1 1", "own:1 1")
		if list, err := h.Members(t.Context(), "p"); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// A subscription that was allowed by the token before is judged again if there is another one before it has begun.
func TestRefreshWhileSubscribing(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	g := &gatekeeper{}
	g.allow = func(a *hub.Access) error {
		if a.Identity.Claims == nil {
			asked <- true
			<-answer
			return nil
		}
		return hub.Errorf(hub.Forbidden, "no")
	}
	h := newHub(t, hub.Options{Authoriser: g})
	c := connect(t, h, plain, `{"User":"ann"}`)
	done := make(chan error)
	go func() {
		_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
		done <- err
	}()
	<-asked
	if _, err := c.Refresh(t.Context(), hub.Credentials{Token: `{"User":"ann","Claims":{}}`}); err != nil {
		t.Fatal(err)
	}
	answer <- true
	wantCode(t, <-done, hub.Forbidden)
	if n := len(c.Subscriptions()); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

func TestCommandRate(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{Rate: 10, Burst: 3}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "ann")
		spend := func(n int) {
			t.Helper()
			for i := range n {
				if err := c.Command(); err != nil {
					t.Fatalf("command %d: %v", i, err)
				}
			}
		}
		spend(3)
		err := c.Command()
		wantCode(t, err, hub.RateLimited)
		if e := hub.AsError(err); e.After != 100*time.Millisecond || !e.Retry {
			t.Errorf("%+v", e)
		}
		time.Sleep(100 * time.Millisecond)
		spend(1)
		wantCode(t, c.Command(), hub.RateLimited)
		// A token may say otherwise, and another token otherwise again.
		if _, err := c.Refresh(t.Context(), hub.Credentials{Token: `{"User":"ann","Rate":1000,"Burst":50}`}); err != nil {
			t.Fatal(err)
		}
		wantCode(t, c.Command(), hub.RateLimited) // not given anew by refreshing
		time.Sleep(time.Second)
		spend(50)
		wantCode(t, c.Command(), hub.RateLimited)
		if err := h.Reload(hub.Options{Authoriser: users{}, Limits: hub.Limits{Rate: -1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Refresh(t.Context(), hub.Credentials{Token: "ann"}); err != nil {
			t.Fatal(err)
		}
		spend(1000)
	})
}

func TestClose(t *testing.T) {
	var over []hub.Reason
	bubble(t, hub.Options{Trace: &hub.Trace{Disconnected: func(_ hub.SessionInfo, r hub.Reason) { over = append(over, r) }}},
		func(t *testing.T, h *hub.Hub) {
			c := connect(t, h, plain, "")
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
			why := hub.Reason{Code: hub.Disconnected, Text: "enough", After: time.Minute}
			c.Session.Close(why)
			c.Session.Close(hub.Reason{Code: hub.Internal})
			if r := c.closed(); r == nil || *r != why || !slices.Equal(over, []hub.Reason{why}) {
				t.Errorf("closed with %+v, traced %+v", r, over)
			}
			var e *hub.Error
			if c.Context().Err() == nil || !errors.As(context.Cause(c.Context()), &e) || e.Code != hub.Disconnected || e.Text != "enough" || e.After != time.Minute {
				t.Errorf("cause %v", context.Cause(c.Context()))
			}
			if h.Len() != 0 || h.Session(c.ID()) != nil || len(c.Subscriptions()) != 0 {
				t.Error("the session is still there")
			}
			_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("b")})
			wantCode(t, err, hub.GoingAway)
			_, err = c.Enter(t.Context(), "b", nil)
			wantCode(t, err, hub.GoingAway)
			c.Session.Send(line("late"))
			publish(t, h, "a", "x")
			synctest.Wait()
			c.expect(t, "ok a at 0")
		})
}

// The end of the hub ends all, also those who wait for something.
func TestHubClose(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
		d.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		d.stall()
		publish(t, h, "a", "1", "2")
		synctest.Wait()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range []*client{c, d} {
			if r := c.closed(); r == nil || r.Code != hub.GoingAway || !r.Reconnect {
				t.Errorf("closed with %+v", r)
			}
		}
		_, err := try(t, h, "")
		wantCode(t, err, hub.GoingAway)
		if h.Waiting() != 0 {
			t.Errorf("%d bytes wait", h.Waiting())
		}
		if _, err := h.Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.Text}); hub.AsError(err).Code != hub.Unavailable {
			t.Error(err)
		}
	})
}

// What lets sessions in is asked before anybody is asked who the client is.
func TestAdmit(t *testing.T) {
	full := true
	h := newHub(t, hub.Options{Admit: func() *hub.Error {
		if full {
			return hub.Errorf(hub.Unavailable, "not now")
		}
		return nil
	}, Authoriser: users{}})
	for _, visit := range []bool{false, true} {
		_, err := h.Connect(t.Context(), hub.Connect{Credentials: hub.Credentials{Token: "{"}, Codec: plain, Sink: &client{}, Visit: visit})
		wantCode(t, err, hub.Unavailable)
	}
	full = false
	connect(t, h, plain, "ann")
}
