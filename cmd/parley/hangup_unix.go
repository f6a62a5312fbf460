//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onHangup calls reload for each SIGHUP, one after the other, until stop is called.
func onHangup(reload func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			reload()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
