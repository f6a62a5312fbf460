package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// version stands before a signature, so that there can be another kind one day.
const version = "v1="

// signature returns the value of the header Parley-Signature.
func signature(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp))
	mac.Write([]byte("."))
	mac.Write(body)
	return version + hex.EncodeToString(mac.Sum(nil))
}

// Verify is for applications: it returns an error unless a question with this header and body was signed with the secret,
// at most maxAge ago (or, as clocks differ, in maxAge). A question should be answered only once for each Parley-Id, or it must do no harm
// to answer it again.
func Verify(secret []byte, header http.Header, body []byte, maxAge time.Duration) error {
	given := header.Get("Parley-Signature")
	timestamp := header.Get("Parley-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	switch {
	case !strings.HasPrefix(given, version):
		return errors.New("hook: the question has no signature v1: give the server the secret")
	case !hmac.Equal([]byte(given), []byte(signature(secret, timestamp, body))):
		return errors.New("hook: the signature is wrong: the secret is another, or the body was changed")
	case err != nil:
		return errors.New("hook: the timestamp is no number")
	}
	if age := time.Since(time.Unix(seconds, 0)).Abs(); age > maxAge {
		return fmt.Errorf("hook: the question was signed %v ago, more than %v: it is sent again by somebody, or a clock is wrong", age, maxAge)
	}
	return nil
}
