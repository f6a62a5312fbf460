package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// These are servers with one fault each. Time passes only when all wait, so each figure is what arithmetic says.

// sound checks what has to add up in every report: what was due was sent or not, and what was sent was answered or not.
func sound(t *testing.T, r *Report) {
	t.Helper()
	f := faultsOf(r)
	if r.Messages.Due != r.Messages.Sent+f["unsent"] {
		t.Errorf("%d due, %d sent and %d unsent", r.Messages.Due, r.Messages.Sent, f["unsent"])
	}
	if r.Messages.Sent != r.Messages.Received+f["reply timeout"]+f["unanswered"] {
		t.Errorf("%d sent, %d answered, %d timed out and %d unanswered", r.Messages.Sent, r.Messages.Received, f["reply timeout"], f["unanswered"])
	}
	count := int64(0)
	for _, i := range r.Series {
		count += i.Count
	}
	if all := r.Main(); all != nil && count > all.Count {
		t.Errorf("%d in the series, %d altogether", count, all.Count)
	}
}

// figures checks latencies, in milliseconds.
func figures(t *testing.T, r *Report, row string, want map[string]float64) {
	t.Helper()
	l := r.Latency[row]
	if l == nil {
		t.Fatalf("there is no %s", row)
	}
	for name, ms := range want {
		if got := l.figure(name); !near(got, ms) {
			t.Errorf("%s %s is %v ms, want %v", row, name, got, ms)
		}
	}
}

func TestServerDelays(t *testing.T) {
	for _, closed := range []bool{false, true} {
		plan := Plan{Connections: 4, Rate: 100, Duration: 10 * time.Second, Closed: closed}
		bubble(t, echo(func(_ *ws.Conn, p []byte) ([]byte, error) { time.Sleep(20 * time.Millisecond); return p, nil }), plan, func(t *testing.T, r *Report, err error) {
			if err != nil || len(r.Faults) != 0 || r.Latency["roundtrip"].Count != 1000 {
				t.Fatalf("%+v, %v", r, err)
			}
			sound(t, r)
			for _, row := range []string{"roundtrip", "roundtrip_raw"} {
				figures(t, r, row, map[string]float64{"min": 20, "p50": 20, "p99": 20, "p99.99": 20, "max": 20, "mean": 20})
			}
			for _, i := range r.Series {
				if i.Count == 0 || !near(i.P50, 20) || !near(i.Max, 20) {
					t.Errorf("%+v", i)
				}
			}
		})
	}
}

// A server that stands still for half a second, once in five, keeps 50 of 500 messages waiting: the first for 500 ms, the next for
// 490 ms, and so on. Where a connection waits for its reply, only one of them is sent; the raw figures know of that one alone.
func TestServerStalls(t *testing.T) {
	serve := func() func(*ws.Conn) error {
		n := 0
		return echo(func(_ *ws.Conn, p []byte) ([]byte, error) {
			if n++; n%500 == 250 {
				time.Sleep(500 * time.Millisecond)
			}
			return p, nil
		})
	}
	corrected := map[string]float64{"p95": 250, "p99": 450, "p99.9": 500, "max": 500, "mean": 25.5}
	for _, closed := range []bool{false, true} {
		plan := Plan{Connections: 1, Rate: 100, Duration: 10 * time.Second, Closed: closed}
		bubble(t, serve(), plan, func(t *testing.T, r *Report, err error) {
			if err != nil || len(r.Faults) != 0 || r.Latency["roundtrip"].Count != 1000 || r.Latency["roundtrip_raw"].Count != 1000 {
				t.Fatalf("%+v, %v", r, err)
			}
			sound(t, r)
			figures(t, r, "roundtrip", corrected)
			if r.Latency["roundtrip"].P75 > .01 {
				t.Errorf("%+v", r.Latency["roundtrip"])
			}
			raw := corrected
			if closed {
				raw = map[string]float64{"max": 500, "mean": 1}
				if r.Latency["roundtrip_raw"].P99 > .01 {
					t.Errorf("%+v", r.Latency["roundtrip_raw"])
				}
			}
			figures(t, r, "roundtrip_raw", raw)
			if r.Generator.DelayMax > .1 || r.Generator.Limit != "" && r.Generator.CPU < .8 && r.Generator.Machine < .9 {
				t.Errorf("the generator is blamed: %+v", r.Generator)
			}
		})
	}
}

