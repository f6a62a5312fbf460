package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
)

// command is what a line that begins with a slash can be. do returns something to send, or nil.
type command struct {
	name, arguments, help string
	do                    func(c *client, arguments string) (*talk.Item, error)
}

// commands are in the order of /help, which is not part of it lest it refer to itself.
var commands = []command{
	{"/ping", "", "send a ping, and show how long its pong took", (*client).commandPing},
	{"/close", "[CODE [REASON]]", "close the connection, with 1000 or another code, and end", (*client).commandClose},
	{"/binary", "HEX", "send a binary message, written in hexadecimal digits", (*client).commandBinary},
	{"/file", "PATH", "send what is in a file: as text if it is UTF-8, else as binary", (*client).commandFile},
	{"/json", "", "show JSON as it comes, or laid out again", (*client).commandJSON},
	{"/time", "", "show the time of messages, and since the last one, or no longer", (*client).commandTime},
	{"/stats", "", "show what has passed on this connection", (*client).commandStats},
	{"/reconnect", "", "close the connection and make a new one", (*client).commandReconnect},
	{"/quit", "", "wait for replies and end, as Ctrl-D does", nil},
}

const commandHelp = "/help"

// command does what a line says that begins with a slash.
func (c *client) command(line string) (*talk.Item, error) {
	name, arguments, _ := strings.Cut(line, " ")
	arguments = strings.TrimSpace(arguments)
	if name == commandHelp {
		return nil, c.commandHelp()
	}
	for _, one := range commands {
		if one.name != name {
			continue
		}
		if one.arguments == "" && arguments != "" {
			return nil, fmt.Errorf("%s takes nothing behind it", name)
		}
		if one.do == nil {
			return nil, io.EOF
		}
		return one.do(c, arguments)
	}
	return nil, fmt.Errorf("there is no command %s: /help lists them, and /%s sends the text", name, line)
}

// typed is something that one may type at the prompt.
type typed struct{ text, help string }

// promptCommands returns what /help shows, beside itself.
func promptCommands() []typed {
	var list []typed
	for _, one := range commands {
		list = append(list, typed{strings.TrimSpace(one.name + " " + one.arguments), one.help})
	}
	return append(list, typed{"//TEXT", "send /TEXT"})
}

func (c *client) commandHelp() error {
	var b strings.Builder
	for _, one := range promptCommands() {
		fmt.Fprintf(&b, "  %-23s %s\n", one.text, one.help)
	}
	_, err := io.WriteString(&c.prompt, b.String())
	return err
}

// completeCommand completes the name of a command, as far as it is certain.
func completeCommand(before string) (string, bool) {
	if !strings.HasPrefix(before, "/") || strings.Contains(before, " ") {
		return "", false
	}
	common, matches := "", 0
	for _, one := range append([]command{{name: commandHelp}}, commands...) {
		if !strings.HasPrefix(one.name, before) {
			continue
		}
		name := one.name
		if one.arguments != "" {
			name += " "
		}
		if matches++; matches == 1 {
			common = name
		}
		for !strings.HasPrefix(name, common) {
			common = common[:len(common)-1]
		}
	}
	return common, matches > 0
}

// errNotConnected is returned by commands that need a connection.
var errNotConnected = errors.New("not connected: /reconnect connects at once")

// pongPatience is how long /ping waits.
const pongPatience = 10 * time.Second

func (c *client) commandPing(string) (*talk.Item, error) {
	conn := c.current()
	if conn == nil {
		return nil, errNotConnected
	}
	c.pings.Go(func() {
		ctx, cancel := context.WithTimeout(conn.Context(), pongPatience)
		defer cancel()
		rtt, err := conn.Ping(ctx)
		switch {
		case err == nil:
			c.say("pong after %.3f ms", float64(rtt.Nanoseconds())/1e6)
		case conn.Context().Err() == nil:
			c.say("no pong came within %v", pongPatience)
		}
	})
	return nil, nil
}

func (c *client) commandClose(arguments string) (*talk.Item, error) {
	if arguments == "" {
		return &talk.Item{Close: &talk.Farewell{}}, nil
	}
	farewell, err := parseFarewell(strings.Cut(arguments, " "))
	if err != nil {
		return nil, fmt.Errorf("/close: %w", err)
	}
	return &talk.Item{Close: &farewell}, nil
}

func (c *client) commandBinary(arguments string) (*talk.Item, error) {
	if arguments == "" {
		return nil, errors.New("/binary: write the bytes behind it, as in /binary ff00 1b")
	}
	data, err := hex.DecodeString(withoutSpace(arguments))
	if err != nil {
		return nil, fmt.Errorf("/binary: not hexadecimal: %w", err)
	}
	return &talk.Item{Message: ws.Message{Type: ws.Binary, Data: data}}, nil
}

// largestSent is the size of the largest file that /file sends: it is one message, held in memory.
const largestSent = 1 << 30

func (c *client) commandFile(path string) (*talk.Item, error) {
	if path == "" {
		return nil, errors.New("/file: write the name of the file behind it")
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, fmt.Errorf("/file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("/file: %s is no file", path)
	case info.Size() > largestSent:
		return nil, fmt.Errorf("/file: %s is larger than 1 GiB", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("/file: %w", err)
	}
	m := ws.Message{Type: ws.Binary, Data: data}
	if utf8.Valid(data) {
		m.Type = ws.Text
	}
	c.say("sending %s as %v", some(len(data), "byte"), m.Type)
	return &talk.Item{Message: m}, nil
}

func (c *client) commandJSON(string) (*talk.Item, error) {
	if asIs := &c.person.asIs; !asIs.Swap(true) {
		c.say("JSON is shown as it comes")
	} else {
		asIs.Store(false)
		c.say("JSON is laid out")
	}
	return nil, nil
}

func (c *client) commandTime(string) (*talk.Item, error) {
	if on := &c.person.stamps.on; !on.Swap(true) {
		c.say("the time of messages is shown, and what has passed since the last one in either direction")
	} else {
		on.Store(false)
		c.say("the time of messages is not shown")
	}
	return nil, nil
}

func (c *client) commandStats(string) (*talk.Item, error) {
	c.statistics()
	return nil, nil
}

func (c *client) commandReconnect(string) (*talk.Item, error) {
	c.connectAgain()
	return nil, nil
}
