//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"
)

func TestPasswordIsAsked(t *testing.T) {
	t.Parallel()
	m := newMirror(t)
	tm := onTerminal(t, "send", "-n", "1", "-u", "ann", m.url, "hello")
	tm.shows(t, "password of ann at "+strings.TrimPrefix(m.url, "ws://")+": ")
	tm.types(t, "hush hush\r")
	tm.shows(t, "hello")
	if r := tm.wait(t); r.code != 0 || strings.Contains(r.out, "hush") {
		t.Errorf("%+v", r)
	}
	if got := m.last(t).Header.Get("Authorization"); got != authorized("ann:hush hush") {
		t.Errorf("Authorization is %q", got)
	}
}

// Whoever leaves at the question gets the terminal back, with its echo.
func TestPasswordIsNotGiven(t *testing.T) {
	t.Parallel()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	defer tty.Close()
	fresh, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		leave func(*terminal)
		code  int
	}{
		{func(tm *terminal) { tm.types(t, "\x03") }, exitInterrupt},
		{func(tm *terminal) { tm.types(t, "\x04") }, exitInterrupt},
		{func(tm *terminal) { tm.signal(t, terminate) }, exitTerminate},
	} {
		tm := onTerminal(t, "send", "-u", "ann", "ws://127.0.0.1:1/", "hello")
		tm.shows(t, "password of ann")
		c.leave(tm)
		if r := tm.wait(t); r.code != c.code {
			t.Errorf("code %d, want %d: %+v", r.code, c.code, r)
		}
		after, err := term.GetState(int(tm.tty.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if *after != *fresh {
			t.Errorf("code %d: the terminal is not what it was", c.code)
		}
	}
	tm := onTerminal(t, "send", "-u", "@-", "ws://127.0.0.1:1/", "hello")
	if r := tm.wait(t); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
	tm.shows(t, "standard input is a terminal")
}
