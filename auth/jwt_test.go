package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
)

func TestAlgorithms(t *testing.T) {
	secrets := Issuer{Secrets: [][]byte{otherSecret, secret}}
	tests := []struct {
		alg    string
		key    any
		wrong  any
		issuer Issuer
	}{
		{"HS256", secret, []byte("of somebody else, but long enough"), secrets},
		{"HS384", secret, []byte("of somebody else, but long enough"), secrets},
		{"HS512", otherSecret, []byte("of somebody else, but long enough"), secrets},
		{"RS256", rsaKey(), must(rsa.GenerateKey(rand.Reader, 2048)), Issuer{PublicKeys: [][]byte{append(public(ecKey()), public(rsaKey())...)}}},
		{"ES256", ecKey(), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), Issuer{PublicKeys: [][]byte{public(ecKey()), public(rsaKey())}}},
		{"EdDSA", edKey(), ed25519.NewKeyFromSeed(secret[:32]), Issuer{PublicKeys: [][]byte{public(edKey())}}},
	}
	for _, test := range tests {
		t.Run(test.alg, func(t *testing.T) {
			j := single(t, test.issuer)
			claims := jwt.MapClaims{"sub": "ann", "exp": in(time.Hour)}
			good := token(test.alg, test.key, claims)
			id, e := connect(t, j, good)
			if e != nil {
				t.Fatal(e)
			}
			if id.User != "ann" || id.Expires.Unix() != claims["exp"] || !json.Valid(id.Claims) {
				t.Errorf("got %+v", id)
			}
			wantInvalid(t, j, token(test.alg, test.wrong, claims), "signature is invalid")
			// A byte of the claims is changed, then one of the signature.
			parts := strings.Split(good, ".")
			changed := strings.Replace(string(must(base64.RawURLEncoding.DecodeString(parts[1]))), "ann", "bob", 1)
			wantInvalid(t, j, parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(changed))+"."+parts[2], "signature is invalid")
			signature := must(base64.RawURLEncoding.DecodeString(parts[2]))
			signature[3] ^= 1
			wantInvalid(t, j, parts[0]+"."+parts[1]+"."+base64.RawURLEncoding.EncodeToString(signature), "signature is invalid")
			wantInvalid(t, j, parts[0]+"."+parts[1]+".", "signature is invalid")

			only := test.issuer
			for _, alg := range algorithms {
				only.Algorithms = []string{alg}
				if other, err := New(Options{Issuers: []Issuer{only}}); err == nil && alg != test.alg {
					wantInvalid(t, other, good, "signing method")
				}
			}
		})
	}
}

// A public key is known to everybody: used as a secret, or the other way round, it would let everybody in.
func TestConfusedAlgorithms(t *testing.T) {
	for _, key := range [][]byte{public(rsaKey()), public(ecKey()), public(edKey())} {
		j := single(t, Issuer{PublicKeys: [][]byte{key}})
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			wantInvalid(t, j, token(alg, key, jwt.MapClaims{"sub": "ann"}), "signing method")
		}
		// Even beside a secret.
		j = single(t, Issuer{PublicKeys: [][]byte{key}, Secrets: [][]byte{secret}})
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			wantInvalid(t, j, token(alg, key, jwt.MapClaims{"sub": "ann"}), "signature is invalid")
		}
		if _, err := New(Options{Issuers: []Issuer{{Secrets: [][]byte{key}}}}); err == nil || !strings.Contains(err.Error(), "PublicKeys") {
			t.Errorf("a PEM text was taken as a secret: %v", err)
		}
	}
	j := single(t, Issuer{Secrets: [][]byte{secret}})
	wantInvalid(t, j, token("RS256", rsaKey(), jwt.MapClaims{"sub": "ann"}), "signing method")
	for _, alg := range []string{"none", "None", "NONE", ""} {
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `"}`))
		wantInvalid(t, j, header+".eyJzdWIiOiJhbm4ifQ.", "")
		wantInvalid(t, j, header+".eyJzdWIiOiJhbm4ifQ.AAAA", "")
	}
	// What the token says about its keys is not followed.
	wantInvalid(t, j, token("HS256", otherSecret, jwt.MapClaims{}, "jwk", map[string]any{"kty": "oct", "k": otherSecret}, "jku", "https://example.com"), "signature is invalid")
	wantInvalid(t, j, token("HS256", secret, jwt.MapClaims{}, "crit", []string{"b64"}, "b64", false), "crit")
	// ES256 is P-256, whatever key the algorithm's name is put on.
	if _, err := New(Options{Issuers: []Issuer{{PublicKeys: [][]byte{public(p384Key())}}}}); err == nil {
		t.Error("a P-384 key was accepted for ES256")
	}
}

