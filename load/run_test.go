package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// bubble runs a plan against a server in memory, in a bubble where time passes only when all wait.
func bubble(t *testing.T, serve func(*ws.Conn) error, plan Plan, check func(*testing.T, *Report, error)) {
	t.Helper()
	bubbleContext(t, serve, plan, func(ctx context.Context) context.Context { return ctx }, check)
}

func bubbleContext(t *testing.T, serve func(*ws.Conn) error, plan Plan, with func(context.Context) context.Context, check func(*testing.T, *Report, error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, ws.Handler{Handle: serve})
		plan.URL, plan.Dial.NetDial = srv.URL, srv.NetDial
		plan.Dial.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
		r, err := runWith(with(t.Context()), plan, time.Sleep)
		check(t, r, err)
	})
}

// echo answers each message, after what before does with it. An empty answer is none.
func echo(before func(c *ws.Conn, p []byte) ([]byte, error)) func(*ws.Conn) error {
	return func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			p, err := before(c, p)
			if err != nil || len(p) == 0 {
				return err
			}
			return c.Write(c.Context(), t, p)
		}})
	}
}

func same(_ *ws.Conn, p []byte) ([]byte, error) { return p, nil }

// near reports whether two figures differ by a thousandth at most.
func near(got, want float64) bool { return math.Abs(got-want) <= math.Abs(want)/1000+1e-9 }

func faultsOf(r *Report) map[string]int64 {
	m := map[string]int64{}
	for _, f := range r.Faults {
		m[f.Kind] = f.Count
	}
	return m
}

func TestRunOpen(t *testing.T) {
	var mu sync.Mutex
	var at []time.Time
	before := func(c *ws.Conn, p []byte) ([]byte, error) {
		mu.Lock()
		at = append(at, time.Now())
		mu.Unlock()
		time.Sleep(3 * time.Millisecond)
		return p, nil
	}
	bubble(t, echo(before), Plan{Connections: 7, ConnectRate: 70, Rate: 100, Duration: 2 * time.Second}, func(t *testing.T, r *Report, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Messages.Sent != 200 || r.Messages.Received != 200 || r.Messages.Due != 200 || r.Messages.Other != 0 || len(r.Faults) != 0 || r.Interrupted {
			t.Errorf("%+v, %+v", r.Messages, r.Faults)
		}
		if !near(r.Messages.SentRate, 100) || r.Messages.WantedRate != 100 || !near(r.Seconds, 2) {
			t.Errorf("%v of %v a second in %v", r.Messages.SentRate, r.Messages.WantedRate, r.Seconds)
		}
		for i := 1; i < len(at); i++ {
			if d := at[i].Sub(at[i-1]).Round(time.Microsecond); d != 10*time.Millisecond {
				t.Fatalf("message %d came %v after the one before", i, d)
			}
		}
		for _, name := range []string{"roundtrip", "roundtrip_raw"} {
			if l := r.Latency[name]; l.Count != 200 || !near(l.P50, 3) || !near(l.Max, 3) || l.HDR == "" {
				t.Errorf("%s: %+v", name, l)
			}
		}
		if c := r.Latency["connect"]; c.Count != 7 || r.Latency["first"].Count != 7 || !near(r.Latency["first"].Max, 3) {
			t.Errorf("connect %+v, first %+v", c, r.Latency["first"])
		}
		if r.Connections != (Connections{Wanted: 7, Opened: 7}) {
			t.Errorf("%+v", r.Connections)
		}
		sent := 0.0
		for _, i := range r.Series {
			sent += i.Sent * i.Seconds
			if i.Wanted != 100 || i.Open != 7 {
				t.Errorf("%+v", i)
			}
		}
		if len(r.Series) != 8 || math.Round(sent) != 200 {
			t.Errorf("%d intervals with %v messages", len(r.Series), sent)
		}
	})
}

// A server that stands still for a second keeps all waiting that were due in it. Whoever waits for each reply does not see that.
func TestRunCoordinatedOmission(t *testing.T) {
	stall := func() func(*ws.Conn) error {
		n := 0
		return echo(func(_ *ws.Conn, p []byte) ([]byte, error) {
			if n++; n == 100 {
				time.Sleep(time.Second)
			} else {
				time.Sleep(10 * time.Microsecond)
			}
			return p, nil
		})
	}
	bubble(t, stall(), Plan{Connections: 1, Rate: 100, Duration: 4 * time.Second}, func(t *testing.T, r *Report, err error) {
		if l := r.Latency["roundtrip"]; err != nil || l.Count != 400 || l.P90 < 500 || l.P90 > 700 || l.P50 > 1 || !near(l.Max, 1000) {
			t.Errorf("open: %+v, %v", l, err)
		}
	})
	bubble(t, stall(), Plan{Connections: 1, Closed: true, Count: 400}, func(t *testing.T, r *Report, err error) {
		if l := r.Latency["roundtrip"]; err != nil || l.Count != 400 || l.P99 > 1 || !near(l.Max, 1000) || r.Mode != "closed" {
			t.Errorf("closed: %+v, %v", l, err)
		}
	})
}

