package wstest_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// The examples of RFC 6455 §5.7.
func TestFrameExamples(t *testing.T) {
	k256 := bytes.Repeat([]byte("x"), 256)
	k65536 := bytes.Repeat([]byte("x"), 65536)
	for _, tt := range []struct {
		name  string
		frame wstest.Frame
		wire  string
	}{
		{"unmasked text", wstest.Text("Hello"), "\x81\x05\x48\x65\x6c\x6c\x6f"},
		{"masked text", wstest.Frame{Fin: true, Opcode: wstest.OpText, Masked: true, Mask: [4]byte{0x37, 0xfa, 0x21, 0x3d},
			Payload: []byte("Hello")}, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
		{"first fragment", wstest.Fragments(wstest.OpText, "Hel", "lo")[0], "\x01\x03\x48\x65\x6c"},
		{"last fragment", wstest.Fragments(wstest.OpText, "Hel", "lo")[1], "\x80\x02\x6c\x6f"},
		{"ping", wstest.Ping("Hello"), "\x89\x05\x48\x65\x6c\x6c\x6f"},
		{"256 bytes", wstest.Binary(k256), "\x82\x7e\x01\x00" + string(k256)},
		{"64 KiB", wstest.Binary(k65536), "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + string(k65536)},
		// and of RFC 7692 §7.2.3.1
		{"compressed", wstest.Frame{Fin: true, RSV1: true, Opcode: wstest.OpText, Payload: []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")},
			"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.frame.Append(nil); string(got) != tt.wire {
				t.Errorf("encoded % .40x, want % .40x", got, tt.wire)
			}
			r := strings.NewReader(tt.wire + "next")
			f, err := wstest.ReadFrame(r)
			if err != nil || !f.Equal(tt.frame) || f.Masked != tt.frame.Masked || f.Mask != tt.frame.Mask {
				t.Errorf("decoded %v, %v; want %v", f, err, tt.frame)
			}
			if rest, _ := io.ReadAll(r); string(rest) != "next" {
				t.Errorf("left %q", rest)
			}
			if err := f.Check(f.Masked); err != nil {
				t.Error(err)
			}
			if f.Check(!f.Masked) == nil {
				t.Error("Check took the wrong mask")
			}
		})
	}
}

func TestFrameEncodesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame wstest.Frame
		wire  string
	}{
		{"length too long", wstest.Frame{Opcode: 2, Payload: []byte("ab"), Length: new(uint64(5))}, "\x02\x05ab"},
		{"length too short", wstest.Frame{Opcode: 2, Payload: []byte("ab"), Length: new(uint64(0))}, "\x02\x00ab"},
		{"length in another form", wstest.Frame{Opcode: 2, Length: new(uint64(1 << 40))}, "\x02\x7f\x00\x00\x01\x00\x00\x00\x00\x00"},
		{"top bit", wstest.Frame{Opcode: 2, Length: new(uint64(1 << 63))}, "\x02\x7f\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"16 bits for 2", wstest.Frame{Opcode: 2, Payload: []byte("ab"), LengthForm: 16}, "\x02\x7e\x00\x02ab"},
		{"64 bits for 2", wstest.Frame{Opcode: 2, Payload: []byte("ab"), LengthForm: 64}, "\x02\x7f\x00\x00\x00\x00\x00\x00\x00\x02ab"},
		{"reserved opcode and bits", wstest.Frame{RSV1: true, RSV2: true, RSV3: true, Opcode: 0xF}, "\x7f\x00"},
		{"close payload of one byte", wstest.Frame{Fin: true, Opcode: 8, Payload: []byte("x")}, "\x88\x01x"},
		{"illegal close code", wstest.Close(1005+1, "why"), "\x88\x05\x03\xeewhy"},
		{"close without a code", wstest.Close(ws.CodeNoStatus, ""), "\x88\x00"},
	} {
		if got := tt.frame.Append(nil); string(got) != tt.wire {
			t.Errorf("%s: % x, want % x", tt.name, got, tt.wire)
		}
	}
}

func TestFrameFormPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an impossible length form was encoded")
		}
	}()
	wstest.Frame{LengthForm: 8}.Append(nil)
}

