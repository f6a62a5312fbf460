//go:build unix

package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/parley-ws/parley/ws/wstest"
	"golang.org/x/term"
)

// TestTerminalKeys edits what takes two columns, or several characters, as one.
func TestTerminalKeys(t *testing.T) {
	t.Parallel()
	url, frames := hears(t)
	tm := onTerminal(t, "connect", "--idle", "100ms", url)
	tm.shows(t, "> ")
	for keys, want := range map[string]string{
		"日本語\x1b[D\x7f":                  "日語",
		"👨\u200d👩\u200d👧x\x02\x7f":       "x",
		"one two three\x1bb\x17":         "one three",
		"one two\x1b[1;5D\x0b\x01\x19, ": "two, one ",
	} {
		tm.types(t, keys+"\r")
		if f := <-frames; string(f.Payload) != want {
			t.Errorf("%q: the server got %q, want %q", keys, f.Payload, want)
		}
	}
	tm.types(t, "日本語\x02")
	tm.shows(t, "> 日本語> 日本") // the cursor is where the terminal says that these end
	tm.types(t, "\x03")
	tm.wait(t)
}

// TestTerminalStandIn types around what was pasted, deletes it by one key, and pastes what looks like it.
func TestTerminalStandIn(t *testing.T) {
	t.Parallel()
	url, frames := hears(t)
	tm := onTerminal(t, "connect", "--idle", "100ms", url)
	tm.shows(t, "> ")
	paste := func(s string) string { return "\x1b[200~" + s + "\x1b[201~" }
	for _, c := range [][2]string{
		{paste("a\rb") + "-" + paste("c\r\nd\r\n") + paste("e\rf") + "\x7f!", "a\nb-c\nd!"},
		{paste("[#1: 2 lines, 3 bytes]") + paste("g\nh"), "[#1: 2 lines, 3 bytes]g\nh"},
		{paste("\x1b[31m\tred"), "\x1b[31m\tred"},
	} {
		tm.types(t, c[0]+"\r")
		if f := <-frames; string(f.Payload) != c[1] {
			t.Errorf("%q: the server got %q, want %q", c[0], f.Payload, c[1])
		}
	}
	tm.shows(t, "[#1: 2 lines, 3 bytes]-[#2: 2 lines, 3 bytes]")
	tm.shows(t, `\x1b[31m\tred`)
	tm.types(t, "\x04")
	tm.wait(t)
}

// TestTerminalIsTakenAgain continues the program after a shell has changed the terminal, as shells do when they stop it.
func TestTerminalIsTakenAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	tm := onTerminal(t, "connect", "--idle", "100ms", s.echo)
	tm.shows(t, "> ")
	state := func() term.State {
		st, err := term.GetState(int(tm.tty.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		return *st
	}
	raw := state()
	tm.types(t, "half")
	tm.shows(t, "> half")
	tm.types(t, "\x1a") // nobody could continue this process: it goes on
	tm.until(t, "it has the terminal again", func(out, _ string) bool { return strings.Count(out, "\x1b[?2004h") == 2 })
	if state() != raw {
		t.Error("Ctrl-Z: the terminal is not taken again")
	}
	tm.signal(t, syscall.SIGSTOP)
	other, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	defer tty.Close()
	cooked, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := term.Restore(int(tm.tty.Fd()), cooked); err != nil || state() == raw {
		t.Fatal("the terminal is as it was", err)
	}
	tm.signal(t, syscall.SIGCONT)
	tm.until(t, "it has the terminal again", func(out, _ string) bool { return strings.Count(out, "\x1b[?2004h") == 3 })
	if state() != raw {
		t.Error("after SIGCONT the terminal is not taken again")
	}
	tm.types(t, " a line\r")
	tm.shows(t, "half a line\r\n")
	tm.types(t, "\x04")
	tm.wait(t)
}

// TestTerminalInterruptWhileSending stops a program that waits for a server that takes nothing.
func TestTerminalInterruptWhileSending(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	url := peer(t, wstest.Head{}, func(*wstest.Peer, *http.Request) { <-over })
	defer close(over)
	tm := onTerminal(t, "connect", url)
	tm.shows(t, "> ")
	paste := "\x1b[200~" + strings.Repeat("x\r", 4<<20) + "\x1b[201~\r"
	for n := range 2 { // the second one waits for the first one to be sent
		tm.types(t, paste)
		tm.until(t, "it is shown", func(out, _ string) bool {
			return strings.Count(out, "more\x1b[0m\r\n")+strings.Count(out, "more\r\n") > n
		})
	}
	tm.types(t, "\x03\x03")
	if r := tm.wait(t); r.code != 130 {
		t.Errorf("code %d, want 130", r.code)
	}
}
