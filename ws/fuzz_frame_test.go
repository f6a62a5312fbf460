package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// events reads a whole stream and says what came of it, in the words of the second decoder.
func events(t *testing.T, stream []byte, fromClient bool, limit int64, chop int, whole bool) (got []wstest.Event) {
	a, b := wstest.Pipe(&wstest.PipeOptions{Buffer: len(stream) + 1, Chop: chop})
	defer b.Close()
	if _, err := b.Write(stream); err != nil {
		t.Fatal(err)
	}
	if err := b.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c := ws.NewConn(a, ws.ConnOptions{Client: !fromClient, Options: ws.Options{MessageLimit: limit, PingInterval: -1, ProgressTimeout: -1}})
	defer c.CloseNow()
	go io.Copy(io.Discard, b)
	add := func(kind wstest.EventKind, p []byte) {
		got = append(got, wstest.Event{Kind: kind, Payload: bytes.Clone(p)})
	}
	message := func(typ ws.Type, p []byte) {
		if typ == ws.Text {
			add(wstest.EventText, p)
		} else {
			add(wstest.EventBinary, p)
		}
	}
	var err error
	if whole {
		err = c.Run(context.Background(), ws.Events{
			Message: func(_ *ws.Conn, typ ws.Type, p []byte) error { message(typ, p); return nil },
			Ping:    func(_ *ws.Conn, p []byte) { add(wstest.EventPing, p) },
			Pong:    func(_ *ws.Conn, p []byte) { add(wstest.EventPong, p) },
		})
		if err == nil {
			err = context.Cause(c.Context())
		}
	} else {
		for err == nil {
			var typ ws.Type
			var r io.Reader
			var p []byte
			if typ, r, err = c.Reader(context.Background()); err == nil {
				if p, err = io.ReadAll(r); err == nil {
					message(typ, p)
				}
			}
		}
	}
	var ce *ws.CloseError
	switch {
	case !errors.As(err, &ce):
		t.Fatal(err)
	case ce.Remote && ce.Code == ws.CodeAbnormal:
	case ce.Remote:
		got = append(got, wstest.Event{Kind: wstest.EventClose, Code: ce.Code, Reason: ce.Reason})
	default:
		got = append(got, wstest.Event{Kind: wstest.EventFail, Code: ce.Code})
	}
	return got
}

// fuzzFrames compares what a connection makes of any bytes, however they are chopped, with a second decoder.
func fuzzFrames(f *testing.F, fromClient bool) {
	for _, tc := range frameCases {
		if tc.size() < 200 {
			frames := make([]wstest.Frame, len(tc.frames))
			for i, fr := range tc.frames {
				if frames[i] = fr; fromClient {
					frames[i] = clientFrame(fr)
				}
			}
			f.Add(wstest.Bytes(frames...), tc.limit, len(f.Name())%5)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, limit int64, chop int) {
		if limit <= 0 {
			limit = 1 << 40
		}
		want := wstest.Decode(stream, wstest.DecodeOptions{FromClient: fromClient, Limit: limit})
		got := events(t, stream, fromClient, limit, max(0, chop%20), true)
		if !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
			t.Errorf("Run: got %v, want %v", got, want)
		}
		messages := want[:0:0]
		for _, e := range want {
			if e.Kind != wstest.EventPing && e.Kind != wstest.EventPong {
				messages = append(messages, e)
			}
		}
		got = events(t, stream, fromClient, limit, max(0, chop%20), false)
		if !cmp.Equal(got, messages, cmpopts.EquateEmpty()) {
			t.Errorf("Reader: got %v, want %v", got, messages)
		}
	})
}

func FuzzFramesFromClient(f *testing.F) { fuzzFrames(f, true) }

func FuzzFramesFromServer(f *testing.F) { fuzzFrames(f, false) }
