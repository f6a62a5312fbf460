package limit

import (
	"net/netip"
	"runtime"
	"slices"
)

// Options bound what a Limiter lets through. A zero field means its default.
type Options struct {
	// Connections is how many may be open in all. The default is nine tenths of the files that the process may open, so that some are left for
	// everything else, and 65,536 where that is not known. Negative is no bound.
	Connections int

	// PerAddress is how many may be open from one address. The default is 100, and negative is no bound. IPv6 addresses
	// count by their first 64 bits: whoever has one mostly has them all.
	PerAddress int

	// Rate and Burst are how many a second, and how many at once, may come from one address. The defaults are 20 and 50. A negative Rate
	// is no bound.
	Rate  float64
	Burst int

	// Accepts is how many a second may come in all, for each processor that the program uses; as many may come at once. The default
	// is 500, and negative is no bound.
	Accepts float64

	// LimitLoopback says that the limits for one address hold for 127.0.0.0/8 and ::1, too.
	LimitLoopback bool

	// TrustedProxies are the addresses of proxies that say for whom they connect. The limits for one address do not hold for them, but for
	// the address that they forward: see Limiter.Forwarded and Limiter.Enter.
	TrustedProxies []netip.Prefix

	// TrustUnix says that whoever connects by a unix socket is such a proxy.
	TrustUnix bool

	// Header is where the proxies say it: X-Forwarded-For, Forwarded (RFC 7239) or X-Real-IP. The default is X-Forwarded-For. It must
	// be the one that they set: the others reach us as the client sent them.
	Header string

	// Refused is called when a limit has refused something, with its name: Connections, and so on. It must be quick. Nil is nobody.
	Refused func(limit string)
}

// The names of the limits.
const (
	Connections        = "connections"         // Options.Connections
	AddressConnections = "address_connections" // Options.PerAddress
	AddressRate        = "address_rate"        // Options.Rate and Burst
	Accepts            = "accepts"             // Options.Accepts
	Memory             = "memory"              // ShedOptions.Percent
)

// The headers that Options.Header may name.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded"
	XRealIP       = "X-Real-Ip" // in its canonical form; X-Real-IP is the same
)

func (o Options) withDefaults() *Options {
	if o.Connections == 0 {
		o.Connections = maxFiles() / 10 * 9
	}
	if o.PerAddress == 0 {
		o.PerAddress = 100
	}
	if o.Rate == 0 {
		o.Rate = 20
	}
	if o.Burst <= 0 {
		o.Burst = 50
	}
	if o.Accepts == 0 {
		o.Accepts = 500
	}
	o.Accepts *= float64(runtime.GOMAXPROCS(0))
	if o.Header == "" {
		o.Header = XForwardedFor
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	return &o
}

// trusts reports whether a is the address of a trusted proxy.
func (o *Options) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// exempts reports whether the limits for one address do not hold for a, which is invalid for what has none.
func (o *Options) exempts(a netip.Addr) bool {
	return !a.IsValid() || a.IsLoopback() && !o.LimitLoopback || o.trusts(a)
}
