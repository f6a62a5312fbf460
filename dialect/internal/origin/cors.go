package origin

import (
	"net/http"
	"strconv"
	"time"
)

// CORS says which pages of other origins may do by HTTP what a dialect offers, and read the answers.
type CORS struct {
	// Origins are patterns for "scheme://host[:port]" or "host[:port]", as those of ws.AcceptOptions.Origins: * stands for any run of
	// characters but "/", such as "https://*.example.com". A single "*" is every origin.
	Origins []string

	// Credentials lets pages of these origins send cookies and the like. It never holds for an origin that only "*" allows. Without it a
	// request that publishes is refused if it comes from a page of another origin and has a cookie.
	Credentials bool

	// MaxAge is for how long a browser may remember the answer to a preflight. If zero, 10 minutes.
	MaxAge time.Duration
}

// allows reports whether an origin is allowed, and whether with credentials.
func (c *CORS) allows(origin string) (ok, credentials bool) {
	for _, pattern := range c.Origins {
		if pattern == Any {
			ok = true
		} else if Match(pattern, origin) {
			return true, c.Credentials
		}
	}
	return ok, false
}

// Guard answers for one handler what pages of other origins may do. It may be used by several goroutines at once. NewGuard makes one.
type Guard struct {
	cors       CORS
	offer      Offer
	protection *http.CrossOriginProtection
}

// Offer is what a handler has for pages of other origins: lists as they stand in header fields.
type Offer struct {
	// Allow is the methods that there are.
	Allow string

	// Methods are those that a page may use.
	Methods string

	// Headers are the header fields that a page may set.
	Headers string

	// Expose is the header fields of answers that a page may read.
	Expose string
}

// NewGuard makes a Guard.
func NewGuard(c CORS, o Offer) *Guard {
	if c.MaxAge == 0 {
		c.MaxAge = 10 * time.Minute
	}
	return &Guard{cors: c, offer: o, protection: http.NewCrossOriginProtection()}
}

// Page is what a Guard knows of the page from which a request comes.
type Page struct {
	allowed, credentials bool
}

// Enter sets the header fields of the answer to a request, whatever it will be, so that a page that may can read it.
func (g *Guard) Enter(w http.ResponseWriter, r *http.Request) Page {
	if len(g.cors.Origins) == 0 {
		return Page{}
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	origin, ok := of(r)
	if !ok {
		return Page{}
	}
	var p Page
	if p.allowed, p.credentials = g.cors.allows(origin); !p.allowed {
		return Page{}
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", g.offer.Expose)
	if p.credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	return p
}

// Options answers an OPTIONS request, and with it a browser that asks on behalf of a page of another origin (a preflight). more returns header
// fields that are allowed beside those of the Offer, as the continuation of that list, from those that are asked for; nil is none.
func (g *Guard) Options(w http.ResponseWriter, r *http.Request, p Page, more func(asked string) string) {
	header := w.Header()
	header.Set("Allow", g.offer.Allow)
	if p.allowed && r.Header.Get("Access-Control-Request-Method") != "" {
		headers := g.offer.Headers
		if more != nil {
			header.Add("Vary", "Access-Control-Request-Headers")
			headers += more(r.Header.Get("Access-Control-Request-Headers"))
		}
		header.Set("Access-Control-Allow-Methods", g.offer.Methods)
		header.Set("Access-Control-Allow-Headers", headers)
		header.Set("Access-Control-Max-Age", strconv.Itoa(int(g.cors.MaxAge.Seconds())))
	}
	w.WriteHeader(http.StatusNoContent)
}

// Forged reports whether a request that changes something is sent by a browser in the name of a page that may not do so. A page that may,
// but not with credentials, sends no cookie unless it means to use those of its reader.
func (g *Guard) Forged(r *http.Request, p Page) bool {
	if p.allowed && (p.credentials || len(r.Header["Cookie"]) == 0) {
		return false
	}
	return g.protection.Check(r) != nil
}
