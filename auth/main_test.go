package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What tokens are signed with in tests: made once, since RSA keys take a while.
var (
	secret      = bytes.Repeat([]byte("s3cret/"), 10)
	otherSecret = bytes.Repeat([]byte("0ther!!"), 10)
	rsaKey      = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	weakRSAKey  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	ecKey       = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	edKey       = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// public returns the PEM text of a key's public half.
func public(key crypto.Signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.Public()))})
}

// token makes a token. header has what is to be in the header besides typ and alg, in pairs.
func token(alg string, key any, c jwt.MapClaims, header ...any) string {
	t := jwt.NewWithClaims(jwt.GetSigningMethod(alg), c)
	for i := 0; i < len(header); i += 2 {
		t.Header[header[i].(string)] = header[i+1]
	}
	return must(t.SignedString(key))
}

// start returns a JWT that ends with the test.
func start(t testing.TB, o Options) *JWT {
	t.Helper()
	j, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// single returns a JWT with one issuer.
func single(t testing.TB, i Issuer) *JWT {
	t.Helper()
	return start(t, Options{Issuers: []Issuer{i}})
}

// connect shows a token. No error may hold it.
func connect(t testing.TB, j *JWT, token string) (*hub.Identity, *hub.Error) {
	t.Helper()
	id, err := j.Connect(context.Background(), &hub.Credentials{Token: token})
	if err == nil {
		return id, nil
	}
	var e *hub.Error
	if !errors.As(err, &e) || id != nil {
		t.Fatalf("got %v, %v: want an *hub.Error and no identity", id, err)
	}
	if parts := strings.Split(token, "."); len(token) > 20 && strings.Contains(err.Error(), token) || len(parts) == 3 && len(parts[2]) > 10 && strings.Contains(err.Error(), parts[2]) {
		t.Fatalf("the error holds the token: %v", err)
	}
	return nil, e
}

// wantInvalid fails the test unless a token gets the one answer that invalid ones get.
func wantInvalid(t testing.TB, j *JWT, token, cause string) {
	t.Helper()
	id, e := connect(t, j, token)
	switch {
	case e == nil:
		t.Fatalf("let in as %+v", id)
	case e.Code != hub.Unauthenticated || e.Text != "the token is not valid: connect with another" || e.Retry:
		t.Fatalf("got %v: the answer gives something away", e)
	case e.Err == nil || !strings.Contains(e.Err.Error(), cause):
		t.Fatalf("the cause for the log is %v: want %q in it", e.Err, cause)
	}
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }
