package ws_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// tally counts the Writes of a stream.
type tally struct {
	net.Conn
	writes atomic.Int64
}

func (s *tally) Write(p []byte) (int, error) {
	s.writes.Add(1)
	return s.Conn.Write(p)
}

// Replies to messages that arrived together leave in one write, on every kind of stream and whatever way they are sent.
func TestRepliesLeaveTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or the goroutine that watches over the replies may be faster
	var sent []wstest.Frame
	for i := range 100 {
		sent = append(sent, wstest.Binary([]byte(fmt.Sprint("hello ", i))))
	}
	for _, way := range allWays {
		if way.name == "Writer" {
			continue // a streamed message is for those who cannot wait
		}
		t.Run(way.name+"/stream", func(t *testing.T) {
			fewest := int64(1000)
			for range 5 {
				a, b := wstest.Pipe(nil)
				stream := &tally{Conn: b}
				c := ws.NewConn(stream, ws.ConnOptions{})
				peer := wstest.ClientPeer(a)
				go c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, _ ws.Type, p []byte) error {
					return way.send(context.Background(), c, p)
				}})
				peer.MustSend(t, sent...)
				peer.Expect(t, sent...)
				fewest = min(fewest, stream.writes.Load())
				c.CloseNow()
				peer.Close()
			}
			if fewest != 1 {
				t.Errorf("100 replies took %d writes", fewest)
			}
		})
		t.Run(way.name+"/TCP", func(t *testing.T) {
			fewest := 1000
			for range 5 {
				a, b := tcpPair(t)
				c := ws.NewConn(b, ws.ConnOptions{})
				var sum int // what all replies need
				for _, f := range sent {
					sum += 2 + len(f.Payload)
				}
				if err := wstest.ClientPeer(a).Send(sent...); err != nil {
					t.Fatal(err)
				}
				go c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, _ ws.Type, p []byte) error {
					return way.send(context.Background(), c, p)
				}})
				reads, buf := 0, make([]byte, 64<<10)
				for got := 0; got < sum; reads++ {
					n, err := a.Read(buf)
					if err != nil {
						t.Fatal(err)
					}
					got += n
				}
				fewest = min(fewest, reads)
				c.CloseNow()
				a.Close()
			}
			if fewest != 1 {
				t.Errorf("100 replies came in %d pieces", fewest)
			}
		})
	}
}

// A reply to a lone message has left when Write returns.
func TestLoneReplyLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(nil)
		stream := &tally{Conn: b}
		c := ws.NewConn(stream, ws.ConnOptions{})
		defer c.CloseNow()
		peer := wstest.ClientPeer(a)
		defer peer.Close()
		handled := make(chan int64)
		go c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
			if err := c.Write(context.Background(), typ, p); err != nil {
				t.Error(err)
			}
			handled <- stream.writes.Load()
			return nil
		}})
		both := wstest.Bytes(clientFrame(wstest.Text("alone")), clientFrame(wstest.Text("another one")))
		for i := range int64(5) {
			peer.MustSendRaw(t, both[:len(both)-1])
			if n := <-handled; n != 2*i+1 {
				t.Errorf("message %d: %d writes", i, n)
			}
			peer.MustSendRaw(t, both[len(both)-1:])
			if n := <-handled; n != 2*i+2 {
				t.Errorf("message %d: %d writes after the second", i, n)
			}
			peer.Expect(t, wstest.Text("alone"), wstest.Text("another one"))
		}
	})
}

// A handler that replies and then takes its time holds nothing back: not the reply to a message that arrived together with
// the one that it is busy with, nor what came through it to other connections.
func TestSlowHandlerHoldsNothingBack(t *testing.T) {
	for _, chop := range []int{0, 1, 7} {
		for _, way := range allWays {
			t.Run(fmt.Sprintf("%s/chop %d", way.name, chop), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := wstest.Pipe(&wstest.PipeOptions{Chop: chop})
					c := ws.NewConn(b, ws.ConnOptions{})
					defer c.CloseNow()
					peer := wstest.ClientPeer(a)
					defer peer.Close()
					gate := make(chan struct{})
					defer close(gate)
					busy := 0
					go c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
						if busy++; busy > 1 {
							<-gate
						}
						if err := way.send(context.Background(), c, p); err != nil {
							t.Error(err)
						}
						return nil
					}})
					peer.MustSend(t, wstest.Binary([]byte("one")), wstest.Ping("p"), wstest.Binary([]byte("two")), wstest.Binary([]byte("three")))
					begun := time.Now()
					peer.ExpectMessage(t, wstest.OpBinary, "one")
					peer.Expect(t, wstest.Pong("p")) // is read before the handler gets the second message
					if took := time.Since(begun); took != 0 {
						t.Errorf("it took %v", took)
					}
					peer.ExpectSilence(t, 20*time.Second)
					gate <- struct{}{}
					peer.ExpectMessage(t, wstest.OpBinary, "two")
					gate <- struct{}{}
					peer.ExpectMessage(t, wstest.OpBinary, "three")
				})
			})
		}
	}
}

// The same for the loops in which the application comes back by itself, and for one that never does.
func TestReplyThenNothing(t *testing.T) {
	for name, handle := range map[string]func(c *ws.Conn){
		"Read": func(c *ws.Conn) {
			_, p, _ := c.Read(context.Background())
			c.Write(context.Background(), ws.Text, p)
		},
		"Messages": func(c *ws.Conn) {
			for m := range c.Messages(context.Background()) {
				c.Write(context.Background(), ws.Text, m.Data)
				break
			}
		},
		"Messages, inside": func(c *ws.Conn) {
			for m := range c.Messages(context.Background()) {
				c.Write(context.Background(), ws.Text, m.Data)
				<-c.Context().Done()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				peer.MustSend(t, wstest.Text("one"), wstest.Text("two"), wstest.Text("three"))
				go handle(c)
				peer.Expect(t, wstest.Text("one"))
				peer.ExpectSilence(t, time.Second)
			})
		})
	}
}

// Writers on other goroutines are served while replies are gathered, and the order of each stays.
func TestCorkedAmongOthers(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			a, b := tr.pair(t)
			client, server := connsOver(t, a, b, ws.Options{})
			go server.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
				return c.Write(context.Background(), typ, p)
			}})
			const each = 2000
			failed := make(chan error, 2)
			go func() {
				for n := range each {
					if err := server.Write(context.Background(), ws.Binary, numbered(1, n, 20)); err != nil {
						failed <- err
						return
					}
				}
			}()
			go func() {
				for n := range each {
					if err := client.TryWrite(ws.Binary, numbered(2, n, 50)); err != nil {
						failed <- err
						return
					}
				}
			}()
			next := make(map[int]int)
			for range 2 * each {
				_, p, err := client.Read(t.Context())
				if err == nil {
					err = checkNumbered(p, next)
				}
				if err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-failed:
					t.Fatal(err)
				default:
				}
			}
		})
	}
}
