package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/hub"
)

// called is what came of a call.
type called struct {
	items  []string
	result string
	err    *hub.Error
	done   int
	at     time.Duration
}

func (c *client) call(t *testing.T, method, args string) (*called, func()) {
	t.Helper()
	got, begun := &called{}, time.Now()
	cancel, err := c.Call(hub.CallRequest{
		Method: method, Args: json.RawMessage(args),
		Item: func(v json.RawMessage) error {
			got.items = append(got.items, string(v))
			return nil
		},
		Done: func(result json.RawMessage, err *hub.Error) {
			got.result, got.err, got.at = string(result), err, time.Since(begun)
			got.done++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, cancel
}

func says(s string) hub.CallHandler {
	return func(context.Context, *hub.Call) (json.RawMessage, error) { return json.RawMessage(s), nil }
}

func waits(ctx context.Context, _ *hub.Call) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCall(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h *hub.Hub) {
		h.Handle("echo", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
			if c.Session.User != "ann" || c.Identity.User != "ann" || c.Method != "echo" {
				t.Errorf("%+v", c)
			}
			return c.Args, nil
		})
		h.Handle("count", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
			for _, s := range []string{"1", "2", "3"} {
				if err := c.Item(json.RawMessage(s)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		h.Handle("odd result", says("{"))
		h.Handle("odd item", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
			return nil, c.Item(json.RawMessage("{"))
		})
		h.Handle("panics", func(context.Context, *hub.Call) (json.RawMessage, error) { panic("the secret is 1234") })
		h.Handle("fails", func(context.Context, *hub.Call) (json.RawMessage, error) {
			return nil, errors.New("the secret is 1234")
		})
		h.Handle("refuses", func(context.Context, *hub.Call) (json.RawMessage, error) {
			return nil, hub.Errorf(hub.LimitReached, "enough for today")
		})
		c := connect(t, h, plain, "ann")
		for _, test := range []struct {
			method, args, result, items string
			code                        hub.Code
		}{
			{"echo", `{"a":1}`, `{"a":1}`, "", ""},
			{"echo", "", "", "", ""},
			{"count", "", "", "1 2 3", ""},
			{"odd result", "", "", "", hub.Internal},
			{"odd item", "", "", "", hub.Internal},
			{"panics", "", "", "", hub.Internal},
			{"fails", "", "", "", hub.Internal},
			{"refuses", "", "", "", hub.LimitReached},
			{"nothing", "", "", "", hub.NotFound},
		} {
			got, _ := c.call(t, test.method, test.args)
			synctest.Wait()
			if got.done != 1 || got.result != test.result || strings.Join(got.items, " ") != test.items || test.code == "" != (got.err == nil) ||
				got.err != nil && got.err.Code != test.code {
				t.Errorf("%s: %+v", test.method, got)
			}
			if got.err != nil && strings.Contains(got.err.Text, "1234") {
				t.Errorf("%s: the client is told %q", test.method, got.err.Text)
			}
		}
		for _, method := range []string{"", strings.Repeat("x", 256)} {
			_, err := c.Call(hub.CallRequest{Method: method})
			wantCode(t, err, hub.BadRequest)
		}
		// One that takes no stream is told so.
		var failed *hub.Error
		if _, err := c.Call(hub.CallRequest{Method: "count", Done: func(_ json.RawMessage, err *hub.Error) { failed = err }}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if failed == nil || failed.Code != hub.BadRequest {
			t.Errorf("%+v", failed)
		}
	})
}

func TestHandlersAreFound(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		result := func(method string) string {
			got, _ := c.call(t, method, "")
			synctest.Wait()
			if got.err != nil {
				return string(got.err.Code)
			}
			return got.result
		}
		h.Handle("*", says("1"))
		h.Handle("math.*", says("2"))
		h.Handle("math.add*", says("3"))
		h.Handle("math.add", says("4"))
		for method, want := range map[string]string{"x": "1", "math": "1", "math.": "2", "math.sub": "2", "math.add2": "3", "math.add": "4"} {
			if got := result(method); got != want {
				t.Errorf("%s: %s, want %s", method, got, want)
			}
		}
		h.Handle("math.*", says("5"))
		h.Handle("math.add", nil)
		h.Handle("*", nil)
		h.Handle("*", nil)
		for method, want := range map[string]string{"x": "not_found", "math.sub": "5", "math.add": "3"} {
			if got := result(method); got != want {
				t.Errorf("%s: %s, want %s", method, got, want)
			}
		}
	})
}

func TestCallsEnd(t *testing.T) {
	bubble(t, hub.Options{Limits: hub.Limits{CallTimeout: 10 * time.Second}}, func(t *testing.T, h *hub.Hub) {
		h.Handle("wait", waits)
		c := connect(t, h, plain, "")
		timed, _ := c.call(t, "wait", "")
		time.Sleep(time.Second)
		cancelled, cancel := c.call(t, "wait", "")
		cancel()
		cancel()
		synctest.Wait()
		if cancelled.done != 1 || cancelled.err == nil || cancelled.err.Code != hub.GoingAway {
			t.Errorf("cancelled: %+v", cancelled)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if timed.done != 1 || timed.err == nil || timed.err.Code != hub.Timeout || timed.at != 10*time.Second || !timed.err.Retry {
			t.Errorf("timed out: %+v", timed)
		}
		ended, _ := c.call(t, "wait", "")
		c.Session.Close(hub.Reason{Code: hub.Disconnected})
		synctest.Wait()
		if ended.done != 1 || ended.err == nil {
			t.Errorf("ended with the session: %+v", ended)
		}
		_, err := c.Call(hub.CallRequest{Method: "wait"})
		wantCode(t, err, hub.GoingAway)
	})
}

// Items of a call that nobody wants any more fail, so that the handler can end.
func TestItemsEndWithTheCall(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		h.Handle("forever", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
			for {
				if err := c.Item(json.RawMessage("1")); err != nil {
					return nil, err
				}
				time.Sleep(time.Second)
			}
		})
		got, cancel := connect(t, h, plain, "").call(t, "forever", "")
		time.Sleep(3500 * time.Millisecond)
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(got.items) != 4 || got.done != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestTooManyCalls(t *testing.T) {
	bubble(t, hub.Options{Limits: hub.Limits{Calls: 3}}, func(t *testing.T, h *hub.Hub) {
		h.Handle("wait", waits)
		c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
		var cancels []func()
		for range 3 {
			_, cancel := c.call(t, "wait", "")
			cancels = append(cancels, cancel)
		}
		_, err := c.Call(hub.CallRequest{Method: "wait"})
		wantCode(t, err, hub.LimitReached)
		d.call(t, "wait", "") // others have their own
		cancels[1]()
		synctest.Wait()
		c.call(t, "wait", "")
	})
}

func TestCallsAreAsked(t *testing.T) {
	g := &gatekeeper{allow: func(a *hub.Access) error {
		if a.Action != hub.ActCall || a.Method != "delete" && a.Method != "unknown" {
			t.Errorf("asked about %+v", a)
		}
		return hub.Errorf(hub.Forbidden, "no")
	}}
	bubble(t, hub.Options{Authoriser: g}, func(t *testing.T, h *hub.Hub) {
		h.Handle("delete", says("true"))
		c := connect(t, h, plain, "")
		for _, method := range []string{"delete", "unknown"} { // what is not allowed is not told apart from what is not there
			got, _ := c.call(t, method, "")
			synctest.Wait()
			if got.err == nil || got.err.Code != hub.Forbidden {
				t.Errorf("%s: %+v", method, got)
			}
		}
	})
}

// A stream of results goes as fast as the caller reads: it fills no more than half of the outbox, and ends no session.
func TestCallStreamWaits(t *testing.T) {
	bubble(t, hub.Options{Limits: hub.Limits{OutboxBytes: 100_000}}, func(t *testing.T, h *hub.Hub) {
		const items = 2000
		h.Handle("stream", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
			for range items {
				if err := c.Item(json.RawMessage(`"item"`)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		c := connect(t, h, plain, "")
		c.stall()
		done := false
		_, err := c.Call(hub.CallRequest{
			Method: "stream",
			Item: func(json.RawMessage) error {
				c.Session.Send(hub.Frame{Size: 1000, Data: "item"})
				return nil
			},
			Done: func(_ json.RawMessage, err *hub.Error) {
				if done = true; err != nil {
					t.Error(err)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := h.Waiting(); n == 0 || n > 60_000 {
			t.Errorf("%d bytes wait", n)
		}
		c.move()
		synctest.Wait()
		if n := len(c.take()); n != items || !done || c.closed() != nil {
			t.Errorf("%d items came, done: %v, closed: %v", n, done, c.closed())
		}
	})
}
