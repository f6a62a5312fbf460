package hook

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	// By hand: printf '1764000000.{}' | openssl dgst -sha256 -hmac 'known to both of them'
	if got := signature(secret, "1764000000", []byte("{}")); got != byHand {
		t.Errorf("got %s", got)
	}
	signed := func(at time.Time, change func(http.Header)) http.Header {
		now := strconv.FormatInt(at.Unix(), 10)
		h := http.Header{}
		h.Set("Parley-Timestamp", now)
		h.Set("Parley-Signature", signature(secret, now, []byte("{}")))
		if change != nil {
			change(h)
		}
		return h
	}
	now := time.Now()
	for _, test := range []struct {
		header http.Header
		body   string
		want   string
	}{
		{signed(now, nil), "{}", ""},
		{signed(now.Add(-50*time.Second), nil), "{}", ""},
		{signed(now.Add(50*time.Second), nil), "{}", ""},
		{signed(now, nil), "{ }", "signature is wrong"},
		{signed(now.Add(-2*time.Minute), nil), "{}", "ago"},
		{signed(now.Add(2*time.Minute), nil), "{}", "ago"},
		{signed(now, func(h http.Header) { h.Del("Parley-Signature") }), "{}", "no signature"},
		{signed(now, func(h http.Header) { h.Set("Parley-Signature", "v1=") }), "{}", "signature is wrong"},
		{signed(now, func(h http.Header) { h.Set("Parley-Timestamp", "1"+h.Get("Parley-Timestamp")) }), "{}", "signature is wrong"},
		{signed(now, func(h http.Header) {
			h.Set("Parley-Timestamp", "soon")
			h.Set("Parley-Signature", signature(secret, "soon", []byte("{}")))
		}), "{}", "no number"},
	} {
		err := Verify(secret, test.header, []byte(test.body), time.Minute)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	if Verify([]byte("another secret, long"), signed(now, nil), []byte("{}"), time.Minute) == nil {
		t.Error("another secret is as good")
	}
}

const byHand = "v1=5fab7313853bf2526a5f4680d332262e603811e198c2e757cdd51b2e85c2d74b"
