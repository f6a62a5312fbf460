package interop

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// closing is a way to close.
type closing struct {
	name   string
	code   ws.Code
	reason string
}

var closings = []closing{
	{"1000", ws.CodeNormal, ""},
	{"1000-with-reason", ws.CodeNormal, "done"},
	{"1001", ws.CodeGoingAway, "away"},
	{"1011", ws.CodeInternalError, "a bug"},
	{"3000", 3000, "three thousand"},
	{"4000-longest-reason", 4000, strings.Repeat("x", 123)},
	{"4999", 4999, "grüezi ✓"},
	{"no-code", ws.CodeNoStatus, ""},
}

// peerCan reports whether a peer can close that way.
func (c closing) peerCan(can abilities) bool {
	switch c.code {
	case ws.CodeNoStatus:
		return can.noCode
	case ws.CodeNormal:
		return true
	}
	return c.code >= 3000 || can.anyCode
}

// checkClean checks what only a browser says about a close.
func checkClean(t *testing.T, event line, want bool) {
	t.Helper()
	if event.WasClean != nil && *event.WasClean != want {
		t.Errorf("wasClean is %t, want %t", *event.WasClean, want)
	}
	if event.WasClean != nil && want && event.Errors > 0 {
		t.Errorf("%d error events before a clean close", event.Errors)
	}
}

// ended reads until a connection is over and returns how it ended.
func ended(t *testing.T, conn *ws.Conn) *ws.CloseError {
	t.Helper()
	ctx := bounded(t)
	for {
		_, _, err := conn.Read(ctx)
		if err == nil {
			continue
		}
		var ce *ws.CloseError
		if !errors.As(err, &ce) || !errors.Is(err, net.ErrClosed) {
			t.Fatalf("reading ended with %v, want a CloseError", err)
		}
		select {
		case <-conn.Context().Done():
		case <-ctx.Done():
			t.Fatal("the context of a connection that is over goes on")
		}
		if cause := context.Cause(conn.Context()); !errors.Is(cause, ce) {
			t.Errorf("the context ended with %v, reading with %v", cause, ce)
		}
		return ce
	}
}

func TestCloseByParley(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for _, reading := range []bool{false, true} {
			for _, c := range closings {
				if c.code == ws.CodeNoStatus && !s.can.seeNoCode {
					continue
				}
				name := c.name
				if reading {
					name += "-while-reading"
				}
				t.Run(name, func(t *testing.T) {
					conn, them := s.connect(t, ours, meeting{})
					if reading {
						conn.CloseRead(t.Context())
					}
					if err := conn.Close(bounded(t), c.code, c.reason); err != nil {
						t.Errorf("Close: %v", err)
					}
					event := them.next(t, "close")
					if ws.Code(event.Code) != c.code || event.Reason != c.reason {
						t.Errorf("the peer got %d %q, want %d %q", event.Code, event.Reason, c.code, c.reason)
					}
					checkClean(t, event, true)
					if reading {
						return
					}
					if ce := ended(t, conn); ce.Code != c.code || ce.Reason != c.reason || ce.Remote {
						t.Errorf("Parley ended with %v", ce)
					}
				})
			}
		}
	})
}

func TestCloseByPeer(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for _, c := range closings {
			if !c.peerCan(s.can) {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				conn, them := s.connect(t, ours, meeting{})
				them.close(t, c.code, c.reason)
				if ce := ended(t, conn); ce.Code != c.code || ce.Reason != c.reason || !ce.Remote {
					t.Errorf("Parley ended with %v, want %d %q by the peer", ce, c.code, c.reason)
				}
				event := them.next(t, "close")
				if ws.Code(event.Code) != c.code {
					t.Errorf("the peer ended with %d, want its own code back, %d", event.Code, c.code)
				}
				checkClean(t, event, true)
			})
		}
	})
}

