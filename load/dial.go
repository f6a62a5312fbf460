package load

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/parley-ws/parley/ws"
)

// slowBuffer is how many bytes the system keeps for a connection that reads slowly, if it lets us choose.
const slowBuffer = 4 << 10

// dial opens connection number i.
func (r *run) dial(ctx context.Context, i int, slow bool) (*ws.Conn, error) {
	o := r.plan.Dial
	if o.NetDial == nil {
		d := &net.Dialer{Control: bindLate}
		if n := len(r.plan.LocalAddrs); n > 0 {
			d.LocalAddr = &net.TCPAddr{IP: r.plan.LocalAddrs[i%n].AsSlice(), Zone: r.plan.LocalAddrs[i%n].Zone()}
		}
		o.NetDial = d.DialContext
	}
	if slow {
		inner := o.NetDial
		o.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := inner(ctx, network, addr)
			if tcp, ok := c.(*net.TCPConn); ok && err == nil {
				tcp.SetReadBuffer(slowBuffer) // where it fails, more has to be sent before the reader is in the way
			}
			return c, err
		}
	}
	if f := r.plan.Fanout; f != nil && f.Topic != "" {
		o.Subprotocols = append([]string{nativeProtocol}, o.Subprotocols...)
	}
	c, err := ws.Dial(ctx, strings.ReplaceAll(r.plan.URL, "{conn}", strconv.Itoa(i)), &o)
	if err != nil {
		return nil, fmt.Errorf("load: connection %d: %w", i, err)
	}
	return c, nil
}