// One reply in a hundred does not come: it counts with the timeout, so p99 is that of the others and p99.9 is the timeout.
func TestServerDrops(t *testing.T) {
	var n atomic.Int64
	serve := echo(func(_ *ws.Conn, p []byte) ([]byte, error) {
		time.Sleep(time.Millisecond)
		if n.Add(1)%100 == 50 {
			return nil, nil
		}
		return p, nil
	})
	plan := Plan{Connections: 2, Rate: 100, Duration: 10 * time.Second, Timeout: 3 * time.Second}
	bubble(t, serve, plan, func(t *testing.T, r *Report, err error) {
		if f := faultsOf(r); err != nil || len(f) != 1 || f["reply timeout"] != 10 || r.Messages.Received != 990 || r.Latency["roundtrip"].Count != 1000 || r.Latency["roundtrip_raw"].Count != 990 {
			t.Fatalf("%v, %+v, %v", f, r.Messages, err)
		}
		sound(t, r)
		figures(t, r, "roundtrip", map[string]float64{"p50": 1, "p99": 1, "p99.9": 3000, "max": 3000, "mean": .99 + 30})
		figures(t, r, "roundtrip_raw", map[string]float64{"p99.99": 1, "max": 1})
		for name, want := range map[string]float64{"timeouts": 10, "errors": 10, "errors%": 1000. / 1002, "received": 990, "rate": 99} {
			if got, ok := r.value(name); !ok || !near(got, want) {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}

// Connections that the server closes with 1011 while messages wait on them.
func TestServerCloses(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	var closed atomic.Int64
	turn := make(chan struct{}, 1) // the generator of random numbers is for one at a time
	serve := echo(func(_ *ws.Conn, p []byte) ([]byte, error) {
		turn <- struct{}{}
		end := chance.IntN(40) == 0
		<-turn
		time.Sleep(30 * time.Millisecond) // so that others wait behind it
		if end {
			closed.Add(1)
			return nil, &ws.CloseError{Code: ws.CodeInternalError, Reason: "by chance"}
		}
		return p, nil
	})
	for _, plan := range []Plan{{Connections: 20, Rate: 1000, Duration: 2 * time.Second}, {Connections: 20, Rate: 200, Duration: 2 * time.Second, Closed: true}} {
		closed.Store(0)
		bubble(t, serve, plan, func(t *testing.T, r *Report, err error) {
			f := faultsOf(r)
			if err != nil || closed.Load() < 5 || f["close 1011"] != closed.Load() || r.Connections.Lost != int(closed.Load()) || r.Connections.Opened != 20 || f["unanswered"] < closed.Load() {
				t.Errorf("%d closed: %v, %+v, %v", closed.Load(), f, r.Connections, err)
			}
			if want := int64(plan.Rate * 2); r.Messages.Due != want || f["unsent"] == 0 || f["reply timeout"] != 0 {
				t.Errorf("%v, %+v, want %d due", f, r.Messages, want)
			}
			sound(t, r)
		})
	}
}

// One handshake in ten is refused: the load is that of the other connections, and none of it is missing.
func TestServerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if n.Add(1)%10 == 5 {
				http.Error(w, "full", http.StatusServiceUnavailable)
				return
			}
			time.Sleep(2 * time.Millisecond)
			ws.Handler{Handle: echo(same)}.ServeHTTP(w, req)
		}))
		plan := Plan{URL: srv.URL, Connections: 100, ConnectRate: 100, Rate: 900, Duration: time.Second}
		plan.Dial.NetDial = srv.NetDial
		r, err := runWith(t.Context(), plan, time.Sleep)
		if err != nil || r.Connections != (Connections{Wanted: 100, Opened: 90, Failed: 10}) || faultsOf(r)["handshake 503"] != 10 || len(r.Faults) != 1 || r.Latency["connect"].Count != 90 || r.Messages.Received != 900 {
			t.Fatalf("%+v, %v", r, err)
		}
		sound(t, r)
		figures(t, r, "connect", map[string]float64{"p50": 2, "max": 2})
		if got, _ := r.value("failed"); got != 10 {
			t.Errorf("%v failed", got)
		}
		if got, _ := r.value("errors%"); !near(got, 1) {
			t.Errorf("%v %% errors", got)
		}
	})
}

