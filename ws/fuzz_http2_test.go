package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// h2Bytes is what a server says in frames.
func h2Bytes(say func(*http2.Framer)) []byte {
	var b bytes.Buffer
	f := http2.NewFramer(&b, nil)
	f.AllowIllegalWrites = true
	say(f)
	return b.Bytes()
}

// FuzzHTTP2Dial has a server say anything at all over HTTP/2, and go: Dial returns, whatever came, and so does every read, with
// errors that are what they should be.
func FuzzHTTP2Dial(f *testing.F) {
	var ok bytes.Buffer
	enc := hpack.NewEncoder(&ok)
	enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	opened := func(then func(*http2.Framer)) func(*http2.Framer) {
		return func(f *http2.Framer) {
			f.WriteSettings(connectProtocol)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: ok.Bytes(), EndHeaders: true})
			then(f)
		}
	}
	hello := wstest.Bytes(wstest.Text("hello"), wstest.Ping(""), wstest.Close(1000, "bye"))
	for _, say := range []func(*http2.Framer){
		func(*http2.Framer) {},
		func(f *http2.Framer) { f.WriteSettings() },
		opened(func(f *http2.Framer) { f.WriteData(1, true, hello) }),
		opened(func(f *http2.Framer) {
			f.WriteDataPadded(1, false, hello[:3], make([]byte, 9))
			f.WriteData(1, true, hello[3:])
		}),
		opened(func(f *http2.Framer) { f.WriteData(1, false, hello); f.WriteRSTStream(1, http2.ErrCodeCancel) }),
		opened(func(f *http2.Framer) { f.WriteGoAway(1, http2.ErrCodeNo, []byte("x")); f.WritePing(false, [8]byte{}) }),
		opened(func(f *http2.Framer) { f.WriteWindowUpdate(0, 1<<30); f.WriteWindowUpdate(1, 1<<30) }),
		opened(func(f *http2.Framer) {
			f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true})
		}),
	} {
		f.Add(h2Bytes(say))
	}
	f.Fuzz(func(t *testing.T, says []byte) {
		near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 1 << 20})
		said := make(chan struct{})
		go func() {
			defer close(said)
			go func() {
				far.Write(says)
				far.CloseWrite()
			}()
			io.Copy(io.Discard, far)
			far.Close()
		}()
		defer func() { <-said }()
		c, err := ws.Dial(context.Background(), "ws://host.test/", &ws.DialOptions{
			HTTPVersion: 2,
			NetDial:     func(context.Context, string, string) (net.Conn, error) { return near, nil },
		})
		if err != nil {
			if _, ok := errors.AsType[*ws.HandshakeError](err); !ok {
				t.Errorf("Dial: %v", err)
			}
			return
		}
		defer c.CloseNow()
		for {
			_, _, err := c.Read(context.Background())
			if err == nil {
				continue
			}
			if _, ok := errors.AsType[*ws.CloseError](err); !ok {
				t.Errorf("Read: %v", err)
			}
			return
		}
	})
}
