package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// h2Script is a server that says what it likes.
type h2Script struct {
	*http2.Framer
	conn *wstest.PipeConn
}

var (
	connectProtocol = http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}
)

// until reads frames up to one of a type, and returns it.
func (s *h2Script) until(kind http2.FrameType) (http2.Frame, error) {
	for {
		f, err := s.ReadFrame()
		if err != nil {
			return nil, err
		}
		if h := f.Header(); h.Type == kind && !(kind == http2.FrameSettings && h.Flags.Has(http2.FlagSettingsAck)) {
			return f, nil
		}
	}
}

// fields sends a header block. Every two words are a field.
func (s *h2Script) fields(end bool, words ...string) {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for i := 0; i < len(words); i += 2 {
		enc.WriteField(hpack.HeaderField{Name: words[i], Value: words[i+1]})
	}
	s.block(end, b.Bytes())
}

func (s *h2Script) block(end bool, b []byte) {
	first := b[:min(len(b), 16<<10)]
	b = b[len(first):]
	s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndHeaders: len(b) == 0, EndStream: end})
	for len(b) > 0 {
		next := b[:min(len(b), 16<<10)]
		b = b[len(next):]
		s.WriteContinuation(1, len(b) == 0, next)
	}
}

// accept does what a good server does, up to its answer.
func (s *h2Script) accept(settings ...http2.Setting) {
	s.WriteSettings(append(settings, connectProtocol)...)
	s.until(http2.FrameHeaders)
	s.fields(false, ":status", "200")
}

// h2Dial dials a script in a bubble, and hands the connection to use. What the script does after its end is up to the other
// side: it reads until that closes the connection, and the frames that it got so are returned.
func h2Dial(t *testing.T, o *ws.DialOptions, script func(*h2Script), use func(*testing.T, *ws.Conn)) (frames []string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if o == nil {
			o = &ws.DialOptions{}
		}
		o.HTTPVersion = 2
		done := make(chan struct{})
		o.NetDial = func(context.Context, string, string) (net.Conn, error) {
			a, b := wstest.Pipe(&wstest.PipeOptions{Buffer: 4 << 20})
			go func() {
				defer close(done)
				defer b.Close()
				preface := make([]byte, len(http2.ClientPreface))
				if _, err := io.ReadFull(b, preface); err != nil || string(preface) != http2.ClientPreface {
					t.Errorf("the preface is %q, %v", preface, err)
				}
				s := &h2Script{http2.NewFramer(b, b), b}
				s.AllowIllegalWrites = true
				script(s)
				for {
					f, err := s.ReadFrame()
					if err != nil {
						return
					}
					name := f.Header().Type.String()
					switch f := f.(type) {
					case *http2.GoAwayFrame:
						name += " " + f.ErrCode.String()
					case *http2.RSTStreamFrame:
						name += " " + f.ErrCode.String()
					case *http2.DataFrame:
						if f.StreamEnded() {
							name += " END_STREAM"
						}
					}
					frames = append(frames, name)
				}
			}()
			return a, nil
		}
		var c *ws.Conn
		if c, err = ws.Dial(context.Background(), "ws://host.test/chat", o); err == nil {
			use(t, c)
			c.CloseNow()
		}
		<-done
	})
	return frames, err
}

