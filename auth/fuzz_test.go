package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
)

// signedWith reports whether a token is signed with secret by HMAC: written anew, so that it does not share the mistakes of what it watches.
func signedWith(token string, secret []byte) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return false
	}
	var members map[string]any
	if json.Unmarshal(header, &members) != nil {
		return false
	}
	var sum func() hash.Hash
	switch members["alg"] {
	case "HS256":
		sum = sha256.New
	case "HS384":
		sum = sha512.New384
	case "HS512":
		sum = sha512.New
	default:
		return false
	}
	mac := hmac.New(sum, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	return err == nil && hmac.Equal(signature, mac.Sum(nil))
}

// FuzzToken shows arbitrary tokens, and tokens with arbitrary claims: nothing panics, and none is accepted without a valid signature.
func FuzzToken(f *testing.F) {
	j := start(f, Options{Issuers: []Issuer{{Secrets: [][]byte{secret}, PublicKeys: [][]byte{public(rsaKey()), public(ecKey()), public(edKey())}}}})
	f.Add(token("HS256", secret, jwt.MapClaims{"sub": "ann"}))
	f.Add(token("HS512", secret, jwt.MapClaims{"exp": 1}))
	f.Add(token("HS256", public(rsaKey()), jwt.MapClaims{"sub": "ann"}))
	f.Add(token("HS256", otherSecret, jwt.MapClaims{"aud": []string{"a"}}, "kid", "x", "crit", []string{"y"}))
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.")
	f.Add(`{"sub":"ann","exp":1893456000,"parley":{"subscribe":["a/**"],"call":["m*"],"rate":1,"burst":2,"data":{},"subscriptions":["**"]}}`)
	f.Add(`{"parley":{"publish":["a/*/b"],"presence":null}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		id, err := j.Connect(context.Background(), &hub.Credentials{Token: text})
		check(t, text, id, err)
		if err == nil && text != "" && !signedWith(text, secret) {
			t.Fatalf("accepted without a signature: %q", text)
		}
		// The same as claims that are signed.
		body := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(text))
		signed := body + "." + base64.RawURLEncoding.EncodeToString(must(jwt.SigningMethodHS256.Sign(body, secret)))
		id, err = j.Connect(context.Background(), &hub.Credentials{Token: signed})
		check(t, signed, id, err)
		if err != nil {
			return
		}
		if !json.Valid(id.Claims) || len(id.Data) > 0 && !json.Valid(id.Data) || id.Rate < 0 || id.Burst < 0 {
			t.Fatalf("%q: got %+v", text, id)
		}
		for _, f := range id.Subscribe {
			if f.Check() != nil {
				t.Fatalf("%q: %v is no filter", text, f)
			}
		}
		_ = j.Allow(context.Background(), &hub.Access{Identity: id, Action: hub.ActCall, Method: text})
	})
}

func check(t *testing.T, text string, id *hub.Identity, err error) {
	t.Helper()
	var e *hub.Error
	if err != nil && (!errors.As(err, &e) || id != nil || e.Code != hub.Unauthenticated && e.Code != hub.Expired) {
		t.Fatalf("%q: got %+v, %v", text, id, err)
	}
	if err != nil && strings.Count(text, ".") == 2 && len(text) > 40 && strings.Contains(err.Error(), text) {
		t.Fatalf("the error holds the token: %v", err)
	}
}
