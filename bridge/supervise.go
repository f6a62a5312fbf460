package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Times between the end of a command and its next start.
const (
	firstPause = 500 * time.Millisecond
	longPause  = 30 * time.Second
	goodRun    = 10 * time.Second // after that the pause is the first one again
)

// supervised is one command that is started again when it has ended.
type supervised struct {
	o     *Options
	start func(command) (*process, error)
	// feed writes to the process what it is to read, until it ends.
	feed func(*process)
	// publish takes what the process writes to a stream, to its end.
	publish func(p *process, r io.Reader, stream string)
}

// run starts the command again and again. It returns how the command ended if that was the last time, and ok is false if ctx
// ended it.
func (s *supervised) run(ctx context.Context) (code ws.Code, status string, ok bool) {
	pause := firstPause
	for {
		begin := time.Now()
		code, status := s.once(ctx)
		if ctx.Err() != nil {
			return 0, "", false
		}
		failed := code != ws.CodeNormal
		if s.o.Restart == RestartNever || s.o.Restart == RestartOnFailure && !failed {
			if failed {
				s.o.Logger.Error("the command ended, and is not started again", "status", status)
			}
			return code, status, true
		}
		if time.Since(begin) > goodRun {
			pause = firstPause
		}
		if status == "" {
			status = "exit status 0"
		}
		s.o.Logger.Warn("the command ended, and is started again", "status", status, "in", pause)
		select {
		case <-ctx.Done():
			return 0, "", false
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// once runs the command to its end.
func (s *supervised) once(ctx context.Context) (ws.Code, string) {
	p, err := s.start(command{path: s.o.Command[0], args: s.o.Command[1:], env: s.o.base()})
	if err != nil {
		return ws.CodeInternalError, err.Error()
	}
	stop := context.AfterFunc(ctx, p.end)
	defer stop()
	var streams sync.WaitGroup
	streams.Go(func() { s.publish(p, output{p, p.out}, "stdout") })
	switch s.o.Stderr {
	case LogStderr:
		streams.Go(func() { logLines(p) })
	case JSONStderr:
		streams.Go(func() { s.publish(p, output{p, p.err}, "stderr") })
	}
	s.feed(p)
	<-p.ended
	streams.Wait()
	p.out.Close()
	if p.err != nil {
		p.err.Close()
	}
	return p.status()
}

// messages passes on each message that a process writes to a stream, to its end.
func (o *Options) messages(p *process, r io.Reader, each func([]byte)) {
	messages := newSplitter(r, o.Framing, o.MaxMessage)
	for {
		m, err := messages.next()
		switch {
		case err == nil:
			each(m)
		case errors.Is(err, errTooLarge):
			p.log.Warn("a message of the command is left out", "err", fmt.Sprintf("it has more than %d bytes", o.MaxMessage))
		case errors.Is(err, io.EOF):
			return
		default:
			p.log.Error("the output of the command cannot be read", "err", err)
			p.end()
			io.Copy(io.Discard, r)
			return
		}
	}
}
