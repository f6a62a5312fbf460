package wstest

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// MustSend is Send that ends the test on an error.
func (p *Peer) MustSend(t testing.TB, frames ...Frame) {
	t.Helper()
	if err := p.Send(frames...); err != nil {
		t.Fatal(err)
	}
}

// MustSendRaw is SendRaw that ends the test on an error.
func (p *Peer) MustSendRaw(t testing.TB, b []byte) {
	t.Helper()
	if err := p.SendRaw(b); err != nil {
		t.Fatal(err)
	}
}

// MustNext is Next that ends the test on an error.
func (p *Peer) MustNext(t testing.TB) Frame {
	t.Helper()
	f, err := p.Next()
	if err != nil {
		t.Fatalf("wstest: expected a frame: %v", err)
	}
	return f
}

// Expect reads one frame for each of want and ends the test unless they are [Frame.Equal].
func (p *Peer) Expect(t testing.TB, want ...Frame) {
	t.Helper()
	for i, w := range want {
		f, err := p.Next()
		if err != nil {
			t.Fatalf("wstest: frame %d of %d: expected %v: %v", i+1, len(want), w, err)
		}
		if !f.Equal(w) {
			t.Fatalf("wstest: frame %d of %d: got %v, want %v", i+1, len(want), f, w)
		}
	}
}

// ExpectMessage reads one message, however fragmented, and ends the test unless it has this opcode and content.
// A control frame in between ends the test too.
func (p *Peer) ExpectMessage(t testing.TB, opcode byte, content string) {
	t.Helper()
	f := p.MustNext(t)
	if f.Opcode != opcode {
		t.Fatalf("wstest: got %v, want a message with opcode %#x", f, opcode)
	}
	got := string(f.Payload)
	for !f.Fin {
		f = p.MustNext(t)
		if f.Opcode != OpContinuation {
			t.Fatalf("wstest: got %v, want a continuation", f)
		}
		got += string(f.Payload)
	}
	if got != content {
		t.Fatalf("wstest: got the message %.200q, want %.200q", got, content)
	}
}

// ExpectClose reads one frame and ends the test unless it is a close frame with this code; [ws.CodeNoStatus] is an empty
// one. It returns the reason.
func (p *Peer) ExpectClose(t testing.TB, code ws.Code) (reason string) {
	t.Helper()
	f, err := p.Next()
	if err != nil {
		t.Fatalf("wstest: expected a close frame with %v: %v", code, err)
	}
	got := ws.CodeNoStatus
	if len(f.Payload) >= 2 {
		got = ws.Code(binary.BigEndian.Uint16(f.Payload))
		reason = string(f.Payload[2:])
	}
	if f.Opcode != OpClose || len(f.Payload) == 1 || got != code {
		t.Fatalf("wstest: got %v, want a close frame with %v", f, code)
	}
	return reason
}

// ExpectEnd ends the test unless the stream ends here, without another byte. A reset connection counts as an end: TCP
// makes it one where the other side left bytes unread.
func (p *Peer) ExpectEnd(t testing.TB) {
	t.Helper()
	f, err := p.Next()
	if err == nil {
		t.Fatalf("wstest: got %v, want the end of the stream", f)
	}
	if err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("wstest: expected the end of the stream: %v", err)
	}
}

// ExpectSilence ends the test unless nothing at all arrives for so long: no byte, no end. Its use is in a bubble of
// testing/synctest, where the time costs nothing.
func (p *Peer) ExpectSilence(t testing.TB, d time.Duration) {
	t.Helper()
	if err := p.Stream.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatalf("wstest: expected silence: %v", err)
	}
	b, err := p.r.Peek(1)
	if len(b) > 0 {
		t.Fatalf("wstest: expected silence: got the byte %#x", b[0])
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("wstest: expected silence: %v", err)
	}
}
