package bridge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Mode says which process a connection has.
type Mode int

const (
	PerConnection Mode = iota // each connection has a process, which is started for it
	Shared                    // all connections have the same process
	Pool                      // each connection has a process, which was started before
)

// Stderr says what becomes of what a command writes to standard error.
type Stderr int

const (
	LogStderr   Stderr = iota // each line goes to Options.Logger
	MergeStderr               // it is part of the output
	JSONStderr                // both are sent as {"stream":"stdout","data":"…"} and {"stream":"stderr","data":"…"}
)

// Restart says when a shared command is started again.
type Restart int

const (
	RestartAlways    Restart = iota // whenever it has ended
	RestartOnFailure                // when it has ended with another status than 0
	RestartNever                    // never
)

// Slow says what happens to a connection that does not take the output of a shared command as fast as it comes.
type Slow int

const (
	DisconnectSlow Slow = iota // it is closed with 1013
	DropSlow                   // messages are left out and counted
)

// Options configures New. One of Command, Scripts and Dial is given.
type Options struct {
	// Command is the program and its arguments. A name without a slash is looked up on PATH. There is no shell.
	Command []string
	// Scripts is a directory of programs, found by the path of the URL: the first part that is no directory is the program,
	// and what follows is its PATH_INFO. Links do not lead out of the directory, and names that begin with a dot are not found.
	Scripts string
	// Dial connects to a service that each connection talks to, with bytes and without frames.
	Dial func(context.Context) (net.Conn, error)

	// Mode says which process a connection has. Scripts and Dial have PerConnection alone.
	Mode Mode
	// PoolSize is the number of processes of Pool. If zero, 4; at most MaxConnections.
	PoolSize int
	// Dir is the directory that processes run in. If "", that of this process.
	Dir string
	// Mount is the path of the URL that the endpoint is found at: it is the SCRIPT_NAME, and what follows it the PATH_INFO. If "", the
	// SCRIPT_NAME is / and the PATH_INFO the whole path.
	Mount string
	// Who returns the name of who sent a request, for REMOTE_USER and for events, and what else is known of them, as JSON or nil, for
	// events. May be nil.
	Who func(*http.Request) (user string, claims json.RawMessage)
	// Env is what a process has in its environment, as NAME=value, beside what CGI has.
	Env []string
	// Software is the value of SERVER_SOFTWARE. If "", parley.
	Software string
	// Framing says how the command tells messages apart. The messages of Lines and NUL are text, unless Binary is set; those
	// of Len32 and Chunks are binary.
	Framing Framing
	// Binary makes what the command writes binary messages, and takes binary ones.
	Binary bool
	// Stderr says where standard error goes.
	Stderr Stderr
	// Terminal gives each process a pseudo-terminal, whose size the URL may ask for: ?cols=80&rows=24. It is for
	// PerConnection, and Framing is Chunks. Not on Windows.
	Terminal bool
	// Ladder is how long processes have to end. If zero, 100, 250 and 500 ms.
	Ladder Ladder

	// History is how many of the last messages of a shared command a new connection is sent. If zero, none.
	History int
	// Restart says when a shared command is started again: after 0.5 s, and each time twice as long, up to 30 s, until it has
	// run for 10 s.
	Restart Restart
	// Slow says what happens to slow connections of a shared command.
	Slow Slow

	// MaxConnections bounds the connections, and with them the processes. If zero or negative, 100.
	MaxConnections int
	// MaxMessage is the size in bytes of a message, in both directions. If zero or negative, 1 MiB.
	MaxMessage int64
	// Queue is how many bytes of a shared command's output may wait for a connection. If zero or negative, 1 MiB.
	Queue int
	// WriteTimeout is how long a connection may take no byte at all. If zero or negative, 30 s.
	WriteTimeout time.Duration
	// Origins and AnyOrigin say which pages may connect, as in ws.AcceptOptions.
	Origins   []string
	AnyOrigin bool
	// Hosts are names, beside localhost and addresses, in whose name requests are answered: without authentication a page
	// elsewhere could reach this machine by a name of its own that resolves to it. With AnyHost this is not checked.
	Hosts   []string
	AnyHost bool
	// Subprotocols lists what commands speak, most preferred first. The first one that the client offered is chosen, and the
	// command finds what was offered in HTTP_SEC_WEBSOCKET_PROTOCOL.
	Subprotocols []string
	// Header holds fields for all answers. May be nil.
	Header http.Header
	// Compression enables permessage-deflate. If nil, it is declined.
	Compression *ws.Compression

	// Accept, if not nil, may change how the connection of a request is accepted, before it is: it is shown what the options above come to. It
	// should leave Group alone, and call Check if it replaces it.
	Accept func(*http.Request, *ws.AcceptOptions)
	// Opened, if not nil, is called with each connection before its first message.
	Opened func(*http.Request, *ws.Conn)
	// Trace is told about processes. May be nil.
	Trace *Trace

	// Static is a directory that is served to other requests than those of WebSocket. If "", there is none.
	Static string
	// Console serves a page to try the endpoint at the URL of each endpoint.
	Console bool
	// Logger is told what happens. If nil, nobody is.
	Logger *slog.Logger
}

