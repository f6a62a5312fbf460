package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/parley-ws/parley/ws"
)

// A Fault is something that went wrong, and how often.
type Fault struct {
	// Kind is one of: "dns", "refused", "unreachable", "tls", "local ports", "open files", "connect timeout", "network",
	// "handshake STATUS", "handshake", "close CODE", "broken", "blocked", "reply timeout", "unanswered", "mismatched", "duplicate",
	// "late", "unsent", "subscribe CODE", "publish CODE".
	Kind string `json:"kind"`
	// Count is how often.
	Count int64 `json:"count"`
	// Example is the first error of this kind.
	Example string `json:"example,omitempty"`
	// Remedy says what to do, where that is known.
	Remedy string `json:"remedy,omitempty"`
}

// remedies are what to do about a kind of fault.
var remedies = map[string]string{
	"dns":                  "check the name of the host",
	"refused":              "check that the server listens there; a full backlog refuses, too: try a lower connect rate",
	"tls":                  "trust the certificate, or check that the server speaks TLS there",
	"local ports":          "an address has some 28,000 to 64,000 ports for one destination: use several local addresses",
	"open files":           "raise the limit of open files (ulimit -n)",
	"connect timeout":      "the server accepts too slowly: try a lower connect rate, or more time",
	"blocked":              "the server did not read from them: the rate, or the messages, are too much for it",
	"reply timeout":        "the server did not answer in time: these count with the whole timeout in the percentiles",
	"mismatched":           "a reply equals nothing that was sent: say how replies are matched",
	"late":                 "replies that came after their time was over",
	"duplicate":            "one more reply to a message that was answered",
	"unsent":               "they were due on connections that were gone, or still busy when the time was over",
	"unanswered":           "their connections ended before a reply",
	"publish rate_limited": "the server bounds the commands of a session: raise that limit, or spread the rate over more publishers",
	"handshake 503":        "the server, or a proxy before it, sheds load: try a lower connect rate",
	"handshake 429":        "the server bounds connections of one address: raise that limit, or use several local addresses",
}

// faults counts what went wrong. It may be used from any goroutine.
type faults struct {
	mu    sync.Mutex
	kinds map[string]*Fault
}

// add counts n faults.
func (f *faults) add(kind string, n int64, example string) {
	if n == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = map[string]*Fault{}
	}
	one := f.kinds[kind]
	if one == nil {
		one = &Fault{Kind: kind, Example: example, Remedy: remedies[kind]}
		f.kinds[kind] = one
	}
	one.Count += n
}

// total is how many there were.
func (f *faults) total() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(0)
	for _, one := range f.kinds {
		n += one.Count
	}
	return n
}

// list returns all, the most frequent first.
func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Fault{}
	for _, one := range f.kinds {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b Fault) int {
		if a.Count != b.Count {
			return int(min(max(b.Count-a.Count, -1), 1))
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return list
}

// kindOf names what an error of a connection is about.
func kindOf(err error) string {
	var (
		closed    *ws.CloseError
		handshake *ws.HandshakeError
	)
	switch {
	case errors.As(err, &closed):
		if closed.Code == ws.CodeAbnormal {
			return "broken"
		}
		return fmt.Sprintf("close %d", closed.Code)
	case errors.As(err, &handshake) && handshake.Status != 0 && handshake.Status != 101:
		return fmt.Sprintf("handshake %d", handshake.Status)
	}
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		netErr    net.Error
	)
	switch {
	case errors.As(err, &dns):
		return "dns"
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &record), errors.As(err, &alert):
		return "tls"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "open files"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "local ports"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.Errno(10061)): // the second is Windows' own
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "connect timeout"
	case handshake != nil && handshake.Err == nil:
		return "handshake"
	}
	return "network"
}
