// Command peer is an echo server on one of the Go libraries that Parley is compared with, or an echo client that a
// conformance suite drives:
//
//	peer -lib gorilla -compress on             # prints its URL, ends when standard input does
//	peer -lib gorilla -drive ws://127.0.0.1:9001 -agent gorilla
//
// Each library is used as its own documentation or its own Autobahn example recommends, in the most conforming of the
// ways shown there: with its check of UTF-8 switched on or added, its limit for messages raised to 32 MiB, and no
// logging. What a library does not do by itself, such as answering a protocol error with a close frame, is not added.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limit is the largest message, in bytes.
const limit = 32 << 20

// A mode is how permessage-deflate is used.
type mode string

// The modes.
const (
	off      mode = "off"
	on       mode = "on"       // each message for itself
	takeover mode = "takeover" // with the window kept, where the library can
)

// A library serves and connects in its own way.
type library struct {
	modes  []mode
	serve  func(l net.Listener, m mode) error                        // echoes until l is closed
	client func(ctx context.Context, url string, m mode) (err error) // echoes until the connection ends; nil if the library has no part in it
	read   func(ctx context.Context, url string) ([]byte, error)     // reads one message
}

var libraries = map[string]library{
	"parley":  {[]mode{off, on, takeover}, serveParley, driveParley, readParley},
	"gorilla": {[]mode{off, on}, serveGorilla, driveGorilla, readGorilla},
	"coder":   {[]mode{off, on, takeover}, serveCoder, driveCoder, readCoder},
	"gobwas":  {[]mode{off, on}, serveGobwas, nil, nil},
	"gws":     {[]mode{off, on, takeover}, serveGWS, driveGWS, readGorilla},
	"xnet":    {[]mode{off}, serveXNet, nil, nil},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("peer: ")
	lib := flag.String("lib", "", "which library")
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	compress := flag.String("compress", "off", "permessage-deflate: off, on or takeover")
	drive := flag.String("drive", "", "be a client of the conformance suite at this URL")
	agent := flag.String("agent", "", "its name there")
	flag.Parse()
	p, ok := libraries[*lib]
	if !ok || !slices.Contains(p.modes, mode(*compress)) {
		log.Fatalf("no library %q with compression %q", *lib, *compress)
	}
	if *drive != "" {
		if p.client == nil {
			log.Fatalf("%s is not used as a client", *lib)
		}
		if err := driveCases(p, *drive, *agent, mode(*compress)); err != nil {
			log.Fatal(err)
		}
		return
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening ws://%s/\n", l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(p.serve(l, mode(*compress)))
}

// driveCases runs every case of the suite at base.
func driveCases(p library, base, agent string, m mode) error {
	base = strings.TrimSuffix(base, "/")
	text, err := p.read(context.Background(), base+"/getCaseCount")
	if err != nil {
		return fmt.Errorf("the number of cases: %w", err)
	}
	count, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	for i := range count {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		p.client(ctx, fmt.Sprintf("%s/runCase?case=%d&agent=%s", base, i+1, agent), m) // it is the suite that judges
		cancel()
	}
	p.read(context.Background(), base+"/updateReports?agent="+agent) // it says nothing
	return nil
}

// serveHTTP serves with net/http.
func serveHTTP(l net.Listener, echo http.HandlerFunc) error {
	return (&http.Server{Handler: echo, ErrorLog: log.New(io.Discard, "", 0)}).Serve(l)
}
