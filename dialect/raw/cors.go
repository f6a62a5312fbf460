package raw

import (
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-ws/parley/hub"
)

// CORS says which pages of other origins may use the topics by HTTP. WebSockets have ws.AcceptOptions.Origins.
type CORS struct {
	// Origins are patterns for "scheme://host[:port]" in which * stands for any run of characters but "/", such as
	// "https://*.example.com". A single "*" is every origin. None is no other origin at all.
	Origins []string

	// Credentials lets browsers send cookies and the like. It never holds for an origin that only "*" allows.
	Credentials bool

	// MaxAge is for how long a browser may remember the answer to a preflight. If zero, 10 minutes.
	MaxAge time.Duration
}

// What pages of other origins may do and see.
const (
	corsMethods = "GET, HEAD, POST, PUT"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Parley-Event, Parley-Key, Parley-Producer"
	corsExpose  = "Parley-Position, Retry-After, WWW-Authenticate"
)

// allows reports whether an origin is allowed, and whether with credentials.
func (c *CORS) allows(origin string) (ok, credentials bool) {
	origin = strings.ToLower(origin)
	for _, pattern := range c.Origins {
		if pattern == "*" {
			ok = true
			continue
		}
		// Within a pattern, all that path.Match knows but the star is taken as it is.
		pattern = strings.NewReplacer(`\`, `\\`, "[", `\[`, "?", `\?`).Replace(strings.ToLower(pattern))
		if match, err := path.Match(pattern, origin); err == nil && match {
			return true, c.Credentials
		}
	}
	return ok, false
}

// cross sets the header fields for a page of another origin, and reports whether that origin is allowed.
func (h *Handler) cross(w http.ResponseWriter, r *http.Request) bool {
	if len(h.o.CORS.Origins) == 0 {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	ok, credentials := h.o.CORS.allows(origin)
	if !ok {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", corsExpose)
	if credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

// options answers what may be done, and a browser that asks for a page of another origin.
func (h *Handler) options(w http.ResponseWriter, r *http.Request, allowed bool) {
	header := w.Header()
	header.Set("Allow", allow)
	if allowed && r.Header.Get("Access-Control-Request-Method") != "" {
		header.Add("Vary", "Access-Control-Request-Headers")
		header.Set("Access-Control-Allow-Methods", corsMethods)
		header.Set("Access-Control-Allow-Headers", corsHeaders+own(r.Header.Get("Access-Control-Request-Headers")))
		header.Set("Access-Control-Max-Age", strconv.Itoa(int(h.o.CORS.MaxAge.Seconds())))
	}
	w.WriteHeader(http.StatusNoContent)
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
func (h *Handler) forged(r *http.Request, allowed bool) *hub.Error {
	if allowed || h.protection.Check(r) == nil {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "%s from a page of another origin is refused", r.Method)
}
