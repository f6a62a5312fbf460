package wstest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func text(s string) wstest.Event {
	return wstest.Event{Kind: wstest.EventText, Payload: []byte(s)}
}

func binary(s string) wstest.Event {
	return wstest.Event{Kind: wstest.EventBinary, Payload: []byte(s)}
}

func ping(s string) wstest.Event { return wstest.Event{Kind: wstest.EventPing, Payload: []byte(s)} }

func pong(s string) wstest.Event { return wstest.Event{Kind: wstest.EventPong, Payload: []byte(s)} }

func fail(code ws.Code) wstest.Event { return wstest.Event{Kind: wstest.EventFail, Code: code} }

func closed(code ws.Code, reason string) wstest.Event {
	return wstest.Event{Kind: wstest.EventClose, Code: code, Reason: reason}
}

func TestDecode(t *testing.T) {
	rsv := func(f wstest.Frame, set func(*wstest.Frame)) wstest.Frame {
		set(&f)
		return f
	}
	wrongMask := wstest.Text("x")
	wrongMask.WrongMask = true
	long := strings.Repeat("x", 70_000)

	type frames = []wstest.Frame
	join := func(parts ...frames) frames { return slices.Concat(parts...) }
	for _, tt := range []struct {
		name string
		in   frames
		want []wstest.Event
	}{
		{"nothing", nil, nil},
		{"§5.6 text", frames{wstest.Text("Hello")}, []wstest.Event{text("Hello")}},
		{"§5.6 empty text", frames{wstest.Text("")}, []wstest.Event{text("")}},
		{"§5.6 binary is any bytes", frames{wstest.Binary([]byte{0xFF, 0})}, []wstest.Event{binary("\xFF\x00")}},
		{"§5.2 16 bits of length", frames{wstest.Text(long[:126])}, []wstest.Event{text(long[:126])}},
		{"§5.2 64 bits of length", frames{wstest.Text(long)}, []wstest.Event{text(long)}},
		{"§5.4 fragments", wstest.Fragments(wstest.OpText, "Hel", "", "lo"), []wstest.Event{text("Hello")}},
		{"§5.4 controls between fragments", frames{{Opcode: 1, Payload: []byte("a")}, wstest.Ping("p"), {}, wstest.Pong("q"), {Fin: true, Payload: []byte("b")}},
			[]wstest.Event{ping("p"), pong("q"), text("ab")}},
		{"§5.4 two messages", join(wstest.Fragments(wstest.OpText, "a", "b"), wstest.Fragments(wstest.OpBinary, "c", "d"), frames{wstest.Text("e")}),
			[]wstest.Event{text("ab"), binary("cd"), text("e")}},
		{"§5.4 message not finished", frames{{Opcode: 1, Payload: []byte("a")}, wstest.Ping("p")}, []wstest.Event{ping("p")}},
		{"§5.4 continuation of nothing", frames{{Fin: true}}, []wstest.Event{fail(1002)}},
		{"§5.4 continuation after a whole message", frames{wstest.Text("a"), {Fin: true}}, []wstest.Event{text("a"), fail(1002)}},
		{"§5.4 text inside a message", frames{{Opcode: 1}, wstest.Text("a")}, []wstest.Event{fail(1002)}},
		{"§5.4 binary inside a message", frames{{Opcode: 2}, wstest.Binary(nil)}, []wstest.Event{fail(1002)}},
		{"§5.2 RSV1", frames{rsv(wstest.Text("a"), func(f *wstest.Frame) { f.RSV1 = true })}, []wstest.Event{fail(1002)}},
		{"§5.2 RSV2", frames{rsv(wstest.Text("a"), func(f *wstest.Frame) { f.RSV2 = true })}, []wstest.Event{fail(1002)}},
		{"§5.2 RSV3", frames{rsv(wstest.Ping("a"), func(f *wstest.Frame) { f.RSV3 = true })}, []wstest.Event{fail(1002)}},
		{"§5.1 mask", frames{wrongMask}, []wstest.Event{fail(1002)}},
		{"§5.2 16 bits for 125", frames{{Fin: true, Opcode: 2, Payload: make([]byte, 125), LengthForm: 16}}, []wstest.Event{fail(1002)}},
		{"§5.2 64 bits for 125", frames{{Fin: true, Opcode: 2, Payload: make([]byte, 125), LengthForm: 64}}, []wstest.Event{fail(1002)}},
		{"§5.2 64 bits for 65535", frames{{Fin: true, Opcode: 2, Payload: make([]byte, 65535), LengthForm: 64}}, []wstest.Event{fail(1002)}},
		{"§5.2 top bit", frames{{Fin: true, Opcode: 2, Length: new(uint64(1 << 63))}}, []wstest.Event{fail(1002)}},
		{"§5.5 ping of 125 bytes", frames{wstest.Ping(long[:125])}, []wstest.Event{ping(long[:125])}},
		{"§5.5 ping of 126 bytes", frames{wstest.Ping(long[:126])}, []wstest.Event{fail(1002)}},
		{"§5.5 pong of 70000 bytes", frames{wstest.Pong(long)}, []wstest.Event{fail(1002)}},
		{"§5.5 ping in fragments", frames{{Opcode: 9}}, []wstest.Event{fail(1002)}},
		{"§5.5.1 close", frames{wstest.Close(1000, "bye"), wstest.Text("ignored")}, []wstest.Event{closed(1000, "bye")}},
		{"§5.5.1 close without a code", frames{wstest.Close(1005, "")}, []wstest.Event{closed(1005, "")}},
		{"§5.5.1 close inside a message", frames{{Opcode: 1}, wstest.Close(1001, "")}, []wstest.Event{closed(1001, "")}},
		{"§5.5.1 close of one byte", frames{{Fin: true, Opcode: 8, Payload: []byte{3}}}, []wstest.Event{fail(1002)}},
		{"§5.5.1 reason of 123 bytes", frames{wstest.Close(1000, long[:123])}, []wstest.Event{closed(1000, long[:123])}},
		{"§5.5.1 reason of 124 bytes", frames{wstest.Close(1000, long[:124])}, []wstest.Event{fail(1002)}},
		{"§5.5.1 reason not UTF-8", frames{wstest.Close(1000, "a\xFF")}, []wstest.Event{fail(1007)}},
		{"§5.5.1 reason ends in a rune", frames{wstest.Close(1000, "a\xE2\x82")}, []wstest.Event{fail(1007)}},
		{"§8.1 text of every length of rune", frames{wstest.Text("aß€😀")}, []wstest.Event{text("aß€😀")}},
		{"§8.1 rune over fragments", wstest.Fragments(wstest.OpText, "\xF0", "\x9F\x98", "", "\x80"), []wstest.Event{text("😀")}},
		{"§8.1 rune with a ping inside", frames{{Opcode: 1, Payload: []byte("\xF0\x9F")}, wstest.Ping(""), {Fin: true, Payload: []byte("\x98\x80")}},
			[]wstest.Event{ping(""), text("😀")}},
		{"§8.1 text ends in a rune", frames{wstest.Text("\xF0\x9F\x98")}, []wstest.Event{fail(1007)}},
		{"§8.1 last fragment ends in a rune", wstest.Fragments(wstest.OpText, "a", "\xE2"), []wstest.Event{fail(1007)}},
		{"§8.1 fails in the first fragment", frames{{Opcode: 1, Payload: []byte("\xFF")}}, []wstest.Event{fail(1007)}},
		{"§8.1 fails before the frame is whole", frames{{Fin: true, Opcode: 1, Payload: []byte("a\xC0"), Length: new(uint64(9))}}, []wstest.Event{fail(1007)}},
		{"§8.1 the next text starts anew", join(frames{wstest.Text("a")}, wstest.Fragments(wstest.OpText, "\xE2\x82\xAC")), []wstest.Event{text("a"), text("€")}},
		{"§8.1 pings are any bytes", frames{wstest.Ping("\xFF")}, []wstest.Event{ping("\xFF")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, fromClient := range []bool{false, true} {
				in := slices.Clone(tt.in)
				for i := range in {
					in[i].Masked = fromClient != in[i].WrongMask
					in[i].Mask = [4]byte{0xDE, 0xAD, byte(i), 0xEF}
				}
				got := wstest.Decode(wstest.Bytes(in...), wstest.DecodeOptions{FromClient: fromClient})
				if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("from client %v: %v\n%s", fromClient, got, diff)
				}
			}
		})
	}
}

