//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onResize calls do whenever the window gets another size, until stop is called.
func onResize(do func()) (stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range ch {
			do()
		}
	}()
	return func() {
		signal.Stop(ch)
		close(ch)
		<-done
	}
}
