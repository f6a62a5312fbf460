package main

import (
	"bufio"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

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
	inGo := func(name, module, compress string) peer {
		return server(module, compress, goPeer(name, module), "-compress")
	}
	return []peer{
		inGo("parley", "github.com/parley-ws/parley", "off"),
		inGo("parley", "github.com/parley-ws/parley", "on"),
		inGo("parley", "github.com/parley-ws/parley", "takeover"),
		inGo("gorilla", "github.com/gorilla/websocket", "on"),
		inGo("coder", "github.com/coder/websocket", "takeover"),
		inGo("gobwas", "github.com/gobwas/ws", "off"),
		inGo("gobwas", "github.com/gobwas/ws", "on"),
		inGo("gws", "github.com/lxzan/gws", "takeover"),
		inGo("xnet", "golang.org/x/net", "off"),
		server("npm ws", "takeover", node("echo-ws.js", "ws"), "--compress"),
		server("npm websocket", "off", node("echo-websocket.js", "websocket"), "--compress"),
		server("python3-websockets", "takeover", python("echo-websockets.py"), "--compress"),
		{"github.com/parley-ws/parley", check.RoleClient, "off", goPeer("parley", "github.com/parley-ws/parley"), []string{"-compress", "off"}},
		{"github.com/parley-ws/parley", check.RoleClient, "takeover", goPeer("parley", "github.com/parley-ws/parley"), []string{"-compress", "takeover"}},
		{"npm ws", check.RoleClient, "takeover", node("driver-ws.js", "ws"), []string{"--parallel", "4"}},
		{"Chromium", check.RoleClient, "takeover", chromium, []string{"--parallel", "4"}},
	}
}

// goPeer builds a peer in Go. The version is that of the module in the build.
func goPeer(name, module string) func(string) ([]string, string, error) {
	return func(dir string) ([]string, string, error) {
		program := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-o", program, "./peers/"+name).CombinedOutput(); err != nil {
			return nil, "", fmt.Errorf("go build ./peers/%s: %w\n%s", name, err, out)
		}
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, "", err
		}
		for _, m := range info.Deps {
			if m.Path == module && m.Replace != nil {
				return []string{program}, "this", nil
			}
			if m.Path == module {
				return []string{program}, m.Version, nil
			}
		}
		return nil, "", fmt.Errorf("%s does not use %s", name, module)
	}
}

// packageVersion is the version of an npm package that is installed.
func packageVersion(module string) (string, error) {
	b, err := os.ReadFile(filepath.Join(interop, "node_modules", module, "package.json"))
	if err != nil {
		return "", fmt.Errorf("%w: run interop/install.sh", err)
	}
	var p struct{ Version string }
	err = json.Unmarshal(b, &p)
	return p.Version, err
}

func node(script, module string) func(string) ([]string, string, error) {
	return func(string) ([]string, string, error) {
		version, err := packageVersion(module)
		return []string{"node", filepath.Join(interop, "peers", script)}, version, err
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
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], p.args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		in.Close() // ends it
		if werr := cmd.Wait(); werr != nil && err == nil {
			err = fmt.Errorf("it ended while it was judged: %w", werr)
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("it did not start: %w", err)
	}
	go io.Copy(io.Discard, out)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok {
		return nil, fmt.Errorf("it says %q", line)
	}
	return check.Run(ctx, check.Target{URL: url, Skip: skipped, Timeout: patience})
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