func TestDecodeOpcodes(t *testing.T) {
	for opcode := range byte(16) {
		got := wstest.Decode([]byte{0x80 | opcode, 0}, wstest.DecodeOptions{})
		legal := slices.Contains([]byte{1, 2, 8, 9, 10}, opcode) // 0 continues nothing here
		if len(got) != 1 || (got[0].Kind == wstest.EventFail) == legal || !legal && got[0].Code != 1002 {
			t.Errorf("opcode %#x: %v", opcode, got)
		}
	}
}

func TestDecodeCloseCodes(t *testing.T) {
	for code := range 1 << 16 {
		want := fail(1002)
		// §7.4.1, §7.4.2 and the IANA registry.
		if code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999 {
			want = closed(ws.Code(code), "")
		}
		got := wstest.Decode([]byte{0x88, 2, byte(code >> 8), byte(code)}, wstest.DecodeOptions{})
		if len(got) != 1 || got[0].Kind != want.Kind || got[0].Code != want.Code {
			t.Fatalf("code %d: %v, want %v", code, got, want)
		}
	}
}

func TestDecodeLimit(t *testing.T) {
	fragments := func(n int, piece string) []wstest.Frame {
		pieces := make([]string, n)
		for i := range pieces {
			pieces[i] = piece
		}
		return wstest.Fragments(wstest.OpBinary, pieces...)
	}
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name   string
		frames []wstest.Frame
		want   []wstest.Event
	}{
		{"at the limit", []wstest.Frame{wstest.Text(x(1000))}, []wstest.Event{text(x(1000))}},
		{"over it", []wstest.Frame{wstest.Text(x(1001))}, []wstest.Event{fail(1009)}},
		{"before the payload", []wstest.Frame{{Fin: true, Opcode: 2, Length: new(uint64(1001))}}, []wstest.Event{fail(1009)}},
		{"the largest length", []wstest.Frame{{Fin: true, Opcode: 2, Length: new(uint64(1<<63 - 1))}}, []wstest.Event{fail(1009)}},
		{"the largest length after a fragment", []wstest.Frame{{Opcode: 2, Payload: []byte(x(999))}, {Length: new(uint64(1<<63 - 1))}}, []wstest.Event{fail(1009)}},
		{"fragments at the limit", fragments(10, x(100)), []wstest.Event{binary(x(1000))}},
		{"fragments over it", fragments(11, x(91)), []wstest.Event{fail(1009)}},
		{"each message anew", []wstest.Frame{wstest.Text(x(600)), wstest.Text(x(600))}, []wstest.Event{text(x(600)), text(x(600))}},
		{"controls are free", []wstest.Frame{{Opcode: 2, Payload: []byte(x(900))}, wstest.Ping(x(125)), {Fin: true}},
			[]wstest.Event{ping(x(125)), binary(x(900))}},
		{"small fragments share 4096", fragments(64, "x"), []wstest.Event{binary(x(64))}},
		{"64 bytes each", fragments(65, "x"), []wstest.Event{fail(1009)}},
		{"empty ones too", fragments(65, ""), []wstest.Event{fail(1009)}},
	} {
		got := wstest.Decode(wstest.Bytes(tt.frames...), wstest.DecodeOptions{Limit: 1000})
		if !cmp.Equal(got, tt.want, cmpopts.EquateEmpty()) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	large := wstest.DecodeOptions{Limit: 10_000}
	if got := wstest.Decode(wstest.Bytes(fragments(156, "x")...), large); !cmp.Equal(got, []wstest.Event{binary(x(156))}, cmpopts.EquateEmpty()) {
		t.Errorf("156 fragments at 64 bytes each: %v", got)
	}
	if got := wstest.Decode(wstest.Bytes(fragments(157, "x")...), large); !cmp.Equal(got, []wstest.Event{fail(1009)}, cmpopts.EquateEmpty()) {
		t.Errorf("157 fragments at 64 bytes each: %v", got)
	}
	small := wstest.Decode(wstest.Bytes(wstest.Text("abc")), wstest.DecodeOptions{Limit: 3})
	if !cmp.Equal(small, []wstest.Event{text("abc")}, cmpopts.EquateEmpty()) {
		t.Errorf("a message in one frame at a small limit: %v", small)
	}
}

