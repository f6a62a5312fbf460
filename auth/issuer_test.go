package auth

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func TestOptions(t *testing.T) {
	good := Issuer{Secrets: [][]byte{secret}}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(ecKey()))})
	tests := []struct {
		name string
		o    []Issuer
		want string
	}{
		{"nobody", nil, "Options.Issuers is empty"},
		{"no keys", []Issuer{{}}, "nothing to check signatures with"},
		{"a short secret", []Issuer{{Secrets: [][]byte{secret, secret[:31]}}}, "secret 1 has 31 bytes, at least 32"},
		{"no PEM", []Issuer{{PublicKeys: [][]byte{secret}}}, "-----BEGIN PUBLIC KEY-----"},
		{"a broken key", []Issuer{{PublicKeys: [][]byte{pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: secret})}}}, "public key 0"},
		{"a private key", []Issuer{{PublicKeys: [][]byte{private}}}, "give the public key"},
		{"a weak key", []Issuer{{PublicKeys: [][]byte{public(weakRSAKey())}}}, "1024 bits is too weak"},
		{"another curve", []Issuer{{PublicKeys: [][]byte{public(p384Key())}}}, "P-256"},
		{"none", []Issuer{{Secrets: good.Secrets, Algorithms: []string{"none"}}}, `"none" is none of`},
		{"an unknown algorithm", []Issuer{{Secrets: good.Secrets, Algorithms: []string{"PS256"}}}, "none of"},
		{"an algorithm without a key", []Issuer{{Secrets: good.Secrets, Algorithms: []string{"HS256", "RS256"}}}, "RS256 fits none"},
		{"a secret for a set", []Issuer{{JWKS: "https://example.com/", Algorithms: []string{"HS256"}}}, "HS256 fits none"},
		{"no URL", []Issuer{{JWKS: "example.com/keys"}}, "is no URL"},
		{"a file", []Issuer{{JWKS: "file:///etc/passwd"}}, "is no URL"},
		{"a password", []Issuer{{JWKS: "https://a:b@example.com/"}}, "seen in logs"},
		{"in the clear", []Issuer{{JWKS: "http://example.com/"}}, "InsecurePlainHTTP"},
		{"backwards", []Issuer{{JWKS: "https://example.com/", Refresh: -1}}, "negative"},
		{"no name", []Issuer{good, {Name: "b", Secrets: good.Secrets}}, "Issuers[0]: the name is empty"},
		{"two of a name", []Issuer{{Name: "b", Secrets: good.Secrets}, {Name: "b", JWKS: "https://example.com/"}}, "Issuers[1]: the name \"b\" is there twice"},
	}
	for _, test := range tests {
		j, err := New(Options{Issuers: test.o})
		if err == nil {
			t.Errorf("%s: accepted", test.name)
			_ = j.Close()
		} else if !strings.HasPrefix(err.Error(), "auth: ") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), string(secret[:20])) {
			t.Errorf("%s: got %q, want %q in it", test.name, err, test.want)
		}
	}
}

// The keys of one issuer are no keys of another, whatever they are called.
func TestIssuers(t *testing.T) {
	j := start(t, Options{Issuers: []Issuer{
		{Name: "a", Secrets: [][]byte{secret}, UserPrefix: "a/", Audience: []string{"x", "y"}},
		{Name: "b", Secrets: [][]byte{otherSecret}, PublicKeys: [][]byte{public(ecKey())}, UserPrefix: "b/"},
	}})
	for _, test := range []struct {
		alg    string
		key    any
		claims jwt.MapClaims
		want   string // the user, or what is wrong
	}{
		{"HS256", secret, jwt.MapClaims{"iss": "a", "sub": "ann", "aud": []string{"z", "y"}}, "a/ann"},
		{"HS256", secret, jwt.MapClaims{"iss": "a", "sub": "ann", "aud": "x"}, "a/ann"},
		{"HS256", otherSecret, jwt.MapClaims{"iss": "b", "sub": "ann"}, "b/ann"},
		{"ES256", ecKey(), jwt.MapClaims{"iss": "b", "sub": "ann", "aud": "z"}, "b/ann"},
		{"HS256", secret, jwt.MapClaims{"iss": "a", "sub": "ann", "aud": "z"}, "!audience"},
		{"HS256", secret, jwt.MapClaims{"iss": "a", "sub": "ann"}, "!aud"},
		{"HS256", otherSecret, jwt.MapClaims{"iss": "a", "sub": "ann", "aud": "x"}, "!signature is invalid"},
		{"HS256", secret, jwt.MapClaims{"iss": "b", "sub": "ann"}, "!signature is invalid"},
		{"ES256", ecKey(), jwt.MapClaims{"iss": "a", "sub": "ann", "aud": "x"}, "!not accepted from this issuer"},
		{"HS256", secret, jwt.MapClaims{"sub": "ann", "aud": "x"}, "!no issuer"},
		{"HS256", secret, jwt.MapClaims{"iss": "A", "sub": "ann", "aud": "x"}, "!no issuer"},
	} {
		text := token(test.alg, test.key, test.claims)
		if cause, wrong := strings.CutPrefix(test.want, "!"); wrong {
			wantInvalid(t, j, text, cause)
		} else if id, e := connect(t, j, text); e != nil || id.User != test.want {
			t.Errorf("%v: got %+v, %v", test.claims, id, e)
		}
	}
	one := single(t, Issuer{Name: "a", Secrets: [][]byte{secret}})
	wantInvalid(t, one, token("HS256", secret, jwt.MapClaims{"iss": "b"}), "no issuer")
	wantInvalid(t, one, token("HS256", secret, jwt.MapClaims{}), "no issuer")
}
