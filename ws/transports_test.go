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
	"net/http"
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
	{"HTTP/2", h2Streams},
}

// h2Streams opens a stream of HTTP/2: a client's of ours, and a server's of net/http.
func h2Streams(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, serving := make(chan net.Conn, 1), make(chan struct{})
	srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, wait := ws.H2Handler(w, r)
		streams <- s
		wait()
	})}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() {
		defer close(serving)
		srv.Serve(l)
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if client, err = ws.H2Client(conn); err != nil {
		t.Fatal(err)
	}
	server = <-streams
	t.Cleanup(func() {
		client.Close()
		server.Close()
		srv.Close()
		<-serving
	})
	return client, server
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
