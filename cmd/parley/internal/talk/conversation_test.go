package talk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a conversation came to.
type result struct {
	got   []string
	end   *ws.CloseError
	err   error
	after time.Duration
}

// say has a conversation of a client with peer, in a bubble. It sends the lines and closes the channel unless open is set.
func say(t *testing.T, peer func(*wstest.Peer), v Conversation, open bool, lines ...string) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r = converse(t, t.Context(), peer, v, open, lines...)
	})
	return r
}

func converse(t *testing.T, ctx context.Context, peer func(*wstest.Peer), v Conversation, open bool, lines ...string) (r result) {
	conn, p := wstest.ConnAndPeer(ws.ConnOptions{Client: true})
	defer p.Close()
	p.Timeout = time.Hour
	send := make(chan Item, len(lines))
	for _, line := range lines {
		send <- Item{Message: ws.Message{Type: ws.Text, Data: []byte(line)}}
	}
	if !open {
		close(send)
	}
	v.Conn, v.Send = conn, send
	take := v.Receive
	v.Receive = func(t ws.Type, p []byte) error {
		r.got = append(r.got, string(p))
		if take != nil {
			return take(t, p)
		}
		return nil
	}
	done := make(chan struct{})
	go func() { defer close(done); peer(p) }()
	start := time.Now()
	r.end, r.err = v.Run(ctx)
	r.after = time.Since(start)
	<-done
	return r
}

// answerClose reads up to the close frame and answers it.
func answerClose(t *testing.T, p *wstest.Peer, want ws.Code) {
	if reason := p.ExpectClose(t, want); reason != "" {
		t.Errorf("the close frame has the reason %q", reason)
	}
	p.MustSend(t, wstest.Close(want, ""))
	p.ExpectEnd(t)
}

func TestRepliesAreAwaited(t *testing.T) {
	for _, c := range []struct {
		name  string
		delay time.Duration // before each of the two replies
		want  []string
		after time.Duration
	}{
		{"at once", 0, []string{"A", "B"}, 1100 * time.Millisecond},
		{"slowly", 900 * time.Millisecond, []string{"A", "B"}, 2800 * time.Millisecond},
		{"too late", 1100 * time.Millisecond, nil, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := say(t, func(p *wstest.Peer) {
				p.ExpectMessage(t, wstest.OpText, "a")
				p.ExpectMessage(t, wstest.OpText, "b")
				if c.want != nil {
					for _, s := range c.want {
						time.Sleep(c.delay) // in the bubble's time
						p.MustSend(t, wstest.Text(s))
					}
				}
				answerClose(t, p, ws.CodeNormal)
			}, Conversation{}, false, "a", "b")
			if !slices.Equal(r.got, c.want) || r.err != nil || r.end.Code != ws.CodeNormal || r.end.Remote {
				t.Errorf("got %q, end %v, error %v; want %q", r.got, r.end, r.err, c.want)
			}
			if r.after < c.after-100*time.Millisecond || r.after > c.after+100*time.Millisecond { // it looks ten times a second
				t.Errorf("it took %v, want %v", r.after, c.after)
			}
		})
	}
}

func TestALongMessageIsAwaited(t *testing.T) {
	pieces := []string{"one, ", "two, ", "three"}
	r := say(t, func(p *wstest.Peer) {
		for _, f := range wstest.Fragments(wstest.OpText, pieces...) {
			time.Sleep(900 * time.Millisecond)
			p.MustSend(t, f)
		}
		answerClose(t, p, ws.CodeNormal)
	}, Conversation{}, false)
	if want := []string{"one, two, three"}; !slices.Equal(r.got, want) || r.err != nil {
		t.Errorf("got %q, error %v; want %q", r.got, r.err, want)
	}
}

func TestASlowTakerIsNotIdle(t *testing.T) {
	r := say(t, func(p *wstest.Peer) {
		p.MustSend(t, wstest.Text("a"), wstest.Text("b"), wstest.Text("c"))
		answerClose(t, p, ws.CodeNormal)
	}, Conversation{Receive: func(ws.Type, []byte) error {
		time.Sleep(3 * time.Second)
		return nil
	}}, false)
	if want := []string{"a", "b", "c"}; !slices.Equal(r.got, want) || r.err != nil || r.end.Code != ws.CodeNormal {
		t.Errorf("got %q, end %v, error %v; want %q", r.got, r.end, r.err, want)
	}
}