// The second echo is neither an answer nor a mismatch.
func TestServerEchoesTwice(t *testing.T) {
	serve := echo(func(c *ws.Conn, p []byte) ([]byte, error) {
		time.Sleep(time.Millisecond)
		if err := c.Write(c.Context(), ws.Text, p); err != nil {
			return nil, err
		}
		return p, nil
	})
	bubble(t, serve, Plan{Connections: 3, Rate: 100, Duration: time.Second}, func(t *testing.T, r *Report, err error) {
		if f := faultsOf(r); err != nil || len(f) != 1 || f["duplicate"] < 97 || f["duplicate"] > 100 || r.Messages.Received != 100 {
			t.Errorf("%v, %+v, %v", f, r.Messages, err)
		}
		sound(t, r)
		figures(t, r, "roundtrip", map[string]float64{"p50": 1, "max": 1})
	})
}

// Five messages are answered at a time, the last one first: by their field each has its own time.
func TestServerOutOfOrder(t *testing.T) {
	template, err := ParseTemplate(`{"meta":{"id":"{{n}}"},"at":{{nanos}}}`)
	if err != nil {
		t.Fatal(err)
	}
	match, err := ParseMatch("json:meta.id=re")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(c *ws.Conn) error {
		var held [][]byte
		return echo(func(c *ws.Conn, p []byte) ([]byte, error) {
			var m struct{ Meta struct{ ID string } }
			if err := json.Unmarshal(p, &m); err != nil {
				return nil, err
			}
			if held = append(held, fmt.Appendf(nil, `{ "ok":true, "re" : %q }`, m.Meta.ID)); len(held) < 5 {
				return nil, nil
			}
			for i := len(held) - 1; i >= 0; i-- {
				if err := c.Write(c.Context(), ws.Text, held[i]); err != nil {
					return nil, err
				}
			}
			held = nil
			return nil, nil
		})(c)
	}
	plan := Plan{Connections: 2, Rate: 200, Duration: time.Second, Messages: []*Template{template}, Match: match}
	bubble(t, serve, plan, func(t *testing.T, r *Report, err error) {
		if err != nil || len(r.Faults) != 0 || r.Messages.Received != 200 {
			t.Fatalf("%v, %+v, %v", r.Faults, r.Messages, err)
		}
		sound(t, r)
		figures(t, r, "roundtrip", map[string]float64{"p50": 20, "p75": 30, "p90": 40, "max": 40, "mean": 20})
	})
}

// A closed load of a rate that is too high ends when its time is over, and says what it did not send.
func TestServerTooSlow(t *testing.T) {
	serve := echo(func(_ *ws.Conn, p []byte) ([]byte, error) { time.Sleep(20 * time.Millisecond); return p, nil })
	bubble(t, serve, Plan{Connections: 1, Rate: 100, Duration: 2 * time.Second, Closed: true}, func(t *testing.T, r *Report, err error) {
		f := faultsOf(r)
		if err != nil || r.Messages.Due != 200 || r.Messages.Sent < 100 || r.Messages.Sent > 101 || len(f) != 1 || math.Abs(r.Seconds-2) > .02 || r.Messages.WantedRate != 100 {
			t.Fatalf("%v, %+v in %v, %v", f, r.Messages, r.Seconds, err)
		}
		sound(t, r)
		figures(t, r, "roundtrip_raw", map[string]float64{"p50": 20, "max": 20})
		if l := r.Latency["roundtrip"]; math.Abs(l.Max-1020) > 25 || math.Abs(l.P50-520) > 25 {
			t.Errorf("%+v", l)
		}
	})
}

