package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/parley-ws/parley/bench/internal/load"
	"github.com/parley-ws/parley/bench/internal/report"
)

// A workload is one way to load the servers.
type workload struct {
	report.Workload
	compress string // the mode of the servers: off, on or takeover
	path     string
	tls      bool
	idle     int // with this many idle connections their memory is measured, and nothing is run
	run      func(load.Target) (load.Measure, error)
	value    func(load.Measure) float64
	leave    []string // subjects that take no part
	take     []string // subjects that take part beside the usual ones
}

// The units of the figures.
const (
	cpuPerMessage  = "µs CPU/message"
	cpuPerDelivery = "µs CPU/delivery"
	cpuPerAccept   = "µs CPU/handshake"
	perSecond      = "deliveries/s"
	bytesPerConn   = "bytes/connection"
	micros         = "µs p50"
)

// cpu is the server's CPU time for each message in microseconds.
func cpu(m load.Measure) float64 { return m.ServerCPU.Seconds() * 1e6 / float64(m.Messages) }

func rate(m load.Measure) float64 { return float64(m.Messages) / m.Wall.Seconds() }

func p50(m load.Measure) float64 { return float64(m.P50) / float64(time.Microsecond) }

// workloads lists them in the order of the report.
func workloads() []workload {
	var list []workload
	add := func(w workload) {
		if w.compress == "" {
			w.compress = "off"
		}
		list = append(list, w)
	}
	against := func(base string, ratio float64) report.Target {
		return report.Target{Subject: "parley", Base: base, Value: ratio}
	}

	for _, size := range []int{16, 125, 1 << 10, 16 << 10, 1 << 20} {
		for _, conns := range []int{1, 100, 1000} {
			w := workload{run: load.Echo{Size: size, Conns: conns, Flight: 1}.Run, value: cpu}
			w.Name, w.Group = fmt.Sprintf("echo-%d-%d", size, conns), "echo"
			w.Title = fmt.Sprintf("echo of %s, %s", bytes(size), connections(conns))
			w.Unit = cpuPerMessage
			if conns == 100 {
				switch size {
				case 125, 16 << 10:
					w.Targets = []report.Target{against("raw", 1.05)}
				case 1 << 20:
					w.Targets = []report.Target{against("raw", 1.2)}
				}
			}
			add(w)
		}
	}
	for _, flight := range []int{16, 100} {
		w := workload{run: load.Echo{Size: 125, Conns: 100, Flight: flight}.Run, value: cpu}
		w.Name, w.Group = fmt.Sprintf("flight-%d", flight), "in flight"
		w.Title = fmt.Sprintf("echo of 125 B, 100 connections, %d in flight each", flight)
		w.Unit = cpuPerMessage
		w.Targets = []report.Target{against("raw", map[int]float64{16: 1.15, 100: 1.5}[flight])}
		if flight == 16 {
			for _, pull := range []string{"parley-messages", "parley-read"} {
				w.Targets = append(w.Targets, report.Target{Subject: pull, Base: "parley", Value: 1.15})
			}
			w.take = []string{"parley-messages", "parley-read"}
		}
		add(w)
	}
	for _, conns := range []int{1000, 5000} {
		for _, flight := range []int{1, 16} {
			w := workload{path: "/room", run: load.Room{Size: 128, Conns: conns, Flight: flight}.Run}
			w.Name, w.Group = fmt.Sprintf("broadcast-%d-%d", conns, flight), "broadcast"
			w.Title = fmt.Sprintf("broadcast of 128 B to %s, %d in flight", connections(conns), flight)
			w.Unit, w.value = cpuPerDelivery, cpu
			if flight > 1 {
				w.Unit, w.value, w.More = perSecond, rate, true
			}
			switch {
			case conns != 1000:
			case flight == 1:
				w.Targets = []report.Target{against("gws", .65)}
			default:
				w.Targets = []report.Target{against("gws", 10)}
			}
			add(w)
		}
	}
	for _, size := range []int{1 << 10, 16 << 10} {
		for _, takeover := range []bool{false, true} {
			w := workload{run: load.Deflate{Size: size, Conns: 100, Takeover: takeover}.Run, value: cpu}
			w.compress = "on"
			how := "no takeover"
			w.Name = fmt.Sprintf("deflate-%d", size)
			if takeover {
				w.compress, how = "takeover", "takeover"
				w.Name += "-takeover"
			}
			w.Group = "permessage-deflate"
			w.Title = fmt.Sprintf("compressed echo of %s of JSON, 100 connections, %s", bytes(size), how)
			w.Unit = cpuPerMessage
			if size == 1<<10 && !takeover {
				w.Targets = []report.Target{against("gws", .8)}
			}
			add(w)
		}
	}
	for _, encrypted := range []bool{false, true} {
		w := workload{idle: 10000, tls: encrypted, take: []string{"parley-own"}}
		w.Name, w.Group, w.Unit = "idle", "idle", bytesPerConn
		w.Title = "10,000 idle connections after one echo each"
		if encrypted {
			w.Name += "-tls"
			w.Title += ", TLS"
		} else {
			w.Targets = []report.Target{{Subject: "parley", Value: 5.5 * 1024}, {Subject: "parley-own", Value: 4 * 1024}}
		}
		add(w)
	}
	w := workload{run: load.Handshake{}.Run, value: cpu, take: []string{"parley-own"}}
	w.Name, w.Group, w.Unit = "handshake", "handshake", cpuPerAccept
	w.Title = "handshakes, 64 at a time, each connection reset as soon as it is open"
	w.Targets = []report.Target{{Subject: "parley", Value: 48}, {Subject: "parley-own", Value: 37}}
	add(w)

	w = workload{run: load.Latency{Size: 125, Conns: 100, Rate: 10000}.Run, value: p50}
	w.Name, w.Group, w.Unit = "latency", "latency", micros
	w.Title = "latency of 125 B at 10,000 messages a second over 100 connections"
	w.Targets = []report.Target{against("raw", 1)}
	add(w)
	return list
}

// has reports whether a subject takes part.
func (w *workload) has(s *subject) bool {
	switch {
	case slices.Contains(w.leave, s.Name), s.extra && !slices.Contains(w.take, s.Name):
		return false
	case w.tls && !s.peer.TLS, w.path == "/room" && !s.peer.Room:
		return false
	}
	return slices.Contains(s.modes, w.compress)
}

func bytes(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

func connections(n int) string {
	switch {
	case n == 1:
		return "1 connection"
	case n >= 1000:
		return fmt.Sprintf("%d,%03d connections", n/1000, n%1000)
	}
	return fmt.Sprintf("%d connections", n)
}
