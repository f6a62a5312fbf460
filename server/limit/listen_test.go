package limit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func (g *gate) wantLimits(want ...string) {
	g.t.Helper()
	if got := g.limits(); !slices.Equal(got, want) {
		g.t.Errorf("refused by %q, want %q", got, want)
	}
}

func TestPerAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: 3}, Opaque)
		first := g.want("192.0.2.1", 5, 3)
		g.wantLimits(AddressConnections)
		g.want("192.0.2.2", 3, 3)
		first[1].Close()
		g.want("::ffff:192.0.2.1", 2, 1) // the same address
		if n := g.limiter.Open(); n != 6 {
			t.Errorf("%d are open, want 6", n)
		}
	})
}

func TestPerAddressIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: 2}, Opaque)
		g.want("2001:db8:0:1::1", 1, 1)
		g.want("2001:db8:0:1:ffff::2", 1, 1)
		g.want("2001:db8:0:1::3", 1, 0)
		g.want("2001:db8:0:2::1", 1, 1)
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: -1}, Opaque)
		g.want("192.0.2.1", 60, 50)
		g.wantLimits(AddressRate)
		time.Sleep(time.Second)
		g.want("192.0.2.1", 30, 20)
		g.want("192.0.2.2", 30, 30)
		time.Sleep(time.Hour)
		g.want("192.0.2.1", 60, 50)
	})
}

func TestAccepts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := runtime.GOMAXPROCS(0)
		g := newGate(t, Options{Accepts: 10}, Opaque)
		g.want("127.0.0.1", 10*n+5, 10*n) // nobody is exempt
		g.wantLimits(Accepts)
		time.Sleep(500 * time.Millisecond)
		g.want("192.0.2.1", 5*n+5, 5*n)
	})
}

func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{Connections: 4}, Opaque)
		open := g.want("127.0.0.1", 6, 4)
		g.wantLimits(Connections)
		open[2].Close()
		g.want("192.0.2.1", 2, 1)
	})
}

func TestExempt(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, test := range []struct {
		options Options
		addr    string
		in      int
	}{
		{Options{}, "127.0.0.1", 5},
		{Options{}, "127.9.9.9", 5},
		{Options{}, "::1", 5},
		{Options{LimitLoopback: true}, "127.0.0.1", 2},
		{Options{LimitLoopback: true}, "::1", 2},
		{Options{TrustedProxies: proxies}, "10.1.2.3", 5},
		{Options{TrustedProxies: proxies}, "::ffff:10.1.2.3", 5},
		{Options{TrustedProxies: proxies}, "2001:db8:1::9", 5},
		{Options{TrustedProxies: proxies}, "2001:db8:2::9", 2},
		{Options{}, "10.1.2.3", 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := test.options
			o.PerAddress = 2
			newGate(t, o, Opaque).want(test.addr, 5, test.in)
		})
	}
}

func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: 2}, Opaque)
		g.want("192.0.2.1", 3, 2)
		g.limiter.Set(Options{PerAddress: 3})
		g.want("192.0.2.1", 3, 1)
		g.limiter.Set(Options{PerAddress: -1, Rate: -1, Connections: -1, Accepts: -1})
		g.want("192.0.2.1", 200, 200)
	})
}

// The table of addresses does not grow with those that are gone.
func TestTableIsBounded(t *testing.T) {
	for _, o := range []Options{{Accepts: -1}, {Accepts: -1, Rate: -1}} {
		synctest.Test(t, func(t *testing.T) {
			l := New(o)
			for i := range 20_000 {
				c := &conn{}
				c.closed.Store(true)
				if limit := l.admit(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), c); limit != "" {
					t.Fatal(limit)
				}
				time.Sleep(time.Millisecond)
			}
			// An allowance is full again after a twentieth of a second, fifty arrivals later.
			if n := len(l.addresses); n > sweepMin+200 {
				t.Errorf("%d addresses are remembered", n)
			}
			if n := l.Open(); n != 0 {
				t.Errorf("%d are open", n)
			}
		})
	}
}

func TestTableIsBoundedInABurst(t *testing.T) {
	l := New(Options{Accepts: -1, Rate: 1e-9, Burst: 50})
	for i := range 4 * maxIdle {
		c := &conn{}
		c.closed.Store(true)
		l.admit(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), c)
	}
	if n := len(l.addresses); n > 3*maxIdle {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: 1}, PlainHTTP)
		g.want("192.0.2.1", 1, 1)
		client := g.inner.from("192.0.2.1")
		defer client.Close()
		res, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		after, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if res.StatusCode != 503 || err != nil || after < 1 || after > 5 || !res.Close || !strings.Contains(string(body), "from your address") {
			t.Errorf("%s %v %q", res.Status, res.Header, body)
		}
	})
}