func TestMalformed(t *testing.T) {
	j := single(t, Issuer{Secrets: [][]byte{secret}})
	signed := func(claims string) string {
		text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		return text + "." + base64.RawURLEncoding.EncodeToString(must(jwt.SigningMethodHS256.Sign(text, secret)))
	}
	for token, cause := range map[string]string{
		"x":                             "segments",
		"a.b":                           "segments",
		"a.b.c.d":                       "segments",
		"a.b.c":                         "header",
		"..":                            "header",
		strings.Repeat("x", MaxToken+1): "at most",
		signed(``):                      "claim",
		signed(`[]`):                    "not a JSON object",
		signed(`null`):                  "not a JSON object",
		signed(`"x"`):                   "not a JSON object",
		signed(`{"sub":1}`):             "sub: it is not a text",
		signed(`{"sub":null}`):          "sub: it is not a text",
		signed(`{"sub":"` + strings.Repeat("u", 256) + `"}`): "sub has 256 bytes",
		signed(`{"iss":{}}`):                         "iss",
		signed(`{"aud":7}`):                          "aud",
		signed(`{"exp":null}`):                       "exp: it is not a number",
		signed(`{"exp":"1893456000"}`):               "exp: it is not a number",
		signed(`{"exp":1893456000000}`):              "milliseconds",
		signed(`{"exp":1e300}`):                      "milliseconds",
		signed(`{"exp":-1}`):                         "1970",
		signed(`{"nbf":[]}`):                         "nbf",
		signed(`{"parley":null}`):                    "parley is not a JSON object",
		signed(`{"parley":["**"]}`):                  "parley is not a JSON object",
		signed(`{"parley":{"subscribe":"a"}}`):       `"subscribe": it is not a list`,
		signed(`{"parley":{"subscribe":null}}`):      `"subscribe": it is not a list`,
		signed(`{"parley":{"subscribe":["a/*/b"]}}`): "a star may only be",
		signed(`{"parley":{"publish":[""]}}`):        "empty",
		signed(`{"parley":{"publish":[null]}}`):      "not a list of texts",
		signed(`{"parley":{"presence":["/**"]}}`):    `"presence"`,
		signed(`{"parley":{"call":[""]}}`):           `"call"`,
		signed(`{"parley":{"subscriptions":[1]}}`):   `"subscriptions"`,
		signed(`{"parley":{"subscibe":["a"]}}`):      `"subscibe": there is no such member`,
		signed(`{"parley":{"Subscribe":["a"]}}`):     "no such member",
		signed(`{"parley":{"rate":-1}}`):             "negative",
		signed(`{"parley":{"rate":"1"}}`):            "not a number",
		signed(`{"parley":{"burst":1.5}}`):           "whole number",
		signed(`{"parley":{"burst":1e9}}`):           "whole number",
		signed(`{"parley":{"producer":1}}`):          "not a text",
	} {
		wantInvalid(t, j, token, cause)
	}
	// Names are compared as they are.
	id, e := connect(t, j, signed(`{"sub":"ann","Sub":"root","SUB":"root","Exp":1}`))
	if e != nil || id.User != "ann" || !id.Expires.IsZero() {
		t.Errorf("got %+v, %v", id, e)
	}
}