// OptionError says which options do not go together.
type OptionError struct {
	Err error // what is wrong
}

// Error names what is wrong.
func (e *OptionError) Error() string { return "bridge: options: " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *OptionError) Unwrap() error { return e.Err }

// check fills in the defaults and finds what cannot be.
func (o *Options) check() error {
	fail := func(format string, args ...any) error { return &OptionError{fmt.Errorf(format, args...)} }
	given := 0
	for _, is := range []bool{len(o.Command) > 0, o.Scripts != "", o.Dial != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return fail("want one of a command, a directory of scripts and a service to dial: got %d", given)
	case o.Mode != PerConnection && len(o.Command) == 0:
		return fail("only a command can be shared or started before")
	case o.Terminal && (o.Mode != PerConnection || o.Dial != nil):
		return fail("a terminal belongs to a command that each connection has for itself")
	case o.Terminal && !terminals:
		return fail("a terminal: %w on this system", errors.ErrUnsupported)
	case o.Terminal && o.Stderr != LogStderr:
		return fail("a terminal has one stream: there is no policy for standard error")
	case o.Stderr == JSONStderr && (o.Binary || o.Framing != Lines && o.Framing != NUL):
		return fail("standard error as JSON needs lines of text")
	case o.Framing == Events && o.Binary:
		return fail("events are JSON and say themselves what is binary")
	case o.Framing == Chunks && o.Mode == Shared:
		return fail("a shared command needs frames: where would a message that all get begin?")
	case o.Static != "" && o.Console:
		return fail("a static directory and the console would have the same URLs")
	}
	if o.Dir != "" {
		if i, err := os.Stat(o.Dir); err != nil || !i.IsDir() {
			return fmt.Errorf("bridge: run the command in %q: %w", o.Dir, cmp.Or(err, error(errNoDir)))
		}
	}
	if o.Ladder == (Ladder{}) {
		o.Ladder = defaultLadder
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 100
	}
	if o.PoolSize <= 0 {
		o.PoolSize = 4
	}
	if o.PoolSize > o.MaxConnections {
		o.PoolSize = o.MaxConnections
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 1 << 20
	}
	if o.Queue <= 0 {
		o.Queue = 1 << 20
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 30 * time.Second
	}
	if o.Software == "" {
		o.Software = "parley"
	}
	if o.Terminal {
		o.Framing = Chunks
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Command) > 0 {
		path, err := lookUp(o.Command[0])
		if err != nil {
			return err
		}
		o.Command = append([]string{path}, o.Command[1:]...)
	}
	return nil
}

// errNotExecutable says that a program is a file that nobody may run.
var errNotExecutable = errors.New("it is not executable: chmod +x changes that")

// errNoDir says that a working directory is something else.
var errNoDir = errors.New("it is no directory")

// lookUp finds a program once, so that later changes of the directory do not matter.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil {
		if i, e := os.Stat(path); e == nil && !i.Mode().IsRegular() {
			err = errors.New("it is no file")
		}
	}
	if err != nil {
		var e *exec.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		if errors.Is(err, fs.ErrPermission) {
			err = errNotExecutable
		}
		return "", fmt.Errorf("bridge: find the command %q: %w", name, err)
	}
	return path, nil
}

// text reports whether what the command writes are text messages.
func (o *Options) text() bool {
	return !o.Binary && (o.Framing == Lines || o.Framing == NUL) || o.Stderr == JSONStderr
}

// closeTimeout is how long a peer may take to answer a close frame: processes have to end after that, and all of it in the time
// that a shutdown has.
const closeTimeout = 2 * time.Second

// connOptions are those of every connection.
func (o *Options) connOptions() ws.Options {
	return ws.Options{MessageLimit: o.MaxMessage, WriteTimeout: o.WriteTimeout, CloseTimeout: closeTimeout, QueueLimit: o.Queue, Logger: o.Logger}
}

// PassEnv returns the variables of this process that are in a list of names, as Options.Env has them. Line breaks become
// spaces.
func PassEnv(names []string) []string {
	var env []string
	for _, name := range names {
		if name == "HTTPS" {
			continue // it would say that the connection uses TLS
		}
		if value := strings.TrimSpace(breaks.Replace(os.Getenv(name))); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// breaks makes one line of a value, that of a variable.
var breaks = strings.NewReplacer("\n", " ", "\r", " ", "\x00", " ")
