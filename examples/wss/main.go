// Wss serves a page and its WebSocket over TLS with a certificate that it makes at the start and that signs itself, and has
// a client that trusts exactly that one.
//
//	go run ./examples/wss                                               # the server, for a browser
//	go run ./examples/wss -cert wss.pem                                 # the same; it writes its certificate to a file
//	go run ./examples/wss -cert wss.pem wss://127.0.0.1:8010/ hello     # the client, which trusts that file
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
)

//go:embed page.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8010", "address to listen on")
	cert := flag.String("cert", "", "file of the certificate: the server writes it, the client trusts it")
	flag.Parse()
	var err error
	if flag.NArg() == 0 {
		err = serve(*addr, *cert)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = client(ctx, *cert, flag.Arg(0), flag.Args()[1:], os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func serve(addr, file string) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	if file != "" {
		public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
		if err := os.WriteFile(file, public, 0o644); err != nil {
			return err
		}
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("Open https://%s/ and accept the certificate (Ctrl-C ends)\n", ln.Addr())
	return server(certificate).ServeTLS(ln, "", "")
}

func server(certificate tls.Certificate) *http.Server {
	return &http.Server{
		Handler:           handler(),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}},
		ReadHeaderTimeout: 5 * time.Second,
	}
}

// selfSigned makes a certificate for this machine.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// handler serves the page and, at the same URL, a WebSocket that echoes.
func handler() http.Handler {
	socket := ws.Handler{Handle: func(c *ws.Conn) error {
		for m, err := range c.Messages(c.Context()) {
			if err != nil {
				return err
			}
			if err := c.Write(c.Context(), m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			socket.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if _, err := w.Write(page); err != nil {
			log.Print(err)
		}
	})
}

// client trusts the certificate in the file and no other, sends each text and prints the reply.
func client(ctx context.Context, file, url string, texts []string, out io.Writer) error {
	if file == "" {
		return errors.New("-cert must name the file that the server wrote")
	}
	public, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(public) {
		return errors.New(file + " holds no certificate")
	}
	c, err := ws.Dial(ctx, url, &ws.DialOptions{TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	for _, text := range texts {
		if err := c.Write(ctx, ws.Text, []byte(text)); err != nil {
			return err
		}
		_, reply, err := c.Read(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", reply)
	}
	return c.Close(ctx, ws.CodeNormal, "")
}
