package ws

import (
	"sync"
	"sync/atomic"
	"time"
)

// keepalive is the clock of a connection: one timer that is armed for the next thing to look at, and that looks for itself
// what has happened meanwhile, so that traffic never touches it.
type keepalive struct {
	rtt atomic.Int64 // last round-trip time, in nanoseconds

	mu       sync.Mutex
	timer    *time.Timer
	at       int64 // when the timer fires; 0 if it is not armed
	stopped  bool
	pinged   int64  // when the ping was sent that is unanswered; 0 if there is none
	seq      uint32 // parkSeq when the silence that pinged began to count
	progress bool   // watch that a message goes on
	closeBy  int64  // when the close handshake must be done; 0 if there is none
	pongs    *pongs // nil until the first ping comes
}

// pongs is what a connection knows of the pings that it was sent.
type pongs struct {
	limit  pongLimit
	latest []byte // the latest ping that was not answered for want of tokens
	at     int64  // when it will be; 0 if there is none
}

func (k *keepalive) start(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.opt.PingInterval > 0 {
		k.arm(c, now()+int64(c.opt.PingInterval))
	}
}

// arm makes the timer fire at t, or sooner if it was going to. k.mu is held.
func (k *keepalive) arm(c *Conn, t int64) {
	if k.stopped || k.at != 0 && k.at <= t {
		return
	}
	k.at = t
	d := max(time.Duration(t-now()), 0)
	if k.timer == nil {
		k.timer = time.AfterFunc(d, func() { k.tick(c) })
	} else {
		k.timer.Reset(d)
	}
}

func (k *keepalive) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// expectProgress is called when a read begins to wait inside a message.
func (k *keepalive) expectProgress(c *Conn) {
	if c.opt.ProgressTimeout <= 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.progress = true
	k.arm(c, now()+int64(c.opt.ProgressTimeout))
}

// expectClose bounds the close handshake.
func (k *keepalive) expectClose(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closeBy = now() + int64(c.opt.CloseTimeout)
	k.arm(c, k.closeBy)
}

// mayPong reports whether a ping may be answered now. If it came too fast, it is answered as soon as the rate allows,
// unless another one comes before.
func (k *keepalive) mayPong(c *Conn, p []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pongs == nil {
		k.pongs = &pongs{limit: pongLimit{tokens: pongBurst}}
	}
	late := k.pongs
	if late.limit.take() {
		late.at = 0
		return true
	}
	late.latest = append(late.latest[:0], p...)
	if late.at == 0 {
		late.at = late.limit.next()
		k.arm(c, late.at)
	}
	return false
}

// tick looks what is due, and arms the timer for what comes next.
func (k *keepalive) tick(c *Conn) {
	in := &c.in
	t := now()
	var next int64
	want := func(at int64) {
		if next == 0 || at < next {
			next = at
		}
	}
	var end *CloseError
	var pong []byte
	ping := false

	k.mu.Lock()
	k.at = 0
	parked, seq, heard, waiting := in.parked.Load(), in.parkSeq.Load(), in.heard.Load(), in.waiting.Load()
	if k.closeBy != 0 {
		if t >= k.closeBy {
			end = c.closeTimedOut()
		}
		want(k.closeBy)
	}
	if late := k.pongs; late != nil && late.at != 0 {
		if t >= late.at && late.limit.take() {
			pong = append([]byte{}, late.latest...)
			late.at = 0
		} else {
			late.at = max(late.at, late.limit.next())
			want(late.at)
		}
	}
	if k.progress {
		switch due := waiting + int64(c.opt.ProgressTimeout); {
		case !in.midway.Load():
			k.progress = false
		case !parked:
			want(t + int64(c.opt.ProgressTimeout))
		case t >= due:
			end = &CloseError{Code: CodePolicyViolation, Reason: "no progress inside a message", Err: ErrProgressTimeout}
		default:
			want(due)
		}
	}
	if interval := int64(c.opt.PingInterval); interval > 0 {
		if k.pinged != 0 && heard >= k.pinged {
			k.pinged = 0
		}
		switch {
		case k.pinged == 0 && t >= heard+interval:
			ping = true
			k.pinged, k.seq = t, seq
			want(t + int64(c.opt.PingTimeout))
		case k.pinged == 0:
			want(heard + interval)
		case !parked || seq != k.seq:
			// Nobody was reading, so that the silence may be ours: it counts from now on.
			k.pinged, k.seq = t, seq
			want(t + int64(c.opt.PingTimeout))
		case t >= k.pinged+int64(c.opt.PingTimeout):
			end = &CloseError{Code: CodeAbnormal, Err: ErrPingTimeout}
		default:
			want(k.pinged + int64(c.opt.PingTimeout))
		}
	}
	if next != 0 && end == nil {
		k.arm(c, max(next, t+1))
	}
	k.mu.Unlock()

	if pong != nil {
		c.sendPong(pong)
	}
	if ping {
		// A refusal means that the connection is closing, which ends the keepalive too.
		_, _ = c.sendPing(nil)
	}
	if end != nil {
		c.abortWithClose(end)
	}
}