// TestPingsAreNoReplies has a server that pings more often than the idle time.
func TestPingsAreNoReplies(t *testing.T) {
	var pings int
	r := say(t, func(p *wstest.Peer) {
		p.MustSend(t, wstest.Text("a"))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(250 * time.Millisecond):
					p.Send(wstest.Ping("there?"))
				}
			}
		}()
		for {
			f := p.MustNext(t)
			if f.Opcode == wstest.OpClose {
				close(stop)
				<-stopped
				p.Send(f)
				p.ExpectEnd(t)
				return
			}
			if !f.Equal(wstest.Pong("there?")) {
				t.Errorf("got %v", f)
			}
		}
	}, Conversation{Ping: func(p []byte) {
		if string(p) == "there?" {
			pings++
		}
	}}, false)
	if r.err != nil || r.end.Code != ws.CodeNormal || r.after > 1500*time.Millisecond || pings == 0 {
		t.Errorf("end %v, error %v after %v, %d pings", r.end, r.err, r.after, pings)
	}
}

func TestEnough(t *testing.T) {
	for _, name := range []string{"Receive", "Enough"} {
		synctest.Test(t, func(t *testing.T) {
			enough := make(chan struct{})
			v := Conversation{Idle: -1, Receive: func(ws.Type, []byte) error {
				if name == "Receive" {
					return ErrEnough
				}
				close(enough)
				return nil
			}}
			v.Enough = enough
			r := converse(t, t.Context(), func(p *wstest.Peer) {
				p.ExpectMessage(t, wstest.OpText, "a")
				time.Sleep(20 * time.Second) // Idle is negative: there is no hurry
				p.MustSend(t, wstest.Text("A"))
				answerClose(t, p, ws.CodeNormal)
			}, v, false, "a")
			if r.err != nil || r.end.Code != ws.CodeNormal || !slices.Equal(r.got, []string{"A"}) || r.after < 20*time.Second {
				t.Errorf("%s: %+v", name, r)
			}
		})
	}
}

func TestSendingIsTold(t *testing.T) {
	var told []string
	r := say(t, func(p *wstest.Peer) {
		p.ExpectMessage(t, wstest.OpText, "a")
		p.ExpectMessage(t, wstest.OpText, "b")
		answerClose(t, p, ws.CodeNormal)
	}, Conversation{Sending: func(m ws.Message) { told = append(told, string(m.Data)) }}, false, "a", "b")
	if r.err != nil || !slices.Equal(told, []string{"a", "b"}) {
		t.Errorf("told %q, error %v", told, r.err)
	}
}

func TestThePeerEnds(t *testing.T) {
	r := say(t, func(p *wstest.Peer) {
		p.ExpectMessage(t, wstest.OpText, "a")
		p.MustSend(t, wstest.Text("last"), wstest.Close(ws.CodeInternalError, "boom"))
		p.ExpectClose(t, ws.CodeInternalError)
		p.Close()
	}, Conversation{}, true, "a")
	if r.err != nil || !r.end.Remote || r.end.Code != ws.CodeInternalError || r.end.Reason != "boom" {
		t.Errorf("end %v, error %v; want the peer's 1011", r.end, r.err)
	}
	if !slices.Equal(r.got, []string{"last"}) {
		t.Errorf("got %q", r.got)
	}
}

func TestTheContextEnds(t *testing.T) {
	why := errors.New("enough")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, why)
		defer cancel()
		r := converse(t, ctx, func(p *wstest.Peer) {
			p.ExpectMessage(t, wstest.OpText, "a")
			answerClose(t, p, ws.CodeGoingAway)
		}, Conversation{}, true, "a")
		if !errors.Is(r.err, why) || r.end.Code != ws.CodeGoingAway || r.end.Remote || r.after != 10*time.Second {
			t.Errorf("end %v, error %v after %v; want 1001, %v after 10s", r.end, r.err, r.after, why)
		}
	})
}

func TestAPeerThatNeverAnswersTheClose(t *testing.T) {
	r := say(t, func(p *wstest.Peer) {
		p.ExpectClose(t, ws.CodeNormal)
		p.ExpectEnd(t)
	}, Conversation{Patience: 2 * time.Second}, false)
	if r.err != nil || r.end.Code != ws.CodeAbnormal || r.after.Round(time.Second) != 3*time.Second {
		t.Errorf("end %v, error %v after %v; want 1006 after 3s", r.end, r.err, r.after)
	}
}

func TestATakerThatFails(t *testing.T) {
	full := errors.New("disk full")
	calls := 0
	r := say(t, func(p *wstest.Peer) {
		p.MustSend(t, wstest.Text("a"), wstest.Text("b"))
		answerClose(t, p, ws.CodeNormal)
	}, Conversation{Receive: func(ws.Type, []byte) error { calls++; return full }}, true)
	if !errors.Is(r.err, full) || r.end.Code != ws.CodeNormal || calls != 1 {
		t.Errorf("end %v, error %v after %d calls; want 1000, %v, 1", r.end, r.err, calls, full)
	}
}

