// Package micro holds no code but comparisons that need no program of their own.
package micro

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"github.com/parley-ws/parley/ws"
)

// The comparison of permessage-deflate: echo servers, each a process of its own so that its CPU time can be told apart,
// take turns. PARLEY_MICRO_DEFLATE holds the seconds of each turn; without it nothing is measured.
//
//	PARLEY_MICRO_DEFLATE=1 go test -run TestMicroDeflate -v .
const (
	microServer  = "PARLEY_MICRO_SERVER"
	microSeconds = "PARLEY_MICRO_DEFLATE"
	microProfile = "PARLEY_MICRO_PROFILE" // a prefix of files for CPU profiles of the servers
)

func TestMain(m *testing.M) {
	if what := os.Getenv(microServer); what != "" {
		runMicroServer(what)
		return
	}
	os.Exit(m.Run())
}

type gwsEcho struct{ gws.BuiltinEventHandler }

// OnMessage implements gws.Event.
func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	_ = c.WriteMessage(m.Opcode, m.Bytes()) // its end is seen by the reader
	m.Close()
}

// runMicroServer serves until its input ends. It prints its address, and its CPU time for each line of input.
func runMicroServer(what string) {
	name, mode, _ := strings.Cut(what, "/")
	keep := mode == "takeover"
	runtime.GOMAXPROCS(1)
	if f, err := os.Create(os.Getenv(microProfile) + "." + name + "." + mode); os.Getenv(microProfile) != "" && err == nil {
		_ = pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	switch name {
	case "raw":
		go serveRaw(ln)
	case "gws":
		u := gws.NewUpgrader(gwsEcho{}, &gws.ServerOption{
			CheckUtf8Enabled: true,
			PermessageDeflate: gws.PermessageDeflate{
				Enabled: true, Threshold: 1, ServerContextTakeover: keep, ClientContextTakeover: keep,
				ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
			},
		})
		go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := u.Upgrade(w, r); err == nil {
				go c.ReadLoop()
			}
		}))
	case "parley":
		go http.Serve(ln, ws.Handler{
			Options: ws.AcceptOptions{AnyOrigin: true, Compression: &ws.Compression{Threshold: -1, ServerTakeover: keep, ClientTakeover: keep}},
			Handle: func(c *ws.Conn) error {
				return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
					return c.Write(c.Context(), t, p)
				}})
			},
		})
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		fmt.Println(u.Utime.Nano() + u.Stime.Nano())
	}
}

// serveRaw echoes bytes, after an upgrade that it does not look at.
func serveRaw(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 32<<10)
			n := 0
			for !bytes.Contains(b[:n], []byte("\r\n\r\n")) {
				k, err := c.Read(b[n:])
				if err != nil {
					return
				}
				n += k
			}
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// microPeer is a server under measurement.
type microPeer struct {
	name string
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

func startMicro(t *testing.T, name, mode string) *microPeer {
	t.Helper()
	p := &microPeer{name: name, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), microServer+"="+name+"/"+mode)
	p.cmd.Stderr = os.Stderr
	in, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		_ = p.cmd.Wait() // it has nothing to say
	})
	p.addr = p.line(t)
	return p
}

func (p *microPeer) line(t *testing.T) string {
	t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

// cpu returns the CPU time so far.
func (p *microPeer) cpu(t *testing.T) time.Duration {
	t.Helper()
	io.WriteString(p.in, "\n")
	n, err := strconv.ParseInt(p.line(t), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n)
}

// microMessages are JSON documents of that size, no two alike.
func microMessages(rng *rand.Rand, size, count int) [][]byte {
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
	all := make([][]byte, count)
	for i := range all {
		p := fmt.Appendf(nil, `{"type":"update","channel":"room-%d","events":[`, rng.IntN(500))
		for len(p) < size-2 {
			e, _ := json.Marshal(map[string]any{ // it is made of what JSON knows
				"id": rng.IntN(1e6), "user": names[rng.IntN(8)], "price": float64(rng.IntN(1e6)) / 100, "ok": rng.IntN(2) == 0,
				"text": fmt.Sprintf("message %x from %s", rng.Uint32(), names[rng.IntN(8)]),
			})
			p = append(append(p, e...), ',')
		}
		all[i] = append(p[:size-2], "]}"...)
	}
	return all
}

// microFrames are the messages as a client compresses them. With takeover each refers to those before it, and the first
// one to none, so that they can be sent again and again.
func microFrames(messages [][]byte, keep bool) [][]byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	var frames [][]byte
	for i, p := range messages {
		b.Reset()
		if i == 0 || !keep {
			w.Reset(&b)
		}
		w.Write(p)
		w.Flush()
		z := b.Bytes()[:b.Len()-4]
		f := []byte{0xc1}
		if len(z) < 126 {
			f = append(f, 0x80|byte(len(z)))
		} else {
			f = append(f, 0xfe, byte(len(z)>>8), byte(len(z)))
		}
		key := [4]byte{0x12, 0x34, 0x56, byte(i)}
		f = append(f, key[:]...)
		for j, c := range z {
			f = append(f, c^key[j&3])
		}
		frames = append(frames, f)
	}
	return frames
}

