package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// Messages of every kind and length pass unchanged, in every mode of
// compression, and compression does what was agreed.
func TestMessages(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for i, mode := range modes(s.can, ours) {
			t.Run(mode.name, func(t *testing.T) {
				meeting := mode.meeting()
				meeting.echo = true
				conn, them := s.connect(t, ours, meeting)
				checkAgreed(t, conn, them, mode.agreed)

				messages, count := battery(0, 125, 65536), 50
				if i < 5 { // off, and each takeover
					messages, count = append(battery(lengths...), battery(mebibyte)[:2]...), 300
				}
				if err := exchange(bounded(t), conn, messages); err != nil {
					t.Fatal(err)
				}
				if err := exchange(bounded(t), conn, row(count)); err != nil {
					t.Fatalf("in a row of %d: %v", count, err)
				}
				checkWire(t, conn, ours, mode.agreed)
			})
		}
	})
}

// checkAgreed checks that both sides know what they agreed on, and that it is
// what they should have.
func checkAgreed(t *testing.T, conn *ws.Conn, them *theirs, want *ws.DeflateParams) {
	t.Helper()
	for side, extensions := range map[string]string{"parley": conn.Extensions(), them.name: them.extensions} {
		got := parseAgreed(t, extensions)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s says that the extensions are %q, want the meaning of %v", side, extensions, want)
		}
	}
}

// checkWire checks by the bytes on the wire that messages are compressed, that
// they refer to earlier ones only with takeover, and only as far back as the
// window reaches.
func checkWire(t *testing.T, conn *ws.Conn, ours role, agreed *ws.DeflateParams) {
	t.Helper()
	r := newRandom()
	out, in := wireOf(t, conn, []ws.Message{{Type: ws.Text, Data: records(r, 65000)}})
	for direction, ratio := range map[string]float64{"sent": out, "received": in} {
		if compressed := ratio < 0.6; compressed != (agreed != nil) {
			t.Errorf("%s text with %.2f of its size, agreed on %v", direction, ratio, agreed)
		}
	}
	if agreed == nil {
		return
	}

	// One message again and again, each 600 bytes behind the one before. A
	// quarter of it repeats within it, so that it is worth compressing alone.
	repeated := make([]ws.Message, 20)
	text := letters(r, 450)
	text = append(text, text[:150]...)
	for i := range repeated {
		repeated[i] = ws.Message{Type: ws.Text, Data: text}
	}
	out, in = wireOf(t, conn, repeated)
	if ours == client {
		out, in = in, out
	}
	check := func(side string, ratio float64, noTakeover bool, bits int) {
		switch refers := ratio < 0.4; {
		case refers && noTakeover:
			t.Errorf("the %s's messages took %.2f of their size: they refer to earlier ones, without takeover", side, ratio)
		case refers && bits < 10:
			t.Errorf("the %s's messages took %.2f of their size: they refer to what is outside their window of %d bits", side, ratio, bits)
		case !refers && !noTakeover && bits > 10:
			t.Errorf("the %s's messages took %.2f of their size, with takeover and a window of %d bits", side, ratio, bits)
		}
	}
	check("server", out, agreed.ServerNoContextTakeover, agreed.ServerMaxWindowBits)
	check("client", in, agreed.ClientNoContextTakeover, agreed.ClientMaxWindowBits)
}

// wireOf exchanges messages and returns how many bytes they took on the wire,
// each way, for each byte of theirs.
func wireOf(t *testing.T, conn *ws.Conn, messages []ws.Message) (out, in float64) {
	t.Helper()
	before := conn.Stats()
	if err := exchange(bounded(t), conn, messages); err != nil {
		t.Fatal(err)
	}
	after := conn.Stats()
	size := int64(0)
	for _, m := range messages {
		size += int64(len(m.Data))
	}
	count := int64(len(messages))
	if n := after.MessagesOut - before.MessagesOut; n != count {
		t.Errorf("counted %d messages sent, want %d", n, count)
	}
	if n := after.MessagesIn - before.MessagesIn; n != count {
		t.Errorf("counted %d messages received, want %d", n, count)
	}
	if n := after.BytesOut - before.BytesOut; n != size {
		t.Errorf("counted %d bytes sent, want %d", n, size)
	}
	if n := after.BytesIn - before.BytesIn; n != size {
		t.Errorf("counted %d bytes received, want %d", n, size)
	}
	return float64(after.WireOut-before.WireOut) / float64(size), float64(after.WireIn-before.WireIn) / float64(size)
}

// Whichever method sends a message, it arrives, in order: with takeover, each
// has to leave the window as the peer will find it.
func TestWriters(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for _, mode := range few(s.can, ours) {
			t.Run(mode.name, func(t *testing.T) {
				meeting := mode.meeting()
				meeting.echo = true
				conn, _ := s.connect(t, ours, meeting)
				messages := append(row(100), battery(0, 600, 20_000)...)
				sent := make(chan error, 1)
				go func() { sent <- sendVariously(bounded(t), conn, messages) }()
				if err := receive(bounded(t), conn, messages); err != nil {
					t.Error(err)
					_ = conn.CloseNow() // the sender may wait for the peer to read
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// sendVariously sends messages with all methods in turn.
func sendVariously(ctx context.Context, conn *ws.Conn, messages []ws.Message) error {
	for i, m := range messages {
		var err error
		switch i % 5 {
		case 0:
			err = conn.Write(ctx, m.Type, m.Data)
		case 1:
			err = conn.TryWrite(m.Type, m.Data)
		case 2:
			err = conn.WritePrepared(ctx, ws.Prepare(m.Type, m.Data))
		case 3:
			err = conn.TryWritePrepared(ws.Prepare(m.Type, m.Data))
		case 4:
			var w io.WriteCloser
			if w, err = conn.Writer(ctx, m.Type); err == nil {
				_, err = w.Write(m.Data)
				err = errors.Join(err, w.Close())
			}
		}
		if err != nil {
			return fmt.Errorf("sending message %d: %w", i, err)
		}
	}
	return nil
}
