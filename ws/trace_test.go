package ws_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// tracer writes down what its hooks are told.
type tracer struct {
	mu    sync.Mutex
	lines []string
}

func (r *tracer) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *tracer) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func (r *tracer) trace() *ws.Trace {
	frame := func(way string) func(*ws.Conn, ws.FrameInfo) {
		return func(_ *ws.Conn, f ws.FrameInfo) {
			r.note("frame %s: opcode %d, fin %v, RSV1 %v, %d bytes", way, f.Opcode, f.Fin, f.RSV1, f.Len)
		}
	}
	return &ws.Trace{
		Handshake: func(i ws.HandshakeInfo) {
			r.note("handshake: client %v, status %d, %q, %q, timed %v, failed %v", i.Client, i.Status, i.Subprotocol, i.Extensions, i.Duration > 0, i.Err != nil)
		},
		FrameIn:  frame("in"),
		FrameOut: frame("out"),
		Message: func(_ *ws.Conn, m ws.MessageInfo) {
			r.note("message: out %v, %v, %d bytes, %d on the wire, compressed %v", m.Out, m.Type, m.Len, m.Wire, m.Compressed)
		},
		PingRTT: func(_ *ws.Conn, rtt time.Duration) { r.note("ping: %v", rtt > 0) },
		Close:   func(_ *ws.Conn, err error) { r.note("close: %d", ws.CloseCode(err)) },
	}
}

// The hooks are told everything, in order, on both sides.
func TestTrace(t *testing.T) {
	var client, server tracer
	ended := make(chan struct{})
	s := httptest.NewServer(ws.Handler{
		Options: ws.AcceptOptions{Options: ws.Options{Trace: server.trace()}, Subprotocols: []string{"one"}, Compression: &ws.Compression{}},
		Handle: func(c *ws.Conn) error {
			defer close(ended)
			return echo(c)
		},
	})
	defer s.Close()
	c, err := ws.Dial(t.Context(), s.URL, &ws.DialOptions{
		Options: ws.Options{Trace: client.trace()}, Subprotocols: []string{"one"}, Compression: &ws.Compression{},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, text := range []string{"hello", strings.Repeat("0", 600)} {
		if err := c.Write(t.Context(), ws.Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx := c.CloseRead(t.Context())
	if _, err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context(), 4000, ""); err != nil {
		t.Fatal(err)
	}
	<-ended
	// Whoever reads calls the hook for the end, perhaps when Close has returned already.
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(client.String(), "close:") && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	wantClient := `handshake: client true, status 101, "one", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", timed true, failed false
frame out: opcode 1, fin true, RSV1 false, 5 bytes
message: out true, text, 5 bytes, 5 on the wire, compressed false
frame in: opcode 1, fin true, RSV1 false, 5 bytes
message: out false, text, 5 bytes, 5 on the wire, compressed false
frame out: opcode 1, fin true, RSV1 true, Z bytes
message: out true, text, 600 bytes, Z on the wire, compressed true
frame in: opcode 1, fin true, RSV1 true, Z bytes
message: out false, text, 600 bytes, Z on the wire, compressed true
frame out: opcode 9, fin true, RSV1 false, 8 bytes
frame in: opcode 10, fin true, RSV1 false, 8 bytes
ping: true
frame out: opcode 8, fin true, RSV1 false, 2 bytes
frame in: opcode 8, fin true, RSV1 false, 2 bytes
close: 4000`
	swap := strings.NewReplacer("client true", "client false", "frame in", "frame out", "frame out", "frame in", "out true", "out false", "out false", "out true")
	wantServer := strings.Replace(swap.Replace(wantClient), "\nping: true", "", 1)
	// On the side that is closed, the end is recorded before the answer is sent.
	wantServer = strings.Replace(wantServer, "frame out: opcode 8, fin true, RSV1 false, 2 bytes\nclose: 4000", "close: 4000\nframe out: opcode 8, fin true, RSV1 false, 2 bytes", 1)
	for _, side := range []struct {
		name string
		got  *tracer
		want string
	}{{"client", &client, wantClient}, {"server", &server, wantServer}} {
		if got := hideCompressed(side.got.String()); got != side.want {
			t.Errorf("%s:\n%s\nwant:\n%s", side.name, got, side.want)
		}
	}
}

// hideCompressed replaces the sizes of compressed frames and messages, which are the compressor's affair, by Z.
func hideCompressed(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		switch {
		case strings.Contains(line, "RSV1 true"):
			lines[i] = line[:strings.LastIndex(line, ", ")] + ", Z bytes"
		case strings.Contains(line, "600 bytes"):
			parts := strings.Split(line, ", ")
			parts[3] = "Z on the wire"
			lines[i] = strings.Join(parts, ", ")
		}
	}
	return strings.Join(lines, "\n")
}