type microConn struct {
	c net.Conn
	r *bufio.Reader
}

func dialMicro(t *testing.T, addr string, keep bool) microConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	offer := "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	if keep {
		offer = "permessage-deflate"
	}
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: %s\r\n\r\n", addr, offer)
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			return microConn{c, r}
		}
	}
}

// frame returns the payload of the next frame, until the next call.
func (c microConn) frame() ([]byte, bool, error) {
	h, err := c.r.Peek(4)
	if err != nil {
		return nil, false, err
	}
	head, n := 2, int(h[1]&0x7f)
	switch n {
	case 126:
		head, n = 4, int(binary.BigEndian.Uint16(h[2:]))
	case 127:
		return nil, false, fmt.Errorf("a long frame")
	}
	if h[1]&0x80 != 0 {
		head += 4
	}
	compressed := h[0]&0x40 != 0
	p, err := c.r.Peek(head + n)
	if err != nil {
		return nil, false, err
	}
	_, err = c.r.Discard(head + n)
	return p[head:], compressed, err
}

// verify sends everything once, and looks at what comes back.
func (c microConn) verify(frames, messages [][]byte, keep bool) (wire int, err error) {
	var window []byte
	for i, f := range frames {
		if _, err := c.c.Write(f); err != nil {
			return 0, err
		}
		p, compressed, err := c.frame()
		if err != nil {
			return 0, err
		}
		wire += len(p)
		got := bytes.Clone(p)
		if compressed {
			if !keep {
				window = nil
			}
			z := flate.NewReaderDict(io.MultiReader(bytes.NewReader(got), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")), window)
			if got, err = io.ReadAll(z); err != nil {
				return 0, err
			}
			window = append(window, got...)
			window = window[max(0, len(window)-32<<10):]
		}
		if !bytes.Equal(got, messages[i]) {
			return 0, fmt.Errorf("message %d came back changed", i)
		}
	}
	return wire, nil
}

func TestMicroDeflate(t *testing.T) {
	seconds, err := strconv.ParseFloat(os.Getenv(microSeconds), 64)
	if err != nil {
		t.Skip("nothing to measure: " + microSeconds + " does not hold the seconds of a turn")
	}
	const conns, count, rounds = 8, 64, 9
	for _, mode := range []string{"plain", "takeover"} {
		keep := mode == "takeover"
		for _, size := range []int{1 << 10, 16 << 10} {
			t.Run(fmt.Sprintf("%s/%d", mode, size), func(t *testing.T) {
				messages := microMessages(rand.New(rand.NewPCG(1, uint64(size))), size, count)
				frames := microFrames(messages, keep)
				var peers []*microPeer
				links := map[string][]microConn{}
				for _, name := range []string{"raw", "gws", "parley"} {
					p := startMicro(t, name, mode)
					peers = append(peers, p)
					for range conns {
						c := dialMicro(t, p.addr, keep)
						if name != "raw" {
							wire, err := c.verify(frames, messages, keep)
							if err != nil {
								t.Fatal(name, err)
							}
							if len(links[name]) == 0 {
								t.Logf("%s sends %.1f %%", name, 100*float64(wire)/float64(size*count))
							}
						}
						links[name] = append(links[name], c)
					}
				}
				cost := map[string][]float64{}
				for range rounds {
					for _, p := range peers {
						before := p.cpu(t)
						n, end := 0, time.Now().Add(time.Duration(seconds*float64(time.Second)))
						for time.Now().Before(end) {
							for i := range frames {
								for _, c := range links[p.name] {
									if _, err := c.c.Write(frames[i]); err != nil {
										t.Fatal(p.name, err)
									}
								}
								for _, c := range links[p.name] {
									if _, _, err := c.frame(); err != nil {
										t.Fatal(p.name, err)
									}
									n++
								}
							}
						}
						cost[p.name] = append(cost[p.name], float64(p.cpu(t)-before)/float64(n)/1e3)
					}
				}
				for _, name := range []string{"raw", "gws", "parley"} {
					t.Logf("%-7s %6.1f µs of CPU for a message", name, median(cost[name]))
				}
				var ratios []float64
				for i, c := range cost["parley"] {
					ratios = append(ratios, c/cost["gws"][i])
				}
				t.Logf("parley : gws  %.3f (from %.3f to %.3f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
			})
		}
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
