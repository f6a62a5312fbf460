// Raw is a peer without HTTP and without WebSocket: a TCP echo, one goroutine for each connection, that writes what it
// has read. It is what the others are compared with.
package main

import (
	"context"
	"flag"
	"log"
	"net"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("raw: ")
	var listener peer.Listener
	listener.Flags(flag.CommandLine)
	buffer := flag.Int("buffer", 64<<10, "the size in `bytes` of the buffer that each connection holds")
	compress := flag.String("compress", "off", "as the other programs have it: only off")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		log.Fatalf("%q is not a flag", flag.Arg(0))
	case *compress != string(peer.Off):
		log.Fatalf("-compress %s: nothing is compressed here", *compress)
	case *buffer < 1:
		log.Fatalf("-buffer %d: it takes at least a byte", *buffer)
	}
	err := listener.Serve([2]string{"tcp", "tcp"}, func(_ context.Context, l net.Listener) error {
		for {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			go echo(c, *buffer)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
}

func echo(c net.Conn, size int) {
	defer c.Close()
	b := make([]byte, size)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}
