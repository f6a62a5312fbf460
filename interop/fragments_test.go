package interop

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// frames counts the frames of data that come and go.
type frames struct{ in, out atomic.Int64 }

func (f *frames) trace() *ws.Trace {
	count := func(n *atomic.Int64) func(*ws.Conn, ws.FrameInfo) {
		return func(_ *ws.Conn, info ws.FrameInfo) {
			if info.Opcode < 8 {
				n.Add(1)
			}
		}
	}
	return &ws.Trace{FrameIn: count(&f.in), FrameOut: count(&f.out)}
}

// A peer's messages in several frames, of all sizes, arrive as one.
func TestFragmentsByPeer(t *testing.T) {
	tests := []struct {
		name  string
		runes bool // a fragment ends within a character
		parts []string
	}{
		{"two", false, []string{"hello, ", "world"}},
		{"a-byte-each", false, strings.Split("one byte in each frame", "")},
		{"within-characters", true, strings.Split("\xc3|\xa4 \xf0|\x9f|\xa6|\x9c ✓", "|")},
		{"empty-ones", false, []string{"", "a", "", "", "b", ""}},
		{"nothing-but-empty-ones", false, []string{"", "", ""}},
		{"every-form-of-length", false, []string{strings.Repeat("a", 125), strings.Repeat("b", 126), strings.Repeat("c", 65535), strings.Repeat("d", 65536)}},
	}
	able := func(can abilities) bool { return can.fragment }
	withPeers(t, able, func(t *testing.T, s *stage, ours role) {
		for _, mode := range few(s.can, ours) {
			t.Run(mode.name, func(t *testing.T) {
				var counted frames
				meeting := mode.meeting()
				meeting.options.Trace = counted.trace()
				conn, them := s.connect(t, ours, meeting)
				for _, test := range tests {
					for _, typ := range []ws.Type{ws.Text, ws.Binary} {
						if test.runes && typ == ws.Text && !s.can.cutRunes {
							continue
						}
						for _, ping := range []string{"", "between"} {
							if ping != "" && !s.can.seePings {
								continue
							}
							var parts [][]byte
							for _, part := range test.parts {
								parts = append(parts, []byte(part))
							}
							before := counted.in.Load()
							s.do(t, "send", command{"conn": them.id, "type": typ.String(), "parts": parts, "ping": []byte(ping)})
							what := fmt.Sprintf("%s, %s, ping %q", test.name, typ, ping)

							gotType, r, err := conn.Reader(bounded(t))
							if err != nil {
								t.Fatalf("%s: %v", what, err)
							}
							p, err := io.ReadAll(r)
							if err != nil {
								t.Fatalf("%s: %v", what, err)
							}
							want := ws.Message{Type: typ, Data: slices.Concat(parts...)}
							if err := differ(ws.Message{Type: gotType, Data: p}, want); err != nil {
								t.Errorf("%s: %v", what, err)
							}
							// Python's websockets ends with an empty frame.
							if n := counted.in.Load() - before; n < int64(len(parts)) {
								t.Errorf("%s: it came in %d frames, want %d: the test does not show what it should", what, n, len(parts))
							}
							for range parts[1:] {
								if ping == "" {
									break
								}
								if pong := them.next(t, "pong"); string(pong.Data) != ping {
									t.Errorf("%s: the pong holds %q", what, pong.Data)
								}
							}
						}
					}
				}
			})
		}
	})
}

// Messages that a peer echoes in many frames.
func TestFragmentedEcho(t *testing.T) {
	able := func(can abilities) bool { return can.cutRunes }
	withPeers(t, able, func(t *testing.T, s *stage, ours role) {
		for _, mode := range few(s.can, ours) {
			t.Run(mode.name, func(t *testing.T) {
				meeting := mode.meeting()
				meeting.echo, meeting.fragment = true, 1000
				conn, _ := s.connect(t, ours, meeting)
				messages := append(battery(0, 999, 1000, 1001, 65536), battery(mebibyte)[:2]...)
				if err := exchange(bounded(t), conn, append(messages, row(50)...)); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// Parley's messages in several frames arrive at the peer as one.
func TestFragmentsByParley(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		for _, mode := range few(s.can, ours) {
			t.Run(mode.name, func(t *testing.T) {
				var counted frames
				meeting := mode.meeting()
				meeting.echo = true
				meeting.options.Trace = counted.trace()
				conn, _ := s.connect(t, ours, meeting)
				for _, want := range battery(0, 1, 100_000, mebibyte/2) {
					before := counted.out.Load()
					sent := make(chan error, 1)
					go func() {
						w, err := conn.Writer(t.Context(), want.Type)
						if err == nil {
							// Pieces that end within characters.
							for piece := range slices.Chunk(want.Data, 9973) {
								if _, err = w.Write(piece); err != nil {
									break
								}
							}
							err = w.Close()
						}
						sent <- err
					}()
					typ, p, err := conn.Read(bounded(t))
					if err != nil {
						t.Fatal(err)
					}
					if err := differ(ws.Message{Type: typ, Data: p}, want); err != nil {
						t.Error(err)
					}
					if err := <-sent; err != nil {
						t.Fatal(err)
					}
					n := counted.out.Load() - before
					if incompressible := want.Type == ws.Binary && !bytes.Contains(want.Data, []byte("sensor")); len(want.Data) > 50_000 && n < 2 && incompressible {
						t.Errorf("%d bytes went in %d frames: the test does not show what it should", len(want.Data), n)
					}
				}
				// What follows is whole again.
				if err := exchange(bounded(t), conn, row(20)); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}
