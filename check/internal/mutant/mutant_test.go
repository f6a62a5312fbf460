package mutant

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// messages are of many sizes, and some refer to those before them.
func messages() []content {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	list := []content{{op: opText, data: []byte("hello, κόσμε")}, {op: opText}, {op: opBinary}}
	for _, n := range []int{1, 125, 126, 127, 400, 65535, 65536, 100_000} {
		text := []byte(strings.Repeat("the quick brown fox; ", n/21+1)[:n])
		list = append(list, content{opBinary, noise[:n]}, content{opText, text}, content{opBinary, noise[:n]})
	}
	return list
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serveUntilEnd runs Serve until the test ends.
func serveUntilEnd(t *testing.T, fault Fault) *url.URL {
	t.Helper()
	l := listen(t)
	done := make(chan bool)
	go func() {
		Serve(l, fault)
		close(done)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}
}

// talk sends the messages, with pings before and after, and expects them back. Then it closes.
func talk(t *testing.T, e *endpoint) {
	t.Helper()
	if err := e.nc.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i, m := range messages() {
		if err := e.frame(final|opPing, []byte("ping")); err != nil {
			t.Fatal(err)
		}
		if err := e.send(m); err != nil {
			t.Fatal(err)
		}
		got, err := e.receive()
		if err != nil || got.op != m.op || !bytes.Equal(got.data, m.data) {
			t.Fatalf("message %d of %d bytes: got %d bytes with opcode %d: %v", i, len(m.data), len(got.data), got.op, err)
		}
	}
	if err := e.sendClose(4000, "done"); err != nil {
		t.Fatal(err)
	}
	if err := e.nextFrame(); err != errClosed {
		t.Fatal("the close frame was not answered:", err)
	}
}

func TestServeEchoes(t *testing.T) {
	u := serveUntilEnd(t, "")
	for _, fault := range []Fault{"", acceptsUnaskedBits} { // two offers
		nc, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(nc)
		deflate, err := handshake(nc, r, u, fault)
		if err != nil || deflate == nil {
			t.Fatal(deflate, err)
		}
		talk(t, newEndpoint(nc, r, RoleClient, "", deflate))
		if _, err := r.ReadByte(); err != io.EOF {
			t.Error("the server did not end the connection:", err)
		}
		_ = nc.Close()
	}
}

func TestClientEchoes(t *testing.T) {
	l := listen(t)
	ended := make(chan error)
	go func() {
		ended <- Client(context.Background(), "ws://"+l.Addr().String()+"/path?a=b", "")
	}()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(nc)
	response, deflate, err := accept(r, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write([]byte(response)); err != nil {
		t.Fatal(err)
	}
	talk(t, newEndpoint(nc, r, RoleServer, "", deflate))
	_ = nc.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFaultsAreDescribed(t *testing.T) {
	seen := map[Fault]bool{}
	for _, k := range known {
		if seen[k.fault] || k.doc == "" || k.fault == "" {
			t.Errorf("%q is there twice, or not described", k.fault)
		}
		seen[k.fault] = true
		if k.fault.Doc() != k.doc {
			t.Errorf("the description of %q is %q", k.fault, k.fault.Doc())
		}
	}
	if s, c := len(Faults(RoleServer)), len(Faults(RoleClient)); s < 30 || c < 20 {
		t.Errorf("%d faults of servers, %d of clients", s, c)
	}
	if Fault("").Doc() == "" {
		t.Error("the endpoint without a fault is not described")
	}
}

// TestWindows has each window compressed and inflated, and makes sure that a smaller one is not enough.
func TestWindows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for bits := 8; bits <= 15; bits++ {
		for _, takeover := range []bool{false, true} {
			d := direction{bits: bits, takeover: takeover}
			c, z := newCompressor(d, ""), newInflater(d, "")
			unit := make([]byte, d.size()*3/4)
			for i := range unit {
				unit[i] = byte(r.Uint32())
			}
			for i, m := range append(messages(), content{0, unit}, content{0, append(unit, unit...)}) {
				got, err := inflateIn(z, c.compress(m.data), 1+r.IntN(999))
				if err != nil || !bytes.Equal(got, m.data) {
					t.Fatalf("%d bits, takeover %v, message %d: %d bytes of %d: %v", bits, takeover, i, len(got), len(m.data), err)
				}
			}
			if bits > 8 {
				small := newInflater(direction{bits: bits - 1}, "")
				c := newCompressor(direction{bits: bits}, "")
				if _, err := inflateIn(small, c.compress(append(unit, unit...)), 1000); err != errCorrupt {
					t.Errorf("%d bits are as good as %d: %v", bits-1, bits, err)
				}
			}
		}
	}
}

// inflateIn inflates p, which comes in pieces.
func inflateIn(z *inflater, p []byte, piece int) (all []byte, err error) {
	err = z.message(func() ([]byte, error) {
		n := min(piece, len(p))
		if n == 0 {
			return nil, io.EOF
		}
		next := p[:n]
		p = p[n:]
		return next, nil
	}, func(b []byte) error {
		all = append(all, b...)
		return nil
	})
	return all, err
}

// TestInflate compares the inflater with the standard library's compressor.
func TestInflate(t *testing.T) {
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		z := newInflater(direction{}, "")
		for i, m := range messages() {
			var b bytes.Buffer
			w, err := flate.NewWriter(&b, level)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(m.data) // a buffer takes everything
			_ = w.Flush()
			p := bytes.TrimSuffix(b.Bytes(), tail)
			if i%2 == 1 { // with a final block, and another after it
				_ = w.Close()
				p = append(bytes.Clone(b.Bytes()), 0)
			}
			got, err := inflateIn(z, p, 100)
			if err != nil || !bytes.Equal(got, m.data) {
				t.Errorf("level %d, message %d: %d bytes of %d: %v", level, i, len(got), len(m.data), err)
			}
		}
	}
	for _, p := range []string{"\x07", "\x00\x01\x00\x00\x00", "\x03\xff", "\x05\xff\xff\xff\xff"} {
		if _, err := inflateIn(newInflater(direction{}, ""), []byte(p), 1); err != errCorrupt {
			t.Errorf("%x: %v", p, err)
		}
	}
}
