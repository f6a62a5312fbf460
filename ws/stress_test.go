package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-ws/parley/ws"
)

// stressServer serves h over TCP until the end of the test, and returns its URL.
func stressServer(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return "ws://" + l.Addr().String()
}

// over tells whether err is one that the end of a connection, or a full queue, explains.
func over(err error) bool {
	return err == nil || ws.CloseCode(err) != 0 || errors.Is(err, ws.ErrSlowConsumer)
}

// Many connections, each used from eight goroutines and ended at any moment from either side: nothing is left, and no call
// hangs or fails for another reason than the end.
func TestStress(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	conns, span := 1000, 2*time.Second
	if testing.Short() {
		conns, span = 100, time.Second
	}
	var group ws.Group
	var served, echoed atomic.Int64
	url := stressServer(t, &ws.Handler{
		Options: ws.AcceptOptions{Group: &group, Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true}},
		Handle: func(c *ws.Conn) error {
			served.Add(1)
			r := rand.New(rand.NewPCG(uint64(served.Load()), 1))
			left := r.IntN(100) // messages until this side has enough
			for m, err := range c.Messages(c.Context()) {
				if err != nil {
					return err
				}
				echoed.Add(1)
				if left--; left < 0 {
					switch r.IntN(4) {
					case 0:
						return c.Close(context.Background(), 4000, "enough")
					case 1:
						return c.CloseNow()
					case 2:
						return nil
					}
					left = 1000
				}
				if err := c.Write(c.Context(), m.Type, m.Data); err != nil {
					return err
				}
			}
			return nil
		},
	})

	var dialling, using sync.WaitGroup
	next := make(chan int)
	for range 16 {
		dialling.Go(func() {
			for id := range next {
				c, err := ws.Dial(context.Background(), url, &ws.DialOptions{Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true}})
				if err != nil {
					t.Errorf("dial %d: %v", id, err)
					return
				}
				for g := range 8 {
					using.Go(func() { stressOne(t, c, id, g, span) })
				}
			}
		})
	}
	for id := range conns {
		next <- id
	}
	close(next)
	dialling.Wait()
	using.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := group.Shutdown(ctx); err != nil || group.Len() != 0 {
		t.Errorf("shutdown: %v, %d connections left", err, group.Len())
	}
	if served.Load() != int64(conns) || echoed.Load() < int64(conns) {
		t.Errorf("%d connections were served, %d messages echoed", served.Load(), echoed.Load())
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(ignore, goleak.IgnoreAnyFunction("net/http.(*Server).Serve")); err != nil {
		t.Error(err)
	}
}

// stressOne is one of the eight goroutines of a connection. The first one reads, the last one ends it.
func stressOne(t *testing.T, c *ws.Conn, id, g int, span time.Duration) {
	r := rand.New(rand.NewPCG(uint64(id), uint64(g)))
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(time.Duration(r.Int64N(int64(d)))):
			return true
		case <-c.Context().Done():
			return false
		}
	}
	check := func(what string, err error) bool {
		if !over(err) {
			t.Errorf("connection %d: %s: %v", id, what, err)
		}
		return err == nil
	}
	switch g {
	case 0:
		err := error(nil)
		switch r.IntN(3) {
		case 0:
			for err == nil {
				_, _, err = c.Read(context.Background())
			}
		case 1:
			err = c.Run(c.Context(), ws.Events{Message: func(*ws.Conn, ws.Type, []byte) error { return nil }})
		case 2:
			for err == nil {
				var m io.Reader
				if _, m, err = c.Reader(context.Background()); err == nil && r.IntN(2) == 0 {
					_, err = io.Copy(io.Discard, m)
				}
			}
		}
		check("reading", err)
	case 7:
		pause(span)
		switch r.IntN(4) {
		case 0:
			check("CloseNow", c.CloseNow())
		case 1:
			go c.CloseNow()
			fallthrough
		default:
			check("Close", c.Close(context.Background(), 1000, "done"))
		}
	default:
		for n := 0; pause(span / 2); n++ {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			switch way := r.IntN(7); {
			case way == 0:
				_, err := c.Ping(ctx)
				check("Ping", err)
			case way == 1: // cancelled while it waits, or before: harmless, unless bytes have left
				short, stop := context.WithTimeout(ctx, time.Duration(r.IntN(2))*time.Microsecond)
				if err := c.Write(short, ws.Binary, make([]byte, r.IntN(5000))); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					check("a short Write", err)
				}
				stop()
			default:
				check(allWays[way-2].name, allWays[way-2].send(ctx, c, numbered(g, n, r.IntN(5000))))
			}
			cancel()
		}
	}
}