// What was sent before a close arrives before it.
func TestCloseLosesNothing(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for _, mode := range few(s.can, ours) {
			t.Run("by-parley-"+mode.name, func(t *testing.T) {
				conn, them := s.connect(t, ours, mode.meeting())
				messages := row(100)
				for _, m := range messages {
					if err := conn.Write(bounded(t), m.Type, m.Data); err != nil {
						t.Fatal(err)
					}
				}
				if err := conn.Close(bounded(t), ws.CodeNormal, ""); err != nil {
					t.Fatal(err)
				}
				them.next(t, "close")
				for i, want := range messages {
					select {
					case got := <-them.event("message", them.id):
						if err := differ(got.message(), want); err != nil {
							t.Fatalf("message %d: %v", i, err)
						}
					default:
						t.Fatalf("only %d of %d messages came before the close", i, len(messages))
					}
				}
			})
			t.Run("by-peer-"+mode.name, func(t *testing.T) {
				conn, them := s.connect(t, ours, mode.meeting())
				messages := row(20)
				for _, m := range messages {
					them.send(t, m.Type, m.Data)
				}
				them.close(t, ws.CodeNormal, "")
				i := 0
				for m, err := range conn.Messages(bounded(t)) {
					if err != nil {
						t.Fatal(err)
					}
					if i == len(messages) {
						t.Fatal("there are more messages than were sent")
					}
					if err := differ(m, messages[i]); err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
					i++
				}
				if i != len(messages) {
					t.Errorf("%d of %d messages came before the close", i, len(messages))
				}
			})
		}
	})
}

// message is the message of which a line tells.
func (l line) message() ws.Message {
	if l.Type == ws.Text.String() {
		return ws.Message{Type: ws.Text, Data: l.Data}
	}
	return ws.Message{Type: ws.Binary, Data: l.Data}
}

func TestBroken(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		t.Run("by-parley", func(t *testing.T) {
			conn, them := s.connect(t, ours, meeting{})
			if err := conn.CloseNow(); err != nil {
				t.Fatal(err)
			}
			event := them.next(t, "close")
			if ws.Code(event.Code) != ws.CodeAbnormal {
				t.Errorf("the peer ended with %d, want 1006", event.Code)
			}
			checkClean(t, event, false)
		})
		if !s.can.cut {
			return
		}
		t.Run("by-peer", func(t *testing.T) {
			conn, them := s.connect(t, ours, meeting{})
			s.do(t, "cut", command{"conn": them.id})
			if ce := ended(t, conn); ce.Code != ws.CodeAbnormal || !ce.Remote {
				t.Errorf("Parley ended with %v, want 1006 by the peer", ce)
			}
		})
	})
}

// A message over the limit ends the connection with 1009, which arrives even
// though the peer is still sending.
func TestTooBig(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for _, mode := range few(s.can, ours) {
			for name, size := range map[string]int{"a-byte": 1001, "by-far": 2 * mebibyte} {
				t.Run(name+"-"+mode.name, func(t *testing.T) {
					meeting := mode.meeting()
					meeting.options.MessageLimit = 1000
					conn, them := s.connect(t, ours, meeting)
					them.send(t, ws.Text, slices.Repeat([]byte("x"), 1000))
					if _, p, err := conn.Read(bounded(t)); len(p) != 1000 || err != nil {
						t.Fatalf("a message of 1000 bytes: got %d, %v", len(p), err)
					}
					them.send(t, ws.Binary, noise(newRandom(), size))
					ce := ended(t, conn)
					var limit *ws.LimitError
					if ce.Code != ws.CodeMessageTooBig || ce.Remote || !errors.As(ce, &limit) || limit.Max != 1000 {
						t.Errorf("Parley ended with %v, want 1009 with a LimitError of 1000", ce)
					}
					event := them.next(t, "close")
					if ws.Code(event.Code) != ws.CodeMessageTooBig {
						t.Errorf("the peer ended with %d %q, want 1009", event.Code, event.Reason)
					}
				})
			}
		}
	})
}
