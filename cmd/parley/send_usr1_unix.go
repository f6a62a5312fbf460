//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onUsr1 calls do for each SIGUSR1, until stop is called.
func onUsr1(do func()) (stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGUSR1)
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