// Servers that fail the handshake, and what Dial says of it.
func TestHTTP2BadAnswers(t *testing.T) {
	settled := func(then func(*h2Script)) func(*h2Script) {
		return func(s *h2Script) {
			s.WriteSettings(connectProtocol)
			s.until(http2.FrameHeaders)
			then(s)
		}
	}
	for name, tc := range map[string]struct {
		script  func(*h2Script)
		offer   offering
		because string
		status  int
		told    string // GOAWAY code
	}{
		"RFC 8441 §3 no setting":        {script: func(s *h2Script) { s.WriteSettings() }, because: "SETTINGS_ENABLE_CONNECT_PROTOCOL"},
		"RFC 8441 §3 setting 0":         {script: func(s *h2Script) { s.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol}) }, because: "SETTINGS_ENABLE_CONNECT_PROTOCOL"},
		"RFC 8441 §3 setting 2":         {script: func(s *h2Script) { s.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 2}) }, because: "invalid setting", told: "PROTOCOL_ERROR"},
		"RFC 8441 §3 withdrawn":         {script: settled(func(s *h2Script) { s.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol}) }), because: "was 1 and is 0", told: "PROTOCOL_ERROR"},
		"RFC 9113 §3.4 no settings":     {script: func(s *h2Script) { s.WritePing(false, [8]byte{}) }, because: "does not speak HTTP/2"},
		"RFC 9113 §3.4 HTTP/1.1":        {script: func(s *h2Script) { io.WriteString(s.conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }, because: "does not speak HTTP/2"},
		"RFC 9113 §3.4 nothing":         {script: func(s *h2Script) { s.conn.Close() }, because: "EOF"},
		"RFC 9113 §4.2 frame too large": {script: func(s *h2Script) { s.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 18000)) }, because: "larger than", told: "FRAME_SIZE_ERROR"},
		"RFC 9113 §6.5 odd settings":    {script: func(s *h2Script) { s.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }, because: "FRAME_SIZE_ERROR", told: "FRAME_SIZE_ERROR"},
		"RFC 9113 §6.5 on a stream":     {script: func(s *h2Script) { s.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }, because: "PROTOCOL_ERROR", told: "PROTOCOL_ERROR"},
		"RFC 9113 §6.5.2 window":        {script: func(s *h2Script) { s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}) }, because: "FLOW_CONTROL_ERROR", told: "FLOW_CONTROL_ERROR"},
		"RFC 9113 §6.8 GOAWAY at once": {script: func(s *h2Script) {
			s.WriteSettings(connectProtocol)
			s.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("busy"))
		}, because: `ENHANCE_YOUR_CALM): "busy"`},
		"RFC 9113 §6.8 GOAWAY for us":    {script: settled(func(s *h2Script) { s.WriteGoAway(0, http2.ErrCodeNo, nil) }), because: "GOAWAY NO_ERROR"},
		"RFC 9113 §6.4 RST_STREAM":       {script: settled(func(s *h2Script) { s.WriteRSTStream(1, http2.ErrCodeRefusedStream) }), because: "REFUSED_STREAM"},
		"RFC 9113 §7 HTTP/1.1 wanted":    {script: settled(func(s *h2Script) { s.WriteRSTStream(1, http2.ErrCodeHTTP11Required) }), because: "use HTTP/1.1"},
		"RFC 9113 §6.4 RST of another":   {script: settled(func(s *h2Script) { s.WriteRSTStream(3, http2.ErrCodeCancel) }), because: "stream 3", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.1 DATA first":       {script: settled(func(s *h2Script) { s.WriteData(1, false, []byte("x")) }), because: "DATA on stream 1", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.3.2 no status":      {script: settled(func(s *h2Script) { s.fields(false, "x", "y") }), because: "status", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.3.2 odd status":     {script: settled(func(s *h2Script) { s.fields(false, ":status", "2000") }), because: "status", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.6 status 101":       {script: settled(func(s *h2Script) { s.fields(false, ":status", "101") }), because: "101", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.3 request's fields": {script: settled(func(s *h2Script) { s.fields(false, ":status", "200", ":path", "/") }), because: "PROTOCOL_ERROR", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.2 upper case":       {script: settled(func(s *h2Script) { s.fields(false, ":status", "200", "Upper", "x") }), because: "PROTOCOL_ERROR", told: "PROTOCOL_ERROR"},
		"RFC 9113 §8.4 push": {script: settled(func(s *h2Script) {
			s.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}), because: "PUSH_PROMISE", told: "PROTOCOL_ERROR"},
		"RFC 9113 §6.9 WINDOW_UPDATE 0": {script: settled(func(s *h2Script) { s.WriteRawFrame(http2.FrameWindowUpdate, 0, 0, make([]byte, 4)) }), because: "PROTOCOL_ERROR", told: "PROTOCOL_ERROR"},
		"RFC 9113 §6.9.1 overflow":      {script: settled(func(s *h2Script) { s.WriteWindowUpdate(1, 1<<31-1) }), because: "2^31-1", told: "FLOW_CONTROL_ERROR"},
		"RFC 7541 malformed block":      {script: settled(func(s *h2Script) { s.block(false, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) }), because: "COMPRESSION_ERROR", told: "COMPRESSION_ERROR"},
		"RFC 9113 §10.5.1 large header": {script: settled(func(s *h2Script) { s.fields(false, ":status", "200", "x", strings.Repeat("~", 100_000)) }), because: "the rules of HTTP/2"},
		"RFC 9113 §10.5 CONTINUATION": {script: settled(func(s *h2Script) {
			s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1})
			for range 100_000 {
				if s.WriteContinuation(1, false, []byte("\x00\x01a\x01b")) != nil {
					return
				}
			}
		}), because: "the rules of HTTP/2"},
		"RFC 9113 §10.5 settings without end": {script: func(s *h2Script) {
			s.conn.SetReadDeadline(time.Now())
			s.WriteSettings(connectProtocol, http2.Setting{ID: http2.SettingMaxConcurrentStreams})
			for range 1 << 20 {
				if s.WriteSettings() != nil {
					return
				}
			}
		}, because: "more answers than it reads"},
		"informational answers without end": {script: settled(func(s *h2Script) {
			for range 7 {
				s.fields(false, ":status", "103")
			}
		}), because: "informational"},
		"RFC 8441 §5 status 404":             {script: settled(func(s *h2Script) { s.fields(false, ":status", "404"); s.WriteData(1, true, []byte("not here")) }), because: "refused", status: 404},
		"RFC 8441 §5 status 501, no body":    {script: settled(func(s *h2Script) { s.fields(true, ":status", "501") }), because: "refused", status: 501},
		"RFC 8441 §5 status 302":             {script: settled(func(s *h2Script) { s.fields(true, ":status", "302", "location", "/x") }), because: "refused", status: 302},
		"RFC 8441 §5 403, reset in the body": {script: settled(func(s *h2Script) { s.fields(false, ":status", "403"); s.WriteRSTStream(1, http2.ErrCodeNo) }), because: "refused", status: 403},
		"RFC 6455 §4.1 (6) unasked":          {script: settled(func(s *h2Script) { s.fields(false, ":status", "200", "sec-websocket-protocol", "chat") }), because: "subprotocol", status: 200},
		"RFC 6455 §4.1 (5) unasked":          {script: settled(func(s *h2Script) { s.fields(false, ":status", "200", "sec-websocket-extensions", "permessage-deflate") }), because: "not offered", status: 200},
		"RFC 7692 §7.1.1.1 takeover refused": {script: settled(func(s *h2Script) { s.fields(false, ":status", "200", "sec-websocket-extensions", "permessage-deflate") }), offer: offerDeflate, because: "server_no_context_takeover", status: 200},
		"RFC 6455 §4.1 (6) two subprotocols": {script: settled(func(s *h2Script) {
			s.fields(false, ":status", "200", "sec-websocket-protocol", "chat", "sec-websocket-protocol", "chat")
		}), offer: offerChat, because: "subprotocol", status: 200},
		"silence":                            {script: settled(func(*h2Script) {}), because: "deadline exceeded"},
		"silence before settings":            {script: func(*h2Script) {}, because: "deadline exceeded"},
		"pings that nobody lets be answered": {script: pingFlood, because: "more answers than it reads"},
		"a header of ours that is too large": {script: func(s *h2Script) {
			s.WriteSettings(connectProtocol, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 100})
		}, because: "the server takes 100"},
		"RFC 9113 §5.1.2 no streams for ever": {script: func(s *h2Script) {
			s.WriteSettings(connectProtocol, http2.Setting{ID: http2.SettingMaxConcurrentStreams})
		}, because: "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := h2Dial(t, tc.offer.options(), tc.script, func(t *testing.T, c *ws.Conn) { t.Error("connected") })
			he, ok := errors.AsType[*ws.HandshakeError](err)
			if !ok || he.Status != tc.status || !strings.Contains(err.Error(), tc.because) {
				t.Errorf("%v, want status %d and %q", err, tc.status, tc.because)
			}
			if tc.status == 404 && string(he.Body) != "not here" {
				t.Errorf("body %q", he.Body)
			}
			if all := strings.Join(frames, ", "); tc.told != "" && !strings.Contains(all, "GOAWAY "+tc.told) {
				t.Errorf("the server is told %s, want GOAWAY %s", all, tc.told)
			}
		})
	}
}

