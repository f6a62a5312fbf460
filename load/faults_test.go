package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestKindOf(t *testing.T) {
	dial := func(err error) error {
		return fmt.Errorf("load: connection 1: %w", &ws.HandshakeError{Reason: "connecting", Err: &net.OpError{Op: "dial", Err: err}})
	}
	for want, err := range map[string]error{
		"dns":             dial(&net.DNSError{Name: "x", IsTimeout: true}),
		"refused":         dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"unreachable":     dial(syscall.ENETUNREACH),
		"local ports":     dial(syscall.EADDRNOTAVAIL),
		"open files":      dial(syscall.EMFILE),
		"tls":             dial(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
		"connect timeout": dial(context.DeadlineExceeded),
		"network":         dial(syscall.ECONNRESET),
		"handshake 503":   &ws.HandshakeError{Status: 503},
		"handshake":       &ws.HandshakeError{Status: 101, Reason: "wrong accept key"},
		"close 1011":      fmt.Errorf("read: %w", &ws.CloseError{Code: ws.CodeInternalError, Remote: true}),
		"broken":          &ws.CloseError{Code: ws.CodeAbnormal, Err: syscall.ECONNRESET},
	} {
		if got := kindOf(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
	if got := (&link{}).opening(fmt.Errorf("x: %w", &refusal{Code: "forbidden"})); got != "subscribe forbidden" {
		t.Error(got)
	}
	f := &faults{}
	f.add("a", 0, "")
	f.add("b", 2, "first")
	f.add("b", 1, "second")
	f.add("c", 5, "")
	f.add("d", 5, errors.New("x").Error())
	if list := f.list(); fmt.Sprint(list) != "[{c 5  } {d 5 x } {b 3 first }]" || f.total() != 13 {
		t.Error(list)
	}
}

// The generator is the limit if it used what it had, or if it was late by much of what was measured.
func TestGeneratorLimit(t *testing.T) {
	for _, tc := range []struct {
		g    Generator
		p99  float64
		want string
	}{
		{Generator{CPU: .1, Machine: .2, DelayP99: .1}, .2, ""},
		{Generator{CPU: .86, Processors: 4, Machine: .9}, 5, "86 % of its 4 processors"},
		{Generator{CPU: .1, Machine: -1, DelayP99: 2}, 4, "late itself"},
		{Generator{CPU: .1, Machine: -1, DelayP99: 2}, 40, ""},
		{Generator{CPU: .1, Machine: .97}, 4, "97 % busy"},
		{Generator{CPU: .6, Machine: .97, DelayP50: 5, DelayP99: 9}, 400, "it sent 60/s of 100/s"},
	} {
		r := sample()
		r.Connections.Lost = 0
		r.Messages.WantedRate, r.Messages.SentRate = 100, 100
		if tc.g.DelayP50 > 0 {
			r.Messages.SentRate = 60
		}
		r.Generator, r.Latency["roundtrip"].P99 = tc.g, tc.p99
		if got := r.generatorLimit(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}
