//go:build unix

package browsertest

import (
	"syscall"
	"testing"
)

// A server that is stopped, but whose connections stay open, is missed by the heartbeat's page.
func TestVanishedServer(t *testing.T) {
	b := startBrowser(t)
	server, urls := start(t, "heartbeat", "-every", "500ms")
	b.do(t, command{Goto: urls[0]})
	b.do(t, command{Wait: "onmessage"})
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.do(t, command{Wait: "vanished"})
	// Nobody answers the page's close frame, and a browser has patience: onclose comes when the connection ends at last.
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := b.do(t, command{Wait: "onclose"}); got != abnormal {
		t.Errorf("onclose shows %q, want %q", got, abnormal)
	}
}
