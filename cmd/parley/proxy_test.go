package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// middleman is a proxy that takes every connection to one address, and tells what was asked for.
type middleman struct {
	addr  string
	asked chan string // HOST:PORT
}

// newMiddleman starts a proxy that speaks like open, which returns what was asked for when it has agreed.
func newMiddleman(t *testing.T, to string, open func(net.Conn) (string, error)) *middleman {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &middleman{l.Addr().String(), make(chan string, 100)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			all.Go(func() {
				defer conn.Close()
				wanted, err := open(conn)
				if err != nil {
					t.Errorf("proxy: %v", err)
					return
				}
				m.asked <- wanted
				behind, err := net.Dial("tcp", to)
				if err != nil {
					t.Errorf("proxy: %v", err)
					return
				}
				var both sync.WaitGroup
				both.Go(func() { io.Copy(behind, conn); behind.(*net.TCPConn).CloseWrite() })
				both.Go(func() { io.Copy(conn, behind); conn.(*net.TCPConn).CloseWrite() })
				both.Wait()
				behind.Close()
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return m
}

// openConnect is HTTP CONNECT.
func openConnect(conn net.Conn) (string, error) {
	r, err := http.ReadRequest(bufio.NewReader(conn)) // nobody sends more before the answer
	if err != nil {
		return "", err
	}
	if r.Method != http.MethodConnect {
		return "", errors.New("asked to " + r.Method)
	}
	_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	return r.Host, err
}

// openSocks is SOCKS5 without authentication, by name or IPv4 address (RFC 1928).
func openSocks(conn net.Conn) (string, error) {
	b := make([]byte, 256)
	if _, err := io.ReadFull(conn, b[:2]); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(conn, b[:b[1]]); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte{5, 0}); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(conn, b[:5]); err != nil {
		return "", err
	}
	if b[3] != 3 {
		return "", errors.New("the address is no name")
	}
	name := make([]byte, int(b[4])+2)
	if _, err := io.ReadFull(conn, name); err != nil {
		return "", err
	}
	port := int(name[len(name)-2])<<8 | int(name[len(name)-1])
	_, err := conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return net.JoinHostPort(string(name[:len(name)-2]), strconv.Itoa(port)), err
}

func TestProxiesOfTheEnvironment(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	plain := strings.TrimPrefix(m.url, "ws://")
	tunnel, socks := newMiddleman(t, plain, openConnect), newMiddleman(t, plain, openSocks)
	// Nothing but the proxies knows this name.
	for _, c := range []struct {
		env []string
		by  *middleman
	}{
		{[]string{"HTTP_PROXY=http://" + tunnel.addr}, tunnel},
		{[]string{"http_proxy=" + tunnel.addr}, tunnel},
		{[]string{"ALL_PROXY=http://" + tunnel.addr}, tunnel},
		{[]string{"ALL_PROXY=socks5://" + socks.addr}, socks},
		{[]string{"all_proxy=socks5h://" + socks.addr}, socks},
		{[]string{"HTTP_PROXY=http://" + tunnel.addr, "ALL_PROXY=socks5://" + socks.addr}, tunnel},
		{[]string{"HTTPS_PROXY=http://" + tunnel.addr, "ALL_PROXY=socks5://" + socks.addr}, socks},
		{[]string{"ALL_PROXY=http://127.0.0.1:1", "PARLEY_PROXY=socks5://" + socks.addr}, socks},
	} {
		m.sees(t, p, c.env, "Host", "", "ws://parley.invalid/a")
		select {
		case got := <-c.by.asked:
			if got != "parley.invalid:80" {
				t.Errorf("%q: asked for %s", c.env, got)
			}
		default:
			t.Errorf("%q: that proxy was not asked", c.env)
		}
	}
	// wss goes by its own variable: the proxies are asked, and TLS fails with what is there.
	for _, c := range []struct {
		env []string
		by  *middleman
	}{
		{[]string{"HTTPS_PROXY=http://" + tunnel.addr}, tunnel},
		{[]string{"https_proxy=socks5://" + socks.addr}, socks},
		{[]string{"ALL_PROXY=socks5://" + socks.addr, "HTTP_PROXY=http://127.0.0.1:1"}, socks},
	} {
		if r := p.run(t, c.env, "", "send", "wss://parley.invalid/a", "x"); r.code != exitNetwork || !strings.Contains(r.err, "TLS") {
			t.Errorf("%q: %+v", c.env, r)
		}
		select {
		case got := <-c.by.asked:
			if got != "parley.invalid:443" {
				t.Errorf("%q: asked for %s", c.env, got)
			}
		default:
			t.Errorf("%q: that proxy was not asked", c.env)
		}
	}
	// NO_PROXY counts for all of them, and so does an address of this machine.
	for _, env := range [][]string{{"NO_PROXY=.invalid"}, {"no_proxy=parley.invalid"}, {"NO_PROXY=*"}} {
		args := []string{"--resolve", "parley.invalid:80:127.0.0.1", "--connect-timeout", "5s", "ws://parley.invalid/a", "x"}
		r := p.run(t, append(env, "ALL_PROXY=socks5://"+socks.addr, "HTTP_PROXY=http://"+tunnel.addr), "", append([]string{"send"}, args...)...)
		if len(socks.asked)+len(tunnel.asked) > 0 {
			t.Errorf("%q: a proxy was asked: %+v", env, r)
			return
		}
	}
	m.sees(t, p, []string{"ALL_PROXY=http://127.0.0.1:1"}, "Host", "", m.url)
	if r := p.run(t, []string{"ALL_PROXY=socks5://ann:hush@" + socks.addr}, "", "probe", "--idle", "1ms", "ws://parley.invalid/"); strings.Contains(r.out+r.err, "hush") || !strings.Contains(r.out, "by the environment") {
		t.Errorf("probe: %+v", r)
	}
}