func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := single(t, Issuer{Secrets: [][]byte{secret}})
		expires := time.Now().Add(time.Minute)
		ends := token("HS256", secret, jwt.MapClaims{"exp": expires.Unix()})
		begins := token("HS256", secret, jwt.MapClaims{"nbf": expires.Unix()})
		endless := token("HS256", secret, jwt.MapClaims{})
		if id, e := connect(t, j, ends); e != nil || !id.Expires.Equal(expires) {
			t.Fatalf("got %+v, %v", id, e)
		}
		wantInvalid(t, j, begins, "not valid yet")
		time.Sleep(56 * time.Second) // 4 s before
		if _, e := connect(t, j, begins); e != nil {
			t.Errorf("within the leeway: %v", e)
		}
		time.Sleep(7 * time.Second) // 3 s after
		if id, e := connect(t, j, ends); e != nil || time.Until(id.Expires) != 2*time.Second {
			t.Errorf("within the leeway: got %+v, %v", id, e)
		}
		time.Sleep(2 * time.Second)
		if id, e := connect(t, j, ends); e == nil || e.Code != hub.Expired || e.Err == nil {
			t.Errorf("after the leeway: got %+v, %v", id, e)
		}
		if id, e := connect(t, j, endless); e != nil || !id.Expires.IsZero() {
			t.Errorf("without exp: got %+v, %v", id, e)
		}
		// Expired is said only to those with a good signature, and nothing else wrong.
		wantInvalid(t, j, token("HS256", otherSecret, jwt.MapClaims{"exp": 1}), "signature is invalid")
		aud := single(t, Issuer{Secrets: [][]byte{secret}, Audience: []string{"parley"}})
		wantInvalid(t, aud, token("HS256", secret, jwt.MapClaims{"exp": 1, "aud": "other"}), "audience")

		strict := start(t, Options{Issuers: []Issuer{{Secrets: [][]byte{secret}}}, RequireExpiry: true, Leeway: -1})
		wantInvalid(t, strict, endless, "exp claim is required")
		now := token("HS256", secret, jwt.MapClaims{"exp": time.Now().Unix()})
		if id, e := connect(t, strict, now); e == nil || e.Code != hub.Expired {
			t.Errorf("without leeway: got %+v, %v", id, e)
		}
		fixed := start(t, Options{Issuers: []Issuer{{Secrets: [][]byte{secret}}}, Now: func() time.Time { return expires.Add(-time.Second) }})
		if _, e := connect(t, fixed, ends); e != nil {
			t.Errorf("by the given clock: %v", e)
		}
	})
}

// The hub lets a session live for as long as its token, and a grace.
func TestSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Authoriser: single(t, Issuer{Secrets: [][]byte{secret}})})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		good := func() hub.Credentials {
			return hub.Credentials{Token: token("HS256", secret, jwt.MapClaims{"sub": "ann", "exp": in(time.Minute)})}
		}
		s, err := h.Connect(t.Context(), hub.Connect{Credentials: good(), Codec: codec{}, Sink: sink{}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(65 * time.Second)
		if s.Context().Err() != nil {
			t.Fatal("it ended before the grace")
		}
		if _, err := s.Refresh(t.Context(), hub.Credentials{}); hub.AsError(err).Code != hub.Unauthenticated {
			t.Errorf("refreshed without a token: %v", err)
		}
		other := hub.Credentials{Token: token("HS256", secret, jwt.MapClaims{"sub": "bob"})}
		if _, err := s.Refresh(t.Context(), other); hub.AsError(err).Code != hub.Forbidden {
			t.Errorf("refreshed as somebody else: %v", err)
		}
		if _, err := s.Refresh(t.Context(), good()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(70 * time.Second)
		if s.Context().Err() != nil {
			t.Fatal("it ended although it was refreshed")
		}
		time.Sleep(16 * time.Second)
		if s.Context().Err() == nil {
			t.Error("it goes on without a token that holds")
		}
	})
}

func TestAnonymous(t *testing.T) {
	issuers := []Issuer{{Secrets: [][]byte{secret}}}
	j := start(t, Options{Issuers: issuers})
	if _, err := j.Connect(t.Context(), &hub.Credentials{}); hub.AsError(err).Code != hub.Unauthenticated {
		t.Errorf("let in without a token: %v", err)
	}
	j = start(t, Options{Issuers: issuers, Anonymous: true})
	id, err := j.Connect(t.Context(), &hub.Credentials{})
	if err != nil || id.User != "" || id.Claims != nil {
		t.Errorf("got %+v, %v", id, err)
	}
	wantInvalid(t, j, "x.y.z", "")
	if _, err := j.Connect(t.Context(), &hub.Credentials{Refresh: true, Old: id}); hub.AsError(err).Code != hub.Unauthenticated {
		t.Errorf("refreshed without a token: %v", err)
	}
}

func TestClosedContext(t *testing.T) {
	j := single(t, Issuer{Secrets: [][]byte{secret}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Nothing is waited for, so the token is simply good.
	if _, err := j.Connect(ctx, &hub.Credentials{Token: token("HS256", secret, jwt.MapClaims{})}); err != nil {
		t.Error(err)
	}
}
