package ws

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Peer is what the goroutine that reads frames knows of the server.
type h2Peer struct {
	settled    bool   // its settings have come
	extended   bool   // SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3)
	maxStreams uint32 // SETTINGS_MAX_CONCURRENT_STREAMS
	table      uint32 // SETTINGS_HEADER_TABLE_SIZE
	maxHeader  uint32 // SETTINGS_MAX_HEADER_LIST_SIZE
	initial    uint32 // SETTINGS_INITIAL_WINDOW_SIZE
	opened     bool   // the request is sent; guarded by h2Stream.mu, too
	backlog    int    // what control may hold
	interim    int    // informational answers so far
	answer     *http.Response
}

func (s *h2Stream) initPeer() {
	s.fr.SetMaxReadFrameSize(h2MaxFrame)
	s.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.fr.MaxHeaderListSize = maxAnswerHeader
	s.peer.maxStreams, s.peer.maxHeader = math.MaxUint32, math.MaxUint32
	s.peer.table, s.peer.initial, s.peer.backlog = 4096, 65535, h2MaxControl
}

// h2Error is a server's breach of the rules, for which the connection ends (RFC 9113 §5.4.1).
type h2Error struct {
	code   http2.ErrCode
	reason string
}

func (e *h2Error) Error() string {
	return fmt.Sprintf("the server breaks the rules of HTTP/2: %s (%v)", e.reason, e.code)
}

func h2Broken(code http2.ErrCode, format string, args ...any) error {
	return &h2Error{code, fmt.Sprintf(format, args...)}
}

// errH2Spoken is the end of a connection whose other side does not speak HTTP/2 at all.
var errH2Spoken = errors.New("the server does not speak HTTP/2 (without TLS it must expect it: h2c with prior knowledge): use HTTP/1.1")

