package wstest

import (
	"bufio"
	"fmt"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Peer is one side of a WebSocket connection, driven frame by frame. It answers nothing by itself: no pong, no close.
// One goroutine may send while another one receives.
//
// Every call is bounded by Timeout, so that a test fails and does not hang.
type Peer struct {
	// Stream is the connection, such as one end of a [Pipe] or a TCP connection. Read from it only before the first
	// call of a method that reads: the Peer reads ahead.
	Stream ws.Stream
	// Timeout bounds each call. 0: one minute. In a bubble of testing/synctest it passes in no time, so that a test may
	// set hours.
	Timeout time.Duration

	client bool
	r      *bufio.Reader
	masks  uint32 // how many masking keys were chosen
}

// ClientPeer returns a peer that acts as a client: it masks what it sends.
func ClientPeer(s ws.Stream) *Peer {
	return &Peer{Stream: s, client: true, r: bufio.NewReader(s)}
}

// ServerPeer returns a peer that acts as a server: it does not mask.
func ServerPeer(s ws.Stream) *Peer {
	return &Peer{Stream: s, r: bufio.NewReader(s)}
}

// Send sends the frames in one Write, so that they arrive together. It masks them as the peer's role demands, or the
// other way round for a frame with WrongMask.
func (p *Peer) Send(frames ...Frame) error {
	var b []byte
	for _, f := range frames {
		f.Masked = p.client != f.WrongMask
		if f.Masked && f.Mask == [4]byte{} {
			f.Mask = p.mask()
		}
		b = f.Append(b)
	}
	return p.SendRaw(b)
}

// mask chooses a masking key: another one each time, the same ones in each run.
func (p *Peer) mask() [4]byte {
	p.masks++
	n := p.masks * 0x9E3779B1 // odd, so that no key comes twice and none is zero
	return [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// SendRaw sends any bytes in one Write.
func (p *Peer) SendRaw(b []byte) error {
	if err := p.Stream.SetWriteDeadline(p.deadline()); err != nil {
		return fmt.Errorf("wstest: peer: send: %w", err)
	}
	if _, err := p.Stream.Write(b); err != nil {
		return fmt.Errorf("wstest: peer: send: %w", err)
	}
	return nil
}

// Next reads one frame. The error is [io.EOF] as such if the stream ends instead, and says which rule was broken if the
// frame is illegal; see [Frame.Check].
func (p *Peer) Next() (Frame, error) {
	if err := p.Stream.SetReadDeadline(p.deadline()); err != nil {
		return Frame{}, fmt.Errorf("wstest: peer: next: %w", err)
	}
	f, err := ReadFrame(p.r)
	if err != nil {
		return Frame{}, err
	}
	return f, f.Check(!p.client)
}

// CloseWrite ends the sending direction, as a half-closed TCP connection does, and reading goes on.
// The stream must know how.
func (p *Peer) CloseWrite() error {
	s, ok := p.Stream.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("wstest: peer: close write: a %T cannot", p.Stream)
	}
	return s.CloseWrite()
}

// Close closes the stream, without any close frame.
func (p *Peer) Close() error { return p.Stream.Close() }

func (p *Peer) deadline() time.Time {
	if p.Timeout == 0 {
		return time.Now().Add(time.Minute)
	}
	return time.Now().Add(p.Timeout)
}
