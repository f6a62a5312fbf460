package raw

import (
	"net/http"
	"slices"
	"strings"

	"github.com/parley-ws/parley/dialect/internal/origin"
	"github.com/parley-ws/parley/hub"
)

// CORS says which pages of other origins may use the topics by HTTP. WebSockets have ws.AcceptOptions.Origins, whose patterns mean the same.
//
// Origins are patterns for "scheme://host[:port]" or "host[:port]" in which * stands for any run of characters but "/", such as
// "https://*.example.com". A single "*" is every origin. None is no other origin at all.
//
// Credentials lets browsers send cookies and the like. It never holds for an origin that only "*" allows. Without it a request that publishes
// is refused if it comes from a page of another origin and has a cookie.
//
// MaxAge is for how long a browser may remember the answer to a preflight. If zero, 10 minutes.
type CORS = origin.CORS

// offer is what pages of other origins may do and see.
var offer = origin.Offer{
	Allow:   allow,
	Methods: "GET, HEAD, POST, PUT",
	Headers: "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Parley-Event, Parley-Key, Parley-Producer",
	Expose:  "Parley-Position, Retry-After, WWW-Authenticate",
}

// own returns those of the header fields asked for that become headers of a message, as the continuation of a list.
func own(asked string) string {
	var list []string
	for name := range strings.SplitSeq(asked, ",") {
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		if strings.HasPrefix(name, headerPrefix) && !slices.Contains(list, name) && isToken(name) && len(list) < 64 {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ", " + strings.Join(list, ", ")
}

// isToken reports whether s may be the name of a header field (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// forged returns an error for what a browser sends in the name of a page that may not.
func (h *Handler) forged(r *http.Request, p origin.Page) *hub.Error {
	if !h.guard.Forged(r, p) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "%s from a page of another origin is refused", r.Method)
}
