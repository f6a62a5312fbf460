package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Idle opens connections that echo one message and are then silent.
type Idle struct {
	// Conns is their number.
	Conns int
	// TLS says that they are encrypted.
	TLS bool
}

// Open opens the connections and hands them to hold, while they are open.
func (o Idle) Open(ctx context.Context, t Target, hold func() error) error {
	x := Echo{Size: 125, Flight: 1}.exchanges(t.Raw)[0]
	conns := make([]net.Conn, o.Conns)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close() // there is nothing to lose
			}
		}
	}()
	next := make(chan int)
	failed := make(chan error, o.Conns)
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for i := range next {
				c, err := o.open(t, x)
				if conns[i] = c; err != nil {
					failed <- err
				}
			}
		})
	}
	for i := range o.Conns {
		if ctx.Err() != nil || len(failed) > 0 {
			break
		}
		next <- i
	}
	close(next)
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(failed) > 0 {
		return <-failed
	}
	return hold()
}

func (o Idle) open(t Target, x exchange) (net.Conn, error) {
	d := net.Dialer{Timeout: silence}
	c, err := d.Dial("tcp", t.Addr)
	if err != nil {
		return nil, err
	}
	if tc, ok := c.(*net.TCPConn); ok {
		_ = tc.SetLinger(0) // no port in TIME_WAIT
	}
	if o.TLS {
		// The certificate was made by the server a moment ago, on this machine.
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if !t.Raw {
		if _, err := c.Write(t.request("")); err != nil {
			return c, err
		}
		answer, err := http.ReadResponse(bufio.NewReaderSize(c, 1024), nil)
		if err != nil {
			return c, err
		}
		if answer.StatusCode != http.StatusSwitchingProtocols || !strings.EqualFold(answer.Header.Get("Upgrade"), "websocket") {
			return c, fmt.Errorf("load: handshake: the server answered %s", answer.Status)
		}
	}
	if _, err := c.Write(x.request); err != nil {
		return c, err
	}
	reply := make([]byte, len(x.reply))
	if _, err := io.ReadFull(c, reply); err != nil {
		return c, err
	}
	if string(reply) != string(x.reply) {
		return c, errNotExact
	}
	return c, nil
}