// pingFlood sends pings and reads nothing.
func pingFlood(s *h2Script) {
	s.WriteSettings(connectProtocol, http2.Setting{ID: http2.SettingMaxConcurrentStreams})
	for range 1 << 20 {
		if s.WritePing(false, [8]byte{}) != nil {
			return
		}
	}
}

// What a server may do to a connection, and how that ends then.
func TestHTTP2Ends(t *testing.T) {
	text := wstest.Bytes(wstest.Text("last words"))
	for name, tc := range map[string]struct {
		script  func(*h2Script)
		because string
		told    string // a frame that the server gets
		words   bool   // a message comes first
	}{
		"END_STREAM":           {script: func(s *h2Script) { s.WriteData(1, true, text) }, because: "EOF", words: true, told: "DATA END_STREAM"},
		"END_STREAM by itself": {script: func(s *h2Script) { s.WriteData(1, true, nil) }, because: "EOF", told: "DATA END_STREAM"},
		"trailers":             {script: func(s *h2Script) { s.WriteData(1, false, text); s.fields(true, "x", "y") }, because: "EOF", words: true},
		"RST_STREAM":           {script: func(s *h2Script) { s.WriteData(1, false, text); s.WriteRSTStream(1, http2.ErrCodeCancel) }, because: "reset the HTTP/2 stream (CANCEL)", words: true},
		"END_STREAM, then RST": {script: func(s *h2Script) { s.WriteData(1, true, text); s.WriteRSTStream(1, http2.ErrCodeNo) }, because: "EOF", words: true},
		"cut":                  {script: func(s *h2Script) { s.conn.Close() }, because: "EOF"},
		"reset":                {script: func(s *h2Script) { time.Sleep(time.Second); s.conn.Reset() }, because: "reset"},
		"cut inside a frame":   {script: func(s *h2Script) { s.conn.Write([]byte{0, 1, 0, 0, 0, 0, 0, 0, 1, 0x81}); s.conn.Close() }, because: "EOF"},
		"GOAWAY, then cut": {script: func(s *h2Script) {
			s.WriteGoAway(1, http2.ErrCodeInternal, []byte("oops"))
			s.WriteData(1, false, text)
			s.conn.Close()
		}, because: `GOAWAY INTERNAL_ERROR): "oops"`, words: true},
		"GOAWAY before us":      {script: func(s *h2Script) { s.WriteGoAway(0, http2.ErrCodeNo, nil) }, because: "GOAWAY NO_ERROR"},
		"DATA behind the end":   {script: func(s *h2Script) { s.WriteData(1, true, nil); s.WriteData(1, false, text) }, because: "EOF"},
		"DATA for another":      {script: func(s *h2Script) { s.WriteData(3, false, text) }, because: "stream 3", told: "GOAWAY PROTOCOL_ERROR"},
		"a second answer":       {script: func(s *h2Script) { s.fields(false, ":status", "200") }, because: "second answer", told: "GOAWAY PROTOCOL_ERROR"},
		"too much padding":      {script: func(s *h2Script) { s.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{9, 1, 2}) }, because: "padding", told: "GOAWAY PROTOCOL_ERROR"},
		"padding without":       {script: func(s *h2Script) { s.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, nil) }, because: "padding", told: "GOAWAY FRAME_SIZE_ERROR"},
		"padded":                {script: func(s *h2Script) { s.WriteDataPadded(1, true, text, make([]byte, 200)) }, because: "EOF", words: true},
		"no more than padding":  {script: func(s *h2Script) { s.WriteDataPadded(1, true, nil, make([]byte, 200)) }, because: "EOF"},
		"a frame of 16 KiB + 1": {script: func(s *h2Script) { s.WriteData(1, false, make([]byte, 16<<10+1)) }, because: "larger than 16384", told: "GOAWAY FRAME_SIZE_ERROR"},
		"more than the window": {script: func(s *h2Script) {
			s.WriteData(1, false, []byte{0x82, 127, 0, 0, 0, 0, 0x7f, 0, 0, 0}) // a message without end
			for range 200 {
				s.WriteData(1, false, make([]byte, 16<<10)) // while nobody reads
			}
		}, because: "window"},
		"unknown frames": {script: func(s *h2Script) {
			s.WriteRawFrame(0xee, 0xff, 1, []byte("x"))
			s.WriteRawFrame(0xef, 0, 7, nil)
			s.WritePriority(1, http2.PriorityParam{StreamDep: 3})
			s.WriteData(1, true, text)
		}, because: "EOF", words: true},
		"frames of nothing": {script: func(s *h2Script) {
			for range 1000 {
				s.WriteData(1, false, nil)
			}
			s.WriteData(1, true, text)
		}, because: "EOF", words: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := &ws.DialOptions{Options: patient}
			o.MessageLimit = -1
			frames, err := h2Dial(t, o, func(s *h2Script) { s.accept(); tc.script(s) }, func(t *testing.T, c *ws.Conn) {
				if name == "more than the window" {
					synctest.Wait()
				}
				if tc.words {
					wantMessage(t, c, []byte("last words"))
				}
				_, _, err := c.Read(t.Context())
				ce, ok := errors.AsType[*ws.CloseError](err)
				if !ok || ce.Code != ws.CodeAbnormal || !ce.Remote || ce.Err == nil || !strings.Contains(err.Error(), tc.because) {
					t.Errorf("it ended with %v, want %q", err, tc.because)
				}
				if err := c.Write(t.Context(), ws.Text, nil); !errors.As(err, &ce) {
					t.Errorf("write after the end: %v", err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(frames, ", "); tc.told != "" && !strings.Contains(all, tc.told) {
				t.Errorf("the server is told %s, want %s", all, tc.told)
			}
		})
	}
}

// Windows are kept in both directions, and a Write that waits for one, with nothing sent, can be taken back.
func TestHTTP2Windows(t *testing.T) {
	var got int
	_, err := h2Dial(t, &ws.DialOptions{Options: patient}, func(s *h2Script) {
		s.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
		read := func(n int) { // n bytes of DATA, and not one more, come
			for have := 0; have < n; {
				f, err := s.until(http2.FrameData)
				if err != nil {
					t.Error(err)
					return
				}
				have += int(f.Header().Length)
				got += int(f.Header().Length)
				if have > n {
					t.Errorf("%d bytes came where %d were allowed", have, n)
				}
			}
		}
		read(10)
		time.Sleep(time.Minute)
		s.WriteWindowUpdate(1, 15)
		read(15)
		s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}) // the window is -10 now
		s.WriteWindowUpdate(1, 10)
		time.Sleep(time.Minute)
		s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		read(65535 - 25) // what the connection allows
		time.Sleep(time.Minute)
		s.WriteWindowUpdate(0, 1<<20)
		read(100_000 - (65535 - 25))
		s.WriteData(1, false, wstest.Bytes(wstest.Text("thanks")))
	}, func(t *testing.T, c *ws.Conn) {
		write := func(size int) error { return c.Write(t.Context(), ws.Binary, make([]byte, size)) }
		if err := write(4); err != nil { // 10 bytes with header and mask
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := time.AfterFunc(time.Second, func() { cancel(errMine) })
		defer stop.Stop()
		wantTakenBack(t, c, c.Write(ctx, ws.Text, []byte("never")))
		begun := time.Now()
		if err := write(9); err != nil || time.Since(begun) < 58*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if err := write(100_000 - 14); err != nil {
			t.Error(err)
		}
		wantMessage(t, c, []byte("thanks"))
	})
	if err != nil || got != 25+100_000 {
		t.Errorf("%v; %d bytes came", err, got)
	}
}

