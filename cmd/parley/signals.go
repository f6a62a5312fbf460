package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopped is the cause of a context that a signal ended.
type stopped struct{ sig os.Signal }

func (s *stopped) Error() string { return "ended by " + s.sig.String() }

// code returns 128 and the signal's number, as shells do.
func (s *stopped) code() int {
	if s.sig == syscall.SIGTERM {
		return exitTerminate
	}
	return exitInterrupt
}

// interruptible is a context that the first SIGINT or SIGTERM ends, with a *stopped as its cause. The second one ends the
// process at once, after atOnce was called.
type interruptible struct {
	context.Context
	signals chan os.Signal
	release func()
}

// interrupt does what SIGINT does; a terminal in raw mode sends none.
func (i *interruptible) interrupt() {
	select {
	case i.signals <- os.Interrupt:
	default: // two wait already
	}
}

// withSignals listens for signals until release is called.
func withSignals(parent context.Context, atOnce func()) *interruptible {
	ctx, cancel := context.WithCancelCause(parent)
	i := &interruptible{Context: ctx, signals: make(chan os.Signal, 2)}
	signal.Notify(i.signals, os.Interrupt, syscall.SIGTERM)
	released := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for first := true; ; first = false {
			select {
			case <-released:
				return
			case sig := <-i.signals:
				s := &stopped{sig}
				if !first {
					atOnce()
					os.Exit(s.code())
				}
				cancel(s)
			}
		}
	}()
	i.release = func() {
		signal.Stop(i.signals)
		close(released)
		<-done
		cancel(nil)
	}
	return i
}

// drainTime is how long a client may take to end after the first signal: the closing handshake has 5 seconds, and what is printed
// the rest.
const drainTime = 7 * time.Second

// endInTime ends the process when the first signal was too long ago: it hangs in a terminal or a pipe that takes nothing.
func (i *interruptible) endInTime() {
	context.AfterFunc(i, func() {
		var s *stopped
		if errors.As(context.Cause(i), &s) {
			time.AfterFunc(drainTime, func() { os.Exit(s.code()) })
		}
	})
}

// notice prints a line about what goes on; nobody can be told if that fails.
func notice(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "parley: "+format+"\n", args...)
}

// deafToPipes has the program outlive that nobody reads its standard streams, until hear is called. What it starts does not
// inherit that, as it would if the signal were ignored.
func deafToPipes() (hear func()) {
	ch := make(chan os.Signal, 1) // nobody looks into it
	signal.Notify(ch, syscall.SIGPIPE)
	return func() { signal.Stop(ch) }
}
