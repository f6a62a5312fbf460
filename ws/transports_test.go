package ws_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// transports are the kinds of streams that package ws treats differently.
var transports = []struct {
	name string
	pair func(t testing.TB) (client, server net.Conn)
}{
	{"TCP", tcpPair},
	{"TLS", func(t testing.TB) (client, server net.Conn) {
		a, b := tcpPair(t)
		return tlsOver(t, a, b)
	}},
	{"pipe", func(testing.TB) (client, server net.Conn) { return wstest.Pipe(nil) }},
}

// connsOver returns a client and a server over two connected streams. The test's end cuts them.
func connsOver(t testing.TB, a, b net.Conn, o ws.Options) (client, server *ws.Conn) {
	client, server = ws.NewConn(a, ws.ConnOptions{Client: true, Options: o}), ws.NewConn(b, ws.ConnOptions{Options: o})
	t.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	return client, server
}

// tlsOver does a TLS handshake over two connected streams. In a bubble it takes no time.
func tlsOver(t testing.TB, a, b net.Conn) (client, server *tls.Conn) {
	t.Helper()
	cert := testCertificate()
	client = tls.Client(a, &tls.Config{InsecureSkipVerify: true})
	server = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}})
	shaken := make(chan error, 1)
	go func() { shaken <- server.HandshakeContext(context.Background()) }()
	if err := client.HandshakeContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return client, server
}

var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	// In a bubble the clock says the year 2000.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})