// A failure comes with the first byte that allows it.
func TestDecodeFailsEarly(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stream string
		code   ws.Code
		at     int // bytes needed
	}{
		{"reserved opcode", "\x83\x7f", 1002, 2},
		{"control too long", "\x89\x7e\x00\x7e", 1002, 2},
		{"length not minimal", "\x81\x7e\x00\x7d", 1002, 4},
		{"top bit", "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 1002, 10},
		{"over the limit", "\x82\x7e\x03\xe9", 1009, 4},
		{"bad UTF-8", "\x81\x05ab\xFFcd", 1007, 5},
		{"surrogate", "\x81\x03\xED\xA0\x80", 1007, 4},
		{"overlong", "\x81\x03\xE0\x80\x80", 1007, 4},
		{"above U+10FFFF", "\x81\x04\xF4\x90\x80\x80", 1007, 4},
		{"rune broken off", "\x81\x04\xE2\x82ab", 1007, 5},
	} {
		for n := range len(tt.stream) + 1 {
			got := wstest.Decode([]byte(tt.stream[:n]), wstest.DecodeOptions{Limit: 1000})
			if n < tt.at && len(got) != 0 || n >= tt.at && (len(got) != 1 || got[0].Kind != wstest.EventFail || got[0].Code != tt.code) {
				t.Errorf("%s: after %d bytes %v, want fail %d from byte %d", tt.name, n, got, tt.code, tt.at)
			}
		}
	}
}

