package main

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func TestPing(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "", "ping", "-c", "3", "-i", "20ms", s.echo)
	want := regexp.MustCompile(`^PING ws://127\.0\.0\.1:\d+/echo \(127\.0\.0\.1:\d+\): connected in [\d.]+ ms
pong from 127\.0\.0\.1:\d+: seq=1 time=[\d.]+ ms
pong from 127\.0\.0\.1:\d+: seq=2 time=[\d.]+ ms
pong from 127\.0\.0\.1:\d+: seq=3 time=[\d.]+ ms
--- ws://127\.0\.0\.1:\d+/echo ping statistics ---
3 pings sent, 3 answered, 0% loss, time \d+ms
rtt min/avg/max/mdev = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms
$`)
	if r.code != 0 || r.err != "" || !want.MatchString(r.out) {
		t.Errorf("%+v", r)
	}
	r = parley(t, "", "ping", "-q", "-c", "20", "-i", "5ms", s.echo)
	if r.code != 0 || strings.Contains(r.out, "seq=") || !strings.Contains(r.out, "20 pings sent, 20 answered, 0% loss") {
		t.Errorf("-q: %+v", r)
	}
	r = parley(t, "", "ping", "--json", "-c", "2", "-i", "5ms", s.echo)
	var got []string
	for _, e := range lines(t, r.out) {
		got = append(got, e.Ev)
		if e.Ev == "pong" && (e.RTT == nil || *e.RTT <= 0 || e.Seq == 0) {
			t.Errorf("%+v", e)
		}
	}
	if strings.Join(got, " ") != "open ping pong ping pong close stat" || r.code != 0 || !strings.Contains(r.out, `"answered":2`) {
		t.Errorf("--json: %+v", r)
	}
}

// TestPingLoss has a server that answers every second ping, and says something else in between.
func TestPingLoss(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		for n := 1; ; n++ {
			f := p.MustNext(t)
			if f.Opcode == wstest.OpClose {
				answerClose(t, p, f)
				return
			}
			p.Send(wstest.Text("not a pong"), wstest.Pong("unasked"))
			if n%2 == 0 {
				p.Send(wstest.Frame{Fin: true, Opcode: wstest.OpPong, Payload: f.Payload})
			}
		}
	})
	r := parley(t, "", "ping", "-c", "4", "-i", "400ms", "-W", "150ms", url)
	if r.code != 0 || !strings.Contains(r.out, "4 pings sent, 2 answered, 50% loss") || !strings.Contains(r.out, "no answer to seq=3 in 150ms") ||
		!strings.Contains(r.out, "seq=4 time=") {
		t.Errorf("%+v", r)
	}
}

func TestPingNeverAnswered(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		for {
			if f := p.MustNext(t); f.Opcode == wstest.OpClose {
				answerClose(t, p, f)
				return
			}
		}
	})
	r := parley(t, "", "ping", "-c", "2", "-i", "50ms", "-W", "200ms", url)
	r.expect(t, 124, "never answered", "parley send")
	if !strings.Contains(r.out, "2 pings sent, 0 answered, 100% loss") || strings.Contains(r.out, "rtt") {
		t.Errorf("%s", r.out)
	}
}

func TestPingClosed(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		f := p.MustNext(t)
		p.Send(wstest.Frame{Fin: true, Opcode: wstest.OpPong, Payload: f.Payload})
		p.MustNext(t)
		p.Send(wstest.Close(ws.CodePolicyViolation, "no pings"))
		io.Copy(io.Discard, p.Stream)
	})
	r := parley(t, "", "ping", "-i", "50ms", url)
	r.expect(t, 6, "1008 (policy violation): no pings")
	if !strings.Contains(r.out, "1 ping sent, 1 answered, 0% loss") {
		t.Errorf("%s", r.out)
	}
	r = parley(t, "", "ping", "--max-time", "300ms", "-i", "50ms", startServer(t, nil).echo)
	r.expect(t, 124, "--max-time")
	if !strings.Contains(r.out, "0% loss") {
		t.Errorf("%s", r.out)
	}
}

func TestPingUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		word string
	}{
		{nil, "URL"},
		{[]string{"ws://127.0.0.1:1/", "more"}, "more"},
		{[]string{"-c", "-1", "ws://127.0.0.1:1/"}, "-c"},
		{[]string{"-i", "0s", "ws://127.0.0.1:1/"}, "-i"},
		{[]string{"-W", "0s", "ws://127.0.0.1:1/"}, "--ping-timeout"},
		{[]string{"--max-time", "-1s", "ws://127.0.0.1:1/"}, "--max-time"},
	} {
		parley(t, "", append([]string{"ping"}, c.args...)...).expect(t, 2, c.word)
	}
	parley(t, "", "ping", "ws://no.such.host.invalid/").expect(t, 3, "no.such.host.invalid")
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	var r roundTrips
	if r.avg() != 0 || r.mdev() != 0 {
		t.Errorf("of none: %v, %v", r.avg(), r.mdev())
	}
	for _, ms := range []time.Duration{2, 4, 4, 4, 5, 5, 7, 9} {
		r.add(ms * time.Millisecond)
	}
	if r.min != 2*time.Millisecond || r.max != 9*time.Millisecond || r.avg() != 5*time.Millisecond || r.mdev() != 2*time.Millisecond {
		t.Errorf("%v/%v/%v/%v, want 2/5/9/2", r.min, r.avg(), r.max, r.mdev())
	}
	for d, want := range map[time.Duration]string{1234 * time.Microsecond: "1.234 ms", 12345 * time.Microsecond: "12.35 ms",
		123456 * time.Microsecond: "123.5 ms", 1234567 * time.Microsecond: "1235 ms"} {
		if got := millis(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestPingManyUnderWay sends pings much faster than they are answered: none of them is lost.
func TestPingManyUnderWay(t *testing.T) {
	t.Parallel()
	const count = 150
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		for n := 0; n < count; {
			var late []wstest.Frame
			for len(late) < underWay && n < count { // no more come until one is answered
				late = append(late, p.MustNext(t))
				n++
			}
			for _, f := range late {
				p.Send(wstest.Pong(string(f.Payload)))
			}
		}
		answerClose(t, p, p.MustNext(t))
	})
	r := parley(t, "", "ping", "-q", "-c", strconv.Itoa(count), "-i", "1ms", "-W", "20s", url)
	if r.code != 0 || !strings.Contains(r.out, "150 pings sent, 150 answered, 0% loss") {
		t.Errorf("%+v", r)
	}
}
