package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// frameCase is what a peer sends, in whichever role, and what must come of it.
type frameCase struct {
	name   string // with the section of RFC 6455
	frames []wstest.Frame
	want   string // messages delivered, as "text:hello binary:…"
	code   ws.Code
	cause  string // part of the error
	limit  int64

	deflate *ws.DeflateParams
}

func raw(opcode byte, fin bool, payload string) wstest.Frame {
	return wstest.Frame{Opcode: opcode, Fin: fin, Payload: []byte(payload)}
}

func with(f wstest.Frame, change func(*wstest.Frame)) wstest.Frame {
	change(&f)
	return f
}

func declared(n uint64) func(*wstest.Frame) {
	return func(f *wstest.Frame) { f.Length = &n }
}

var frameCases = []frameCase{
	{name: "5.6 text", frames: []wstest.Frame{wstest.Text("hello")}, want: "text:hello"},
	{name: "5.6 binary", frames: []wstest.Frame{wstest.Binary([]byte{0xff, 0})}, want: "binary:\xff\x00"},
	{name: "5.6 empty", frames: []wstest.Frame{wstest.Text(""), wstest.Binary(nil)}, want: "text: binary:"},
	{name: "5.4 fragments", frames: wstest.Fragments(wstest.OpText, "he", "", "llo"), want: "text:hello"},
	{name: "5.4 ping between fragments", frames: []wstest.Frame{raw(1, false, "a"), wstest.Ping("p"), raw(0, true, "b")}, want: "text:ab"},
	{name: "5.4 continuation first", frames: []wstest.Frame{raw(0, true, "x")}, code: 1002, cause: "continuation"},
	{name: "5.4 continuation after a message", frames: []wstest.Frame{wstest.Text("a"), raw(0, true, "x")}, want: "text:a", code: 1002, cause: "continuation"},
	{name: "5.4 text inside a text", frames: []wstest.Frame{raw(1, false, "a"), raw(1, true, "b")}, code: 1002, cause: "new message"},
	{name: "5.4 binary inside a text", frames: []wstest.Frame{raw(1, false, "a"), raw(2, false, "b")}, code: 1002, cause: "new message"},

	{name: "5.2 RSV1 without extension", frames: []wstest.Frame{with(wstest.Text("a"), func(f *wstest.Frame) { f.RSV1 = true })}, code: 1002, cause: "RSV1"},
	{name: "5.2 RSV2", frames: []wstest.Frame{with(wstest.Text("a"), func(f *wstest.Frame) { f.RSV2 = true })}, code: 1002, cause: "RSV2"},
	{name: "5.2 RSV3 on a ping", frames: []wstest.Frame{with(wstest.Ping("a"), func(f *wstest.Frame) { f.RSV3 = true })}, code: 1002, cause: "RSV3"},
	{name: "5.2 RSV3 on a continuation", frames: []wstest.Frame{raw(1, false, "a"), with(raw(0, true, "a"), func(f *wstest.Frame) { f.RSV3 = true })}, code: 1002, cause: "RSV3"},
	{name: "5.2 reserved opcode 3", frames: []wstest.Frame{raw(3, true, "")}, code: 1002, cause: "opcode"},
	{name: "5.2 reserved opcode 7", frames: []wstest.Frame{wstest.Text("a"), raw(7, true, "x")}, want: "text:a", code: 1002, cause: "opcode"},
	{name: "5.2 reserved opcode 11", frames: []wstest.Frame{raw(11, true, "")}, code: 1002, cause: "opcode"},
	{name: "5.2 reserved opcode 15", frames: []wstest.Frame{raw(15, true, "x")}, code: 1002, cause: "opcode"},
	{name: "5.2 length 125", frames: []wstest.Frame{wstest.Text(strings.Repeat("x", 125))}, want: "text:" + strings.Repeat("x", 125)},
	{name: "5.2 length 126", frames: []wstest.Frame{wstest.Text(strings.Repeat("x", 126))}, want: "text:" + strings.Repeat("x", 126)},
	{name: "5.2 length 65535", frames: []wstest.Frame{wstest.Text(strings.Repeat("x", 65535))}, want: "text:" + strings.Repeat("x", 65535)},
	{name: "5.2 length 65536", frames: []wstest.Frame{wstest.Text(strings.Repeat("x", 65536))}, want: "text:" + strings.Repeat("x", 65536)},
	{name: "5.2 16-bit length that fits 7", frames: []wstest.Frame{with(wstest.Text("a"), func(f *wstest.Frame) { f.LengthForm = 16 })}, code: 1002, cause: "minimal"},
	{name: "5.2 64-bit length that fits 7", frames: []wstest.Frame{with(wstest.Text("a"), func(f *wstest.Frame) { f.LengthForm = 64 })}, code: 1002, cause: "minimal"},
	{name: "5.2 64-bit length that fits 16", frames: []wstest.Frame{with(wstest.Binary(make([]byte, 65535)), func(f *wstest.Frame) { f.LengthForm = 64 })}, code: 1002, cause: "minimal"},
	{name: "5.2 top bit of the length", frames: []wstest.Frame{with(wstest.Binary(nil), declared(1<<63))}, code: 1002, cause: "top bit"},
	{name: "5.2 all bits of the length", frames: []wstest.Frame{with(wstest.Binary(nil), declared(1<<64-1))}, code: 1002, cause: "top bit"},
	{name: "10.4 length 2^62", frames: []wstest.Frame{with(wstest.Binary(nil), declared(1<<62))}, code: 1009, cause: "MessageLimit"},

	{name: "5.5 fragmented ping", frames: []wstest.Frame{raw(9, false, "")}, code: 1002, cause: "fragmented"},
	{name: "5.5 fragmented close", frames: []wstest.Frame{raw(8, false, "")}, code: 1002, cause: "fragmented"},
	{name: "5.5 ping of 126 bytes", frames: []wstest.Frame{raw(9, true, strings.Repeat("x", 126))}, code: 1002, cause: "125"},
	{name: "5.5 close of 126 bytes", frames: []wstest.Frame{raw(8, true, "\x03\xe8"+strings.Repeat("x", 124))}, code: 1002, cause: "125"},
	{name: "5.5.1 close of one byte", frames: []wstest.Frame{raw(8, true, "\x03")}, code: 1002, cause: "one byte"},
	{name: "5.5.1 reason is not UTF-8", frames: []wstest.Frame{raw(8, true, "\x03\xe8\xff")}, code: 1007, cause: "reason"},
	{name: "5.5.1 close inside a fragmented message", frames: []wstest.Frame{raw(1, false, "a"), wstest.Close(1000, "")}, code: 1000},
	{name: "5.5.1 nothing after the close frame", frames: []wstest.Frame{wstest.Close(1000, ""), wstest.Text("late")}, code: 1000},
	{name: "5.5.2 ping", frames: []wstest.Frame{wstest.Ping(strings.Repeat("p", 125)), wstest.Text("a")}, want: "text:a"},
	{name: "5.5.3 unsolicited pong", frames: []wstest.Frame{wstest.Pong("12345678"), wstest.Pong(""), wstest.Text("a")}, want: "text:a"},

	{name: "8.1 UTF-8", frames: []wstest.Frame{wstest.Text("κόσμε\U0010ffff")}, want: "text:κόσμε\U0010ffff"},
	{name: "8.1 invalid", frames: []wstest.Frame{wstest.Text("a\xffb")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 surrogate", frames: []wstest.Frame{wstest.Text("\xed\xa0\x80")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 overlong", frames: []wstest.Frame{wstest.Text("\xc0\xaf")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 beyond U+10FFFF", frames: []wstest.Frame{wstest.Text("\xf4\x90\x80\x80")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 cut at the end", frames: []wstest.Frame{wstest.Text("\xce")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 cut at the end of the last fragment", frames: wstest.Fragments(wstest.OpText, "a", "\xf0\x9f\x98"), code: 1007, cause: "inside"},
	{name: "8.1 split over fragments", frames: wstest.Fragments(wstest.OpText, "\xf0", "\x9f", "", "\x98", "\x80!"), want: "text:\U0001f600!"},
	{name: "8.1 fails at the first bad fragment", frames: []wstest.Frame{raw(1, false, "a\xc0")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 fails at the second byte of a sequence", frames: []wstest.Frame{raw(1, false, "\xe0"), raw(0, false, "\x80")}, code: 1007, cause: "UTF-8"},
	{name: "8.1 fails inside an unfinished frame", frames: []wstest.Frame{with(wstest.Text("abc\xff"), declared(100))}, code: 1007, cause: "UTF-8"},
	{name: "8.1 fails inside a large unfinished frame", frames: []wstest.Frame{with(wstest.Text(strings.Repeat("é", 30000)+"\xff"), declared(900000))}, code: 1007, cause: "UTF-8"},
	{name: "8.1 binary is any bytes", frames: []wstest.Frame{wstest.Binary([]byte("\xff\xfe"))}, want: "binary:\xff\xfe"},

	{name: "10.4 limit exactly", limit: 1000, frames: []wstest.Frame{wstest.Binary(make([]byte, 1000))}, want: "binary:" + strings.Repeat("\x00", 1000)},
	{name: "10.4 limit plus one", limit: 1000, frames: []wstest.Frame{wstest.Binary(make([]byte, 1001))}, code: 1009, cause: "MessageLimit"},
	{name: "10.4 limit before the payload", limit: 1000, frames: []wstest.Frame{with(wstest.Binary(nil), declared(1001))}, code: 1009, cause: "1000 bytes"},
	{name: "10.4 limit over fragments", limit: 1000, frames: []wstest.Frame{raw(2, false, strings.Repeat("x", 600)), raw(0, true, strings.Repeat("x", 401))}, code: 1009, cause: "MessageLimit"},
	{name: "10.4 small limit takes fragments", limit: 10, frames: wstest.Fragments(wstest.OpBinary, "123", "456", "7890"), want: "binary:1234567890"},
	{name: "10.4 tiny fragments are charged", limit: 64 << 10, frames: tiny(1025), code: 1009, cause: "MessageLimit"},
	{name: "10.4 no limit", limit: -1, frames: []wstest.Frame{wstest.Binary(make([]byte, 2<<20))}, want: "binary:" + strings.Repeat("\x00", 2<<20)},
}

// tiny is a message of n empty fragments, not finished.
func tiny(n int) []wstest.Frame {
	frames := []wstest.Frame{raw(2, false, "")}
	for range n - 1 {
		frames = append(frames, raw(0, false, ""))
	}
	return frames
}

// Every rule holds in both roles, however the bytes arrive, whichever way one reads.
func TestFrameRules(t *testing.T) {
	for _, tc := range frameCases {
		for _, client := range []bool{false, true} {
			for _, chop := range []int{0, 1} {
				if chop == 1 && tc.size() > 20000 {
					continue
				}
				for _, way := range ways {
					t.Run(fmt.Sprintf("%s/client=%v/chop=%d/%s", tc.name, client, chop, way.name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { tc.run(t, client, chop, way.read) })
					})
				}
			}
		}
	}
}

func (tc *frameCase) size() (n int) {
	for _, f := range tc.frames {
		n += len(f.Payload)
	}
	return n
}

func (tc *frameCase) run(t *testing.T, client bool, chop int, read readAll) {
	a, b := wstest.Pipe(&wstest.PipeOptions{Chop: chop, Buffer: 8 << 20})
	c := ws.NewConn(a, ws.ConnOptions{Client: client, Deflate: tc.deflate, Options: ws.Options{MessageLimit: tc.limit}})
	defer c.CloseNow()
	peer := wstest.ClientPeer(b)
	if client {
		peer = wstest.ServerPeer(b)
	}
	defer peer.Close()
	peer.MustSend(t, tc.frames...)
	go func() {
		synctest.Wait()
		if tc.code == 0 {
			peer.CloseWrite()
		}
	}()
	got, err := read(t.Context(), c)
	if s := strings.Join(got, " "); s != tc.want {
		t.Errorf("delivered %s, want %s", short(s), short(tc.want))
	}
	var ce *ws.CloseError
	if !errors.As(err, &ce) {
		t.Fatalf("error %v, want a CloseError", err)
	}
	if tc.code == 0 {
		if ce.Code != ws.CodeAbnormal || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after the end of the stream: %v", err)
		}
		return
	}
	if ce.Code != tc.code || ce.Remote != (tc.cause == "") || !strings.Contains(err.Error(), tc.cause) {
		t.Errorf("error %v (remote %v), want code %d and %q", err, ce.Remote, tc.code, tc.cause)
	}
	for {
		f := peer.MustNext(t)
		if f.Opcode == wstest.OpPong {
			continue
		}
		if want := wstest.Close(tc.code, ""); f.Opcode != want.Opcode || !bytes.HasPrefix(f.Payload, want.Payload) {
			t.Errorf("answer %v, want a close frame with %d", f, tc.code)
		}
		break
	}
}

func short(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%q… (%d bytes)", s[:60], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// readAll reads until the end, one way or the other.
type readAll func(context.Context, *ws.Conn) ([]string, error)

var ways = []struct {
	name string
	read readAll
}{
	{"Read", func(ctx context.Context, c *ws.Conn) (got []string, err error) {
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return got, err
			}
			got = append(got, typ.String()+":"+string(p))
		}
	}},
	{"Messages", func(ctx context.Context, c *ws.Conn) (got []string, err error) {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return got, err
			}
			got = append(got, m.Type.String()+":"+string(m.Data))
		}
		return got, context.Cause(c.Context())
	}},
	{"Run", func(ctx context.Context, c *ws.Conn) (got []string, err error) {
		err = c.Run(ctx, ws.Events{Message: func(_ *ws.Conn, typ ws.Type, p []byte) error {
			got = append(got, typ.String()+":"+string(p))
			return nil
		}})
		if err == nil {
			err = context.Cause(c.Context())
		}
		return got, err
	}},
	{"Reader", func(ctx context.Context, c *ws.Conn) (got []string, err error) {
		for {
			typ, r, err := c.Reader(ctx)
			if err != nil {
				return got, err
			}
			p, err := io.ReadAll(r)
			if err != nil {
				return got, err
			}
			got = append(got, typ.String()+":"+string(p))
		}
	}},
}

// Every close code is either taken and echoed, or a protocol error (RFC 6455 §7.4).
func TestCloseCodes(t *testing.T) {
	for code := range 5002 {
		legal := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		if !legal && code > 20 && code < 990 || code > 3010 && code < 4990 {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
			defer c.CloseNow()
			defer peer.Close()
			peer.MustSend(t, raw(wstest.OpClose, true, string([]byte{byte(code >> 8), byte(code)})+"bye"))
			_, _, err := c.Read(t.Context())
			want := ws.Code(code)
			if !legal {
				want = ws.CodeProtocolError
			}
			var ce *ws.CloseError
			if !errors.As(err, &ce) || ce.Code != want || ce.Remote != legal || legal && ce.Reason != "bye" {
				t.Errorf("close code %d: %v", code, err)
			}
			peer.ExpectClose(t, want)
		})
	}
}

// A frame of the wrong side is refused: masks come from clients only (RFC 6455 §5.1).
func TestMaskRule(t *testing.T) {
	for _, client := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: client})
			defer c.CloseNow()
			defer peer.Close()
			f := wstest.Text("x")
			f.WrongMask = true
			peer.MustSend(t, f)
			_, _, err := c.Read(t.Context())
			if ws.CloseCode(err) != ws.CodeProtocolError || !strings.Contains(err.Error(), "masked") {
				t.Errorf("client=%v: %v", client, err)
			}
			peer.ExpectClose(t, ws.CodeProtocolError)
		})
	}
}

// A key of zero is a legal mask.
func TestZeroMask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
		defer c.CloseNow()
		defer peer.Close()
		peer.MustSendRaw(t, []byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'})
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hi" {
			t.Errorf("read %q, %v", p, err)
		}
	})
}