// fail ends everything because of err. If the server is to blame, Close tells it.
func (s *h2Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := errors.AsType[*h2Error](err); ok {
		s.parting = e.code
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if s.goAway != nil {
		err = s.goAway
	}
	s.end(err, err)
}

// step reads one frame and does what it asks for.
func (s *h2Stream) step() error {
	h, err := s.fr.ReadFrameHeader()
	if !s.peer.settled && (err == nil || errors.Is(err, http2.ErrFrameTooLarge)) && h.Type != http2.FrameSettings {
		return errH2Spoken // RFC 9113 §3.4
	}
	if err == nil && h.Type == http2.FrameData {
		return s.receive(h)
	}
	var f http2.Frame
	if err == nil {
		f, err = s.fr.ReadFrameForHeader(h)
	}
	if err != nil {
		return s.frameFailed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.handle(f); err != nil {
		return err
	}
	if len(s.control) > s.peer.backlog {
		return h2Broken(http2.ErrCodeEnhanceYourCalm, "it asks for more answers than it reads")
	}
	s.kick()
	return nil
}

// frameFailed says what is wrong with a frame that could not be read.
func (s *h2Stream) frameFailed(err error) error {
	reason := "malformed frame"
	if d := s.fr.ErrorDetail(); d != nil {
		reason = d.Error()
	}
	var connection http2.ConnectionError
	var stream http2.StreamError
	switch {
	case errors.As(err, &connection):
		return h2Broken(http2.ErrCode(connection), "%s", reason)
	case errors.As(err, &stream): // there is no other stream that could go on
		return h2Broken(stream.Code, "%s", reason)
	case errors.Is(err, http2.ErrFrameTooLarge):
		return h2Broken(http2.ErrCodeFrameSize, "a frame is larger than %d bytes", h2MaxFrame)
	}
	return err
}

// handle does what a frame asks for. mu is held.
func (s *h2Stream) handle(f http2.Frame) error {
	id := f.Header().StreamID
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return s.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = s.fr.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		return s.widen(id, f.Increment)
	case *http2.GoAwayFrame:
		debug := f.DebugData()
		s.goAway = fmt.Errorf("the server closes the HTTP/2 connection (GOAWAY %v)", f.ErrCode)
		if len(debug) > 0 {
			s.goAway = fmt.Errorf("%w: %q", s.goAway, debug[:min(len(debug), 100)])
		}
		if !s.peer.opened || f.LastStreamID < h2StreamID {
			return s.goAway
		}
	case *http2.RSTStreamFrame:
		if id != h2StreamID || !s.peer.opened {
			return h2Broken(http2.ErrCodeProtocol, "RST_STREAM for stream %d, which is not open", id)
		}
		err := &h2Reset{f.ErrCode}
		s.end(err, err)
		if s.peer.answer == nil {
			return err
		}
	case *http2.MetaHeadersFrame:
		return s.headers(f)
	case *http2.PushPromiseFrame:
		return h2Broken(http2.ErrCodeProtocol, "PUSH_PROMISE although pushing is turned off")
	}
	return nil // whatever else there is may be ignored
}

// h2Reset is the end of a stream by RST_STREAM, which is what a TCP connection calls a reset (RFC 8441 §5).
type h2Reset struct{ code http2.ErrCode }

func (e *h2Reset) Error() string {
	s := fmt.Sprintf("the server reset the HTTP/2 stream (%v)", e.code)
	if e.code == http2.ErrCodeHTTP11Required {
		s += ": use HTTP/1.1, which it wants"
	}
	return s
}

// settings applies the server's settings (RFC 9113 §6.5). mu is held.
func (s *h2Stream) settings(f *http2.SettingsFrame) error {
	p := &s.peer
	if f.IsAck() {
		if !p.settled {
			return errH2Spoken
		}
		return nil
	}
	err := f.ForeachSetting(func(v http2.Setting) error {
		if err := v.Valid(); err != nil {
			code := http2.ErrCodeProtocol
			if ce, ok := err.(http2.ConnectionError); ok {
				code = http2.ErrCode(ce)
			}
			return h2Broken(code, "invalid setting %v", v)
		}
		switch v.ID {
		case http2.SettingHeaderTableSize:
			p.table = v.Val
		case http2.SettingMaxConcurrentStreams:
			p.maxStreams = v.Val
		case http2.SettingMaxHeaderListSize:
			p.maxHeader = v.Val
		case http2.SettingInitialWindowSize:
			s.window += int64(v.Val) - int64(p.initial)
			if s.window > math.MaxInt32 {
				return h2Broken(http2.ErrCodeFlowControl, "the window of the stream is larger than 2^31-1 bytes")
			}
			p.initial = v.Val
			s.writes.Broadcast()
		case http2.SettingEnableConnectProtocol:
			if p.extended && v.Val == 0 {
				return h2Broken(http2.ErrCodeProtocol, "SETTINGS_ENABLE_CONNECT_PROTOCOL was 1 and is 0 (RFC 8441 §3)")
			}
			p.extended = v.Val == 1
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.settled = true
	_ = s.fr.WriteSettingsAck()
	return nil
}

// widen lets us send more. mu is held.
func (s *h2Stream) widen(id, n uint32) error {
	w := &s.budget
	switch {
	case id == h2StreamID && s.peer.opened:
		w = &s.window
	case id != 0:
		return h2Broken(http2.ErrCodeProtocol, "WINDOW_UPDATE for stream %d, which is not open", id)
	}
	*w += int64(n)
	if *w > math.MaxInt32 {
		return h2Broken(http2.ErrCodeFlowControl, "a window is larger than 2^31-1 bytes")
	}
	s.writes.Broadcast()
	return nil
}

// headers takes an answer, or what ends the stream behind its data. mu is held.
func (s *h2Stream) headers(f *http2.MetaHeadersFrame) error {
	p := &s.peer
	switch {
	case f.StreamID != h2StreamID || !p.opened:
		return h2Broken(http2.ErrCodeProtocol, "HEADERS for stream %d, which is not open", f.StreamID)
	case f.Truncated:
		return h2Broken(http2.ErrCodeEnhanceYourCalm, "the header is larger than %d bytes", maxAnswerHeader)
	case s.readErr != nil:
		return h2Broken(http2.ErrCodeStreamClosed, "HEADERS behind the end of the stream")
	case p.answer != nil: // trailers, which mean nothing here
		if !f.StreamEnded() || len(f.PseudoFields()) > 0 {
			return h2Broken(http2.ErrCodeProtocol, "a second answer")
		}
		s.end(io.EOF, nil)
		return nil
	}
	text := f.PseudoValue("status")
	status, err := strconv.Atoi(text)
	if err != nil || len(text) != 3 || status < 100 || status == http.StatusSwitchingProtocols || len(f.PseudoFields()) != 1 {
		return h2Broken(http2.ErrCodeProtocol, "the answer has the status %q", text)
	}
	if status < 200 {
		if p.interim++; p.interim > 5 || f.StreamEnded() {
			return errors.New("too many informational answers")
		}
		return nil
	}
	h := make(http.Header, len(f.Fields))
	for _, field := range f.RegularFields() {
		h.Add(field.Name, field.Value)
	}
	p.answer = &http.Response{
		Status: text + " " + http.StatusText(status), StatusCode: status, Proto: "HTTP/2.0", ProtoMajor: 2, Header: h,
		ContentLength: -1, Body: http.NoBody,
	}
	if f.StreamEnded() {
		s.end(io.EOF, nil)
	}
	return nil
}

// receive reads a DATA frame to where Read finds it.
func (s *h2Stream) receive(h http2.FrameHeader) error {
	n := int(h.Length)
	s.mu.Lock()
	drop := s.readErr != nil || s.closed
	var err error
	switch {
	case h.StreamID != h2StreamID || s.peer.answer == nil:
		err = h2Broken(http2.ErrCodeProtocol, "DATA on stream %d, which is not open", h.StreamID)
	case s.readErr == io.EOF:
		err = h2Broken(http2.ErrCodeStreamClosed, "DATA behind the end of the stream")
	case n > s.room:
		err = h2Broken(http2.ErrCodeFlowControl, "more DATA than the window of %d bytes allows", h2Window)
	}
	s.room -= n
	s.mu.Unlock()
	if err != nil {
		return err
	}
	padding := 0
	if h.Flags.Has(http2.FlagDataPadded) {
		if n == 0 {
			return h2Broken(http2.ErrCodeFrameSize, "a padded frame without the length of the padding")
		}
		b, err := s.br.ReadByte()
		if err != nil {
			return err
		}
		if padding = int(b); padding >= n {
			return h2Broken(http2.ErrCodeProtocol, "more padding than there is in the frame")
		}
		n -= 1 + padding
	}
	for n > 0 && !drop {
		m, err := s.take(n)
		if err != nil {
			return err
		}
		n -= m
	}
	if _, err := s.br.Discard(n + padding); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.Flags.Has(http2.FlagDataPadded) {
		s.consumed(1 + padding)
	}
	if h.Flags.Has(http2.FlagDataEndStream) {
		s.end(io.EOF, nil)
	}
	return nil
}

// take reads once, at most n bytes.
func (s *h2Stream) take(n int) (int, error) {
	s.mu.Lock()
	space := s.reserve(n)
	s.filling = true
	s.mu.Unlock()
	n, err := s.br.Read(space)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filling = false
	s.w += n
	if s.r == s.w {
		s.release()
	} else {
		s.reads.Broadcast()
	}
	return n, err
}
