package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
)

// published is an issuer's server. It answers requests as a http.RoundTripper too, without a network.
type published struct {
	mu     sync.Mutex
	status int
	body   string
	asked  int
	hold   chan struct{} // answers wait until it is closed, if it is not nil
}

// publish sets the key set: names and keys in turn.
func (p *published) publish(pairs ...any) {
	var set jwkset.JWKSMarshal
	for i := 0; i < len(pairs); i += 2 {
		jwk := must(jwkset.NewJWKFromKey(pairs[i+1].(crypto.Signer).Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: pairs[i].(string)},
		}))
		set.Keys = append(set.Keys, jwk.Marshal())
	}
	p.answer(http.StatusOK, string(must(json.Marshal(set))))
}

func (p *published) answer(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

func (p *published) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *published) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked++
	status, body := p.status, p.body
	p.mu.Unlock()
	if status == http.StatusFound {
		w.Header().Set("Location", body)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (p *published) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	hold, down := p.hold, p.status == 0
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if down {
		p.mu.Lock()
		p.asked++
		p.mu.Unlock()
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestKeySet(t *testing.T) {
	p := &published{}
	p.publish("r", rsaKey(), "e", ecKey(), "d", edKey())
	server := httptest.NewServer(p)
	defer server.Close()
	j := single(t, Issuer{JWKS: server.URL})
	for alg, key := range map[string]crypto.Signer{"RS256": rsaKey(), "ES256": ecKey(), "EdDSA": edKey()} {
		name := map[string]string{"RS256": "r", "ES256": "e", "EdDSA": "d"}[alg]
		for _, header := range [][]any{{"kid", name}, nil} {
			if id, e := connect(t, j, token(alg, key, jwt.MapClaims{"sub": "ann"}, header...)); e != nil || id.User != "ann" {
				t.Errorf("%s %v: got %+v, %v", alg, header, id, e)
			}
		}
	}
	wantInvalid(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "r"), "not for the algorithm ES256")
	wantInvalid(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", 7), "not the name of a key")
	wantInvalid(t, j, token("ES256", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), jwt.MapClaims{}, "kid", "e"), "signature is invalid")
	wantInvalid(t, j, token("HS256", public(rsaKey()), jwt.MapClaims{}, "kid", "r"), "signing method")
	if n := p.count(); n != 1 {
		t.Errorf("the key set was fetched %d times, want once", n)
	}
}

// The key set of one issuer has a key that is called as one of another's.
func TestKeySetsOfIssuers(t *testing.T) {
	a, b := &published{}, &published{}
	a.publish("k", rsaKey())
	b.publish("k", ecKey())
	first, second := httptest.NewServer(a), httptest.NewServer(b)
	defer first.Close()
	defer second.Close()
	j := start(t, Options{Issuers: []Issuer{{Name: "a", JWKS: first.URL}, {Name: "b", JWKS: second.URL}}})
	for _, order := range []string{"ab", "ba"} { // whichever is cached first
		for _, iss := range order {
			good, alg := crypto.Signer(rsaKey()), "RS256"
			wrong, wrongAlg := crypto.Signer(ecKey()), "ES256"
			if iss == 'b' {
				good, alg, wrong, wrongAlg = wrong, wrongAlg, good, alg
			}
			claims := jwt.MapClaims{"iss": string(iss)}
			if _, e := connect(t, j, token(alg, good, claims, "kid", "k")); e != nil {
				t.Errorf("%c: %v", iss, e)
			}
			wantInvalid(t, j, token(wrongAlg, wrong, claims, "kid", "k"), "not for the algorithm")
		}
	}
}

func TestRotation(t *testing.T) {
	p := &published{}
	p.publish("1", ecKey())
	server := httptest.NewServer(p)
	defer server.Close()
	j := single(t, Issuer{JWKS: server.URL, MinRefresh: time.Nanosecond, Secrets: [][]byte{secret}, PublicKeys: [][]byte{public(rsaKey())}})
	if _, e := connect(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "1")); e != nil {
		t.Fatal(e)
	}
	p.publish("2", edKey())
	// Many tokens with the new key at once: all of them wait for one fetch.
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := j.Connect(context.Background(), &hub.Credentials{Token: token("EdDSA", edKey(), jwt.MapClaims{}, "kid", "2")}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wantInvalid(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "1"), "no key \"1\"")
	// Keys that were given do not depend on those that are fetched.
	n := p.count()
	for alg, key := range map[string]any{"HS256": secret, "RS256": rsaKey()} {
		if _, e := connect(t, j, token(alg, key, jwt.MapClaims{}, "kid", "9")); e != nil {
			t.Error(e)
		}
	}
	if p.count() != n {
		t.Error("a token that was signed with a given key made the key set be fetched")
	}
}

func TestRefreshIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{}
		p.publish("1", ecKey())
		var log bytes.Buffer
		j := start(t, Options{
			Issuers: []Issuer{{JWKS: "https://issuer.example/keys"}}, Transport: p,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		one, two := token("ES256", ecKey(), jwt.MapClaims{}, "kid", "1"), token("EdDSA", edKey(), jwt.MapClaims{}, "kid", "2")
		wantCount := func(want int) {
			t.Helper()
			synctest.Wait()
			if n := p.count(); n != want {
				t.Fatalf("fetched %d times, want %d", n, want)
			}
		}
		for range 3 {
			wantInvalid(t, j, two, "no key \"2\"")
		}
		wantCount(1)
		time.Sleep(10 * time.Second)
		for range 3 {
			wantInvalid(t, j, two, "no key \"2\"")
		}
		wantCount(2)
		p.publish("2", edKey())
		time.Sleep(9 * time.Second)
		wantInvalid(t, j, two, "no key \"2\"")
		time.Sleep(2 * time.Second)
		if _, e := connect(t, j, two); e != nil {
			t.Fatal(e)
		}
		wantCount(3)
		wantInvalid(t, j, one, "no key \"1\"")
		wantCount(3)
		// By itself.
		p.publish("1", ecKey())
		time.Sleep(15 * time.Minute)
		wantCount(4)
		if _, e := connect(t, j, one); e != nil {
			t.Fatal(e)
		}
		// The issuer is gone: what is known still holds; whatever is not may be right.
		p.answer(0, "")
		time.Sleep(14 * time.Minute)
		if _, e := connect(t, j, one); e != nil {
			t.Fatal(e)
		}
		id, e := connect(t, j, two)
		if e == nil || e.Code != hub.Unavailable || !e.Retry || e.After < time.Second || e.After > time.Minute {
			t.Fatalf("got %+v, %v", id, e)
		}
		before := p.count()
		time.Sleep(time.Hour)
		if n := p.count() - before; n < 55 || n > 70 {
			t.Errorf("fetched %d times in an hour without success", n)
		}
		if _, e := connect(t, j, one); e != nil {
			t.Fatal(e)
		}
		if strings.Contains(log.String(), two) || !strings.Contains(log.String(), "connection refused") {
			t.Errorf("the log: %.300s", log.String())
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if _, e := connect(t, j, one); e != nil {
			t.Errorf("after Close: %v", e)
		}
		if _, e := connect(t, j, two); e == nil || e.Code != hub.Unavailable {
			t.Errorf("after Close, a key that is not known: %v", e)
		}
	})
}

// Whoever shows a token before the first fetch has ended waits for it.
func TestFirstFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &published{hold: make(chan struct{})}
		p.publish("1", ecKey())
		j := start(t, Options{Issuers: []Issuer{{JWKS: "https://issuer.example/keys"}}, Transport: p})
		good := token("ES256", ecKey(), jwt.MapClaims{"sub": "ann"}, "kid", "1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := j.Connect(ctx, &hub.Credentials{Token: good}); hub.AsError(err).Code != hub.Timeout {
			t.Errorf("got %v", err)
		}
		var done atomic.Bool
		go func() {
			if _, err := j.Connect(t.Context(), &hub.Credentials{Token: good}); err != nil {
				t.Error(err)
			}
			done.Store(true)
		}()
		synctest.Wait()
		if done.Load() {
			t.Error("it did not wait")
		}
		close(p.hold)
		synctest.Wait()
		if !done.Load() {
			t.Error("it still waits")
		}
		// One that never answers.
		p.mu.Lock()
		p.hold = make(chan struct{})
		p.mu.Unlock()
		stuck := start(t, Options{Issuers: []Issuer{{JWKS: "https://issuer.example/keys"}}, Transport: p})
		if _, e := connect(t, stuck, good); e == nil || e.Code != hub.Unavailable {
			t.Errorf("got %v", e)
		}
	})
}

func TestBadKeySets(t *testing.T) {
	oct := `{"kty":"oct","kid":"o","k":"` + base64.RawURLEncoding.EncodeToString(secret) + `"}`
	good := string(must(json.Marshal(must(jwkset.NewJWKFromKey(ecKey().Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "e"}})).Marshal())))
	for _, test := range []struct {
		name   string
		status int
		body   string
		cause  string
	}{
		{"an error", 500, `{"keys":[]}`, "status is 500"},
		{"a redirection", 302, "https://evil.example/keys", "redirections are not followed"},
		{"no JSON", 200, "<html>", "no key set"},
		{"no keys", 200, `{}`, "no key set"},
		{"too large", 200, `{"keys":[` + strings.Repeat(" ", maxSet) + `]}`, "more than"},
		{"too many", 200, `{"keys":[` + strings.Repeat(good+",", maxKeys) + good + `]}`, "more than 100 keys"},
	} {
		p := &published{}
		p.answer(test.status, test.body)
		j := start(t, Options{Issuers: []Issuer{{JWKS: "https://issuer.example/keys"}}, Transport: p})
		_, e := connect(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "e"))
		if e == nil || e.Code != hub.Unavailable || !strings.Contains(e.Error(), test.cause) {
			t.Errorf("%s: got %v, want %q in it", test.name, e, test.cause)
		}
	}
	// What is of no use is passed over.
	weak := string(must(json.Marshal(must(jwkset.NewJWKFromKey(weakRSAKey().Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "w"}})).Marshal())))
	encrypts := strings.Replace(good, `"kid":"e"`, `"kid":"x","use":"enc"`, 1)
	signs := strings.Replace(good, `"kid":"e"`, `"kid":"y","key_ops":["sign"]`, 1)
	other := strings.Replace(good, `"kid":"e"`, `"kid":"z","alg":"ES384"`, 1)
	p := &published{}
	p.answer(200, `{"keys":[{"kty":"new"},7,`+strings.Join([]string{oct, weak, encrypts, signs, other, good}, ",")+`]}`)
	j := start(t, Options{Issuers: []Issuer{{JWKS: "https://issuer.example/keys"}}, Transport: p})
	if _, e := connect(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "e")); e != nil {
		t.Fatal(e)
	}
	wantInvalid(t, j, token("HS256", secret, jwt.MapClaims{}, "kid", "o"), "signing method")
	wantInvalid(t, j, token("RS256", weakRSAKey(), jwt.MapClaims{}, "kid", "w"), "no key")
	wantInvalid(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "x"), "no key")
	wantInvalid(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "y"), "no key")
	wantInvalid(t, j, token("ES256", ecKey(), jwt.MapClaims{}, "kid", "z"), "not for the algorithm")
}
