package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"

	"github.com/parley-ws/parley/server/config"
)

// CertificateError says that the files of a listener's tls_cert and tls_key hold no usable pair.
type CertificateError struct {
	// Cert and Key are the names of the files.
	Cert, Key string
	// Err is the reason.
	Err error
}

// Error names the files and the reason.
func (e *CertificateError) Error() string {
	return fmt.Sprintf("server: certificate %s with key %s: %v", e.Cert, e.Key, e.Err)
}

// Unwrap returns the reason.
func (e *CertificateError) Unwrap() error { return e.Err }

// certificate returns the certificate of c, nil without TLS, and the fingerprint of a self-signed one.
func certificate(c *config.Listener, hosts []string) (cert *tls.Certificate, fingerprint string, err error) {
	switch {
	case c.TLSSelfSigned:
		hosts = slices.Clone(hosts)
		if host, _, err := net.SplitHostPort(c.Addr); err == nil && host != "" && !slices.Contains(localNames, host) {
			hosts = append(hosts, host)
		}
		made, err := selfSigned(hosts, time.Now())
		if err != nil {
			return nil, "", fmt.Errorf("server: self-signed certificate: %w", err)
		}
		sum := sha256.Sum256(made.Certificate[0])
		return &made, hex.EncodeToString(sum[:]), nil
	case c.TLSCert != "":
		loaded, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, "", &CertificateError{c.TLSCert, c.TLSKey, err}
		}
		if now := time.Now(); now.After(loaded.Leaf.NotAfter) {
			err := fmt.Errorf("expired on %s", loaded.Leaf.NotAfter.Format(time.DateOnly))
			return nil, "", &CertificateError{c.TLSCert, c.TLSKey, err}
		}
		return &loaded, "", nil
	}
	return nil, "", nil
}

// localNames are in every self-signed certificate.
var localNames = []string{"localhost", "127.0.0.1", "::1"}

// selfSigned makes a certificate for this machine's local names and for hosts. It is short-lived, for it is made
// anew at each start and nobody can revoke it.
func selfSigned(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost", Organization: []string{"Parley, self-signed"}},
		NotBefore:    now.Add(-time.Hour), // for clocks that are a little slow
		NotAfter:     now.AddDate(0, 0, 30),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Go and OpenSSL take it as a root of its own, so that a client can be given it with --cacert.
		IsCA: true, BasicConstraintsValid: true,
	}
	for _, host := range slices.Concat(localNames, hosts) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
