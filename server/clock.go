package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// clockQueue is how many bytes of ticks may wait for a client that does not read: two minutes of them.
const clockQueue = 4 << 10

// clock sends the time to its connections at the beginning of each second, as text like 2006-01-02T15:04:05Z.
type clock struct {
	mu    sync.Mutex
	conns map[*ws.Conn]struct{}
}

// run ticks until ctx ends. It is the one goroutine that sends.
func (k *clock) run(ctx context.Context) {
	timer := time.NewTimer(untilNextSecond(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			now := time.Now()
			k.send(now)
			timer.Reset(untilNextSecond(now))
		}
	}
}

// untilNextSecond leaves a millisecond so that a timer that fires a little early does not tick the same second twice.
func untilNextSecond(now time.Time) time.Duration {
	return now.Truncate(time.Second).Add(time.Second + time.Millisecond).Sub(now)
}

// send gives the time to every connection. It never waits for one: whoever lets ticks pile up is dropped.
func (k *clock) send(now time.Time) {
	tick := ws.Prepare(ws.Text, []byte(now.UTC().Format(time.RFC3339)))
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		if c.TryWritePrepared(tick) != nil {
			c.CloseNow() // its handler sees the end
		}
	}
}

// handler returns the endpoint.
func (k *clock) handler(o ws.AcceptOptions) http.Handler {
	o.QueueLimit = clockQueue
	return &ws.Handler{Options: o, Handle: func(c *ws.Conn) error {
		k.mu.Lock()
		if k.conns == nil {
			k.conns = make(map[*ws.Conn]struct{})
		}
		k.conns[c] = struct{}{}
		k.mu.Unlock()
		defer func() {
			k.mu.Lock()
			delete(k.conns, c)
			k.mu.Unlock()
		}()
		return c.Run(c.Context(), ws.Events{}) // what a client says to a clock is not heard
	}}
}