// Connections that come and go leave nothing behind.
func TestChurn(t *testing.T) {
	pieces, conns := 10, 1000
	if raceEnabled || testing.Short() {
		pieces, conns = 4, 250
	}
	var group ws.Group
	url := stressServer(t, &ws.Handler{
		Options: ws.AcceptOptions{Group: &group, Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true}},
		Handle: func(c *ws.Conn) error {
			return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error { return c.Write(c.Context(), typ, p) }})
		},
	})
	lasting, cancel := context.WithCancel(context.Background())
	defer cancel() // what registers on it stays until then
	piece := func() {
		var working sync.WaitGroup
		for w := range 20 {
			working.Go(func() {
				for i := range conns / 20 {
					c, err := ws.Dial(lasting, url, &ws.DialOptions{Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true}})
					if err != nil {
						t.Error(err)
						return
					}
					if err := c.Write(lasting, ws.Binary, numbered(w, i, 2000)); err != nil {
						t.Error(err)
					}
					if _, _, err := c.Read(lasting); err != nil {
						t.Error(err)
					}
					switch i % 3 {
					case 0:
						err = c.Close(lasting, 1000, "")
					case 1:
						err = c.CloseNow()
					case 2:
						ctx, stop := context.WithCancel(c.CloseRead(lasting))
						err = c.CloseNow()
						<-ctx.Done()
						stop()
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		working.Wait()
		for deadline := time.Now().Add(10 * time.Second); group.Len() > 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	piece() // pools and the like grow once
	before, goroutines := settled().HeapAlloc, runtime.NumGoroutine()
	for range pieces {
		piece()
	}
	after := settled().HeapAlloc
	if n := runtime.NumGoroutine(); n > goroutines+20 || group.Len() != 0 {
		t.Errorf("%d goroutines, before %d; %d connections in the group", n, goroutines, group.Len())
	}
	const pooled = 256 << 10 // a compressor more or less
	if grown := int64(after - before); grown > pooled+50*int64(pieces*conns) {
		t.Errorf("%d connections left %d bytes", pieces*conns, grown)
	}
}

// Everything that can end a connection, at the same time, with clocks that run fast: every call returns, both sides end, and
// groups are empty.
func TestEndsAtOnce(t *testing.T) {
	rounds := 400
	if raceEnabled {
		rounds = 200
	}
	if testing.Short() {
		rounds = 50
	}
	var working sync.WaitGroup
	for worker := range 8 {
		working.Go(func() {
			for round := worker; round < rounds; round += 8 {
				if why := endAtOnce(t, uint64(round)); why != "" {
					t.Errorf("round %d: %s", round, why)
					return
				}
			}
		})
	}
	working.Wait()
}

// endAtOnce is one round. It says why it failed.
func endAtOnce(t *testing.T, round uint64) string {
	r := rand.New(rand.NewPCG(round, 3))
	fast := func() time.Duration { return time.Duration(1+r.IntN(2000)) * time.Microsecond }
	parent, cancel := context.WithCancel(context.Background())
	defer cancel()
	var group ws.Group
	o := ws.ConnOptions{Group: &group, Context: parent, Options: ws.Options{
		PingInterval: fast(), PingTimeout: fast(), ProgressTimeout: fast(), WriteTimeout: 10 * fast(), CloseTimeout: 10 * fast(),
	}}
	a, b := transports[round%uint64(len(transports))].pair(t)
	mine, theirs := o, o
	mine.Client = true
	c, s := ws.NewConn(a, mine), ws.NewConn(b, theirs)
	grace := fast()
	ends := []func(){
		func() { c.Close(context.Background(), 1000, "") },
		func() { s.Close(parent, 1001, "") },
		func() { c.CloseNow() },
		func() { s.CloseNow() },
		cancel,
		func() { b.Close() },
		func() {
			ctx, stop := context.WithTimeout(context.Background(), grace)
			defer stop()
			group.Shutdown(ctx)
		},
		func() { c.Write(context.Background(), ws.Text, []byte("some text")) },
		func() {
			if w, err := s.Writer(parent, ws.Binary); err == nil {
				w.Write(make([]byte, 20_000)) // and never the rest
			}
		},
	}
	var working sync.WaitGroup
	for _, conn := range []*ws.Conn{c, s} {
		way := ways[r.IntN(len(ways))]
		working.Go(func() { way.read(conn.Context(), conn) })
		working.Go(func() {
			for n := 0; n < 100 && conn.TryWrite(ws.Binary, make([]byte, 1000)) == nil; n++ {
			}
		})
		working.Go(func() { conn.Ping(context.Background()) })
	}
	start := make(chan struct{})
	for range 1 + r.IntN(4) {
		end := ends[r.IntN(len(ends))]
		working.Go(func() { <-start; end() })
	}
	close(start)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		working.Wait()
		<-c.Context().Done()
		<-s.Context().Done()
		for group.Len() > 0 {
			time.Sleep(time.Millisecond)
		}
	}()
	select {
	case <-finished:
		return ""
	case <-time.After(20 * time.Second):
		buf := make([]byte, 1<<20)
		return fmt.Sprintf("it hangs: client %v, server %v\n%s", context.Cause(c.Context()), context.Cause(s.Context()), buf[:runtime.Stack(buf, true)])
	}
}
