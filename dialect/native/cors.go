package native

import (
	"github.com/parley-ws/parley/dialect/internal/origin"
)

// CORS says which pages of other origins may use the ways over HTTP. WebSockets have ws.AcceptOptions.Origins, whose patterns mean the same.
//
// Origins are patterns for "scheme://host[:port]" or "host[:port]" in which * stands for any run of characters but "/", such as
// "https://*.example.com". A single "*" is every origin.
//
// Credentials lets browsers send cookies and the like. It never holds for an origin that only "*" allows. Without it a request is refused if it
// comes from a page of another origin and has a cookie.
//
// MaxAge is for how long a browser may remember the answer to a preflight. If zero, 10 minutes.
type CORS = origin.CORS

// offer is what pages of other origins may do and see.
var offer = origin.Offer{
	Allow:   "POST, OPTIONS",
	Methods: "POST",
	Headers: "Authorization, Content-Type, " + headerSession + ", " + headerSecret,
	Expose:  "Retry-After",
}

// newGuard makes the Guard of a Handler. A page that may open a WebSocket may do the same over HTTP unless it is said otherwise.
func newGuard(o *Options) *origin.Guard {
	c := o.CORS
	if len(c.Origins) == 0 {
		c.Origins = o.Accept.Origins
		if o.Accept.AnyOrigin {
			c.Origins = append([]string{origin.Any}, c.Origins...)
		}
	}
	return origin.NewGuard(c, offer)
}