// Where the connection takes nothing more, what was due meanwhile waits with us: the raw figures do not show it, the others do.
func TestRunBlocked(t *testing.T) {
	serve := func(c *ws.Conn) error {
		time.Sleep(2 * time.Second)
		return echo(same)(c)
	}
	big := Fill(256<<10, 256<<10)
	bubble(t, serve, Plan{Connections: 1, Rate: 10, Duration: 3 * time.Second, Messages: []*Template{big}}, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Messages.Received != 30 {
			t.Fatalf("%+v, %v", r, err)
		}
		due, raw := r.Latency["roundtrip"], r.Latency["roundtrip_raw"]
		if due.P50 <= 2*raw.P50 || !near(due.Max, 2000) {
			t.Errorf("from when they were due %+v, from when they were sent %+v", due, raw)
		}
		if r.Generator.DelayMax > 1 {
			t.Errorf("the generator is blamed: %+v", r.Generator)
		}
	})
}

func TestRunStages(t *testing.T) {
	plan := Plan{Connections: 5, Stages: []Stage{{time.Second, 100}, {time.Second, 100}}, Warmup: 500 * time.Millisecond}
	bubble(t, echo(same), plan, func(t *testing.T, r *Report, err error) {
		// 12.5 of the 150 messages are due in the first half of a second.
		if err != nil || r.Messages.Sent != 137 || r.Messages.Received != 137 || r.Latency["roundtrip"].Count != 137 || !near(r.Seconds, 1.5) {
			t.Errorf("%+v in %v, %v", r.Messages, r.Seconds, err)
		}
		if r.Series[0].Sent >= r.Series[3].Sent || r.Series[0].Wanted >= r.Series[3].Wanted || r.Series[7].Wanted != 100 {
			t.Errorf("%+v", r.Series)
		}
	})
	plan = Plan{Connections: 5, Rate: 10, PerConnection: true, Duration: time.Second}
	bubble(t, echo(same), plan, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Messages.Sent != 50 {
			t.Errorf("%+v, %v", r.Messages, err)
		}
	})
	plan = Plan{Connections: 5, Rate: 10, Count: 23}
	bubble(t, echo(same), plan, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Messages.Sent != 23 || r.Messages.Received != 23 {
			t.Errorf("%+v, %v", r.Messages, err)
		}
	})
}

// What is not answered, and what is answered wrongly or late, is counted; messages without a reply count with the timeout.
func TestRunWrongReplies(t *testing.T) {
	wrong := func(_ *ws.Conn, p []byte) ([]byte, error) {
		switch {
		case strings.HasPrefix(string(p), "3x"):
			return nil, nil
		case strings.HasPrefix(string(p), "5x"):
			return []byte("five"), nil
		}
		return p, nil
	}
	bubble(t, echo(wrong), Plan{Connections: 2, Rate: 10, Duration: time.Second, Timeout: 5 * time.Second}, func(t *testing.T, r *Report, err error) {
		f := faultsOf(r)
		if err != nil || f["reply timeout"] != 2 || f["mismatched"] != 1 || len(f) != 2 || r.Messages.Received != 8 {
			t.Errorf("%v, %+v, %v", f, r.Messages, err)
		}
		if l := r.Latency["roundtrip"]; l.Count != 10 || !near(l.Max, 5000) || r.Latency["roundtrip_raw"].Count != 8 {
			t.Errorf("%+v", l)
		}
	})
	slow := func(_ *ws.Conn, p []byte) ([]byte, error) {
		if strings.HasPrefix(string(p), "0x") {
			time.Sleep(1500 * time.Millisecond)
		}
		return p, nil
	}
	bubble(t, echo(slow), Plan{Connections: 1, Rate: 1, Duration: 4 * time.Second, Timeout: time.Second / 2}, func(t *testing.T, r *Report, err error) {
		if f := faultsOf(r); err != nil || f["reply timeout"] != 1 || f["late"] != 1 || len(f) != 2 || r.Messages.Received != 3 {
			t.Errorf("%v, %+v, %v", f, r.Messages, err)
		}
	})
	// Binary for text is no echo.
	bubble(t, func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, _ ws.Type, p []byte) error { return c.Write(c.Context(), ws.Binary, p) }})
	}, Plan{Connections: 1, Rate: 5, Count: 5}, func(t *testing.T, r *Report, err error) {
		if f := faultsOf(r); err != nil || f["mismatched"] != 5 || f["reply timeout"] != 5 {
			t.Errorf("%v, %v", f, err)
		}
	})
}