func TestASourceThatFails(t *testing.T) {
	torn := errors.New("torn")
	synctest.Test(t, func(t *testing.T) {
		conn, p := wstest.ConnAndPeer(ws.ConnOptions{Client: true})
		defer p.Close()
		send := make(chan Item, 2)
		send <- Item{Message: ws.Message{Type: ws.Binary, Data: []byte{0, 255}}}
		send <- Item{Err: torn}
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.ExpectMessage(t, wstest.OpBinary, "\x00\xff")
			answerClose(t, p, ws.CodeNormal)
		}()
		end, err := (&Conversation{Conn: conn, Send: send, Receive: func(ws.Type, []byte) error { return nil }}).Run(t.Context())
		if !errors.Is(err, torn) || end.Code != ws.CodeNormal {
			t.Errorf("end %v, error %v; want 1000, %v", end, err, torn)
		}
		<-done
	})
}

// TestBothDirectionsAtOnce would hang if sending waited for receiving: there is far more on the way than any buffer holds.
func TestBothDirectionsAtOnce(t *testing.T) {
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	echoed := make(chan error, 1)
	go func() {
		echoed <- server.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			return c.Write(context.Background(), t, p)
		}})
	}()
	const n = 2000
	send := make(chan Item)
	go func() {
		defer close(send)
		for i := range n {
			send <- Item{Message: ws.Message{Type: ws.Text, Data: fmt.Appendf(nil, "%04d%01000d", i, 0)}}
		}
	}()
	next := 0
	v := &Conversation{Conn: client, Send: send, Idle: 100 * time.Millisecond, Receive: func(_ ws.Type, p []byte) error {
		if want := fmt.Sprintf("%04d", next); string(p[:4]) != want {
			return fmt.Errorf("message %s, want %s", p[:4], want)
		}
		next++
		return nil
	}}
	end, err := v.Run(t.Context())
	if err != nil || end.Code != ws.CodeNormal || next != n {
		t.Errorf("%d of %d messages, end %v, error %v", next, n, end, err)
	}
	if err := <-echoed; err != nil {
		t.Errorf("the echo ended with %v", err)
	}
}

func TestFarewell(t *testing.T) {
	r := say(t, func(p *wstest.Peer) {
		p.ExpectMessage(t, wstest.OpText, "a")
		if reason := p.ExpectClose(t, 4000); reason != "bye" {
			t.Errorf("the reason is %q", reason)
		}
		p.MustSend(t, wstest.Close(4000, ""))
		p.ExpectEnd(t)
	}, Conversation{Farewell: Farewell{Code: 4000, Reason: "bye"}}, false, "a")
	if r.err != nil || r.end.Code != 4000 || r.end.Remote || r.end.Err != nil {
		t.Errorf("%+v", r)
	}
}

// TestCloseItem ends in the middle: nothing is awaited, and nothing more is sent.
func TestCloseItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := wstest.ConnAndPeer(ws.ConnOptions{Client: true})
		defer p.Close()
		send := make(chan Item, 2)
		send <- Item{Close: &Farewell{Code: 1001}}
		send <- Item{Message: ws.Message{Type: ws.Text, Data: []byte("late")}}
		done := make(chan struct{})
		go func() { defer close(done); answerClose(t, p, ws.CodeGoingAway) }()
		start := time.Now()
		end, err := (&Conversation{Conn: conn, Send: send, Receive: func(ws.Type, []byte) error { return nil }}).Run(t.Context())
		if err != nil || end.Code != ws.CodeGoingAway || time.Since(start) > 0 {
			t.Errorf("%v, %v after %v", end, err, time.Since(start))
		}
		<-done
	})
}

func TestUnsentIsTold(t *testing.T) {
	var unsent []string
	r := say(t, func(p *wstest.Peer) {
		p.Close()
	}, Conversation{
		Sending: func(ws.Message) { time.Sleep(time.Second) }, // until the connection has ended
		Unsent:  func(m ws.Message) { unsent = append(unsent, string(m.Data)) },
	}, true, "a", "b")
	if r.err != nil || !slices.Equal(unsent, []string{"a"}) {
		t.Errorf("unsent %q, error %v", unsent, r.err)
	}
}

// TestDeadlineIsKept ends in time although the peer does not answer the close frame.
func TestDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough of this")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		r := converse(t, ctx, func(p *wstest.Peer) {
			p.ExpectClose(t, ws.CodeGoingAway)
			p.Next() // until the end
		}, Conversation{}, true)
		if !errors.Is(r.err, why) || r.after != 1250*time.Millisecond {
			t.Errorf("%v after %v", r.err, r.after)
		}
	})
}
