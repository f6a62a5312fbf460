package auth

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
)

// Whatever becomes of a token, the log has the cause and not the token.
func TestNoTokenInLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	j := start(t, Options{Issuers: []Issuer{{Secrets: [][]byte{secret}}}, Logger: logger})
	h, err := hub.New(hub.Options{Authoriser: j, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	good := token("HS256", secret, jwt.MapClaims{"sub": "ann"})
	tokens := map[string]string{
		good: "",
		token("HS256", otherSecret, jwt.MapClaims{"sub": "ann"}):                                      "signature is invalid",
		token("HS256", secret, jwt.MapClaims{"sub": "ann", "exp": 1}):                                 "token is expired",
		token("HS256", secret, jwt.MapClaims{"parley": 1}):                                            "claim parley is not a JSON object",
		token("RS256", rsaKey(), jwt.MapClaims{"sub": "ann"}):                                         "signing method RS256",
		strings.Replace(good, "e", "E", 1):                                                            "token is malformed",
		good + "=":                                                                                    "token is malformed",
		good + ".more-than-there-should-be":                                                           "number of segments",
		"opaque-and-secret-7f3a9c5511d04d43":                                                          "number of segments",
		token("HS256", secret, jwt.MapClaims{"parley": map[string]any{"publish": []string{"a/*/b"}}}): "a star",
	}
	for text, cause := range tokens {
		log.Reset()
		s, err := h.Connect(t.Context(), hub.Connect{Credentials: hub.Credentials{Token: text}, Codec: codec{}, Sink: sink{}})
		if err == nil {
			s.Close(hub.Reason{})
		}
		if (err == nil) != (cause == "") || !strings.Contains(log.String(), cause) {
			t.Errorf("got %v and the log %q, want %q in it", err, log.String(), cause)
		}
		for part := range strings.SplitSeq(text, ".") {
			if len(part) > 20 && (strings.Contains(log.String(), part) || err != nil && strings.Contains(err.Error(), part)) {
				t.Errorf("the log or the error holds the token: %v, %q", err, log.String())
			}
		}
	}
}