// What is read is given back to the server's windows, what is not holds it back.
func TestHTTP2Backpressure(t *testing.T) {
	const total = 8 << 20
	allowed, most := 1<<20, 0
	_, err := h2Dial(t, &ws.DialOptions{Options: patient}, func(s *h2Script) {
		s.accept()
		sent := 0
		frame := wstest.Bytes(wstest.Binary(bytes.Repeat([]byte("x"), 10_000)))
		for sent < total {
			for allowed-sent < len(frame) {
				f, err := s.until(http2.FrameWindowUpdate)
				if err != nil {
					t.Error(err)
					return
				}
				if f.Header().StreamID == 1 {
					allowed += int(f.(*http2.WindowUpdateFrame).Increment)
				}
			}
			s.WriteData(1, false, frame)
			sent += len(frame)
			most = max(most, allowed-sent)
		}
		s.WriteData(1, true, nil)
	}, func(t *testing.T, c *ws.Conn) {
		n := 0
		for {
			_, p, err := c.Read(t.Context())
			if err != nil {
				break
			}
			n += len(p)
		}
		if n < total-10_000 {
			t.Errorf("read %d bytes", n)
		}
	})
	if err != nil || allowed > total+1<<20 || most > 1<<20 {
		t.Errorf("%v; allowed %d bytes, at most %d ahead", err, allowed, most)
	}
}

