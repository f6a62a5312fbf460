//go:build unix

package server_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-ws/parley/server"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/ws"
)

// A program that serves the handler itself has the commands, too, and Close ends them.
func TestCommandInHandler(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	text := "[[command]]\npath = \"/run\"\nmode = \"shared\"\nhistory = 1\nrun = [\"sh\", \"-c\", \"echo in; cat\"]\n" +
		"[[command]]\ntopic = \"feed\"\nrun = [\"sh\", \"-c\", \"echo in; cat\"]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Input{Environ: []string{"PARLEY_CONFIG=" + file}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	outer := httptest.NewServer(s.Handler())
	defer outer.Close()
	var conns []*ws.Conn
	for _, path := range []string{"/run", "/t/feed?history=1"} {
		c, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(outer.URL, "http")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != "in" {
			t.Fatalf("%s: %q, %v", path, p, err)
		}
		conns = append(conns, c)
	}
	if n := s.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
	s.Close()
	if _, _, err := conns[0].Read(t.Context()); ws.CloseCode(err) != ws.CodeGoingAway {
		t.Errorf("the command's connection ends with %v", err)
	}
}

// What cannot run is said before anything runs.
func TestCommandThatCannotBe(t *testing.T) {
	for _, change := range []func(*config.Command){
		func(c *config.Command) { c.Run = []string{"no-such-program"} },
		func(c *config.Command) { c.Dir = "/no/such/directory" },
		func(c *config.Command) { c.Path = "/console" }, // as a program may ask for that made the configuration itself
	} {
		cfg := config.Default()
		cfg.Commands = []config.Command{{Path: "/run", Run: []string{"true"}}}
		change(&cfg.Commands[0])
		s, err := server.New(server.Options{Config: cfg})
		var option *server.OptionError
		if !errors.As(err, &option) || !strings.HasPrefix(option.Option, "command[0]") {
			t.Errorf("%+v: %v", cfg.Commands[0], err)
		}
		if err == nil {
			s.Close()
		}
	}
}
