package peer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// A Listener is how a program listens: its flags -addr, -tls and -keepalive.
type Listener struct {
	addr      string
	tls       bool
	keepAlive bool
}

// Flags defines the flags.
func (s *Listener) Flags(f *flag.FlagSet) {
	f.StringVar(&s.addr, "addr", "127.0.0.1:0", "the `address` to listen on")
	f.BoolVar(&s.tls, "tls", false, "use TLS, with a certificate that is made at the start")
	f.BoolVar(&s.keepAlive, "keepalive", true, "turn TCP's keepalive on for every connection, as package net does")
}

// collectGarbage gives memory that is free back to the system at each SIGUSR2, so that it can be told what is held.
func collectGarbage() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR2)
	for range told {
		runtime.GC() // twice, for what pools keep for one round
		debug.FreeOSMemory()
	}
}

// Serve listens, prints the line "listening SCHEME://HOST:PORT/", of two schemes the one without TLS or with it, and has
// serve serve the listener. With the end of standard input, and at SIGTERM, ctx is over and l is closed: then it does not
// matter what serve returns.
func (s *Listener) Serve(schemes [2]string, serve func(ctx context.Context, l net.Listener) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go collectGarbage()
	var config net.ListenConfig
	if !s.keepAlive {
		config.KeepAlive = -1
	}
	l, err := config.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	defer l.Close()
	scheme := schemes[0]
	if s.tls {
		scheme = schemes[1]
		config, err := selfSigned()
		if err != nil {
			return err
		}
		l = tls.NewListener(l, config)
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	go func() {
		io.Copy(io.Discard, os.Stdin) // whoever started the program is gone
		stop()
	}()
	fmt.Printf("listening %s://%s/\n", scheme, l.Addr())
	if err := serve(ctx, l); ctx.Err() == nil {
		return err
	}
	return nil
}

// selfSigned makes a certificate, of the kind that most servers have today, and negotiates HTTP/1.1 alone.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		NextProtos:   []string{"http/1.1"},
	}, nil
}