func TestFrameLengths(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 255, 256, 65535, 65536, 1 << 20} {
		f := wstest.Binary(bytes.Repeat([]byte{0xA5}, n))
		f.Masked, f.Mask = true, [4]byte{1, 2, 3, 4}
		got, err := wstest.ReadFrame(bytes.NewReader(f.Append(nil)))
		if err != nil || !got.Equal(f) || got.LengthForm != 0 {
			t.Errorf("%d bytes: %v, %v", n, got, err)
		}
	}
}

func TestReadFrameEnds(t *testing.T) {
	f := wstest.Binary(make([]byte, 300))
	f.Masked = true
	wire := f.Append(nil)
	for n := range wire {
		_, err := wstest.ReadFrame(bytes.NewReader(wire[:n]))
		if n == 0 && err != io.EOF {
			t.Errorf("no byte: %v, want io.EOF as such", err)
		}
		if n > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v, want an unexpected end", n, err)
		}
	}
}

func TestReadFrameRefusesWildLengths(t *testing.T) {
	for _, length := range []uint64{64<<20 + 1, 1 << 62, 1 << 63, 1<<64 - 1} {
		f := wstest.Frame{Opcode: 2, Length: &length}
		if _, err := wstest.ReadFrame(bytes.NewReader(f.Append(nil))); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestFrameCheck(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame wstest.Frame
		want  string // in the error; "" for legal
	}{
		{"text", wstest.Text("a"), ""},
		{"a fragment", wstest.Frame{Opcode: 0}, ""},
		{"compressed", wstest.Frame{Opcode: 2, RSV1: true}, ""},
		{"125 bytes of ping", wstest.Ping(strings.Repeat("x", 125)), ""},
		{"126 bytes of ping", wstest.Ping(strings.Repeat("x", 126)), "126 bytes"},
		{"ping in fragments", wstest.Frame{Opcode: 9}, "in fragments"},
		{"compressed ping", wstest.Frame{Opcode: 9, Fin: true, RSV1: true}, "RSV"},
		{"compressed continuation", wstest.Frame{Fin: true, RSV1: true}, "RSV"},
		{"RSV2", wstest.Frame{Opcode: 1, RSV2: true}, "RSV"},
		{"RSV3", wstest.Frame{Opcode: 1, RSV3: true}, "RSV"},
		{"opcode 3", wstest.Frame{Opcode: 3}, "opcode 0x3"},
		{"opcode 15", wstest.Frame{Opcode: 15, Fin: true}, "opcode 0xf"},
		{"longer form", wstest.Frame{Opcode: 1, LengthForm: 16}, "16 bits"},
	} {
		f, err := wstest.ReadFrame(bytes.NewReader(tt.frame.Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		err = f.Check(false)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestFrameString(t *testing.T) {
	for want, f := range map[string]wstest.Frame{
		`text fin "hello"`:               wstest.Text("hello"),
		`close fin 1002 "why"`:           wstest.Close(1002, "why"),
		`continuation rsv1 rsv2 rsv3 ""`: {RSV1: true, RSV2: true, RSV3: true},
		`opcode 0xb wrong-mask length-form-16 length 7 instead of 1 "x"`: {Opcode: 11, WrongMask: true, LengthForm: 16,
			Length: new(uint64(7)), Payload: []byte("x")},
		`binary fin "` + strings.Repeat("a", 80) + `"… (81 bytes)`: wstest.Binary(bytes.Repeat([]byte("a"), 81)),
	} {
		if got := f.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Whatever ReadFrame takes, Append gives back byte for byte.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x81\x05Hello"))
	f.Add([]byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"))
	f.Add([]byte("\x02\x7e\x00\x02ab"))
	f.Add([]byte("\x02\x7f\x00\x00\x00\x00\x00\x00\x00\x02ab"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		frame, err := wstest.ReadFrame(r)
		if err != nil {
			return
		}
		if got, want := frame.Append(nil), wire[:len(wire)-r.Len()]; !bytes.Equal(got, want) {
			t.Errorf("read % x, wrote % x", want, got)
		}
	})
}
