//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onResize calls do whenever the window gets another size, until stop is called.
func onResize(do func()) (stop func()) { return onSignal(syscall.SIGWINCH, do) }

// onUsr1 calls do for each SIGUSR1, until stop is called.
func onUsr1(do func()) (stop func()) { return onSignal(syscall.SIGUSR1, do) }

// onHangup calls do for each SIGHUP, until stop is called.
func onHangup(do func()) (stop func()) { return onSignal(syscall.SIGHUP, do) }

// onContinue calls do when the process goes on after it was stopped, until stop is called.
func onContinue(do func()) (stop func()) { return onSignal(syscall.SIGCONT, do) }

// canSuspend says that stopGroup does something.
const canSuspend = true

// stopGroup stops all processes of this one's group, as the terminal does for Ctrl-Z.
func stopGroup() { syscall.Kill(0, syscall.SIGTSTP) }

// onSignal calls do for each such signal, one after the other, until stop is called; those that come while it works are one.
func onSignal(s os.Signal, do func()) (stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, s)
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