func TestRunMatch(t *testing.T) {
	template, err := ParseTemplate(`{"id":{{n}},"text":"{{random 8}}"}`)
	if err != nil {
		t.Fatal(err)
	}
	match, err := ParseMatch("json:id=re")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(c *ws.Conn) error {
		c.Write(c.Context(), ws.Text, []byte(`{"hello":"you"}`))
		return echo(func(c *ws.Conn, p []byte) ([]byte, error) {
			if !strings.HasPrefix(string(p), `{"id":`) {
				return nil, nil
			}
			id, _, _ := strings.Cut(string(p[len(`{"id":`):]), ",")
			c.Write(c.Context(), ws.Text, []byte(`{"news":1}`))
			return fmt.Appendf(nil, `{"ok":true,"re":%s}`, id), nil
		})(c)
	}
	plan := Plan{Connections: 3, Rate: 30, Duration: time.Second, Messages: []*Template{template}, Match: match, Hello: []*Template{{parts: []part{{text: "login"}}}}}
	bubble(t, serve, plan, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Messages.Received != 30 || r.Messages.Other != 33 || len(r.Faults) != 0 {
			t.Errorf("%+v, %+v, %v", r.Messages, r.Faults, err)
		}
	})
}

// A connection that the server ends is a fault with its code; what was due on it is unsent.
func TestRunLost(t *testing.T) {
	var n atomic.Int64
	serve := func(c *ws.Conn) error {
		if n.Add(1) > 1 {
			return echo(same)(c)
		}
		return echo(func(_ *ws.Conn, p []byte) ([]byte, error) {
			return nil, &ws.CloseError{Code: ws.CodeTryAgainLater, Reason: "full"}
		})(c)
	}
	bubble(t, serve, Plan{Connections: 2, Rate: 20, Duration: time.Second}, func(t *testing.T, r *Report, err error) {
		f := faultsOf(r)
		if err != nil || f["close 1013"] != 1 || f["unanswered"] != 1 || f["unsent"] != 9 || r.Messages.Due != 20 || r.Messages.Sent != 11 || r.Connections.Lost != 1 {
			t.Errorf("%v, %+v, %+v, %v", f, r.Messages, r.Connections, err)
		}
	})
	bubble(t, func(c *ws.Conn) error { return &ws.CloseError{Code: 4001} }, Plan{Connections: 2, Rate: 1, Duration: time.Hour}, func(t *testing.T, r *Report, err error) {
		f := faultsOf(r)
		if err != nil || f["close 4001"] != 2 || f["unsent"] != 3600 || r.Latency["roundtrip"] != nil {
			t.Errorf("%v, %v", f, err)
		}
	})
}

func TestRunRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if n.Add(1)%2 == 0 {
				ws.Handler{Handle: echo(same)}.ServeHTTP(w, req)
				return
			}
			http.Error(w, "later", http.StatusServiceUnavailable)
		}))
		plan := Plan{URL: srv.URL, Connections: 4, Count: 4}
		plan.Dial.NetDial = srv.NetDial
		r, err := runWith(t.Context(), plan, time.Sleep)
		if f := faultsOf(r); err != nil || f["handshake 503"] != 2 || r.Connections != (Connections{Wanted: 4, Opened: 2, Failed: 2}) || r.Messages.Received != 4 {
			t.Errorf("%v, %+v, %v", f, r, err)
		}
		plan.Connections = 1
		r, err = runWith(t.Context(), plan, time.Sleep)
		var he *ws.HandshakeError
		if r != nil || !errors.Is(err, ErrNoConnection) || !errors.As(err, &he) || he.Status != 503 {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// The end of the context is the end of the run; what there is so far is reported.
func TestRunInterrupted(t *testing.T) {
	limited := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for _, plan := range []Plan{{Connections: 2, Rate: 10, Duration: time.Hour}, {Connections: 2, Closed: true, Duration: time.Hour}} {
		bubbleContext(t, echo(func(_ *ws.Conn, p []byte) ([]byte, error) { time.Sleep(time.Millisecond); return p, nil }), plan, limited, func(t *testing.T, r *Report, err error) {
			if !errors.Is(err, context.DeadlineExceeded) || r == nil || !r.Interrupted || r.Messages.Received == 0 || len(r.Faults) != 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	bubbleContext(t, echo(same), Plan{Connections: 100, ConnectRate: 1}, limited, func(t *testing.T, r *Report, err error) {
		if !errors.Is(err, context.DeadlineExceeded) || r == nil || !r.Interrupted || r.Connections != (Connections{Wanted: 100, Opened: 3}) || r.Latency["connect"].Count != 3 || r.Messages.Sent != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		for _, write := range []func(io.Writer) error{r.WriteJSON, r.WriteHTML, r.WriteCSV, r.WriteHDR} {
			if err := write(io.Discard); err != nil {
				t.Error(err)
			}
		}
	})
}

// Connections that read slowly are not measured, but what became of them is told.
func TestRunSlow(t *testing.T) {
	plan := Plan{Connections: 3, Slow: 1, SlowRate: 1, Rate: 30, Duration: 2 * time.Second}
	bubble(t, echo(same), plan, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Slow == nil || r.Slow.Connections != 1 || r.Slow.Open != 1 || len(r.Faults) != 0 || r.Latency["roundtrip"].Count != 40 || r.Latency["roundtrip"].Max > 1 {
			t.Errorf("%+v, %+v, %+v, %v", r.Slow, r.Faults, r.Latency["roundtrip"], err)
		}
	})
	serve := echo(func(c *ws.Conn, p []byte) ([]byte, error) {
		if strings.HasPrefix(string(p), "3x") {
			return nil, &ws.CloseError{Code: ws.CodeTryAgainLater}
		}
		return p, nil
	})
	bubble(t, serve, Plan{Connections: 3, Slow: 1, SlowRate: 100, Rate: 30, Duration: time.Second}, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Slow.Open != 0 || r.Slow.Ended["close 1013"] != 1 {
			t.Errorf("%+v, %+v, %v", r.Slow, r.Faults, err)
		}
	})
}

func TestRunProgress(t *testing.T) {
	var all []Progress
	plan := Plan{Connections: 10, ConnectRate: 10, Rate: 100, Duration: 3 * time.Second, Progress: func(p Progress) { all = append(all, p) }}
	bubble(t, echo(func(_ *ws.Conn, p []byte) ([]byte, error) { time.Sleep(2 * time.Millisecond); return p, nil }), plan, func(t *testing.T, r *Report, err error) {
		connecting, running := all[1], Progress{}
		for _, p := range all {
			if p.Phase == PhaseLoad && p.Elapsed > 2*time.Second {
				running = p
			}
		}
		if connecting.Phase != PhaseConnect || connecting.Open == 0 || connecting.Connections != 10 {
			t.Errorf("%+v", connecting)
		}
		if math.Abs(running.Sent-100) > 2 || math.Abs(running.Received-100) > 2 || running.Total != 3*time.Second || running.P50 < 2*time.Millisecond || running.P50 > 2010*time.Microsecond || running.Open != 10 {
			t.Errorf("%+v", running)
		}
		if !strings.Contains(running.String(), "/s sent") || !strings.Contains(connecting.String(), "of 10 connections open") {
			t.Errorf("%s, %s", running, connecting)
		}
	})
}

func TestPlanProblems(t *testing.T) {
	stamped := []*Template{FillStamp(100, 100)}
	for word, p := range map[string]Plan{
		"no URL":              {},
		"not how many":        {URL: "ws://x", Connections: 1, Fanout: &Fanout{}},
		"cannot be closed":    {URL: "ws://x", Closed: true, Fanout: &Fanout{}},
		"leave the duration":  {URL: "ws://x", Duration: 1, Stages: []Stage{{1, 1}}},
		"send nothing":        {URL: "ws://x", Stages: []Stage{{0, 1}}},
		"is no rate":          {URL: "ws://x", Rate: math.NaN()},
		"no rate":             {URL: "ws://x", ConnectRate: math.Inf(1)},
		"or no number":        {URL: "ws://x", Stages: []Stage{{1, math.NaN()}}},
		"than any clock":      {URL: "ws://x", Rate: 1e6, PerConnection: true, Connections: 100},
		"before it ends":      {URL: "ws://x", Count: 10, Rate: 10, Warmup: time.Second},
		"waits for replies":   {URL: "ws://x", Closed: true, Match: Match{kind: matchNone}},
		"any clock":           {URL: "ws://x", Rate: 1e9},
		"cannot read slowly":  {URL: "ws://x", Connections: 1, Slow: 2},
		"nothing to measure":  {URL: "ws://x", Connections: 1, Slow: 1},
		"leaves nothing":      {URL: "ws://x", Duration: time.Second, Warmup: time.Second},
		"has to hold":         {URL: "ws://x", Fanout: &Fanout{}, Messages: []*Template{Fill(1, 1)}},
		"no other message":    {URL: "ws://x", Messages: stamped},
		"that are published":  {URL: "ws://x", Hello: stamped},
		"negative":            {URL: "ws://x", Count: -1},
		"a stage":             {URL: "ws://x", Stages: []Stage{{1, -1}}},
		"-1 connections":      {URL: "ws://x", Connections: -1},
		"publishers or subsc": {URL: "ws://x", Fanout: &Fanout{Publishers: -1}},
	} {
		if _, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), word) || !strings.HasPrefix(err.Error(), "load: plan: ") {
			t.Errorf("%s: %v", word, err)
		}
	}
}