// Those who do not even read the answer neither hold up others nor stay.
func TestAnswerDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Options{PerAddress: 1, Rate: -1, Accepts: -1}, PlainHTTP)
		g.want("192.0.2.1", 1, 1)
		begun := time.Now()
		var clients []net.Conn
		for range 3 * maxLeaving {
			clients = append(clients, g.inner.from("192.0.2.1"))
		}
		g.want("192.0.2.2", 1, 1)
		if took := time.Since(begun); took != 0 {
			t.Errorf("somebody else waited for %v", took)
		}
		for i, c := range clients {
			n, err := c.Read(make([]byte, 1))
			if told := n == 1; told != (i < maxLeaving) {
				t.Errorf("connection %d: read %d, %v", i, n, err)
			}
			c.Close()
		}
	})
}

func TestCloseEndsAnswers(t *testing.T) {
	inner := newArrivals()
	l := New(Options{Connections: 1}).Listen(inner, PlainHTTP)
	defer inner.from("127.0.0.1").Close()
	client := inner.from("127.0.0.1") // does not read
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	failed := make(chan error)
	go func() {
		_, err := l.Accept()
		failed <- err
	}()
	if n, err := client.Read(make([]byte, 1)); n != 1 {
		t.Fatal(err)
	}
	begun := time.Now()
	l.Close()
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if time.Since(begun) > leaveTime {
		t.Error("Close waited for a client")
	}
}

// A connection of the system is passed on as it is, and its end is seen nevertheless.
func TestTCP(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limiter := New(Options{LimitLoopback: true, PerAddress: 1})
	l := limiter.Listen(inner, PlainHTTP)
	defer l.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.(*net.TCPConn); !ok {
		t.Errorf("a %T was accepted", c)
	}
	refused := dial()
	if _, err := io.WriteString(refused, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	res, err := http.ReadResponse(bufio.NewReader(refused), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 503 {
		t.Error(res.Status)
	}
	if n := limiter.Open(); n != 1 {
		t.Errorf("%d are open", n)
	}
	c.Close()
	if n := limiter.Open(); n != 0 {
		t.Errorf("%d are open after the end", n)
	}
	dial()
	if c := <-accepted; c != nil {
		c.Close()
	}
}

func TestUnixSocket(t *testing.T) {
	inner, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Skip(err)
	}
	limiter := New(Options{PerAddress: 1, Connections: 2})
	l := limiter.Listen(inner, Opaque)
	defer l.Close()
	for range 2 {
		client, err := net.Dial("unix", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, ok := c.(*net.UnixConn); !ok {
			t.Errorf("a %T was accepted", c)
		}
	}
	if n := limiter.Open(); n != 2 {
		t.Errorf("%d are open", n)
	}
}

// A thousand connections that say nothing: a hundred get in, the rest is gone at once, and nothing of it stays.
func TestHalfOpen(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limiter := New(Options{LimitLoopback: true, Rate: -1, Accepts: -1})
	l := limiter.Listen(inner, PlainHTTP)
	var in []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in = append(in, c)
		}
	}()
	const n = 1000
	var clients []net.Conn
	for range n {
		c, err := net.Dial("tcp", inner.Addr().String())
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	// Those that were refused end. Those that got in do not: they are closed at the end.
	ended := make(chan struct{}, n)
	var reading sync.WaitGroup
	for _, c := range clients {
		reading.Go(func() {
			io.Copy(io.Discard, c)
			ended <- struct{}{}
		})
	}
	timeout := time.After(10 * time.Second)
	for i := range len(clients) - 100 {
		select {
		case <-ended:
		case <-timeout:
			t.Fatalf("only %d were turned away", i)
		}
	}
	if open := limiter.Open(); open != 100 {
		t.Errorf("%d are open", open)
	}
	l.Close()
	<-done
	for _, c := range in {
		c.Close()
	}
	for _, c := range clients {
		c.Close()
	}
	reading.Wait()
	if len(in) != 100 || limiter.Open() != 0 {
		t.Errorf("%d got in, %d are open after the end", len(in), limiter.Open())
	}
}

func TestConcurrentUse(t *testing.T) {
	l := New(Options{Connections: 500, Accepts: -1, Rate: -1})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 500 {
				c := &conn{Conn: nopConn{}}
				if l.admit(netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j)}), c) == "" && j%2 == 0 {
					c.Close()
				}
				if j%100 == 0 {
					l.Open()
					l.Set(Options{Connections: 500, Accepts: -1, Rate: -1})
				}
			}
		})
	}
	all.Wait()
	if n := l.Open(); n > 500 {
		t.Errorf("%d are open", n)
	}
}

type nopConn struct{ net.Conn }

func (nopConn) Close() error { return nil }

func BenchmarkAdmit(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			l := New(Options{Connections: -1, Accepts: -1, Rate: -1})
			for i := range others {
				l.admit(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), &conn{Conn: nopConn{}})
			}
			from := netip.MustParseAddr("192.0.2.1")
			b.ReportAllocs()
			for b.Loop() {
				c := &conn{Conn: nopConn{}}
				if limit := l.admit(from, c); limit != "" {
					b.Fatal(limit)
				}
				c.Close()
			}
		})
	}
}
