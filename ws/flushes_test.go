package ws_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// crowd are connections over TCP with the bare streams of their clients.
func crowd(t *testing.T, n int) (conns []*ws.Conn, clients []net.Conn) {
	for range n {
		a, b := tcpPair(t)
		c := ws.NewConn(b, ws.ConnOptions{})
		t.Cleanup(func() {
			c.CloseNow()
			a.Close()
		})
		conns, clients = append(conns, c), append(clients, a)
	}
	return conns, clients
}

// frames is what a client receives for a message that is sent n times.
func frames(message string, n int) []byte {
	var b []byte
	for range n {
		b = append(append(b, 0x81, byte(len(message))), message...)
	}
	return b
}

// What a handler has sent to others, and its own replies, arrive although the handler does not come to an end.
func TestSlowHandlerHoldsNothingBackOnTCP(t *testing.T) {
	for _, procs := range []int{1, 4} {
		t.Run(fmt.Sprint(procs, " processors"), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			all, clients := crowd(t, 200)
			a, b := tcpPair(t)
			c := ws.NewConn(b, ws.ConnOptions{})
			gate := make(chan struct{})
			done := make(chan error, 1)
			m := ws.Prepare(ws.Text, []byte("to all"))
			calls := 0
			go func() {
				done <- c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
					if calls++; calls > 1 {
						<-gate
						return nil
					}
					for _, other := range all {
						if err := other.TryWritePrepared(m); err != nil {
							t.Error(err)
						}
					}
					return c.Write(context.Background(), typ, p)
				}})
			}()
			if err := wstest.ClientPeer(a).Send(wstest.Text("first"), wstest.Text("second")); err != nil {
				t.Fatal(err)
			}
			want := frames("first", 1)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(a, got); err != nil || string(got) != string(want) {
				t.Errorf("reply %q, %v", got, err)
			}
			want = frames("to all", 1)
			for i, client := range clients {
				got := make([]byte, len(want))
				if _, err := io.ReadFull(client, got); err != nil || string(got) != string(want) {
					t.Fatalf("client %d: %q, %v", i, got, err)
				}
			}
			close(gate)
			a.Close()
			<-done
		})
	}
}

// What is pending for a connection leaves in one write, to thousands too.
func TestPendingLeavesTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or a message may be on its way before the next one is queued
	const messages = 16
	all, clients := crowd(t, 300)
	m := ws.Prepare(ws.Text, []byte("one of many"))
	large := ws.Prepare(ws.Text, make([]byte, 10000))
	sum := len(frames("one of many", messages))
	for _, c := range all {
		for range messages {
			if err := c.TryWritePrepared(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := make([]byte, 64<<10)
	together := 0
	for i, client := range clients {
		n, err := io.ReadAtLeast(client, buf, 1)
		if err != nil {
			t.Fatal(err)
		}
		if n == sum {
			together++
		} else if _, err := io.ReadFull(client, buf[n:sum]); err != nil {
			t.Fatal(err)
		}
		if string(buf[:sum]) != string(frames("one of many", messages)) {
			t.Fatalf("client %d received something else", i)
		}
	}
	// The goroutine that sends may be preempted into the middle of the loop above, but not often.
	if together < len(clients)*9/10 {
		t.Errorf("%d of %d clients received their %d messages in one piece", together, len(clients), messages)
	}
	// Lent and copied frames keep their order.
	c, client := all[0], clients[0]
	for _, m := range []*ws.Prepared{m, m, large, m, m} {
		if err := c.TryWritePrepared(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.TryWrite(ws.Text, []byte("end")); err != nil {
		t.Fatal(err)
	}
	reader := ws.NewConn(client, ws.ConnOptions{Client: true})
	for i, size := range []int{11, 11, 10000, 11, 11, 3} {
		if _, p, err := reader.Read(t.Context()); err != nil || len(p) != size {
			t.Errorf("message %d has %d bytes, want %d: %v", i, len(p), size, err)
		}
	}
}

// Connections that take nothing, and some that are gone, hold up no other.
func TestSlowConnectionsAmongMany(t *testing.T) {
	all, clients := crowd(t, 60)
	m := ws.Prepare(ws.Binary, make([]byte, 60000))
	for i, c := range all {
		if i%3 == 1 {
			c.CloseNow()
		}
	}
	const messages = 60
	received := make(chan error)
	for i, client := range clients {
		if i%3 == 0 {
			go func() {
				_, err := io.ReadFull(client, make([]byte, messages*(60000+4)))
				received <- err
			}()
		}
	}
	refused := 0
	for range messages {
		for i, c := range all {
			err := c.TryWritePrepared(m)
			for i%3 == 0 && err == ws.ErrSlowConsumer {
				runtime.Gosched()
				err = c.TryWritePrepared(m)
			}
			if i%3 == 0 && err != nil {
				t.Fatal(err)
			}
			if i%3 == 2 && err == ws.ErrSlowConsumer {
				refused++ // this one does not read
			}
		}
	}
	for i := range clients {
		if i%3 == 0 {
			if err := <-received; err != nil {
				t.Error(err)
			}
		}
	}
	if refused == 0 {
		t.Error("nobody was too slow")
	}
}
