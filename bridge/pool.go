package bridge

import (
	"context"
	"net/http"
	"time"

	"github.com/parley-ws/parley/ws"
)

// poolPatience is how long a handshake waits for a process to become free.
const poolPatience = time.Second

// pool is an endpoint with processes that wait for connections. Each has one connection and is replaced after it, so that
// nothing of one client gets to the next.
type pool struct {
	h    *Handler
	free chan *pooled // from the goroutine of each process
}

// pooled is a process of a pool, given to one connection.
type pooled struct {
	*talk
	done chan struct{} // closed when the connection is over
}

// startPool starts the processes and what looks after them, until ctx ends.
func startPool(ctx context.Context, h *Handler) *pool {
	p := &pool{h: h, free: make(chan *pooled)}
	for range h.o.PoolSize {
		h.active.Go(func() { p.keep(ctx) })
	}
	return p
}

// keep has one process ready, again and again.
func (p *pool) keep(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		status := ""
		if process, err := p.h.start(command{path: p.h.o.Command[0], args: p.h.o.Command[1:], env: p.h.o.base()}); err != nil {
			status = err.Error()
		} else {
			w := &pooled{newTalk(&p.h.o, process), make(chan struct{})}
			select {
			case p.free <- w:
				<-w.done
				pause = firstPause
				continue
			case <-ctx.Done():
				w.abandon()
				return
			case <-process.exited:
				w.abandon()
				status = process.cmd.ProcessState.String()
			}
		}
		p.h.o.Logger.Warn("a command ended before it had a connection, and is started again", "status", status, "in", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

func (p *pool) open(r *http.Request) (session, error) {
	timer := time.NewTimer(poolPatience)
	defer timer.Stop()
	select {
	case w := <-p.free:
		return w, nil
	case <-timer.C:
	case <-r.Context().Done():
	}
	return nil, &ws.RejectError{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"5"}},
		Body: "503 service unavailable: every process has a connection\n"}
}

func (w *pooled) serve(c *ws.Conn) {
	defer close(w.done)
	w.talk.serve(c)
}

func (w *pooled) abandon() {
	defer close(w.done)
	w.talk.abandon()
}
