package ws_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// reader is a Handle that reads until the end.
func reader(c *ws.Conn) error {
	for {
		if _, _, err := c.Read(c.Context()); err != nil {
			return err
		}
	}
}

func groupServer(t *testing.T, g *ws.Group, handle func(*ws.Conn) error) *wstest.Server {
	return wstest.NewServer(t, ws.Handler{Options: ws.AcceptOptions{Group: g}, Handle: handle})
}

func shutdown(ctx context.Context, g *ws.Group) func() error {
	return func() error { return g.Shutdown(ctx) }
}

// pending ends the test if a call made by async has returned.
func pending(t *testing.T, done <-chan error, what string) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v %s", err, what)
	default:
	}
}

// answerClose takes the close frame of a Shutdown and answers it.
func answerClose(t *testing.T, peers ...*wstest.Peer) {
	t.Helper()
	for _, p := range peers {
		if reason := p.ExpectClose(t, ws.CodeGoingAway); reason == "" {
			t.Error("no reason is given")
		}
		p.MustSend(t, wstest.Close(ws.CodeGoingAway, ""))
		p.ExpectEnd(t)
		p.Close()
	}
}

func TestGroupZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		if n := g.Len(); n != 0 {
			t.Errorf("Len is %d", n)
		}
		for range 2 {
			if err := g.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var other ws.Group
		if err := other.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown with a context that is over: %v", err)
		}
	})
}

func TestGroupLen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		srv := groupServer(t, &g, reader)
		want := func(n int) {
			t.Helper()
			synctest.Wait()
			if got := g.Len(); got != n {
				t.Errorf("Len is %d, want %d", got, n)
			}
		}
		first, second, third := upgraded(t, srv), upgraded(t, srv), upgraded(t, srv)
		want(3)
		first.MustSend(t, wstest.Close(ws.CodeNormal, ""))
		first.ExpectClose(t, ws.CodeNormal)
		first.Close()
		want(2)
		second.Close() // without a word
		want(1)
		third.MustSend(t, wstest.Frame{Fin: true, Opcode: 3})
		third.ExpectClose(t, ws.CodeProtocolError)
		third.Close()
		want(0)

		refused, err := srv.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer refused.Close()
		if _, err := refused.Upgrade(header("Origin: https://elsewhere.test")); err != nil {
			t.Fatal(err)
		}
		want(0)
		if err := g.Shutdown(t.Context()); err != nil { // all have gone, none is waited for
			t.Error(err)
		}
	})
}

func TestGroupShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		srv := groupServer(t, &g, reader)
		peers := []*wstest.Peer{upgraded(t, srv), upgraded(t, srv), upgraded(t, srv)}
		done := async(shutdown(t.Context(), &g))
		answerClose(t, peers[:2]...)
		pending(t, done, "before the last connection ended")
		if n := g.Len(); n != 1 {
			t.Errorf("Len is %d, want 1", n)
		}
		answerClose(t, peers[2])
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if n := g.Len(); n != 0 {
			t.Errorf("Len is %d, want 0", n)
		}
		if err := g.Shutdown(t.Context()); err != nil {
			t.Errorf("a second Shutdown: %v", err)
		}
	})
}

// While the group closes, and after, a request gets a 503.
func TestGroupRefusesWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		var accepted error
		srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var c *ws.Conn
			if c, accepted = ws.Accept(w, r, &ws.AcceptOptions{Group: &g}); accepted == nil {
				go reader(c)
			}
		}))
		open := upgraded(t, srv)
		done := async(shutdown(t.Context(), &g))
		refused := func() {
			t.Helper()
			peer, err := srv.Peer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			resp, err := peer.Upgrade(wstest.Head{})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !errors.Is(accepted, ws.ErrGroupClosed) {
				t.Errorf("%d, Retry-After %q, error %v", resp.StatusCode, resp.Header.Get("Retry-After"), accepted)
			}
		}
		refused()
		answerClose(t, open)
		if err := <-done; err != nil {
			t.Error(err)
		}
		refused()
	})
}

// Shutdown waits for Handle, which may have more to do than its connection.
func TestGroupWaitsForHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		saving := make(chan struct{})
		srv := groupServer(t, &g, func(c *ws.Conn) error {
			err := reader(c)
			<-saving
			return err
		})
		peer := upgraded(t, srv)
		done := async(shutdown(t.Context(), &g))
		answerClose(t, peer)
		time.Sleep(time.Hour)
		pending(t, done, "while Handle runs")
		if n := g.Len(); n != 0 {
			t.Errorf("Len is %d with every connection closed", n)
		}
		close(saving)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A handler that panics is a handler that returned.
func TestGroupPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		srv := groupServer(t, &g, func(c *ws.Conn) error {
			reader(c)
			panic("out of cheese")
		})
		peer := upgraded(t, srv)
		done := async(shutdown(t.Context(), &g))
		answerClose(t, peer)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// When its context ends, Shutdown cuts what is left.
