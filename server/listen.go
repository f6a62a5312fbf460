package server

import (
	"fmt"
	"net"
	"strconv"
)

// listen opens the address of o, having made sure that it may be opened: the address is resolved once, so that what
// was checked is what is opened.
func listen(o Options) (net.Listener, error) {
	if _, port, err := net.SplitHostPort(o.Addr); err != nil {
		return nil, &OptionError{"Addr", fmt.Errorf("%q is not host:port", o.Addr)}
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return nil, &OptionError{"Addr", fmt.Errorf("%q has no port from 0 to 65535", o.Addr)}
	}
	addr, err := net.ResolveTCPAddr("tcp", o.Addr)
	if err != nil {
		return nil, &OptionError{"Addr", fmt.Errorf("%s: %w", o.Addr, err)}
	}
	if !addr.IP.IsLoopback() && !o.InsecureNoAuth {
		return nil, &OptionError{"Addr", fmt.Errorf("%s: %w", o.Addr, ErrExposed)}
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("server: listen: %w", err)
	}
	return l, nil
}

// endpoint says where a server that listens on addr is found.
func endpoint(addr net.Addr, secure bool, fingerprint string) Endpoint {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "localhost" // every address is this one too
	}
	suffix := ""
	if secure {
		suffix = "s"
	}
	authority := net.JoinHostPort(host, port)
	return Endpoint{
		Addr:        addr,
		Page:        "http" + suffix + "://" + authority + "/",
		Echo:        "ws" + suffix + "://" + authority + "/echo",
		Clock:       "ws" + suffix + "://" + authority + "/clock",
		Fingerprint: fingerprint,
	}
}
