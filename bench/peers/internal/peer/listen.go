package peer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Listen listens on addr, with TLS if secure is set, prints the line "listening SCHEME://HOST:PORT/" and has serve serve
// the listener. What serve returns is the end of it, also when l was closed, which happens with the end of standard input
// and at SIGTERM: then ctx is over, and the error does not count.
func Listen(addr, scheme string, secure bool, serve func(ctx context.Context, l net.Listener) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	if secure {
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
