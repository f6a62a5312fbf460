package bridge

import (
	"context"

	"github.com/parley-ws/parley/ws"
)

// Client runs a command for connections that this side opened.
type Client struct {
	o         Options
	processes processes
}

// NewClient checks the options, of which those about handshakes, modes and other requests have no meaning.
func NewClient(o Options) (*Client, error) {
	o.Mode = PerConnection
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Client{o: o, processes: processes{trace: o.Trace}}, nil
}

// ConnOptions returns what a connection needs for these options.
func (c *Client) ConnOptions() ws.Options { return c.o.connOptions() }

// Run runs the command on an open connection, until one of both ends, and ends the other one: the connection as a Handler
// does, the processes by the ladder. It returns how the command ended: a *CommandError unless by status 0. How the connection
// ended is the cause of its context. The end of ctx closes the connection with 1001.
func (c *Client) Run(ctx context.Context, conn *ws.Conn) error {
	cmd := command{path: c.o.Command[0], args: c.o.Command[1:], env: c.o.base()}
	if c.o.Terminal {
		cmd.size = &size{24, 80}
	}
	p, err := c.o.start(cmd, &c.processes)
	if err != nil {
		conn.CloseNow()
		return err
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		conn.Close(context.Background(), ws.CodeGoingAway, "")
	})
	newTalk(&c.o, p).serve(conn)
	if !stop() {
		<-closed
	}
	if code, status := p.status(); code != ws.CodeNormal {
		return &CommandError{status}
	}
	return nil
}

// Kill kills the processes at once, for a program that has to end.
func (c *Client) Kill() { c.processes.kill() }

// CommandError says how a command failed.
type CommandError struct {
	Status string // such as "exit status 1" or "signal: killed"
}

// Error names the status.
func (e *CommandError) Error() string { return "bridge: the command ended: " + e.Status }