func TestGroupShutdownCut(t *testing.T) {
	for name, handle := range map[string]func(*ws.Conn) error{
		"peer does not answer": reader,
		"nobody reads":         func(c *ws.Conn) error { <-c.Context().Done(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g ws.Group
				ended := make(chan error, 1)
				srv := groupServer(t, &g, func(c *ws.Conn) error {
					err := handle(c)
					ended <- context.Cause(c.Context())
					return err
				})
				peer := upgraded(t, srv)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begun := time.Now()
				err := g.Shutdown(ctx)
				if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
					t.Errorf("Shutdown: %v after %v", err, took)
				}
				peer.ExpectClose(t, ws.CodeGoingAway)
				peer.ExpectEnd(t)
				if _, ok := errors.AsType[*ws.CloseError](<-ended); !ok {
					t.Error("the connection did not end with a CloseError")
				}
				synctest.Wait()
				if n := g.Len(); n != 0 {
					t.Errorf("Len is %d", n)
				}
				if err := g.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown after all have gone: %v", err)
				}
			})
		})
	}
	t.Run("Handle does not return", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var g ws.Group
			stuck := make(chan struct{})
			srv := groupServer(t, &g, func(*ws.Conn) error { <-stuck; return nil })
			peer := upgraded(t, srv)
			ctx, cancel := context.WithCancelCause(t.Context())
			done := async(shutdown(ctx, &g))
			peer.ExpectClose(t, ws.CodeGoingAway)
			pending(t, done, "while its context lives")
			why := errors.New("enough")
			cancel(why)
			if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
				t.Errorf("Shutdown: %v", err)
			}
			peer.ExpectEnd(t)
			close(stuck)
		})
	})
}

// A second Shutdown waits as the first does, each by its own context, and the peer is told once.
func TestGroupConcurrentShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		srv := groupServer(t, &g, reader)
		peer := upgraded(t, srv)
		var calls []<-chan error
		for range 4 {
			calls = append(calls, async(shutdown(t.Context(), &g)))
		}
		for _, done := range calls {
			pending(t, done, "with a connection open")
		}
		answerClose(t, peer)
		for _, done := range calls {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("one gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var g ws.Group
			srv := groupServer(t, &g, reader)
			peer := upgraded(t, srv)
			patient := async(shutdown(t.Context(), &g))
			ctx, cancel := context.WithCancel(t.Context())
			hasty := async(shutdown(ctx, &g))
			cancel()
			if err := <-hasty; !errors.Is(err, context.Canceled) {
				t.Errorf("Shutdown with a context that ended: %v", err)
			}
			if err := <-patient; err != nil { // everything was cut: there is nothing to wait for
				t.Errorf("the other Shutdown: %v", err)
			}
			peer.ExpectClose(t, ws.CodeGoingAway)
			peer.ExpectEnd(t)
		})
	})
}

// A handshake that is under way when Shutdown begins is waited for, and its connection is told at once.
func TestGroupShutdownDuringHandshake(t *testing.T) {
	for _, way := range []string{"Accept", "Handler"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g ws.Group
				goOn := make(chan struct{})
				o := ws.AcceptOptions{Group: &g, Check: func(*http.Request) error { <-goOn; return nil }}
				var h http.Handler = ws.Handler{Options: o, Handle: reader}
				if way == "Accept" {
					h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						c, err := ws.Accept(w, r, &o)
						if err != nil {
							t.Error(err)
							return
						}
						go reader(c)
					})
				}
				srv := wstest.NewServer(t, h)
				peer, err := srv.Peer(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer peer.Close()
				answered := async(func() error {
					_, err := peer.Upgrade(wstest.Head{})
					return err
				})
				done := async(shutdown(t.Context(), &g))
				pending(t, done, "with a handshake under way")
				close(goOn)
				if err := <-answered; err != nil {
					t.Fatal(err)
				}
				pending(t, done, "with a connection open")
				answerClose(t, peer)
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A group takes any connection, those of clients too.
func TestGroupNewConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g ws.Group
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: true, Group: &g})
		defer c.CloseNow()
		defer peer.Close()
		if n := g.Len(); n != 1 {
			t.Errorf("Len is %d, want 1", n)
		}
		done := async(shutdown(t.Context(), &g))
		peer.ExpectClose(t, ws.CodeGoingAway)
		peer.MustSend(t, wstest.Close(ws.CodeGoingAway, ""))
		peer.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}

		// One that comes late is ended at once.
		late, latePeer := wstest.ConnAndPeer(ws.ConnOptions{Group: &g})
		defer late.CloseNow()
		defer latePeer.Close()
		answerClose(t, latePeer)
		var got []error
		for range 2 {
			got = append(got, late.Write(t.Context(), ws.Text, nil))
		}
		if slices.Contains(got, nil) {
			t.Error("a connection of a closed group still writes")
		}
	})
}