// Any legal conversation comes out as it went in.
func TestDecodeRandomConversations(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		var frames []wstest.Frame
		var want []wstest.Event
		control := func() {
			switch r.IntN(4) {
			case 0:
				frames, want = append(frames, wstest.Ping("p")), append(want, ping("p"))
			case 1:
				frames, want = append(frames, wstest.Pong("q")), append(want, pong("q"))
			}
		}
		for range r.IntN(10) {
			control()
			content := strings.Repeat("aß€😀", r.IntN(40))
			opcode, event := wstest.OpText, text(content)
			if r.IntN(2) == 0 {
				content += "\xFF"
				opcode, event = wstest.OpBinary, binary(content)
			}
			var pieces []string
			for r.IntN(3) > 0 {
				n := r.IntN(len(content) + 1)
				pieces, content = append(pieces, content[:n]), content[n:]
			}
			for _, f := range wstest.Fragments(opcode, append(pieces, content)...) {
				if f.Opcode == wstest.OpContinuation {
					control()
				}
				frames = append(frames, f)
			}
			want = append(want, event)
		}
		if r.IntN(2) == 0 {
			frames, want = append(frames, wstest.Close(4000, "€")), append(want, closed(4000, "€"))
		}
		fromClient := r.IntN(2) == 0
		for i := range frames {
			frames[i].Masked = fromClient
			frames[i].Mask = [4]byte{byte(r.Int()), byte(r.Int()), byte(r.Int()), byte(r.Int())}
		}
		got := wstest.Decode(wstest.Bytes(frames...), wstest.DecodeOptions{FromClient: fromClient})
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestEventString(t *testing.T) {
	for want, e := range map[string]wstest.Event{
		`text "a"`:           text("a"),
		`pong ""`:            pong(""),
		`close 1000 "bye"`:   closed(1000, "bye"),
		`fail 1002: §5.1: x`: {Kind: wstest.EventFail, Code: 1002, Rule: "§5.1: x"},
	} {
		if e.String() != want {
			t.Errorf("got %s, want %s", e, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x81\x05Hello\x89\x00\x88\x02\x03\xe8"), false, int64(0), 3)
	f.Add([]byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), true, int64(100), 8)
	f.Add([]byte("\x01\x01\xf0\x80\x03\x9f\x98\x80"), false, int64(0), 5)
	f.Add([]byte("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), false, int64(1<<62), 9)
	f.Add([]byte("\x02\x02ab\x00\x01c\x80\x01d"), false, int64(3), 6)
	f.Fuzz(func(t *testing.T, stream []byte, fromClient bool, limit int64, cut int) {
		o := wstest.DecodeOptions{FromClient: fromClient, Limit: limit}
		original := bytes.Clone(stream)
		events := wstest.Decode(stream, o)
		if !bytes.Equal(stream, original) {
			t.Error("Decode changed its input")
		}

		for i, e := range events {
			last := e.Kind == wstest.EventClose || e.Kind == wstest.EventFail
			if last && i != len(events)-1 {
				t.Errorf("%v after %v", events[i+1:], e)
			}
			switch e.Kind {
			case wstest.EventText:
				if !utf8.Valid(e.Payload) {
					t.Errorf("a text that is not UTF-8: %v", e)
				}
				fallthrough
			case wstest.EventBinary:
				if limit > 0 && int64(len(e.Payload)) > limit {
					t.Errorf("%d bytes over the limit of %d", len(e.Payload), limit)
				}
			case wstest.EventPing, wstest.EventPong:
				if len(e.Payload) > 125 {
					t.Errorf("a control frame of %d bytes", len(e.Payload))
				}
			case wstest.EventClose:
				if len(e.Reason) > 123 || !utf8.ValidString(e.Reason) {
					t.Errorf("reason %q", e.Reason)
				}
			case wstest.EventFail:
				if e.Code != 1002 && e.Code != 1007 && e.Code != 1009 || e.Rule == "" {
					t.Errorf("%v", e)
				}
			}
		}

		// What a part of the stream gives is where the whole begins.
		cut = min(max(cut, 0), len(stream))
		part := wstest.Decode(stream[:cut], o)
		if len(part) > len(events) || !cmp.Equal(part, events[:len(part)], cmpopts.EquateEmpty()) {
			t.Errorf("after %d of %d bytes %v, in the end %v", cut, len(stream), part, events)
		}
	})
}

func ExampleDecode() {
	stream := wstest.Bytes(
		wstest.Frame{Opcode: wstest.OpText, Payload: []byte("Hel")},
		wstest.Ping("still there?"),
		wstest.Frame{Fin: true, Payload: []byte("lo")},
		wstest.Frame{Fin: true, Payload: []byte("?")},
	)
	for _, event := range wstest.Decode(stream, wstest.DecodeOptions{}) {
		fmt.Println(event)
	}
	// Output:
	// ping "still there?"
	// text "Hello"
	// fail 1002: §5.4: continuation of nothing
}
