package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-ws/parley/bench/internal/subjects"
	"github.com/parley-ws/parley/check"
)

// A peer is an endpoint that is judged.
type peer struct {
	name     string
	role     check.Role
	compress string
	start    func(dir string) (command []string, version string, err error)
	args     []string // behind the command; of a driver, BASE and AGENT come first
}

// A judged peer is one with what was found.
type judged struct {
	peer
	version string
	report  *check.Report
}

// interop is where the peers that are not in Go live.
var interop = filepath.Join("..", "interop")

func peers() []peer {
	server := func(name, compress string, start func(string) ([]string, string, error), flag string) peer {
		return peer{name, check.RoleServer, compress, start, []string{flag, compress}}
	}
	library := func(name, module, compress string) peer {
		return server(module, compress, inGo(name), "-compress")
	}
	return []peer{
		library("parley", "github.com/parley-ws/parley", "off"),
		library("parley", "github.com/parley-ws/parley", "on"),
		library("parley", "github.com/parley-ws/parley", "takeover"),
		library("gorilla", "github.com/gorilla/websocket", "on"),
		library("coder", "github.com/coder/websocket", "takeover"),
		library("gobwas", "github.com/gobwas/ws", "off"),
		library("gobwas", "github.com/gobwas/ws", "on"),
		library("gws", "github.com/lxzan/gws", "takeover"),
		library("xnet", "golang.org/x/net", "off"),
		server("npm ws", "takeover", node("echo-ws.js", "ws"), "--compress"),
		server("npm websocket", "off", node("echo-websocket.js", "websocket"), "--compress"),
		server("python3-websockets", "takeover", python("echo-websockets.py"), "--compress"),
		{"github.com/parley-ws/parley", check.RoleClient, "off", inGo("parley"), []string{"-compress", "off"}},
		{"github.com/parley-ws/parley", check.RoleClient, "takeover", inGo("parley"), []string{"-compress", "takeover"}},
		{"npm ws", check.RoleClient, "takeover", node("driver-ws.js", "ws"), []string{"--parallel", "4"}},
		{"Chromium", check.RoleClient, "takeover", chromium, []string{"--parallel", "4"}},
	}
}

// inGo builds one of the programs in peers.
func inGo(name string) func(string) ([]string, string, error) {
	return func(dir string) ([]string, string, error) {
		s, ok := subjects.Find(name)
		if !ok {
			return nil, "", fmt.Errorf("there is no program bench/peers/%s", name)
		}
		err := s.Build(context.Background(), dir)
		return s.Command, s.Version, err
	}
}

func node(script, module string) func(string) ([]string, string, error) {
	return func(string) ([]string, string, error) {
		version, err := subjects.PackageVersion(filepath.Join(interop, "node_modules"), module)
		if err != nil {
			return nil, "", fmt.Errorf("%w: run interop/install.sh", err)
		}
		return []string{"node", filepath.Join(interop, "peers", script)}, version, nil
	}
}

func python(script string) func(string) ([]string, string, error) {
	return func(string) ([]string, string, error) {
		for _, program := range []string{"python3", "/usr/bin/python3"} {
			if out, err := exec.Command(program, "-c", "import websockets.version as v; print(v.version)").Output(); err == nil {
				return []string{program, filepath.Join(interop, "peers", script)}, strings.TrimSpace(string(out)), nil
			}
		}
		return nil, "", errors.New("no python3 has the package websockets: run interop/install.sh")
	}
}

func chromium(string) ([]string, string, error) {
	for _, program := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if program == "" {
			continue
		}
		if out, err := exec.Command(program, "--version").Output(); err == nil {
			version := ""
			for _, word := range strings.Fields(string(out)) {
				if strings.Count(word, ".") >= 2 {
					version = word
					break
				}
			}
			return []string{"node", filepath.Join(interop, "peers", "driver-chromium.js")}, version, nil
		}
	}
	return nil, "", errors.New("no Chromium is there: run interop/install.sh")
}

// judge runs the suite against the peer.
func (p peer) judge(ctx context.Context, dir string) (*judged, error) {
	command, version, err := p.start(dir)
	if err != nil {
		return nil, err
	}
	p.name = strings.TrimPrefix(p.name, "github.com/")
	j := &judged{peer: p, version: version}
	if p.role == check.RoleServer {
		j.report, err = p.serve(ctx, command)
	} else {
		j.report, err = p.drive(ctx, command)
	}
	if err != nil {
		return nil, err
	}
	j.report.Subject = strings.TrimSpace(p.name+" "+version) + ", compression " + p.compress
	return j, nil
}

// serve starts the peer as a server and judges it.
func (p peer) serve(ctx context.Context, command []string) (report *check.Report, err error) {
	server, err := subjects.Start(ctx, command, subjects.Options{Args: p.args, Stderr: io.Discard})
	if err != nil {
		return nil, err
	}
	defer func() {
		if serr := server.Stop(); serr != nil && err == nil {
			err = fmt.Errorf("it ended while it was judged: %w", serr)
		}
	}()
	return check.Run(ctx, check.Target{URL: server.URL, Skip: skipped, Timeout: patience})
}

// drive waits for the peer as a client and judges it.
func (p peer) drive(ctx context.Context, command []string) (*check.Report, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &check.Server{Skip: skipped, Timeout: patience}
	cases, err := s.List()
	if err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() { s.Close(); <-served }()
	base := "ws://" + l.Addr().String()
	args := append([]string{base, "peer"}, p.args...)
	if strings.HasPrefix(filepath.Base(command[0]), "node") {
		args = append(command[1:], args...)
	} else {
		args = append([]string{"-drive", base, "-agent", "peer"}, p.args...)
	}
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("its driver: %w", err)
	}
	// A client may have gone on to the end while a case still waits for it.
	for limit := time.Now().Add(6 * patience); ; time.Sleep(patience / 10) {
		reports := s.Reports()
		if len(reports) != 1 {
			return nil, errors.New("its driver ran no case")
		}
		if len(reports[0].Results) == len(cases) {
			return reports[0], nil
		}
		if time.Now().After(limit) {
			return nil, fmt.Errorf("its driver ran %d of %d cases", len(reports[0].Results), len(cases))
		}
	}
}
