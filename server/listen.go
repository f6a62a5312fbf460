package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/parley-ws/parley/server/config"
)

// listener is one open address.
type listener struct {
	net.Listener
	private     bool
	tls         *tls.Config // nil without TLS
	certificate atomic.Pointer[tls.Certificate]
	fingerprint string
	key         string // in the configuration, as in listen[0]
}

// open opens the address of c, having made sure that it may be opened: an address is resolved once, so that what was checked is what
// is opened.
func open(key string, c *config.Listener, cfg *config.Config) (*listener, error) {
	l := &listener{private: c.Private, key: key}
	if err := l.load(c, cfg.Hosts); err != nil {
		return nil, err
	}
	var err error
	if path, ok := strings.CutPrefix(c.Addr, "unix:"); ok {
		l.Listener, err = openUnix(key, path, c.Mode)
	} else {
		l.Listener, err = openTCP(key, c, cfg)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func openTCP(key string, c *config.Listener, cfg *config.Config) (net.Listener, error) {
	key += ".addr"
	address := c.Addr
	if _, port, err := net.SplitHostPort(address); err != nil {
		return nil, &OptionError{key, fmt.Errorf("%q is not host:port", address)}
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return nil, &OptionError{key, fmt.Errorf("%q has no port from 0 to 65535", address)}
	}
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, &OptionError{key, fmt.Errorf("%s: %w", address, err)}
	}
	switch {
	case addr.IP.IsLoopback() || cfg.InsecureNoAuth:
	case c.Private: // nobody is asked there, whatever others are asked elsewhere
		return nil, &OptionError{key, fmt.Errorf("%s is private: %w", address, ErrExposed)}
	case !cfg.Authenticates():
		return nil, &OptionError{key, fmt.Errorf("%s: %w", address, ErrExposed)}
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("server: listen: %w", err)
	}
	return l, nil
}

// openUnix opens a unix socket. One that a server left behind is replaced; one that somebody answers is not.
func openUnix(key, path string, mode fs.FileMode) (net.Listener, error) {
	if old, err := os.Lstat(path); err == nil {
		if old.Mode()&fs.ModeSocket == 0 {
			return nil, &OptionError{key + ".addr", fmt.Errorf("%s is there, and is no socket: remove it or name another", path)}
		}
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return nil, &OptionError{key + ".addr", fmt.Errorf("another server listens on %s: stop it or name another", path)}
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("server: listen: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("server: listen: %w", err)
	}
	if mode == 0 {
		mode = 0o600
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("server: listen: %w", err), l.Close())
	}
	return l, nil
}

// load loads the certificate. A listener that has one keeps it if the new one cannot be used.
func (l *listener) load(c *config.Listener, hosts []string) error {
	cert, fingerprint, err := certificate(c, hosts)
	if err != nil || cert == nil {
		return err
	}
	l.certificate.Store(cert)
	if l.tls == nil {
		l.fingerprint = fingerprint
		l.tls = &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return l.certificate.Load(), nil
			},
		}
	}
	return nil
}

// endpoint says where the listener is found.
func (l *listener) endpoint() Endpoint {
	e := Endpoint{Addr: l.Addr(), Private: l.private, Fingerprint: l.fingerprint}
	if l.Addr().Network() == "unix" {
		e.URL, e.Socket = "unix:"+l.Addr().String(), "ws+unix:"+l.Addr().String()+":"
		return e
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "localhost" // every address is this one too
	}
	secure := ""
	if l.tls != nil {
		secure = "s"
	}
	authority := net.JoinHostPort(host, port)
	e.URL, e.Socket = "http"+secure+"://"+authority, "ws"+secure+"://"+authority
	return e
}