// The keepalive and the timeouts go by what comes through the stream.
func TestHTTP2Timeouts(t *testing.T) {
	for name, tc := range map[string]struct {
		options ws.Options
		cause   error
		after   time.Duration
		window  uint32
		act     func(*ws.Conn) error
	}{
		"ping": {ws.Options{PingInterval: 10 * time.Second, PingTimeout: 5 * time.Second}, ws.ErrPingTimeout, 15 * time.Second, 1000,
			func(c *ws.Conn) error { _, _, err := c.Read(context.Background()); return err }},
		"write": {ws.Options{PingInterval: -1, WriteTimeout: 7 * time.Second}, ws.ErrWriteTimeout, 7 * time.Second, 0,
			func(c *ws.Conn) error { return c.Write(context.Background(), ws.Binary, make([]byte, 1<<20)) }},
		"close": {ws.Options{PingInterval: -1, CloseTimeout: 3 * time.Second}, ws.ErrCloseTimeout, 3 * time.Second, 1000,
			func(c *ws.Conn) error { return c.Close(context.Background(), 1000, "") }},
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := h2Dial(t, &ws.DialOptions{Options: tc.options}, func(s *h2Script) { s.accept(http2.Setting{ID: http2.SettingInitialWindowSize, Val: tc.window}) }, func(t *testing.T, c *ws.Conn) {
				begun := time.Now()
				if err := tc.act(c); !errors.Is(err, tc.cause) || time.Since(begun) != tc.after {
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
			})
			if all := strings.Join(frames, ", "); err != nil || !strings.HasSuffix(all, "RST_STREAM CANCEL, GOAWAY NO_ERROR") {
				t.Errorf("%v; the server is told %s", err, all)
			}
		})
	}
}

// A closing handshake in order: the server ends the stream first, and gets END_STREAM, too.
func TestHTTP2CloseFrames(t *testing.T) {
	frames, err := h2Dial(t, &ws.DialOptions{Options: patient}, func(s *h2Script) {
		s.accept()
		s.until(http2.FrameData)
		s.WriteData(1, false, wstest.Bytes(wstest.Close(1000, "")))
		s.WriteData(1, true, nil)
	}, func(t *testing.T, c *ws.Conn) {
		if err := c.Close(t.Context(), ws.CodeNormal, ""); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
	if all := strings.Join(frames, ", "); err != nil || all != "DATA END_STREAM, GOAWAY NO_ERROR" {
		t.Errorf("%v; the server is told %s", err, all)
	}
}