// Where a connection takes nothing more, an open load ends once the timeout is over, too.
func TestServerBlocked(t *testing.T) {
	serve := func(c *ws.Conn) error {
		time.Sleep(10 * time.Second)
		return nil
	}
	big := Fill(256<<10, 256<<10)
	bubble(t, serve, Plan{Connections: 2, Rate: 10, Duration: time.Second, Timeout: 3 * time.Second, Messages: []*Template{big}}, func(t *testing.T, r *Report, err error) {
		if f := faultsOf(r); err != nil || r.Messages.Due != 10 || f["unsent"] != 8 || f["unanswered"] != 2 || f["blocked"] != 2 || len(f) != 3 {
			t.Errorf("%v, %+v, %v", r.Faults, r.Messages, err)
		}
		sound(t, r)
		if r.Seconds > 5 {
			t.Errorf("it took %v s", r.Seconds)
		}
		time.Sleep(time.Minute) // until the server has ended
	})
}

// A reply that comes after its time is late, whether or not anything is sent meanwhile.
func TestServerLate(t *testing.T) {
	serve := echo(func(_ *ws.Conn, p []byte) ([]byte, error) { time.Sleep(1500 * time.Millisecond); return p, nil })
	bubble(t, serve, Plan{Connections: 1, Rate: .5, Count: 2, Timeout: time.Second}, func(t *testing.T, r *Report, err error) {
		if f := faultsOf(r); err != nil || f["reply timeout"] != 2 || f["late"] != 1 || r.Messages.Received != 0 {
			t.Errorf("%v, %+v, %v", f, r.Messages, err)
		}
		sound(t, r)
		figures(t, r, "roundtrip", map[string]float64{"min": 1000, "max": 1000})
	})
}

// What a run was asked to do is in its report, without the text of messages.
func TestSetup(t *testing.T) {
	secret, err := ParseTemplate(`{"token":"hush","id":{{n}}}`)
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Connections: 2, Stages: []Stage{{time.Second, 20}}, Messages: []*Template{secret}, Hello: []*Template{secret}, Closed: true}
	var first sync.Map
	quiet := echo(func(c *ws.Conn, p []byte) ([]byte, error) { // it says nothing to a hello
		if _, ok := first.LoadOrStore(c, true); !ok {
			return nil, nil
		}
		return p, nil
	})
	bubble(t, quiet, plan, func(t *testing.T, r *Report, err error) {
		if err != nil {
			t.Fatal(err)
		}
		s := r.Setup
		if s.Connections != 2 || len(s.Stages) != 1 || s.Stages[0] != "1s:20" || s.Match != "echo" || s.Type != "text" || !s.Closed || s.Hello != s.Messages {
			t.Errorf("%+v", s)
		}
		var b bytes.Buffer
		for _, write := range []func(io.Writer) error{r.WriteJSON, r.WriteHTML, func(w io.Writer) error { return r.WriteText(w, 100) }} {
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
		}
		if bytes.Contains(b.Bytes(), []byte("hush")) {
			t.Error("a message is in the report")
		}
	})
	for want, p := range map[string]Plan{
		"10 connections, 100/s, for 10s, 64 bytes, text, match echo":                        {URL: "ws://x"},
		"1 publisher, 3 subscribers, topic a by parley.v1, 100/s, for 10s, 128 bytes, text": {URL: "ws://x", Fanout: &Fanout{Subscribers: 3, Topic: "a"}},
		"10 connections, 5/s on each, 7 messages at most, 1 to 9 bytes, text, match echo":   {URL: "ws://x", Rate: 5, PerConnection: true, Count: 7, Messages: []*Template{Fill(1, 9)}},
	} {
		p, err := p.complete()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.setup().String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}
